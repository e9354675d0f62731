"""The page loads nothing from other origins, and a process keeps its own upload folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import chainlit
import chainlit.config
import chainlit.server
import pytest

from docent.web.page_shell import about, without_foreign_links
from docent.web.server import use_own_upload_folder


def test_uploads_of_a_killed_server_are_removed(tmp_path, monkeypatch):
    """The next start deletes unsent files of a process that ended, and none of a running one."""
    monkeypatch.setattr(chainlit.config.config, "root", str(tmp_path))
    for module in (chainlit.config, chainlit.server):
        monkeypatch.setattr(module, "FILES_DIRECTORY", tmp_path / "common")
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    running, own = str(os.getppid()), str(os.getpid())
    for name in (str(killed.pid), running, own, "notes"):
        (tmp_path / ".files" / name).mkdir(parents=True)
        (tmp_path / ".files" / name / "salary.pdf").touch()
    use_own_upload_folder()
    folder = tmp_path / ".files" / own
    assert chainlit.config.FILES_DIRECTORY == chainlit.server.FILES_DIRECTORY == folder
    assert {one.parent.name for one in tmp_path.rglob("salary.pdf")} == {running, "notes"}
    (folder / "salary.pdf").touch()
    use_own_upload_folder()  # the code was reloaded
    assert (folder / "salary.pdf").exists()


def test_the_page_has_no_foreign_links():
    """Chainlit's page loses its foreign fonts and styles and keeps the rest."""
    html = (Path(chainlit.__file__).parent / "frontend/dist/index.html").read_text()
    assert re.search(r"<link[^>]*https://", html), "nothing left to remove: this module may go"
    cleaned = without_foreign_links(html)
    assert not re.search(r"""(?:href|src)=["'](?:https?:)?//""", cleaned)
    for kept in re.findall(r"""(?:href|src)="(/[^"/][^"]*)\"""", html):
        assert kept in cleaned


@pytest.mark.parametrize(
    ("language", "begins"),
    [("en-US", "Ask a question"), ("de", "Ask a question"), ("fr-FR", "Posez une"), ("fr-CA", "Posez une")],
)
def test_the_text_about_docent(language, begins):
    """French readers get the French text, all others the English one."""
    text = about(str(Path(__file__).resolve().parents[2]), language)
    assert begins in text
