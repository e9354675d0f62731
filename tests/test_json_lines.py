"""Lines that are a file of storage/, or rows in PostgreSQL, which all machines share."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from docent.errors import InputError
from docent.evaluating import GoldenQuestions, PastEvaluations, Question
from docent.evaluating.scores import report
from docent.json_lines import open_lines
from docent.question_pairs import PairFiles
from docent.retrieving.learned_weights import LearnedStep, LearnedWeights
from docent.retrieving.scoring import DEFAULT_WEIGHTS
from tests.evaluating.build import outcome

RENT = Question("What is the rent?", "lease.pdf", (2,), "home")
BUSY = 60.0


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def machines(request, tmp_path):
    """Two processes: with files they share storage/, with a database each has its own."""
    if request.param == "SQLite":
        return [(tmp_path / "storage", ""), (tmp_path / "storage", "")]
    url = request.getfixturevalue("postgres_url")
    return [(tmp_path / "first", url), (tmp_path / "second", url)]


def test_lines_are_the_same_everywhere(machines):
    """They stay in their order; a change removes and adds at once, and what was removed is gone."""
    here, there = (open_lines(storage / "some.jsonl", url) for storage, url in machines)
    here.append(['{"n": 1}', '{"n": 2, "document_id": "d"}', '{"n": 3, "text": "Größe\\u2028🦉"}'])
    there.append(['{"n": 4, "document_id": "d"}'])
    assert [line for line in there.read() if line][2:] == [
        '{"n": 3, "text": "Größe\\u2028🦉"}',
        here.read()[3],
    ]
    assert here.count({"d"}) == 2 and here.count({"x"}) == 0
    assert there.change(lambda line: "1" not in line, ['{"n": 5}']) == 1
    here.forget({"d"})
    assert [line[:7] for line in here.read() if line] == ['{"n": 3', '{"n": 5']
    other = open_lines(machines[0][0] / "other.jsonl", machines[0][1])
    assert other.read() == [] and other.change(lambda line: False) == 0


def test_pairs_of_a_document_go_on_all_machines(machines):
    """One that makes them and one that deletes their document need not be the same."""
    here, there = (PairFiles(storage, database_url=url) for storage, url in machines)
    for document in ("a", "b"):
        pair = {"question": "?", "document_id": document, "library": "jobs"}
        here.add([pair] * 3, {"document_id": document, "library": "jobs", "whole": True})
    assert there.count({"a"}) == 3 and there.done()["a"]["whole"]
    there.forget({"a"})
    assert here.count({"a"}) == 0 and set(here.done()) == {"b"}
    assert here.clear("other") == 0 and here.clear("jobs") == 3
    assert there.done() == {}


def test_a_golden_question_is_there_once(machines):
    """Two machines that add the same question at once keep one, and each finds and removes it."""
    golden = [GoldenQuestions(storage / "golden.jsonl", database_url=url) for storage, url in machines]
    adding = [
        threading.Thread(target=one.add, args=(replace(RENT, pages=(n,)),))
        for n, one in enumerate(golden * 5, 1)
    ]
    for thread in adding:
        thread.start()
    for thread in adding:
        thread.join(BUSY)
    (kept,) = golden[0].all("home")
    assert kept in golden[1].all() and kept.question == RENT.question
    golden[1].remove(RENT.question)
    with pytest.raises(InputError, match="no golden question"):
        golden[0].remove(RENT.question)


def test_evaluations_are_seen_everywhere(machines):
    """The chart of the administrators' page is the same wherever an evaluation ran."""
    here, there = (
        PastEvaluations(storage / "evaluations.jsonl", database_url=url) for storage, url in machines
    )
    machines[0][0].mkdir(exist_ok=True)
    here.add(report((outcome(1),), relevant_from=0.4), library="home")
    (seen,) = there.all()
    assert (seen.library, seen.questions) == ("home", 1)


def test_learned_weights_count_everywhere(machines):
    """What one machine learns orders the next question of another; undone, it counts nowhere."""
    here, there = (LearnedWeights(storage, database_url=url) for storage, url in machines)
    machines[0][0].mkdir(exist_ok=True)
    learned = replace(DEFAULT_WEIGHTS, meaning=0.9)
    for number, weights in enumerate((learned, DEFAULT_WEIGHTS)):
        here.add(LearnedStep(f"2027-01-0{number + 1}", "home", weights, 9, 3, {"mrr": (0.1, 0.0, 0.2)}))
    assert there.of({"home"}) == DEFAULT_WEIGHTS and len(there.steps()) == 2
    assert there.undo("home").weights == DEFAULT_WEIGHTS
    assert here.of({"home"}) == learned
    assert there.undo("away") is None
