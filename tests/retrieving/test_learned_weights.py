"""Learned weights count where their library is searched alone, or for all together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from docent.errors import InputError
from docent.retrieving import DEFAULT_WEIGHTS, LearnedWeights
from docent.retrieving.learned_weights import LEARNED, TOGETHER, LearnedStep

HOME, ALL = replace(DEFAULT_WEIGHTS, title=0.5), replace(DEFAULT_WEIGHTS, title=0.1)


def step(library, weights):
    return LearnedStep("2026-11-30", library, weights, 30, 9, {"mrr_10": (0.1, 0.05, 0.2)})


@pytest.fixture
def learned(tmp_path) -> LearnedWeights:
    learned = LearnedWeights(tmp_path)
    learned.add(step("home", HOME))
    return learned


def test_of_one_library(learned, tmp_path):
    """They count for questions in their library alone: never in a search over several, or in another."""
    assert learned.of(["home"]) == HOME
    assert learned.of(["home", "work"]) == learned.of(["work"]) == learned.of([]) == DEFAULT_WEIGHTS
    assert LearnedWeights(tmp_path).of({"home"}) == HOME


def test_of_all_together(learned):
    """Those of all together count for several libraries, and for one that has none of its own."""
    learned.add(step(TOGETHER, ALL))
    assert learned.of(["home", "work"]) == learned.of(["work"]) == ALL
    assert learned.of(["home"]) == HOME


def test_undo(learned, tmp_path):
    """The step before counts again, in every process."""
    other = LearnedWeights(tmp_path)
    learned.add(step("home", ALL))
    assert other.of(["home"]) == ALL
    assert learned.undo("home") == step("home", ALL)
    assert other.of(["home"]) == HOME
    assert learned.undo("home") and learned.undo("home") is None
    assert other.of(["home"]) == DEFAULT_WEIGHTS


def test_a_damaged_file(learned, tmp_path):
    """The file is named, and what to do; a weight of another version is left out."""
    text = (tmp_path / LEARNED).read_text()
    (tmp_path / LEARNED).write_text(text.replace('"title"', '"colour"'))
    assert learned.of(["home"]) == DEFAULT_WEIGHTS
    (tmp_path / LEARNED).write_text(text[:40])
    with pytest.raises(InputError, match=r"learned-weights.json is damaged .* Remove it"):
        learned.of(["home"])
