"""A library's questions: made once, spread, kept apart from people's own, and gone with their documents."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docent.__main__ import main
from docent.app import Docent, open_docent
from docent.errors import InputError
from docent.evaluating import Question, read_questions
from docent.question_pairs import PairFiles
from docent.settings import Settings
from docent.types import Scope

NAMES = ("Larkwater", "Quillstone", "Gantry")


def form(name: str, n: int) -> str:
    return (
        f"# Internship at {name} Works\n\n{name} Works is a small firm in Bremen with {n}0 people.\n\n"
        f"- Pay: €{n}50 a month\n- Starts: {n} June 2027\n- Apply by: {n} April 2027\n- Hours: 3{n} a week\n"
    )


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose documents were ingested; each test has a copy."""
    folder = tmp_path_factory.mktemp("questions")
    for n, name in enumerate(NAMES, 2):
        path = folder / "data" / "jobs" / f"{name.lower()}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(form(name, n))
    (folder / "data" / "menus").mkdir()
    (folder / "data" / "menus" / "menu.txt").write_text("Soup  €4.00\nBread  €2.00\nLemon tart  €6.50\n")
    with open_docent(Settings(data=folder / "data", storage=folder / "storage")) as opened:
        ingest(opened)
    return folder


@pytest.fixture
def folder(ingested: Path, tmp_path: Path) -> Path:
    shutil.copytree(ingested, tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def docent(folder: Path, ollama: Any) -> Iterator[Docent]:
    settings = Settings(
        data=folder / "data", storage=folder / "storage", model_url=ollama.url, small_model="off"
    )
    with open_docent(settings) as opened:
        yield opened


def ingest(docent: Docent) -> None:
    docent.ingest([docent.settings.data], retry_failed=False, password=None, on_progress=lambda _: None)


def lines(docent: Docent) -> list[dict[str, object]]:
    text = (docent.store.folder / "synthetic.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_pairs_are_made_checked_and_stored(docent):
    """Each names its page with the answer on it, in the form that `eval` reads; other libraries have none."""
    progress = docent.make_questions("jobs")
    made = docent.synthetic.all("jobs")
    assert len(made) == progress.pairs >= 9 and progress.documents == 3
    assert {one.file for one in made} == {f"{name.lower()}.md" for name in NAMES}
    assert {one.library for one in docent.synthetic.all()} == {"jobs"}
    for one in made:
        page = docent.store.page(one.document_id, one.pages[0], Scope())
        assert one.synthetic and one.answer in " ".join(page.text.split()) and one.evidence in page.text
        found = docent.retrieve(one.question, Scope(libraries=("jobs",)))
        assert (one.document_id, one.pages[0]) in {(hit.document_id, hit.page) for hit in found}
    assert "What is the pay at Quillstone Works?" in [one.question for one in made]
    assert read_questions(docent.store.folder / "synthetic.jsonl") == made


def test_people_s_own_questions_stay_apart(docent):
    """What Docent makes is not in their file, and what they ask already is not made again."""
    own = Question("What is the pay at Quillstone Works?", "quillstone.md", (1,), "jobs")
    docent.golden.add(own)
    docent.make_questions("jobs")
    assert docent.golden.all() == [own]
    assert own.question not in [one.question for one in docent.synthetic.all()]


def test_what_is_done_is_skipped(docent, tmp_path):
    """A second run makes nothing, a new document is gone through, and the same library gives the same."""
    docent.make_questions("jobs")
    before = lines(docent)
    again = docent.make_questions("jobs")
    assert (again.pairs, again.skipped, again.checked) == (0, 3, 0) and lines(docent) == before
    (docent.settings.data / "jobs" / "oxbow.md").write_text(form("Oxbow", 7))
    ingest(docent)
    assert docent.make_questions("jobs").skipped == 3
    assert lines(docent)[: len(before)] == before and lines(docent)[len(before)]["file"] == "oxbow.md"
    docent.clear_questions("jobs")
    docent.store.delete(next(one.id for one in docent.documents("jobs") if one.name == "oxbow.md"), Scope())
    docent.make_questions("jobs")
    assert lines(docent) == before


def test_a_count_is_spread_over_the_documents(docent):
    """Few pairs come of every document; with a higher count later there are more, none twice."""
    docent.make_questions("jobs", count=3)
    assert sorted(one.file for one in docent.synthetic.all()) == sorted(
        f"{name.lower()}.md" for name in NAMES
    )
    assert docent.make_questions("jobs", count=3).pairs == 0
    docent.make_questions("jobs", count=6)
    questions = [one.question for one in docent.synthetic.all()]
    assert len(questions) == len(set(questions)) == 6


def test_it_stops_and_goes_on(docent):
    """Stopped after the first document, it keeps that one's pairs; the next run does the others."""
    stop = threading.Event()
    progress = docent.make_questions("jobs", on_progress=lambda _: stop.set(), stop=stop)
    assert progress.stopped and {one.file for one in docent.synthetic.all()} == {"gantry.md"}
    docent.make_questions("jobs")
    assert {one.file for one in docent.synthetic.all()} == {f"{name.lower()}.md" for name in NAMES}


def test_a_deletion_takes_the_pairs_along(docent):
    """The receipt counts them, and none is left; those of other documents stay."""
    docent.make_questions("jobs")
    gone = docent.documents("jobs")[0]
    count = sum(one.document_id == gone.id for one in docent.synthetic.all())
    deletion = docent.store.delete(gone.id, Scope())
    assert (deletion.found["questions"], deletion.left["questions"]) == (count, 0) and count
    left = (docent.store.folder / "synthetic.jsonl").read_text()
    assert gone.id not in left and gone.name not in left and docent.synthetic.all()
    assert gone.id not in PairFiles(docent.store.folder).done()


def test_a_changed_file_loses_its_pairs(docent):
    """What the old version said is asked about no more."""
    docent.make_questions("jobs")
    (docent.settings.data / "jobs" / "gantry.md").write_text("# Closed\n\nThe works in Bremen are closed.\n")
    (docent.settings.data / "jobs" / "quillstone.md").unlink()
    ingest(docent)
    assert {one.file for one in docent.synthetic.all()} == {"larkwater.md"}


def test_only_shared_libraries(docent, tmp_path):
    """A private library is no library of the command, and its documents are in nobody's questions."""
    path = tmp_path / "own.md"
    path.write_text(form("Secret", 9))
    docent.uploads.add(path, name="own.md", library="mine", owner="ada")
    with pytest.raises(InputError, match="no shared library"):
        docent.make_questions("mine")
    docent.make_questions("jobs")
    assert "Secret" not in (docent.store.folder / "synthetic.jsonl").read_text()


def test_a_broken_line_is_left_out(docent):
    """A line that a power cut left half written spoils neither the next run nor a deletion."""
    docent.make_questions("jobs", count=3)
    with (docent.store.folder / "synthetic-done.jsonl").open("a") as file:
        file.write('{"document_id": "x", "wan')
    assert docent.make_questions("jobs", count=3).pairs == 0
    assert PairFiles(docent.store.folder).clear("jobs") == 3
    assert docent.synthetic.all() == []


def test_in_the_background_one_at_a_time(docent):
    """A job says how far it is, refuses a second one, and ends with what it made."""
    job = docent.question_job
    job.start("jobs")
    with pytest.raises(InputError, match="already"):
        while job.running:
            job.start("menus")
        raise InputError("it was done before it could be asked twice: already")
    job.wait(120)
    assert not job.running and job.progress.pairs == len(docent.synthetic.all("jobs"))


PROPOSALS = [
    {
        "question": "How many people work at Larkwater Works in Bremen?",
        "quote": "Larkwater Works is a small firm in Bremen with 20 people.",
        "answer": "20 people",
        "statement": "Larkwater Works is a firm with 20 people.",
    },
    {"question": "How many boats?", "quote": "It has 40 boats.", "answer": "40", "statement": "It has 40."},
    {
        "question": "How many people does the firm have?",
        "quote": "Larkwater Works is a small firm in Bremen with 20 people.",
        "answer": "90 people",
        "statement": "The firm has 90 people.",
    },
    {"question": 7},
]


def test_a_model_only_proposes(docent, ollama):
    """Of what a model writes, only what its quote and the checks bear out is kept; one call for each page."""
    ollama.script(reply=json.dumps({"questions": PROPOSALS}), sticky=True)
    docent.make_questions("jobs", use_model=True)
    by_model = [one for one in docent.synthetic.all() if one.kind == "model"]
    assert [one.question for one in by_model] == [PROPOSALS[0]["question"]]
    assert by_model[0].file == "larkwater.md" and by_model[0].answer == "20 people"
    assert len(ollama.requests_to("/api/chat")) == 3
    assert any(one.kind == "field" for one in docent.synthetic.all())


def test_a_model_that_writes_garbage_costs_nothing(docent, ollama):
    """The questions that need no model are made all the same."""
    ollama.script(reply="I cannot.", sticky=True)
    docent.make_questions("jobs", count=3, use_model=True)
    made = docent.synthetic.all()
    assert len(made) == 3 and all(one.kind != "model" for one in made)


def test_the_command(folder, monkeypatch, capsys):
    """`docent questions` makes them, `eval --synthetic` asks them, and --clear removes them."""
    monkeypatch.setenv("DOCENT_DATA", str(folder / "data"))
    monkeypatch.setenv("DOCENT_STORAGE", str(folder / "storage"))

    def command(*arguments: str) -> tuple[int, str, str]:
        code = main([*arguments])
        told = capsys.readouterr()
        return code, told.out, told.err

    code, out, _ = command("questions", "--library", "jobs", "--count", "6", "--json")
    made = json.loads(out)
    assert code == 0 and len(made) == 6 and all(row["synthetic"] for row in made)
    figures = json.loads(command("eval", "--synthetic", "--library", "jobs", "--json")[1])
    assert figures["questions"] == 6 and figures["page_hit_5"] == 1.0
    assert command("eval", "--library", "jobs")[0] == 2, "people's own questions are none yet"
    assert made[0]["question"] in command("questions", "--library", "jobs", "--list")[1]
    assert "removed: 6" in command("questions", "--library", "jobs", "--clear")[1]
    assert "docent questions" in command("eval", "--synthetic")[2]
    assert "no library" in command("questions", "--library", "nowhere")[2]
