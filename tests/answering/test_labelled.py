"""Citations agree with a careful reader; the table in docs/performance.md is what is measured here."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.answering.labelled.measuring import BLIND, FACTS, ROWS, judged, measured

PERFORMANCE = Path(__file__).parents[2] / "docs" / "performance.md"


def test_the_set_is_large_and_mixed():
    """At least a hundred sentences: supported, half supported, unsupported, and with something changed."""
    labels = Counter(row.label for row in judged())
    assert labels.total() >= 100
    assert min(labels.values()) >= 9
    assert set(labels) == {"supported", "half", "unsupported", "number"}


def test_citations_agree_with_a_careful_reader():
    """What is cited without a warning is supported there; what is supported is cited there."""
    found = measured()
    assert found.precision >= 0.92
    assert found.recall >= 0.95
    assert found.told["number"] >= 0.93
    assert found.told["half"] >= 0.9
    assert found.told["unsupported"] >= 0.8
    assert found.told["supported"] <= 0.05
    blind = measured(which=BLIND)
    assert min(blind.precision, blind.recall) >= 0.85
    rows = measured(which=ROWS)
    assert min(rows.precision, rows.recall) >= 0.9
    facts = measured(which=FACTS)
    assert min(facts.precision, facts.recall) >= 0.95


def test_the_table_in_the_docs_is_what_is_measured():
    """Whoever changes how citations are found changes the table, too."""
    text = PERFORMANCE.read_text(encoding="utf-8")
    for found in (*map(measured, (0, 1, None)), *(measured(which=name) for name in (BLIND, ROWS, FACTS))):
        told = " | ".join(
            f"{found.told[label]:.0%}" for label in ("supported", "half", "number", "unsupported")
        )
        assert f"| {found.precision:.3f} | {found.recall:.3f} | {told} |" in text
