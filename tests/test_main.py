"""The terminal: what it prints for machines is a contract."""

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
    """A shell in a project with a few documents of its own."""

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


def test_search_json_is_a_contract(terminal):
    """A list of passages, best first, each with every promised key."""
    found = terminal.json("search", QUESTION, "--limit", "2")
    assert [row["rank"] for row in found] == list(range(1, len(found) + 1))
    assert all(row.keys() >= SEARCH_KEYS for row in found)
    assert (found[0]["file"], found[0]["library"], found[0]["page"]) == ("vision.md", "internships", 1)
    assert len(found) <= 2


def test_search_keeps_to_a_library_and_a_document(terminal):
    """--library and --document are applied, and an unknown one is named."""
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
    """--no-model answers with sentences of the documents, quoted to the letter."""
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
    """With a model server, the model's answer is what is printed, and the receipt names the model."""
    ollama.script("It is the one that trains image models [1].")
    answer = terminal.json("ask", QUESTION, "--library", "internships", DOCENT_MODEL_URL=ollama.url)
    assert "trains image models" in answer["answer"]
    assert answer["receipt"]["model"] == "mistral"
    assert answer["citations"][0]["file"] == "vision.md"


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "JSON"])
def test_ask_fails_where_the_answer_broke_off(terminal, ollama: Ollama, as_json):
    """What came is printed; the reason is the last line on stderr, and the exit code that of a failure."""
    ollama.script(reply="It trains image models for sorting [1]. The stipend is", drop_after=8)
    options = ["--json"] if as_json else []
    done = terminal.docent("ask", QUESTION, *options, DOCENT_MODEL_URL=ollama.url)
    assert done.returncode == 2
    assert "trains image models" in done.stdout
    reason = done.stderr.splitlines()[-1]
    assert "broke off" in reason
    if as_json:
        assert json.loads(done.stdout)["receipt"]["broken_off"] == reason


def test_ask_prints_what_was_checked(terminal, ollama: Ollama):
    """A terminal shows the words as they come, then the checked text in their place; a pipe that alone."""
    said = "The stipend is 1,900 euro [7]."
    ollama.script(said)
    ask = ("ask", QUESTION, "--library", "internships")
    done = terminal.docent(*ask, DOCENT_MODEL_URL=ollama.url)
    first, *_, last = done.stdout.splitlines()
    assert first == "The stipend is 1,900 euro [1]." and last.startswith("[1] vision.md, ")
    ollama.script(said)
    shown = typed(terminal, "", *ask, DOCENT_MODEL_URL=ollama.url)
    streamed, _, checked = shown.partition("\033[J")
    assert "The stipend is 1,900 euro" in streamed and "[1]" not in streamed
    assert checked.splitlines()[0] == first


def test_ask_says_what_is_missing(terminal, ollama):
    """With no server, and with a server without the model, an answer comes and the remedy is said."""
    done = terminal.docent("ask", QUESTION)
    assert done.returncode == 0
    assert "image models" in done.stdout or "Machine learning" in done.stdout
    assert "ollama serve" in done.stderr
    done = terminal.docent("ask", QUESTION, DOCENT_MODEL_URL=ollama.url, DOCENT_MODEL="another")
    assert "ollama pull another" in done.stderr


def test_a_missing_model_is_pulled(terminal, ollama):
    """`pull` fetches it with a bar; an `ask` at a terminal offers to, and takes no for an answer."""
    done = terminal.docent("pull", "tinyllama", DOCENT_MODEL_URL=ollama.url)
    assert done.returncode == 0
    assert "Pulling tinyllama" in done.stderr
    assert "████████████████████ 100%  0.1 of 0.1 GB" in done.stderr
    done = terminal.docent("pull", DOCENT_MODEL_URL=NOWHERE)
    assert done.returncode == 2
    assert "ollama serve" in done.stderr
    for said, offered, pulled in (("n", True, False), ("y", True, True), ("", False, False)):
        shown = typed(terminal, said, "ask", QUESTION, DOCENT_MODEL_URL=ollama.url, DOCENT_MODEL="orca")
        assert ("Fetch it now?" in shown, "Pulling orca" in shown) == (offered, pulled)


def test_a_model_is_pulled_where_the_settings_say(ollama, monkeypatch, capsys):
    """The server that answers may have no way out; then another one fetches."""
    monkeypatch.setenv("DOCENT_MODEL_URL", NOWHERE)
    monkeypatch.setenv("DOCENT_PULL_URL", ollama.url)
    assert main(["pull", "tinyllama"]) == 0
    assert ollama.requests_to("/api/pull")


def typed(terminal: Terminal, said: str, *arguments: str, **environ: str) -> str:
    """All that is seen at a real terminal by a person who runs this and types one line."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "docent", *arguments], cwd=ROOT, env=terminal.environ(**environ),
        stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    os.write(ours, f"{said}\n".encode())
    shown = b""
    with suppress(OSError):  # how Linux says that the other side is closed
        while piece := os.read(ours, 4096):
            shown += piece
    os.close(ours)
    assert process.wait() == 0, shown
    return shown.decode(errors="replace")


def test_list_shows_every_document(terminal):
    """Each document with its library, state and pages."""
    documents = terminal.json("list")
    assert {(row["library"], row["name"], row["state"]) for row in documents} == {
        ("internships", "vision.md", "ready"),
        ("internships", "garden.md", "ready"),
        ("loose", "machine.txt", "ready"),
    }


def test_delete_proves_that_nothing_is_left(terminal, tmp_path):
    """A deleted document is found no more, and the receipt says that nothing of it is left."""
    other = Terminal(tmp_path)
    assert other.run("ingest.py").returncode == 0
    receipt = other.json("delete", "vision.md", "--library", "internships")
    assert receipt["name"] == "vision.md"
    assert receipt["found"]["chunks"] >= 1
    assert set(receipt["left"].values()) == {0}
    assert "vision.md" not in {row["file"] for row in other.json("search", QUESTION)}
    assert other.docent("delete", "vision.md").returncode == 2


def test_doctor_names_the_remedy(terminal, ollama):
    """With no model server doctor says so, with the command, and exits 1; with one it exits 0."""
    done = terminal.docent("doctor")
    assert done.returncode == 1
    assert "not ok  model server" in done.stdout
    assert "ollama serve" in done.stdout
    done = terminal.docent("doctor", DOCENT_MODEL_URL=ollama.url)
    assert done.returncode == 0, done.stdout
    assert "not ok" not in done.stdout


def test_doctor_works_on_nothing_yet(tmp_path, ollama):
    """Before the first ingest, doctor runs and blames nothing that is simply new."""
    done = Terminal(tmp_path).docent("doctor", DOCENT_MODEL_URL=ollama.url)
    assert done.returncode == 0, done.stdout


def test_a_wrong_setting_stops_with_a_sentence(terminal):
    """No traceback: the key, the value, what is allowed, and exit code 2."""
    done = terminal.docent("list", DOCENT_PORT="many")
    assert done.returncode == 2
    assert "DOCENT_PORT is 'many'" in done.stderr
    assert "Traceback" not in done.stderr


def test_eval_measures_and_holds_a_floor(terminal, tmp_path):
    """Page-hit@5 is measured over questions whose pages are known; below the floor it exits 1."""
    questions = tmp_path / "questions.jsonl"
    questions.write_text(json.dumps({"question": QUESTION, "file": "vision.md", "pages": [1]}) + "\n")
    done = terminal.docent("eval", str(questions), "--library", "internships", "--floor", "0.9")
    assert done.returncode == 0, done.stderr
    questions.write_text(json.dumps({"question": QUESTION, "file": "vision.md", "pages": [7]}) + "\n")
    assert terminal.docent("eval", str(questions), "--floor", "0.9").returncode == 1
