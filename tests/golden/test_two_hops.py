"""The two-hop questions name the page of each hop, and what leads from one to the other stands on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.golden.test_golden import pages, rows

FILES = sorted((Path(__file__).parent / "two_hops").glob("*.jsonl"))
ROWS = [pytest.param(row, id=f"{file.stem}-{at}") for file in FILES for at, row in enumerate(rows(file), 1)]


def test_there_are_enough():
    """At least forty questions, half of them not looked at while the hops were tuned, each once."""
    sets = {file.stem: rows(file) for file in FILES}
    questions = [row["question"] for of_set in sets.values() for row in of_set]
    assert len(questions) == len(set(questions)) >= 40
    assert len(sets["held_out"]) == len(sets["tuned"])


@pytest.mark.parametrize("row", ROWS)
def test_each_hop_stands_on_its_page(row: dict[str, Any]):
    """Each hop has a library, a file, pages and words that stand on the first of them."""
    assert len(row["hops"]) == 2
    for hop in row["hops"]:
        text = pages(hop["library"], hop["file"])[hop["pages"][0] - 1]
        assert " ".join(hop["evidence"].split()) in text
