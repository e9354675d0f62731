"""The figures are right: rankings made by hand, with the expected results."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from docent.evaluating import Question, ask, compare, report
from docent.evaluating.run import documents_of, judge
from docent.types import Scope
from tests.evaluating.build import DOCUMENT, outcome, passages, unanswerable

QUESTION = Question("?", "a.pdf", (3, 4))


@pytest.mark.parametrize(
    ("places", "page", "document"),
    [
        pytest.param("a3", 1, 1, id="first"),
        pytest.param("a4 a3", 1, 1, id="any of the pages answers"),
        pytest.param("a1 a1 a1 a3", 2, 1, id="passages of one page count once"),
        pytest.param("b3 a3", 2, 2, id="the same page of another document is wrong"),
        pytest.param("b1 b2 c1 a1 a4", 5, 3, id="documents count once"),
        pytest.param("b1 a1", None, 2, id="the right document, no right page"),
        pytest.param("b1 b2", None, None, id="nothing right"),
        pytest.param("", None, None, id="nothing found"),
    ],
)
def test_ranks(places, page, document):
    """Ranks count different pages and different documents, from 1."""
    found = judged(passages(*places.split()))
    assert (found.page_rank, found.document_rank) == (page, document)


@pytest.mark.parametrize(
    ("places", "words", "within"),
    [
        pytest.param("b1 b2 a3", 666, True, id="wholly inside"),
        pytest.param("b1 b2 a3", 667, False, id="cut by the limit"),
        pytest.param("a3", 2000, True, id="exactly as long"),
        pytest.param("b1 a1 b2", 10, False, id="not there"),
    ],
)
def test_evidence(places, words, within):
    """Evidence counts when a passage of a right page lies wholly within the first 2,000 tokens."""
    assert judged(passages(*places.split(), words=words)).evidence is within


def test_metrics_of_known_ranks():
    """Ranks 1, 2, 4, 10, 11 and none give these shares, and the mean of the reciprocal ranks."""
    found = report([outcome(rank) for rank in (1, 2, 4, 10, 11, None)], relevant_from=0.0).found
    assert {name: round(figure.value, 6) for name, figure in found.items()} == {
        "page_hit_1": round(1 / 6, 6),
        "page_hit_3": round(2 / 6, 6),
        "page_hit_5": round(3 / 6, 6),
        "page_hit_10": round(4 / 6, 6),
        "mrr_10": round((1 + 1 / 2 + 1 / 4 + 1 / 10) / 6, 6),
        "evidence_2000": round(5 / 6, 6),
        "document_first": 0.0,
    }


def test_abstention():
    """Precision is the unanswerable share of refused questions, recall the refused share of unanswerable."""
    asked = [outcome(1, relevance=0.9), outcome(1, relevance=0.1), outcome(1, relevance=0.5)]
    asked += [unanswerable(relevance=relevance) for relevance in (0.1, 0.2, 0.4, 0.8)]
    abstention = report(asked, relevant_from=0.5).abstention
    assert abstention is not None and abstention.precision is not None
    assert abstention.precision.value == pytest.approx(3 / 4)
    assert abstention.recall.value == pytest.approx(3 / 4)
    never = report(asked, relevant_from=0.0).abstention
    assert never is not None
    assert (never.precision, never.recall.value) == (None, 0.0)
    assert report(asked[:3], relevant_from=0.5).abstention is None


def test_nothing_found_is_below_any_threshold():
    """A question that finds no passage at all is not answered, whatever the threshold; as in the chat."""
    asked = [outcome(1), unanswerable(relevance=-1.0)]
    abstention = report(asked, relevant_from=0.0).abstention
    assert abstention is not None
    assert abstention.recall.value == 1.0


def test_latency():
    """The median and the 95th percentile are over all questions, answerable or not."""
    asked = [replace(outcome(1), seconds=at / 100) for at in range(1, 101)]
    found = report(asked, relevant_from=0.0)
    assert found.seconds_p50 == pytest.approx(0.505)
    assert found.seconds_p95 == pytest.approx(0.9505)


def test_intervals_are_the_same_in_every_run():
    """The resamples are seeded: the same outcomes have the same intervals, to the last digit."""
    asked = [outcome(rank) for rank in (1, 2, None, 7) * 10]
    assert report(asked, relevant_from=0.0) == report(asked, relevant_from=0.0)


def test_intervals_are_as_wide_as_they_should_be():
    """For 400 questions half of which hit, 95 % of resamples lie within 1.96 standard errors."""
    figure = report([outcome(1), outcome(None)] * 200, relevant_from=0.0).found["page_hit_1"]
    error = 1.96 * np.sqrt(0.25 / 400)
    assert figure.low == pytest.approx(0.5 - error, abs=0.01)
    assert figure.high == pytest.approx(0.5 + error, abs=0.01)


def test_compare():
    """Gained: its page came into the first five. Lost: it left them. The rest is no change."""
    before = [outcome(rank, words=words) for words, rank in zip("abcdf", (None, 1, 6, 2, 9), strict=True)]
    after = [outcome(rank, words=words) for words, rank in zip("abcde", (3, 6, 5, 4, 1), strict=True)]
    found = compare(before, after)
    assert [change.question.question for change in found.gained] == ["a", "c"]
    assert [(change.question.question, change.before, change.after) for change in found.lost] == [("b", 1, 6)]
    assert (found.questions, found.only_one_run) == (4, 2)
    assert found.difference["page_hit_5"].value == pytest.approx(1 / 4)


def test_a_run_compared_with_itself_differs_in_nothing():
    """The interval is paired: questions without a change do not widen it."""
    run = [outcome(rank, words=words) for words, rank in zip("abcd", (None, 1, 6, 2), strict=True)]
    for figure in compare(run, run).difference.values():
        assert (figure.value, figure.low, figure.high) == (0, 0, 0)


@pytest.mark.parametrize(
    ("file", "library", "found"),
    [
        pytest.param("a.pdf", "", {"a", "b"}, id="by name, in both libraries"),
        pytest.param("a.pdf", "m", {"b"}, id="in the library it names"),
        pytest.param("a", "l", {"a"}, id="without the suffix"),
        pytest.param("reports/a.pdf", "l", {"a"}, id="by path"),
        pytest.param("/home/me/a.pdf", "l", {"a"}, id="from another place"),
        pytest.param("b.pdf", "", set(), id="not there"),
        pytest.param("", "", set(), id="none meant"),
    ],
)
def test_documents_of(file, library, found):
    """A question's file is found by its path, its name or its stem."""
    documents = [DOCUMENT, replace(DOCUMENT, id="b", library="m")]
    assert documents_of(Question("?", file, (1,), library), documents) == found


def test_the_right_document_given():
    """Given the document, only that one is searched; a missing one finds nothing and is named."""
    scopes: list[Scope] = []

    def retrieve(question, scope):
        scopes.append(scope)
        return passages("a1") if "a" in scope.documents else []

    asked = [Question("?", "a.pdf", (1,)), Question("?", "gone.pdf", (1,))]
    outcomes = ask(
        asked, retrieve=retrieve, documents=[DOCUMENT], library="l", given_document=True,
        count=len, on_progress=lambda done: None,
    )  # fmt: skip
    assert [one.page_rank for one in outcomes] == [1, None]
    assert all(scope.documents and scope.libraries == ("l",) for scope in scopes)
    found = report(outcomes, relevant_from=0.0)
    assert (found.missing, found.missing_questions, found.questions) == (("gone.pdf",), 1, 2)


def judged(found):
    return judge(QUESTION, found, right=frozenset("a"), count=lambda text: len(text.split()), seconds=0.1)
