"""`docent ask`, `docent search` and `docent pull`: answers and passages in a terminal."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import unicodedata
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

from docent.cli import CLEAR_LINE, add_filters, add_library, positive, print_json, scope
from docent.cli.document_commands import documents_named
from docent.errors import InputError
from docent.settings import Settings
from docent.types import (
    Answer,
    Answered,
    AnswerRequest,
    Citation,
    Event,
    Notice,
    StepProgress,
    Token,
    ask_json,
    passage_json,
)

if TYPE_CHECKING:  # imported late: `--help` should not wait for the libraries
    from docent.app import Docent

CHECKED = "The same with its numbers checked:"


# --- ask -----------------------------------------------------------------------------------


def define_ask(command: argparse.ArgumentParser) -> None:
    command.add_argument("question")
    command.add_argument(
        "--no-model", action="store_true", help="answer with the best sentences found, no model"
    )
    add_library(command)
    add_filters(command)
    command.epilog = "Exit code: 0 answered, 2 no answer, or only a part of one."


def run_ask(arguments: argparse.Namespace) -> int:
    from docent.app import open_docent

    with open_docent(Settings.read()) as docent:
        docent.check_library(arguments.library)
        if not arguments.no_model and sys.stdin.isatty() and sys.stderr.isatty():
            asyncio.run(_offer_model(docent))
        answer = asyncio.run(_answer(docent, arguments))
    if arguments.json:
        print_json(ask_json(answer))
    if answer.receipt.broken_off:
        sys.stdout.flush()
        print(answer.receipt.broken_off, file=sys.stderr)
        return 2
    return 0


async def _offer_model(docent: Docent) -> None:
    """Offer to fetch the model if only that is missing."""
    status = await docent.check_model()
    if not status.can_pull:
        return
    print(
        f"{status.sentence}\nFetch it now? It may be several GB. [y/N] ", end="", file=sys.stderr, flush=True
    )
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        await _show_pull(docent.pull_model())


async def _answer(docent: Docent, arguments: argparse.Namespace) -> Answer:
    printer = AnswerPrinter()
    request = AnswerRequest(
        question=arguments.question, scope=scope(arguments), use_model=not arguments.no_model
    )
    async for event in docent.answer(request):
        if not arguments.json:
            printer.take(event)
        elif isinstance(event, Notice):
            print(event.text, file=sys.stderr)
        if isinstance(event, Answered):
            return event.answer
    raise InputError("No answer came. Ask again; if that does not help, run: python -m docent doctor")


class AnswerPrinter:
    """Print an answer as it comes, and in the end as it was checked.

    Citation numbers are checked only at the end, so at a terminal the checked text then replaces the
    streamed one; a file or another program gets the checked text alone.
    """

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()
        self._streamed = ""
        self._notices: list[str] = []
        self._shows_progress = False

    def take(self, event: Event) -> None:
        match event:
            case Token(text) if self._live:
                self._clear_progress()
                print(text, end="", flush=True)
                self._streamed += text
            case StepProgress(what, done, total) if sys.stderr.isatty():
                print(f"{CLEAR_LINE}{what}: {done} of {total}", end="", file=sys.stderr, flush=True)
                self._shows_progress = True
            case Notice(text):
                self._notices.append(text)
            case Answered(answer):
                self._clear_progress()
                self._finish(answer)

    def _clear_progress(self) -> None:
        if self._shows_progress:
            print(CLEAR_LINE, end="", file=sys.stderr, flush=True)
            self._shows_progress = False

    def _finish(self, answer: Answer) -> None:
        if self._streamed.strip() != answer.text:
            self._clear_streamed()
            print(answer.text, end="")
        print("\n", flush=True)
        for text in self._notices:
            print(text, file=sys.stderr, flush=True)
        if self._notices and answer.citations:
            print(file=sys.stderr, flush=True)
        for line in source_lines(answer):
            print(line)

    def _clear_streamed(self) -> None:
        """Remove the streamed text if all of it is still on the screen."""
        if not self._streamed:
            return
        size = shutil.get_terminal_size()
        rows = sum(max(1, -(-_width(line) // size.columns)) for line in self._streamed.split("\n"))
        if rows < size.lines:
            up = f"\033[{rows - 1}A" if rows > 1 else ""
            print(f"\r{up}\033[J", end="")
        else:
            print(f"\n\n{CHECKED}\n")


def source_lines(answer: Answer) -> Iterator[str]:
    """Yield each citation number with its place and those quotes that the answer does not repeat."""
    text = " ".join(answer.text.split())
    by_number: dict[int, list[Citation]] = defaultdict(list)
    for citation in answer.citations:
        by_number[citation.n].append(citation)
    for n, citations in by_number.items():
        quotes = dict.fromkeys(" ".join(citation.quote.split()) for citation in citations)
        shown = " … ".join(quote for quote in quotes if quote not in text)
        yield f"[{n}] {citations[0].where}" + (f": {shown}" if shown else "")


def _width(line: str) -> int:
    """Return how many columns of a terminal a line takes."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in line)


# --- search --------------------------------------------------------------------------------


def define_search(command: argparse.ArgumentParser) -> None:
    command.add_argument("question")
    command.add_argument("--limit", type=positive, default=10, metavar="N", help="most passages (default 10)")
    command.add_argument("--document", metavar="FILE", help="only in the document of this file name")
    add_library(command)
    add_filters(command)


def run_search(arguments: argparse.Namespace) -> None:
    from docent.app import open_docent
    from docent.retrieving.query import shortened_notice

    with open_docent(Settings.read()) as docent:
        docent.check_library(arguments.library)
        documents: tuple[str, ...] = ()
        if arguments.document:
            named = documents_named(docent, arguments, arguments.document)
            documents = tuple(document.id for document in named)
        within = scope(arguments, documents=documents)
        passages = docent.search(arguments.question, scope=within, limit=arguments.limit)
    if unsearched := shortened_notice(arguments.question):
        print(unsearched, file=sys.stderr)
    if arguments.json:
        print_json([passage_json(rank, passage) for rank, passage in enumerate(passages, 1)])
        return
    for rank, passage in enumerate(passages, 1):
        print(f"{rank}. {passage.where}  ({passage.library}, {passage.score:.3f})")
        print("   " + " ".join(passage.text.split())[:300] + "\n")
    if not passages:
        print("Nothing found. `python -m docent list` shows what is searchable.", file=sys.stderr)


# --- pull ----------------------------------------------------------------------------------


def define_pull(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", nargs="?", default="", help="its name (default: the one of the settings)")


def run_pull(arguments: argparse.Namespace) -> None:
    from docent.app import open_model

    settings = Settings.read()
    asyncio.run(_show_pull(open_model(settings, name=arguments.model, url=settings.pull_url).pull()))


async def _show_pull(steps: AsyncIterator[Event]) -> None:
    async for event in steps:
        if isinstance(event, StepProgress):
            print(f"{CLEAR_LINE}{progress_bar(event)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def progress_bar(progress: StepProgress) -> str:
    """Return a line on how much of a model is fetched; some steps have no known size."""
    if not progress.total:
        return progress.what
    share = progress.done / progress.total
    size = f"{progress.done / 1e9:.1f} of {progress.total / 1e9:.1f} GB"
    return f"{progress.what}  {'█' * int(20 * share):░<20} {share:4.0%}  {size}"
