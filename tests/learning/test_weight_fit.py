"""Weights are fitted to pairs, held near the defaults, and judged on documents that were left out."""

from __future__ import annotations

import random

import pytest

from docent.evaluating import Question
from docent.learning.held_out import judge_gain
from docent.learning.weight_fit import RankedQuestion, fit_weights, held_out_weights
from docent.retrieving.scoring import DEFAULT_WEIGHTS
from tests.evaluating.build import outcome
from tests.learning.build import candidate, pair


def questions(*, titles_tell: bool, count: int = 30) -> list[RankedQuestion]:
    """Questions whose page is the second by its words, and first by its title where titles tell."""
    chance = random.Random(1)
    ranked = []
    for n in range(count):
        right = f"d{n}"
        others = [candidate(f"x{n}-{at}", words=chance.uniform(0.3, 1.0), title=0.2) for at in range(9)]
        title = 0.6 if titles_tell else chance.uniform(0.0, 0.4)
        ranked.append(
            RankedQuestion(pair(f"{n}?", right), [*others, candidate(right, words=0.7, title=title)])
        )
    return ranked


def reciprocal_rank(ranked: RankedQuestion, weights) -> float:
    order = [document for document, _ in ranked.page_order(weights)]
    return 1 / (1 + order.index(ranked.pair.group))


def test_a_signal_that_tells_counts_more():
    """Where headings tell the right page, their weight grows, and pages of documents left out rise."""
    ranked = questions(titles_tell=True)
    assert fit_weights(ranked).title > 2 * DEFAULT_WEIGHTS.title
    weights = held_out_weights(ranked)
    assert weights.keys() == {each.pair.group for each in ranked}
    before = sum(reciprocal_rank(each, DEFAULT_WEIGHTS) for each in ranked) / len(ranked)
    after = sum(reciprocal_rank(each, weights[each.pair.group]) for each in ranked) / len(ranked)
    assert after > before + 0.15


def test_chance_moves_little():
    """Where no signal tells more than by default, the weights stay near the defaults."""
    fitted = fit_weights(questions(titles_tell=False))
    assert abs(fitted.title - DEFAULT_WEIGHTS.title) < DEFAULT_WEIGHTS.title
    assert fitted.page == DEFAULT_WEIGHTS.page  # shapes the search before, so it is not fitted


def test_nothing_to_learn_from():
    """Where no question has its page among the candidates, the defaults stay."""
    lost = [RankedQuestion(pair("?", "d"), [candidate("x", words=1.0), candidate("y", words=0.5)])]
    assert fit_weights(lost) == DEFAULT_WEIGHTS


def gain(before: list[int], after: list[int], documents: list[str], *, relevances=(1.0, 1.0)):
    old = [outcome(rank, relevance=relevances[0]) for rank in before]
    new = [outcome(rank, relevance=relevances[1]) for rank in after]
    return judge_gain(old, new, documents, relevant_from=0.2)


EACH = [f"d{n}" for n in range(20)]


@pytest.mark.parametrize(
    ("judged", "kept"),
    [
        pytest.param(gain([3] * 20, [1] * 20, EACH), True, id="every page rises"),
        pytest.param(gain([2] * 20, [2] * 20, EACH), False, id="nothing changes"),
        pytest.param(gain([2] * 20, [1] + [2] * 19, EACH), False, id="one of twenty rises"),
        pytest.param(
            gain([2] * 20, [1] * 11 + [2] * 9, ["a"] * 11 + EACH[:9]),
            False,
            id="all gains are in one document",
        ),
        pytest.param(
            gain([3] * 20, [1] * 20, EACH, relevances=(1.0, 0.1)), False, id="found, but then not answered"
        ),
    ],
)
def test_kept_only_beyond_chance(judged, kept):
    """Learning is kept if pages of left-out documents rise beyond chance, and no more is refused."""
    assert judged.is_kept is kept


def test_the_question_is_the_pairs():
    """A page is right if it is one of the pair's, in any of its documents."""
    ranked = RankedQuestion(pair("?", "d", page=2), [])
    assert ranked.is_right(candidate("d", words=1.0, page=2))
    assert not ranked.is_right(candidate("d", words=1.0, page=1))
    assert ranked.pair.question == Question("?", "d.pdf", (2,), "home")
