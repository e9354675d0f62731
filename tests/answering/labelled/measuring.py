"""How well citations agree with a careful reader.  python -m tests.answering.labelled.measuring"""

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
    """A labelled sentence, and what became of it."""

    label: str
    sentence: str
    cited: bool
    right: bool
    """Cited, and the characters cited hold what supports it."""
    told: bool
    """Marked as unsupported, or a figure or name in it as doubtful."""


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
    """Every sentence against the passages of its neighbourhood, as an answer is: eight at a time.

    `part` 0 or 1 takes every second sentence: one half to develop with, the other to report on.
    `which` is "blind_" or "rows_" for sentences over the samples, written and labelled before they were
    cited; the latter half about tables, whose rows they copy, join into a sentence or speak out. In "facts_"
    each puts together what several lines of a list say.
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
        told = bool(cited.unsupported or cited.doubtful)
        yield Judged(row["label"], row["sentence"], bool(cited.citations), right, told)


@dataclass(frozen=True, slots=True)
class Measures:
    precision: float
    """Of the sentences that carry a number and no warning: how many a passage supports, rightly cited."""
    recall: float
    """Of the sentences that a passage supports: how many are rightly cited, with no warning."""
    told: dict[str, float]
    """By label: how many are marked as unsupported or doubtful."""


def measured(part: int | None = None, *, which: str = "") -> Measures:
    rows = list(judged(part, which=which))
    clean = [row for row in rows if row.cited and not row.told]
    good = [row for row in clean if row.label == "supported" and row.right]
    count = Counter(row.label for row in rows)
    told = Counter(row.label for row in rows if row.told)
    return Measures(
        precision=len(good) / len(clean),
        recall=len(good) / count["supported"],
        told={label: told[label] / count[label] for label in count},
    )


def _rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (HERE / name).read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    for name, part in (("development half", 0), ("reported half", 1), ("all", None)):
        found = measured(part)
        told = ", ".join(f"{label} {share:.0%}" for label, share in found.told.items())
        print(f"{name}: precision {found.precision:.3f}, recall {found.recall:.3f}; marked: {told}")
    for which in (BLIND, ROWS, FACTS):
        blind = measured(which=which)
        told = ", ".join(f"{label} {share:.0%}" for label, share in blind.told.items())
        print(f"{which}: precision {blind.precision:.3f}, recall {blind.recall:.3f}; marked: {told}")
    for row in (*judged(0), *judged(which=BLIND), *judged(which=ROWS), *judged(which=FACTS)):
        wrong = not row.right or row.told if row.label == "supported" else not row.told
        if wrong:
            print(f"  {row.label:12} cited={row.cited} right={row.right} told={row.told}  {row.sentence}")
