"""`docent eval` and `docent golden` from a terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from docent.__main__ import main
from docent.evaluating import EvalRun, save_run
from tests.evaluating.build import outcome
from tests.test_main import QUESTION, ROOT, Terminal, terminal

pytestmark = pytest.mark.slow

__all__ = ["terminal"]
METRICS = {
    "page_hit_1",
    "page_hit_3",
    "page_hit_5",
    "page_hit_10",
    "mrr_10",
    "evidence_2000",
    "document_first",
}


@pytest.fixture
def questions(tmp_path):
    """One that finds its page, one whose file is nowhere, one without an answer."""
    path = tmp_path / "questions.jsonl"
    rows = [
        {"question": QUESTION, "file": "vision.md", "page": 1},
        {"question": "Who waters the orchids?", "file": "gone.md", "pages": [1]},
        {"question": "What is the capital of Peru?", "answerable": False},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_folder_is_measured_by_itself(tmp_path, questions):
    """With --documents the user's storage is not touched, and the temporary one is deleted afterwards."""
    terminal = Terminal(tmp_path)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    command = ("eval", str(questions), "--documents", str(terminal.data), "--json")
    done = terminal.docent(*command, TMPDIR=str(temporary))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["questions"], found["unanswerable"], found["missing"]) == (2, 1, ["gone.md"])
    assert METRICS <= found.keys()
    assert found["page_hit_5"] == found["right_document_given"]["page_hit_5"] == 0.5
    low, high = found["intervals"]["page_hit_5"]
    assert low <= 0.5 <= high
    assert found["abstention"]["recall"] == 1.0
    assert found["seconds_p95"] >= found["seconds_p50"] > 0
    assert "1 question names a file that is not in the library" in done.stderr
    assert list(temporary.iterdir()) == []
    assert not (tmp_path / "storage/index").exists()


def heed_interrupts():
    """Restore Ctrl+C, which a shell ignores in its background jobs and their children."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_an_interrupted_run_leaves_nothing(tmp_path, questions):
    """Ctrl+C while it ingests: a word on stderr, exit code 130, and no storage left behind."""
    terminal = Terminal(tmp_path)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    command = [sys.executable, "-m", "docent", "eval", str(questions), "--documents", str(terminal.data)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=terminal.environ(TMPDIR=str(temporary)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heed_interrupts,
    )
    assert process.stderr is not None
    process.stderr.readline()  # "Ingesting …"
    time.sleep(0.3)
    os.kill(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told.strip().splitlines()[-1]) == (130, "Stopped.")
    assert list(temporary.iterdir()) == []


def test_a_kept_index_is_used_again(tmp_path, questions):
    """With --keep the second run reads nothing again; storage of other settings is refused."""
    terminal = Terminal(tmp_path)
    command = ("eval", str(questions), "--documents", str(terminal.data), "--keep", str(tmp_path / "kept"))
    first = terminal.json(*command)
    changed = (tmp_path / "kept/index/catalog.db").stat().st_ino
    assert terminal.json(*command)["page_hit_5"] == first["page_hit_5"]
    assert (tmp_path / "kept/index/catalog.db").stat().st_ino == changed
    refused = terminal.docent(*command, DOCENT_CHUNK_TOKENS="100")
    assert refused.returncode == 2
    assert "made with other settings" in refused.stderr


def test_a_change_is_seen_before_it_is_kept(terminal, questions, tmp_path):
    """--save a run, change something, --compare: questions gained and lost are named."""
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    assert terminal.docent("eval", str(questions), "--save", str(before)).returncode == 0
    changed = questions.read_text().replace('"gone.md"', '"garden.md"')
    questions.write_text(changed)
    saved = json.loads(before.read_text())
    for way in ("shared", "given"):  # as if that file had been there, and its page had not been found
        saved[way][1]["question"]["file"] = "garden.md"
    before.write_text(json.dumps(saved))
    fresh = terminal.docent("eval", str(questions), "--compare", str(before), "--save", str(after))
    assert fresh.returncode == 0, fresh.stderr
    assert "gained 1\n    page not found → 1: Who waters the orchids?  (garden.md)" in fresh.stdout
    assert "page_hit_5       +0.500" in fresh.stdout
    stored = terminal.json("eval", "--compare", str(after), str(before))
    assert [one["question"]["file"] for one in stored["every_document"]["lost"]] == ["garden.md"]


@pytest.mark.parametrize("more", [["questions.jsonl"], ["--floor", "0.9"], ["--save", "after.json"]])
def test_two_saved_runs_are_compared_and_nothing_else(more, tmp_path, capsys):
    """A floor that would not be checked is refused."""
    runs = [str(tmp_path / name) for name in ("before.json", "after.json")]
    for run in runs:
        save_run(EvalRun((outcome(1),), (outcome(1),)), Path(run), summary={})
    assert main(["eval", "--compare", *runs]) == 0
    assert main(["eval", *more, "--compare", *runs]) == 2
    assert "nothing is asked" in capsys.readouterr().err


def test_answers_are_scored_and_compared(terminal, tmp_path):
    """--answers scores the extracts where no model is ready, compares, reports, and fails below a floor."""
    questions, before, report = (tmp_path / name for name in ("q.jsonl", "before.json", "report.html"))
    row = {"question": "What is the stipend?", "file": "vision.md", "page": 1, "answer": "Kestrel 1871"}
    questions.write_text(json.dumps(row) + "\n")
    first = terminal.docent("eval", str(questions), "--answers", "--save", str(before), "--floor", "1")
    assert first.returncode == 1 and "completeness is below the floor" in first.stderr
    assert "The best sentences found are measured instead." in first.stderr
    assert "faithfulness        1.000" in first.stdout and "answered by no model (1)" in first.stdout
    row["answer"] = "1,900 euro"
    questions.write_text(json.dumps(row) + "\n")
    command = ("eval", str(questions), "--answers", "--no-model", "--compare", str(before))
    again = terminal.json(*command, "--report", str(report))
    assert (again["completeness"], again["compared"]["difference"]["completeness"]["value"]) == (1.0, 1.0)
    assert [change["question"]["question"] for change in again["compared"]["gained"]] == [row["question"]]
    assert "What is the stipend?" in report.read_text()
    refused = terminal.docent("eval", str(questions), "--answers", "--model", "gone")
    assert refused.returncode == 2 and "--no-model measures" in refused.stderr


def test_golden_questions_are_kept_and_run(tmp_path):
    """Questions are added, listed, run without a file and removed; a typing error is refused."""
    terminal = Terminal(tmp_path)
    assert terminal.run("ingest.py").returncode == 0
    assert "golden add" in terminal.docent("eval").stderr
    added = terminal.docent("golden", "add", QUESTION, "--file", "vision.md", "--page", "1")
    assert (added.returncode, added.stdout) == (0, f"internships  vision.md, p. 1  {QUESTION}\n"), (
        added.stderr
    )
    [listed] = terminal.json("golden", "list", "--library", "internships")
    assert (listed["file"], listed["pages"], listed["library"]) == ("vision.md", [1], "internships")
    assert terminal.json("eval", "--library", "internships")["page_hit_5"] == 1.0
    for wrong, why in (
        (("--file", "vision.md", "--page", "9"), "has 1 page, counted from 1; there is no page 9"),
        (("--file", "vision.pdf", "--page", "1"), "No document is called 'vision.pdf'"),
        ((), "Where is the answer?"),
    ):
        refused = terminal.docent("golden", "add", "What?", *wrong)
        assert refused.returncode == 2
        assert why in refused.stderr
    assert terminal.docent("golden", "remove", QUESTION).returncode == 0
    assert terminal.json("golden", "list") == []
