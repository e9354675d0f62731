"""`docent model embedding NAME` chooses an embedding model and builds the index with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from docent.cli.model_commands import write_setting
from tests.indexing.test_sentence_models import make_model

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(None, "A=new\n", id="no file"),
        pytest.param("B=1\n", "B=1\nA=new\n", id="another setting"),
        pytest.param("# A\nA=old\nAA=2\n", "# A\nAA=2\nA=new\n", id="the same setting"),
        pytest.param("export A = old", "A=new\n", id="exported, no end of line"),
    ],
)
def test_write_setting(before, after, tmp_path):
    """The setting stands in the file once, and the other lines are as they were."""
    path = tmp_path / ".env"
    if before is not None:
        path.write_text(before)
    write_setting(path, "A", "new")
    assert path.read_text() == after


def docent(folder, *arguments, **environ):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DOCENT_")}
    return subprocess.run(
        [sys.executable, "-m", "docent", *arguments],
        cwd=folder,
        env=kept | {"PYTHONPATH": str(ROOT)} | environ,
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_one_command_changes_the_model(tmp_path):
    """The model is tried, written into .env, and the index rebuilt; a missing model changes nothing."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/cat.txt").write_text("A cat sits on a mat.")
    model = make_model(tmp_path / "tiny", "bert")
    assert docent(tmp_path, "ingest").returncode == 0
    missing = docent(tmp_path, "model", "embedding", str(tmp_path / "nothing"))
    assert missing.returncode == 2
    assert not (tmp_path / ".env").exists()
    done = docent(tmp_path, "model", "embedding", str(model))
    assert done.returncode == 0, done.stderr
    assert "32 dimensions, reads 48 tokens; languages: de, en, fr" in done.stderr
    assert (tmp_path / ".env").read_text() == f"DOCENT_EMBEDDING_MODEL={model}\n"
    found = docent(tmp_path, "search", "cat", "--json")
    assert [passage["file"] for passage in json.loads(found.stdout)] == ["cat.txt"], found.stderr
    wins = docent(tmp_path, "model", "embedding", "all-MiniLM-L6-v2", DOCENT_EMBEDDING_MODEL=str(model))
    assert wins.returncode == 2
    assert "wins over .env" in wins.stderr
