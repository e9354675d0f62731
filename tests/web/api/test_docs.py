"""The commands and lists in docs/api.md are true."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from docent.types import Scope
from docent.web.api.schemas import MEANINGS
from tests.web.api.conftest import Api
from tests.web.api.test_described import OPERATIONS

pytestmark = [
    pytest.mark.filterwarnings("ignore:legacy embedding function config:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

TEXT = (Path(__file__).parents[3] / "docs" / "api.md").read_text(encoding="utf-8")
CURLS = [line for line in TEXT.splitlines() if line.startswith("curl ")]
HERE = {"handbook": "cats", "internships": "ships"}
"""The libraries of the tests, for those of the samples."""


@pytest.mark.parametrize("line", CURLS)
def test_curl(api: Api, tmp_path: Path, line: str):
    """Each curl command is answered with 200."""
    (tmp_path / "README.md").write_text("# Read me\n\nThe keeper of the lighthouse has a parrot.\n")
    for theirs, ours in HERE.items():
        line = line.replace(theirs, ours)
    if "response_format" in line:
        api.ollama.script('{"place": "Galway", "pay_eur": 1600, "meals": null}')
    if "file-ID" in line:
        line = line.replace("file-ID", _handed_in(api, tmp_path))
    command = shlex.split(line.replace("http://localhost:8000", api.url))
    done = subprocess.run(
        [*command, "-sS", "-w", "\n%{http_code}"], cwd=tmp_path, capture_output=True, text=True, timeout=30
    )
    body, _, status = done.stdout.rpartition("\n")
    assert status == "200", body + done.stderr


def _handed_in(api: Api, folder: Path) -> str:
    with (folder / "README.md").open("rb") as file:
        made = api.http().post("/v1/files", files={"file": ("README.md", file)}).json()
    return str(made["id"])


def test_every_route_has_its_line():
    """The list of routes names every route."""
    for method, path in OPERATIONS:
        pattern = re.escape(path).replace(r"\{name\}", ".+").replace(r"\{file\}", "file-ID")
        with_method = "-X DELETE " if method == "DELETE" else ""
        assert any(
            re.match(rf"curl (-N )?{with_method}http://localhost:8000{pattern}( |$)", one) for one in CURLS
        )


def test_every_refusal_is_listed():
    """Each refusal is listed with its status, except 405."""
    assert {int(status) for status in re.findall(r"^\| (\d{3}) \|", TEXT, re.MULTILINE)} == set(MEANINGS) - {
        405
    }


def test_every_metric_is_listed(api: Api):
    """Each metric is listed by its Prometheus name."""
    api.http().get("/v1/models")
    names = re.findall(
        r"^# TYPE (\S+) (?:counter|gauge|histogram)", api.http().get("/metrics").text, re.MULTILINE
    )
    ours = [name for name in names if not name.endswith("_created")]
    assert all(f"`{name}" in TEXT for name in ours), ours


def test_uploaded_files_are_deleted(api: Api):
    """Nothing remains of the files that the commands uploaded."""
    for one in api.docent.store.documents(Scope()):
        if one.name == "README.md":
            api.client().files.delete(f"file-{one.id}")
