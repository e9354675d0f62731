"""Measure how often both pages of a two-hop question are found: by one search, and hop by hop.

    nice python -m bench.two_hops tests/golden/two_hops/*.jsonl --storage FOLDER [--model]
    nice python -m bench.two_hops --musique FILE --cache FOLDER

FOLDER is a storage into which data/ was ingested. FILE is a set in MuSiQue's form, of which every paragraph
becomes a document. Both ways may show the model as many passages. With --model, the language model of the
settings plans the hops; without, patterns do.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docent.app import Docent, open_docent
from docent.settings import Settings
from docent.types import Answered, AnswerRequest, Hop, Passage, PassagesFound, Scope, Token

SHOWN = 8
"""Passages, as many as the model is shown."""
RESAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class TwoHopQuestion:
    question: str
    pages: tuple[tuple[str, tuple[int, ...]], ...]
    """The file of each hop, with its pages."""


@dataclass(frozen=True, slots=True)
class Found:
    """The hops whose page was among the passages shown, and how the question was searched."""

    hops: tuple[bool, ...]
    facts: tuple[Hop, ...]
    seconds: float

    @property
    def both(self) -> bool:
        return all(self.hops)


def main() -> None:
    args = _arguments()
    print("| questions | n | cut | fact of its page | first page | second page | both: one search "
          "| hop by hop | difference, 95 % | s a question |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|")
    for path in args.files:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        questions = [
            TwoHopQuestion(row["question"], tuple((hop["file"], tuple(hop["pages"])) for hop in row["hops"]))
            for row in rows
        ]
        with open_docent(Settings.read().model_copy(update={"storage": args.storage})) as docent:
            measure(path.stem, questions, docent, args)
    if args.musique:
        questions, documents = read_musique(args.musique)
        with open_docent(Settings.read().model_copy(update=_folders(args.cache))) as docent:
            if not docent.documents():
                _write(documents, args.cache / "data")
                docent.ingest([args.cache / "data"])
            middle = len(questions) // 2
            measure(f"{args.musique.stem}, first half", questions[:middle], docent, args)
            measure(f"{args.musique.stem}, second half", questions[middle:], docent, args)


def measure(name: str, questions: Sequence[TwoHopQuestion], docent: Docent, args: argparse.Namespace) -> None:
    """Print one row of the table, and with --list a line for each question."""
    once, hopped = [], []
    for question in questions:
        once.append(search_once(question, docent))
        hopped.append(asyncio.run(search_in_hops(question, docent, use_model=args.model)))
        if args.list:
            facts = [hop.fact for hop in hopped[-1].facts]
            print(f"  {once[-1].hops} {hopped[-1].hops} {question.question} → {facts}")
    low, high = bootstrap([int(b.both) - int(a.both) for a, b in zip(once, hopped, strict=True)])
    n = len(questions)
    cut = [
        (question, found.facts[0]) for question, found in zip(questions, hopped, strict=True) if found.facts
    ]
    right = [(hop.citation.file, hop.citation.page) in _pages(question, 0) for question, hop in cut]
    cells = [
        name, n, len(cut), f"{sum(right) / max(len(right), 1):.2f}",
        *(f"{_share(once, at):.2f} → {_share(hopped, at):.2f}" for at in (0, -1)),
        f"{sum(found.both for found in once) / n:.2f}", f"{sum(found.both for found in hopped) / n:.2f}",
        f"{low:+.2f} to {high:+.2f}",
        f"{_median(once):.2f} → {_median(hopped):.2f}",
    ]  # fmt: skip
    print(f"| {' | '.join(map(str, cells))} |")


def search_once(question: TwoHopQuestion, docent: Docent) -> Found:
    started = time.perf_counter()
    passages = docent.retrieve(question.question, Scope())[:SHOWN]
    return Found(_hits(question, passages), (), time.perf_counter() - started)


async def search_in_hops(question: TwoHopQuestion, docent: Docent, *, use_model: bool) -> Found:
    """Search as an answer does, until its passages are found."""
    started = time.perf_counter()
    passages: Sequence[Passage] = ()
    facts: tuple[Hop, ...] = ()
    request = AnswerRequest(question=question.question, scope=Scope(), use_model=use_model)
    async with aclosing(docent.answer(request)) as events:
        async for event in events:
            match event:
                case PassagesFound():
                    passages, took = event.passages[:SHOWN], time.perf_counter() - started
                case Hop():
                    facts += (event,)
                case Token() | Answered():
                    break
    return Found(_hits(question, passages), facts, took)


def bootstrap(differences: Sequence[int]) -> tuple[float, float]:
    """Return the 95 % interval of the mean of paired differences."""
    draw = random.Random(0)
    means = sorted(
        sum(draw.choices(differences, k=len(differences))) / len(differences) for _ in range(RESAMPLES)
    )
    return means[int(0.025 * RESAMPLES)], means[int(0.975 * RESAMPLES)]


def read_musique(path: Path) -> tuple[list[TwoHopQuestion], dict[str, str]]:
    """Return the questions of a set in MuSiQue's form, and the text of each paragraph by a file name."""
    names: dict[str, str] = {}
    questions = []
    for row in json.loads(path.read_text(encoding="utf-8")):
        files: dict[int, str] = {}
        for paragraph in row["paragraphs"]:
            text = f"# {paragraph['title']}\n\n{paragraph['paragraph_text']}\n"
            files[paragraph["idx"]] = names.setdefault(text, f"{len(names):05}.md")
        steps = [files[step["paragraph_support_idx"]] for step in row["question_decomposition"]]
        questions.append(TwoHopQuestion(row["question"], tuple((file, (1,)) for file in steps)))
    return questions, {file: text for text, file in names.items()}


def _hits(question: TwoHopQuestion, passages: Sequence[Passage]) -> tuple[bool, ...]:
    found = {(passage.file, passage.page) for passage in passages}
    return tuple(any((file, page) in found for page in pages) for file, pages in question.pages)


def _pages(question: TwoHopQuestion, hop: int) -> list[tuple[str, int]]:
    file, pages = question.pages[hop]
    return [(file, page) for page in pages]


def _share(results: Sequence[Found], hop: int) -> float:
    return sum(found.hops[hop] for found in results) / len(results)


def _median(results: Sequence[Found]) -> float:
    return sorted(found.seconds for found in results)[len(results) // 2]


def _folders(cache: Path) -> dict[str, Any]:
    return {"storage": cache / "storage", "data": cache / "data"}


def _write(documents: dict[str, str], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in documents.items():
        (folder / file).write_text(text, encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--storage", type=Path, default=Path("storage"))
    parser.add_argument("--musique", type=Path)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--model", action="store_true")
    parser.add_argument("--list", action="store_true", help="show each question")
    return parser.parse_args()


if __name__ == "__main__":
    main()
