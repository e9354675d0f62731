"""While there is no document, each reader is offered what they may do first."""

from __future__ import annotations

import asyncio
import shutil
from types import SimpleNamespace

import httpx
import pytest
from starlette.applications import Starlette

from docent.app import Docent, open_docent
from docent.resources import SAMPLES
from docent.settings import Settings
from docent.types import Scope
from docent.web import first_run, page_routes

ROUTES = first_run.routes()


@pytest.fixture
def docent(tmp_path):
    for name in (*SAMPLES, "mine"):
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        (folder / "read.md").write_text(f"# {name}\n\nThe {name} opens at nine.\n")
    with open_docent(Settings(storage=tmp_path / "storage", data=tmp_path / "data")) as docent:
        yield docent


@pytest.fixture
def client(docent: Docent, monkeypatch):
    """Send requests as the user that a header names; "admin" is the administrator."""

    async def reader(request) -> str | None:
        return request.headers.get("x-reader")

    monkeypatch.setattr(page_routes, "reader_of", reader)
    app = Starlette(routes=ROUTES)
    app.state.docent = docent
    app.state.samples = first_run.SampleReading(docent)
    app.state.authenticator = SimpleNamespace(is_admin=lambda user: user == "admin", required=True)

    def of(name: str, site: str = "same-origin") -> httpx.AsyncClient:
        headers = {"sec-fetch-site": site, **({"x-reader": name} if name else {})}
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://docent.example", headers=headers
        )

    return of


async def test_the_samples_are_read_from_the_page(client, docent):
    """Only the sample folders are read; the card shows that, and is gone when they answer."""
    async with client("admin") as admin:
        assert "Look around with the sample library" in (await admin.get("/first-run")).text
        assert (await admin.post("/first-run/samples")).status_code == 202
        assert 'data-state="reading"' in (await admin.get("/first-run")).text
        async with asyncio.timeout(60):
            while (await admin.get("/first-run")).status_code != 204:
                await asyncio.sleep(0.05)
    assert {document.library for document in docent.store.documents(Scope())} == set(SAMPLES)


async def test_a_member_may_add_a_document_only(client, docent):
    """The sample library is shared, so a member is not offered it, and cannot ask for it."""
    async with client("ben") as ben:
        card = await ben.get("/first-run")
        refused = await ben.post("/first-run/samples")
    assert "Drop a document here" in card.text and "sample library" not in card.text
    assert refused.status_code == 403
    assert docent.store.documents(Scope()) == []


@pytest.mark.parametrize(
    ("name", "site", "status"),
    [("", "same-origin", 401), ("admin", "cross-site", 403)],
    ids=["nobody", "site"],
)
async def test_nobody_else_begins_it(client, docent, name, site, status):
    """It takes a login, and our own page."""
    async with client(name, site) as stranger:
        assert (await stranger.post("/first-run/samples")).status_code == status
    assert docent.store.documents(Scope()) == []


async def test_samples_that_are_not_in_the_data_folder_are_copied_there(client, docent, tmp_path):
    """An installed Docent has them elsewhere; a folder that cannot be written is named, and can be mended."""
    data = tmp_path / "data"
    shutil.rmtree(data)
    data.write_text("not a folder")
    async with client("admin") as admin:
        await admin.post("/first-run/samples")
        async with asyncio.timeout(60):
            while "could not be copied" not in (await admin.get("/first-run")).text:
                await asyncio.sleep(0.05)
        data.unlink()
        await admin.post("/first-run/samples")
        async with asyncio.timeout(120):
            while (await admin.get("/first-run")).status_code != 204:
                await asyncio.sleep(0.05)
    names = {document.name for document in docent.store.documents(Scope())}
    assert {"casa-limonaia.pdf", "citations.md", "tidelight-machine-learning.pdf"} <= names
