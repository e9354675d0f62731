"""Pairs come from golden and synthetic questions and from thumbs, about documents that everybody may see."""

from __future__ import annotations

from dataclasses import replace

import pytest

from docent.evaluating import Question
from docent.learning.training_pairs import collect_pairs, split_groups
from tests.evaluating.build import DOCUMENT
from tests.learning.build import citation, pair, rated

LEASE = replace(DOCUMENT, id="lease", name="lease.pdf", library="home", paths=("lease.pdf",))
RENT = Question("What is the rent?", "lease.pdf", (2,), "home")
GOOD = rated("Who pays for the lift?", "good", citation("lease", "The owner pays."))


def origins(golden=(), synthetic=(), answers=()):
    return [
        (each.question.question, each.origin) for each in collect_pairs(golden, synthetic, answers, [LEASE])
    ]


def test_a_thumb_is_a_pair():
    """A liked answer is a pair of its question with the pages that it cites."""
    [learned] = collect_pairs([], [], [GOOD], [LEASE])
    assert (learned.question.question, learned.question.pages) == ("Who pays for the lift?", (1,))
    assert (learned.group, learned.is_of_people) == ("lease", True)


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([rated("Why?", "", citation("lease", "Because."))], id="no thumb"),
        pytest.param([rated("Why?", "bad", citation("lease", "Because."))], id="disliked"),
        pytest.param([rated("Why?", "good")], id="nothing cited"),
        pytest.param([rated("Why?", "good", citation("diary", "Because."))], id="a document of one person"),
        pytest.param([rated("Why?", "good", citation("lease", ""))], id="a quote that was erased"),
        pytest.param(
            [rated("Why?", "good", citation("lease", "A.")), rated("Why?", "bad", citation("lease", "A."))],
            id="liked by one, disliked by another",
        ),
    ],
)
def test_these_answers_are_no_pairs(answers):
    """Only liked answers from documents that everybody may see are learned from."""
    assert origins(answers=answers) == []


def test_people_come_first():
    """The same question counts once, as people's own; a question about no present document is left out."""
    synthetic = [replace(RENT, pages=(1,)), Question("Who?", "gone.pdf", (1,), "home")]
    assert origins([RENT], synthetic, [GOOD]) == [
        (RENT.question, "golden"),
        (GOOD.answer.receipt.question, "thumb"),
    ]


def test_a_group_is_in_one_part():
    """Pairs are divided by group, into parts of similar size, in every run alike."""
    pairs = [
        pair(f"{document} {n}?", f"d{document}") for document in range(20) for n in range(1 + document % 4)
    ]
    parts = split_groups(pairs, 4)
    documents = [{each.group for each in part} for part in parts]
    assert sum(map(len, parts)) == len(pairs)
    assert sum(map(len, documents)) == len(set().union(*documents)) == 20
    assert max(map(len, parts)) - min(map(len, parts)) <= 4
    assert split_groups(list(reversed(pairs)), 4)[0] != [] and documents == [
        {each.group for each in part} for part in split_groups(pairs, 4)
    ]


def test_documents_of_a_folder_stay_together():
    """Where a library has folders, each is a group; where it has few, each document is one."""
    documents = [
        replace(LEASE, id=f"{n}-{at}", name=f"{at}.pdf", paths=(f"flat{n}/{at}.pdf",))
        for n in range(6)
        for at in "ab"
    ]
    golden = [Question(f"{n}?", f"flat{n}/{at}.pdf", (1,), "home") for n in range(6) for at in "ab"]
    assert {each.group for each in collect_pairs(golden, [], [], documents)} == {
        f"home/flat{n}" for n in range(6)
    }
    few = collect_pairs(golden[:4], [], [], documents[:4])
    assert {each.group for each in few} <= {document.id for document in documents}
