"""From a terminal: a damaged catalog is put back, and a backup restored."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.test_main import Terminal

pytestmark = pytest.mark.slow


def test_a_damaged_catalog_and_a_lost_folder(tmp_path: Path) -> None:
    """The error names the command that repairs it; a backup fills an empty folder, or others by force."""
    terminal = Terminal(tmp_path)
    storage, backup = tmp_path / "storage", str(tmp_path / "all.tar")
    assert terminal.run("ingest.py").returncode == 0
    before = terminal.docent("list").stdout
    assert before.count("ready") == 3
    assert terminal.docent("backup", backup).returncode == 0

    os.truncate(storage / "index/catalog.db", 5000)
    broken = terminal.docent("list")
    assert (broken.returncode, broken.stdout) == (2, "")
    assert "python -m docent doctor --mend" in broken.stderr
    assert "ok      catalog: the snapshot of" in terminal.docent("doctor", "--mend").stdout
    assert terminal.docent("list").stdout == before.replace("ready", "searchable")  # by words, so far
    assert terminal.run("ingest.py").returncode == 0
    assert terminal.docent("list").stdout == before

    refused = terminal.docent("restore", backup)
    assert refused.returncode == 2
    assert "--force" in refused.stderr
    assert "The storage before is in" in terminal.docent("restore", backup, "--force").stdout
    assert terminal.docent("list").stdout == before
    empty = {"DOCENT_STORAGE": str(tmp_path / "elsewhere")}
    assert terminal.docent("restore", backup, **empty).returncode == 0
    assert terminal.docent("list", **empty).stdout == before
