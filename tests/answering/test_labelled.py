"""Citations agree with a careful reader; docs/performance.md has the measured figures."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.answering.labelled import model_answers
from tests.answering.labelled.measuring import BLIND, FACTS, ROWS, judged, measured

PERFORMANCE = Path(__file__).parents[2] / "docs" / "performance.md"


def test_the_set_is_large_and_mixed():
    """At least a hundred sentences: supported, half supported, unsupported, and with something changed."""
    labels = Counter(row.label for row in judged())
    assert labels.total() >= 100
    assert min(labels.values()) >= 9
    assert set(labels) == {"supported", "half", "unsupported", "number"}


def test_citations_agree_with_a_careful_reader():
    """Sentences cited without a warning are supported there; supported sentences are cited there."""
    found = measured()
    assert found.precision >= 0.97
    assert found.recall >= 0.93
    assert found.warned["number"] >= 0.93
    assert found.warned["half"] >= 0.9
    assert found.warned["unsupported"] >= 0.9
    assert found.warned["supported"] <= 0.07
    blind = measured(which=BLIND)
    assert min(blind.precision, blind.recall) >= 0.85
    rows = measured(which=ROWS)
    assert min(rows.precision, rows.recall) >= 0.9
    facts = measured(which=FACTS)
    assert min(facts.precision, facts.recall) >= 0.95


def test_the_table_in_the_docs_has_the_measured_figures():
    """Every row of the table is measured again here; a change of the rules changes the table."""
    text = PERFORMANCE.read_text(encoding="utf-8")
    for found in (*map(measured, (0, 1, None)), *(measured(which=name) for name in (BLIND, ROWS, FACTS))):
        warned = " | ".join(
            f"{found.warned[label]:.0%}" for label in ("supported", "half", "number", "unsupported")
        )
        assert f"| {found.precision:.3f} | {found.recall:.3f} | {warned} |" in text


def test_what_a_small_model_invents_is_rarely_cited():
    """Where most sentences are invented, nearly all cited ones are supported, and most others are marked."""
    rows = model_answers.judged()
    text = PERFORMANCE.read_text(encoding="utf-8")
    for part in model_answers.PARTS:
        found = model_answers.measured([row for row in rows if row.part == part])
        assert found.precision >= 0.87
        assert found.marked_recall >= 0.9
        assert found.changed == 0
        cited = f"{found.precision:.3f} / {found.recall:.3f}"
        marked = f"{found.marked_precision:.3f} / {found.marked_recall:.3f}"
        assert f"| {cited} | {marked} | {found.changed} |" in text
    whole = model_answers.measured(rows)
    assert whole.precision >= 0.95
    assert whole.recall >= 0.8
    nothing = [row for row in rows if row.label == "nothing"]
    assert sum(row.cited for row in nothing) <= 0.2 * len(nothing)


def test_an_altered_sentence_is_hardly_ever_cited():
    """No figure, unit or name that was changed is cited, and next to no "not" or comparative."""
    altered = model_answers.altered()
    assert sum(total for _, total in altered.values()) >= 250
    assert [altered[kind][0] for kind in ("figure", "unit", "name")] == [0, 0, 0]
    assert all(cited <= 0.05 * total for cited, total in altered.values())
    text = PERFORMANCE.read_text(encoding="utf-8")
    for kind, (cited, total) in altered.items():
        assert f"| {kind} ({total}) |" in text and f"| {cited} |" in text
