"""The chat's page is seen before its script has run, and its files are sent ready-made."""

from __future__ import annotations

import gzip
from pathlib import Path

import chainlit.server
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from docent.web.page_shell import ROOT, routes, with_shell

ASSETS = Path(chainlit.server.build_dir) / "assets"
SCRIPT = next(ASSETS.glob("index-*.js"))


@pytest.fixture(scope="module")
def client():
    return TestClient(Starlette(routes=routes()))


def test_chainlits_page_has_the_frame():
    """The element that the script fills is in Chainlit's page, and is not empty any more."""
    page = (ASSETS.parent / "index.html").read_text()
    assert page.count(ROOT) == 1
    assert '<div class="shell"' in with_shell(page)


def test_the_script_is_compressed_once_and_kept_by_the_browser(client):
    """It comes in gzip, to the byte, and its name changes with its content, so it is asked for once."""
    response = client.get(f"/assets/{SCRIPT.name}", headers={"accept-encoding": "gzip"})
    assert response.headers["content-encoding"] == "gzip"
    assert "immutable" in response.headers["cache-control"]
    assert response.headers["content-type"].startswith("text/javascript")
    assert response.content == SCRIPT.read_bytes()
    assert int(response.headers["content-length"]) == len(gzip.compress(SCRIPT.read_bytes(), 9))


def test_a_browser_without_gzip_gets_the_file(client):
    """It comes as it is."""
    response = client.get(f"/assets/{SCRIPT.name}", headers={"accept-encoding": ""})
    assert "content-encoding" not in response.headers
    assert response.content == SCRIPT.read_bytes()


@pytest.mark.parametrize("name", ["nothing.js", "..", "%2e%2e", "..%2findex.html", "%00"])
def test_only_the_files_of_the_page(client, name):
    """Nothing beside them can be asked for."""
    assert client.get(f"/assets/{name}").status_code in (400, 404)
