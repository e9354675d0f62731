"""Measure the citations of what a small model wrote: python -m tests.answering.labelled.model_answers

SmolLM2 (135 million parameters) answered questions over the sample libraries, put rows and fields into
sentences and rephrased sentences of their pages. A reader labelled each by the passages that it came with:

supported    the passages say all of it; `quote` is the place
partly       they say one half (`quote`) and not the other (`fails`)
unsupported  they say none of it, or something else; `kind` is what is wrong
nothing      it is a heading, the beginning of a list, code or a tag, which needs no citation

Each is of one `part`. Rules were made while looking at "developed" and "developed 2"; the others were
labelled before any rule had seen them, and docs/performance.md has the figures of that first look.

`model_altered.jsonl` has supported sentences in which a program changed one thing: a figure, a unit, a name,
a "not" or a comparative.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docent.answering.citing.citations import cite
from docent.types import Passage

HERE = Path(__file__).parent
PARTS = ("developed", "blind", "fresh", "developed 2", "blind 2", "blind 3", "blind 4", "blind 5")
CHANGED = frozenset({"figure", "unit", "date", "name"})
"""Kinds of mistakes that a citation must never stand for."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A labelled sentence, and the result of citing it."""

    label: str
    kind: str
    sentence: str
    cited: bool
    """Some of it has a mark."""
    right: bool
    """The characters cited hold the quote, and nothing is cited that is not said."""
    marked: bool
    """Some of it is reported as unsupported."""
    part: str

    @property
    def whole(self) -> bool:
        return self.cited and not self.marked


def judged(folder: Path = HERE) -> list[Judged]:
    passages = {row["id"]: _passage(row) for row in _rows(folder / "model_passages.jsonl")}
    return [_judge(row, passages) for row in _rows(folder / "model_sentences.jsonl")]


def altered() -> dict[str, tuple[int, int]]:
    """Return for each kind of alteration how many sentences are cited as a whole, and how many there are."""
    passages = {row["id"]: _passage(row) for row in _rows(HERE / "model_passages.jsonl")}
    counts: dict[str, tuple[int, int]] = {}
    for row in _rows(HERE / "model_altered.jsonl"):
        found = cite(row["sentence"], [passages[name] for name in row["passages"]], closely=True)
        cited, total = counts.get(row["kind"], (0, 0))
        counts[row["kind"]] = (cited + bool(found.citations and not found.unsupported), total + 1)
    return counts


def _judge(row: dict[str, Any], passages: dict[str, Passage]) -> Judged:
    cited = cite(row["sentence"], [passages[name] for name in row["passages"]], closely=True)
    quote, fails = _plain(row["quote"]), _plain(row.get("fails", ""))
    marked = _plain(" ".join(cited.unsupported))
    right = bool(quote) and any(quote in _plain(citation.quote) for citation in cited.citations)
    if row["label"] == "partly":  # the half that fails is reported
        right = right and fails in marked
    return Judged(
        label=row["label"],
        kind=row.get("kind", ""),
        sentence=row["sentence"],
        cited=bool(cited.citations),
        right=right and row["label"] != "unsupported",
        marked=bool(marked),
        part=row["part"],
    )


def _plain(text: str) -> str:
    return " ".join(text.split()).lower()


@dataclass(frozen=True, slots=True)
class Measures:
    sentences: int
    precision: float
    """Share of the cited sentences and halves that are supported where they are cited."""
    recall: float
    """Share of the supported sentences that are rightly cited, as a whole."""
    marked_precision: float
    """Share of the marked sentences that are indeed not supported, or not wholly."""
    marked_recall: float
    """Share of the sentences that are not wholly supported that are marked."""
    changed: int
    """Sentences with a wrong figure, unit, day or name that are cited as a whole."""


def measured(rows: Sequence[Judged]) -> Measures:
    rows = [row for row in rows if row.label != "nothing"]
    cited = [row for row in rows if row.cited]
    right = sum(row.right or (row.label == "supported" and row.marked) for row in cited)
    supported = [row for row in rows if row.label == "supported"]
    marked = [row for row in rows if row.marked]
    others = [row for row in rows if row.label != "supported"]
    return Measures(
        sentences=len(rows),
        precision=right / len(cited),
        recall=sum(row.whole and row.right for row in supported) / len(supported),
        marked_precision=sum(row.label != "supported" for row in marked) / len(marked),
        marked_recall=sum(row.marked for row in others) / len(others),
        changed=sum(row.whole and row.kind in CHANGED for row in rows),
    )


def _passage(row: dict[str, Any]) -> Passage:
    return Passage(
        chunk_id=row["id"], document_id=row["id"], file=row["file"], library=row["library"], page=1,
        page_label="", place="p. 1", heading="", header=row["header"], text=row["text"], start=0,
        end=len(row["text"]), score=0.0,
    )  # fmt: skip


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path, default=HERE, help="another folder with files of these names")
    args = parser.parse_args()
    rows = judged(args.folder)
    for part in PARTS:
        if of_part := [row for row in rows if row.part == part]:
            print(part, measured(of_part))
    if args.folder == HERE:
        print("altered, cited as a whole:", altered())
    for row in rows:
        wrong = not (row.whole and row.right) if row.label == "supported" else row.whole or not row.marked
        if wrong and row.part == "developed":
            flags = f"cited={row.cited:d} right={row.right:d} marked={row.marked:d}"
            print(f"  {row.label:12} {row.kind:8} {flags}  {row.sentence}")


if __name__ == "__main__":
    main()
