"""Measure how well citations agree with a careful reader.  python -m tests.answering.labelled.measuring"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docent.answering.citing.citations import cite
from docent.types import Passage

BLIND = "blind_"
ROWS = "rows_"
FACTS = "facts_"
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Judged:
    """A labelled sentence, and the result of citing it."""

    label: str
    sentence: str
    cited: bool
    right: bool
    """Cited, and the cited characters hold the quote that supports it."""
    warned: bool
    """Reported as unsupported, or with a doubtful figure or name."""


def passages(which: str = "") -> list[Passage]:
    return [
        Passage(
            chunk_id=row["id"], document_id=row["id"], file=row["header"].partition(" | ")[0], library="l",
            page=1, page_label="", place="p. 1", heading="", header=row["header"], text=row["text"], start=0,
            end=len(row["text"]), score=0.0,
        )
        for row in _rows(f"{which}passages.jsonl")
    ]  # fmt: skip


def judged(part: int | None = None, *, which: str = "") -> Iterator[Judged]:
    """Cite every sentence against eight neighbouring passages, as many as an answer has.

    `part` 0 or 1 takes every second sentence: one half to develop with, the other to report on. `which`
    names another set, about the sample libraries and labelled before any of it was cited: BLIND, ROWS (half
    of them about tables, whose rows they copy, join or put into words) or FACTS (each puts together
    several fields of a list).
    """
    everything = passages(which)
    place = {passage.chunk_id: n for n, passage in enumerate(everything)}
    for n, row in enumerate(_rows(f"{which}sentences.jsonl")):
        if part is not None and n % 2 != part:
            continue
        at = place[row["passage"]]
        shown = [everything[(at + step) % len(everything)] for step in range(-4, 4)]
        cited = cite(row["sentence"], shown)
        right = any(
            one.chunk_id == row["passage"] and row["quote"] and row["quote"] in one.quote
            for one in cited.citations
        )
        warned = bool(cited.unsupported or cited.doubtful)
        yield Judged(row["label"], row["sentence"], bool(cited.citations), right, warned)


@dataclass(frozen=True, slots=True)
class Measures:
    precision: float
    """Share of the sentences with a mark and no warning that are supported where they are cited."""
    recall: float
    """Share of the supported sentences that are rightly cited, without a warning."""
    warned: dict[str, float]
    """Share of the sentences with each label that have a warning."""


def measured(part: int | None = None, *, which: str = "") -> Measures:
    rows = list(judged(part, which=which))
    clean = [row for row in rows if row.cited and not row.warned]
    good = [row for row in clean if row.label == "supported" and row.right]
    count = Counter(row.label for row in rows)
    warned = Counter(row.label for row in rows if row.warned)
    return Measures(
        precision=len(good) / len(clean),
        recall=len(good) / count["supported"],
        warned={label: warned[label] / count[label] for label in count},
    )


def _rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (HERE / name).read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    sets = {"development half": (0, ""), "reported half": (1, ""), "all": (None, "")}
    for name, (part, which) in {**sets, **{name: (None, name) for name in (BLIND, ROWS, FACTS)}}.items():
        found = measured(part, which=which)
        warned = ", ".join(f"{label} {share:.0%}" for label, share in found.warned.items())
        print(f"{name}: precision {found.precision:.3f}, recall {found.recall:.3f}; warned: {warned}")
    for row in (*judged(0), *judged(which=BLIND), *judged(which=ROWS), *judged(which=FACTS)):
        wrong = not row.right or row.warned if row.label == "supported" else not row.warned
        if wrong:
            print(f"  {row.label:12} cited={row.cited} right={row.right} warned={row.warned}  {row.sentence}")
