"""The commands print stable JSON and useful text, with the promised exit codes."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from docent.__main__ import main
from tests.fakes.plugin import Ollama

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
SEARCH_KEYS = {
    *("rank", "file", "library", "page", "page_label", "place", "heading"),
    *("text", "score", "chunk_id", "document_id"),
}
QUESTION = "Which internship is about machine learning?"
NOWHERE = "http://127.0.0.1:9"


class Terminal:
    """A shell in a project folder with a few documents."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        (self.data / "internships").mkdir(parents=True)
        (self.data / "loose").mkdir()
        (self.data / "internships/vision.md").write_text(
            "# Machine learning intern\n\nTrain image models for sorting. The stipend is 1,900 euro.\n"
        )
        (self.data / "internships/garden.md").write_text(
            "# Botanical garden intern\n\nWater the orchids and label the cacti. No pay, free lunch.\n"
        )
        (self.data / "loose/machine.txt").write_text("The coffee machine is cleaned on Fridays.\n")

    def environ(self, **environ: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DOCENT_")}
        own = {
            "DOCENT_DATA": str(self.data),
            "DOCENT_STORAGE": str(self.folder / "storage"),
            "DOCENT_MODEL_URL": NOWHERE,
        }
        return kept | own | environ

    def run(self, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *command], cwd=ROOT, env=self.environ(**environ), capture_output=True, text=True
        )

    def docent(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "docent", *arguments, **environ)

    def json(self, *arguments: str, **environ: str) -> Any:
        done = self.docent(*arguments, "--json", **environ)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    terminal = Terminal(tmp_path_factory.mktemp("terminal"))
    done = terminal.run("ingest.py")
    assert done.returncode == 0, done.stdout + done.stderr
    return terminal


def test_search_prints_json(terminal):
    """`search --json` is a list of passages, best first, each with every promised key."""
    found = terminal.json("search", QUESTION, "--limit", "2")
    assert [row["rank"] for row in found] == list(range(1, len(found) + 1))
    assert all(row.keys() >= SEARCH_KEYS for row in found)
    assert (found[0]["file"], found[0]["library"], found[0]["page"]) == ("vision.md", "internships", 1)
    assert len(found) <= 2


def test_search_in_a_library_or_a_document(terminal):
    """--library and --document limit the search; an unknown one is reported by name."""
    assert {row["library"] for row in terminal.json("search", "machine", "--library", "loose")} == {"loose"}
    assert {row["file"] for row in terminal.json("search", "machine", "--document", "garden.md")} == {
        "garden.md"
    }
    done = terminal.docent("search", "machine", "--library", "nowhere")
    assert done.returncode == 2
    assert "nowhere" in done.stderr
    done = terminal.docent("search", "machine", "--document", "nothing.pdf")
    assert done.returncode == 2
    assert "nothing.pdf" in done.stderr


def test_ask_without_a_model_cites_the_page(terminal):
    """--no-model answers with sentences quoted from the documents."""
    answer = terminal.json("ask", QUESTION, "--library", "internships", "--no-model")
    assert answer.keys() == {"answer", "citations", "passages", "receipt"}
    first = answer["citations"][0]
    assert {"n", "file", "page", "start", "end", "quote"} <= first.keys()
    assert (first["file"], first["page"]) == ("vision.md", 1)
    page = (terminal.data / "internships/vision.md").read_text()
    assert page[first["start"] : first["end"]] == first["quote"]
    assert f"[{first['n']}]" in answer["answer"]
    assert answer["receipt"]["model"] == ""
    assert {row["library"] for row in answer["passages"]} == {"internships"}


def test_ask_with_a_model_answers_in_its_words(terminal, ollama: Ollama):
    """With a model server the model's answer is printed, and the receipt names the model."""
    ollama.script("It is the one that trains image models [1].")
    answer = terminal.json("ask", QUESTION, "--library", "internships", DOCENT_MODEL_URL=ollama.url)
    assert "trains image models" in answer["answer"]
    assert answer["receipt"]["model"] == "mistral"
    assert answer["citations"][0]["file"] == "vision.md"


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "JSON"])
def test_an_interrupted_answer_exits_with_2(terminal, ollama: Ollama, as_json):
    """The text so far is printed, and the reason is the last line on stderr."""
    ollama.script(reply="It trains image models for sorting [1]. The stipend is", drop_after=8)
    options = ["--json"] if as_json else []
    done = terminal.docent("ask", QUESTION, *options, DOCENT_MODEL_URL=ollama.url)
    assert done.returncode == 2
    assert "trains image models" in done.stdout
    reason = done.stderr.splitlines()[-1]
    assert "broke off" in reason
    if as_json:
        assert json.loads(done.stdout)["receipt"]["broken_off"] == reason


def test_ask_prints_the_checked_answer(terminal, ollama: Ollama):
    """A terminal shows the streamed words and then the checked text; a pipe gets only the latter."""
    reply = "The stipend is 1,900 euro [7]."
    ollama.script(reply)
    ask = ("ask", QUESTION, "--library", "internships")
    done = terminal.docent(*ask, DOCENT_MODEL_URL=ollama.url)
    first, *_, last = done.stdout.splitlines()
    assert first == "The stipend is 1,900 euro [1]." and last.startswith("[1] vision.md, ")
    ollama.script(reply)
    shown = typed(terminal, "", *ask, DOCENT_MODEL_URL=ollama.url)
    streamed, _, checked = shown.partition("\033[J")
    assert "The stipend is 1,900 euro" in streamed and "[1]" not in streamed
    assert checked.splitlines()[0] == first


def test_ask_names_what_is_missing(terminal, ollama):
    """Without a server or without the model, an answer is printed with the remedy."""
    done = terminal.docent("ask", QUESTION)
    assert done.returncode == 0
    assert "image models" in done.stdout or "Machine learning" in done.stdout
    assert "ollama serve" in done.stderr
    done = terminal.docent("ask", QUESTION, DOCENT_MODEL_URL=ollama.url, DOCENT_MODEL="another")
    assert "ollama pull another" in done.stderr


def test_a_missing_model_is_pulled(terminal, ollama):
    """`pull` downloads it with a progress bar; `ask` at a terminal offers to, and accepts a no."""
    done = terminal.docent("pull", "tinyllama", DOCENT_MODEL_URL=ollama.url)
    assert done.returncode == 0
    assert "Pulling tinyllama" in done.stderr
    assert "████████████████████ 100%  0.1 of 0.1 GB" in done.stderr
    done = terminal.docent("pull", DOCENT_MODEL_URL=NOWHERE)
    assert done.returncode == 2
    assert "ollama serve" in done.stderr
    for line, offered, pulled in (("n", True, False), ("y", True, True), ("", False, False)):
        shown = typed(terminal, line, "ask", QUESTION, DOCENT_MODEL_URL=ollama.url, DOCENT_MODEL="orca")
        assert ("Fetch it now?" in shown, "Pulling orca" in shown) == (offered, pulled)


def test_a_model_is_pulled_from_the_pull_url(ollama, monkeypatch, capsys):
    """If DOCENT_PULL_URL is set, that server downloads the model."""
    monkeypatch.setenv("DOCENT_MODEL_URL", NOWHERE)
    monkeypatch.setenv("DOCENT_PULL_URL", ollama.url)
    assert main(["pull", "tinyllama"]) == 0
    assert ollama.requests_to("/api/pull")


def typed(terminal: Terminal, line: str, *arguments: str, **environ: str) -> str:
    """Return all output of a command in a pseudo-terminal, into which one line is typed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "docent", *arguments], cwd=ROOT, env=terminal.environ(**environ),
        stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    os.write(ours, f"{line}\n".encode())
    shown = b""
    with suppress(OSError):  # how Linux says that the other side is closed
        while piece := os.read(ours, 4096):
            shown += piece
    os.close(ours)
    assert process.wait() == 0, shown
    return shown.decode(errors="replace")


def test_list_shows_every_document(terminal):
    """Each document is listed with its library, state and pages."""
    documents = terminal.json("list")
    assert {(row["library"], row["name"], row["state"]) for row in documents} == {
        ("internships", "vision.md", "ready"),
        ("internships", "garden.md", "ready"),
        ("loose", "machine.txt", "ready"),
    }


def test_delete_proves_that_nothing_is_left(terminal, tmp_path):
    """A deleted document is not found any more, and the receipt shows that nothing is left."""
    other = Terminal(tmp_path)
    assert other.run("ingest.py").returncode == 0
    receipt = other.json("delete", "vision.md", "--library", "internships")
    assert receipt["name"] == "vision.md"
    assert receipt["found"]["chunks"] >= 1
    assert set(receipt["left"].values()) == {0}
    assert "vision.md" not in {row["file"] for row in other.json("search", QUESTION)}
    assert other.docent("delete", "vision.md").returncode == 2


def test_doctor_names_the_remedy(terminal, ollama):
    """Without a model server doctor names the command and exits with 1; with one it exits with 0."""
    done = terminal.docent("doctor")
    assert done.returncode == 1
    assert "not ok  model server" in done.stdout
    assert "ollama serve" in done.stdout
    done = terminal.docent("doctor", DOCENT_MODEL_URL=ollama.url)
    assert done.returncode == 0, done.stdout
    assert "not ok" not in done.stdout


def test_doctor_before_the_first_ingest(tmp_path, ollama):
    """Doctor runs, and reports no error for what is only new."""
    done = Terminal(tmp_path).docent("doctor", DOCENT_MODEL_URL=ollama.url)
    assert done.returncode == 0, done.stdout


def test_a_wrong_setting_stops_with_a_sentence(terminal):
    """The error names the key, the value and what is allowed, exits with 2 and has no traceback."""
    done = terminal.docent("list", DOCENT_PORT="many")
    assert done.returncode == 2
    assert "DOCENT_PORT is 'many'" in done.stderr
    assert "Traceback" not in done.stderr


def test_eval_measures_and_checks_a_floor(terminal, tmp_path):
    """Page-hit@5 is measured over questions with known pages; below the floor eval exits with 1."""
    questions = tmp_path / "questions.jsonl"
    questions.write_text(json.dumps({"question": QUESTION, "file": "vision.md", "pages": [1]}) + "\n")
    done = terminal.docent("eval", str(questions), "--library", "internships", "--floor", "0.9")
    assert done.returncode == 0, done.stderr
    questions.write_text(json.dumps({"question": QUESTION, "file": "vision.md", "pages": [7]}) + "\n")
    assert terminal.docent("eval", str(questions), "--floor", "0.9").returncode == 1
