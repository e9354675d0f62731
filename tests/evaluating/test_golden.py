"""The user's own golden questions, at rest and from the chat."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from docent.errors import InputError
from docent.evaluating import (
    EvalRun,
    GoldenQuestions,
    Question,
    from_answer,
    read_questions,
    read_run,
    save_run,
)
from docent.types import Answer, Citation, Receipt
from tests.evaluating.build import outcome

RENT = Question("What is the rent?", "lease.pdf", (2,), "home")


def test_kept_and_removed(tmp_path):
    """A question is kept once for its words and library; removed, it is gone; the file is plain lines."""
    golden = GoldenQuestions(tmp_path / "storage/golden.jsonl")
    assert golden.all() == []
    golden.add(RENT)
    golden.add(Question(RENT.question, "lease.pdf", (3, 4), "home"))
    golden.add(Question(RENT.question, "office.pdf", (1,), "work"))
    assert [one.pages for one in golden.all("home")] == [(3, 4)]
    assert read_questions(golden.path) == golden.all()
    assert golden.remove(RENT.question, "work").file == "office.pdf"
    assert [one.library for one in golden.all()] == ["home"]
    with pytest.raises(InputError, match="no golden question"):
        golden.remove("What?")


def test_several_processes_keep_questions_at_once(tmp_path):
    """Two processes that add questions at once lose none, such as the chat and `golden add`."""
    adding = (
        "import sys; from pathlib import Path; from docent.evaluating import GoldenQuestions, Question\n"
        "for n in range(40):\n"
        "    GoldenQuestions(Path(sys.argv[1])).add(Question(f'{n}?', 'a.pdf', (1,), sys.argv[2]))"
    )
    path = tmp_path / "golden.jsonl"
    command, root = [sys.executable, "-c", adding, str(path)], Path(__file__).parents[2]
    running = [subprocess.Popen([*command, library], cwd=root) for library in ("one", "two")]
    assert [one.wait(120) for one in running] == [0, 0]
    assert len(GoldenQuestions(path).all("one")) == len(GoldenQuestions(path).all("two")) == 40


@pytest.mark.parametrize("break_", ["\u2028", "\x85", "\n"], ids=["line", "next line", "newline"])
def test_whatever_is_asked_is_read_again(break_, tmp_path):
    """A question pasted with breaks in it, and blanks around it, is one question, kept once."""
    golden = GoldenQuestions(tmp_path / "golden.jsonl")
    asked = Question(f" What is{break_}the rent? ", "lease.pdf", (2,), "home")
    golden.add(asked)
    golden.add(asked)
    assert [one.question for one in golden.all()] == [asked.question.strip()]
    golden.remove(asked.question)
    assert golden.all() == []


def test_a_good_answer_becomes_a_question():
    """It is the question as searched, and the pages cited of the document that is cited most."""
    cited = (citation("lease.pdf", 4), citation("law.pdf", 9), citation("lease.pdf", 2))
    answer = Answer("…", cited, (), Receipt(question="And in May?", searched="What is the rent in May?"))
    assert from_answer(answer) == Question("What is the rent in May?", "lease.pdf", (2, 4), "home")
    assert from_answer(Answer("…", (), (), Receipt("Q?", "Q?"))) is None


def test_a_saved_run_comes_back(tmp_path):
    """A saved run is read as it was; another file is refused with how to make one."""
    run = EvalRun((outcome(1), outcome(None)), (outcome(2),))
    save_run(run, tmp_path / "run.json", summary={"questions": 2})
    assert read_run(tmp_path / "run.json") == run
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(InputError, match=r"eval --save .*other\.json"):
        read_run(tmp_path / "other.json")


def citation(file: str, page: int) -> Citation:
    return Citation(
        n=1, chunk_id="c", document_id="d", file=file, library="home", page=page, page_label="",
        place=f"p. {page}", start=0, end=1, quote="x",
    )  # fmt: skip
