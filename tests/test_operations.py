"""Every command of docs/operations.md works, in its order, over the sample documents."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/operations.md"
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    for line in block.splitlines()
]


@pytest.mark.slow
def test_commands(tmp_path):
    """Each ends well; afterwards everything is as it was, and there is nothing left to mend."""
    docent = tmp_path / "docent"
    docent.mkdir()
    for name in ("docent", "ingest.py", "personas.toml", "policy.toml"):
        (docent / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "data/restaurants", docent / "data/restaurants")
    (docent / ".venv").symlink_to(sys.prefix)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DOCENT_")}
    for command in (".venv/bin/python ingest.py", *COMMANDS):
        done = subprocess.run(
            command, shell=True, cwd=docent, env=environ, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
    assert (docent / "backup.tar").exists()
