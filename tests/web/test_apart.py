"""Files that wait in a folder of a process are kept while it runs, and no longer."""

from __future__ import annotations

import os
import subprocess
import sys

import chainlit.config
import chainlit.server

from docent.web import upload_dir


def test_what_a_killed_server_left_is_removed(tmp_path, monkeypatch):
    """Files that were attached and never sent go with the next start; a running server's stay."""
    monkeypatch.setattr(chainlit.config.config, "root", str(tmp_path))
    for module in (chainlit.config, chainlit.server):
        monkeypatch.setattr(module, "FILES_DIRECTORY", tmp_path / "common")
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    running, own = str(os.getppid()), str(os.getpid())
    for name in (str(killed.pid), running, own, "notes"):
        (tmp_path / ".files" / name).mkdir(parents=True)
        (tmp_path / ".files" / name / "salary.pdf").touch()
    upload_dir.keep_apart()
    folder = tmp_path / ".files" / own
    assert chainlit.config.FILES_DIRECTORY == chainlit.server.FILES_DIRECTORY == folder
    assert {one.parent.name for one in tmp_path.rglob("salary.pdf")} == {running, "notes"}
    (folder / "salary.pdf").touch()
    upload_dir.keep_apart()  # the code was reloaded
    assert (folder / "salary.pdf").exists()
