"""`docent ask`, `docent search` and `docent pull`: the chat's work, without the browser."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from docent.cli.answer_view import Showing
from docent.cli.documents import named
from docent.cli.options import CLEAR_LINE, add_filters, add_library, positive, print_json, scope
from docent.errors import InputError
from docent.json_output import ask_json, passage_json
from docent.settings import Settings
from docent.types import Answer, Answered, AnswerRequest, Event, Notice, StepProgress

if TYPE_CHECKING:  # imported late: `--help` should not wait for the libraries
    from docent.app import Docent


def define_ask(command: argparse.ArgumentParser) -> None:
    command.add_argument("question")
    command.add_argument(
        "--no-model", action="store_true", help="answer with the best sentences found, no model"
    )
    add_library(command)
    add_filters(command)


def define_search(command: argparse.ArgumentParser) -> None:
    command.add_argument("question")
    command.add_argument("--limit", type=positive, default=10, metavar="N", help="most passages (default 10)")
    command.add_argument("--document", metavar="FILE", help="only in the document of this file name")
    add_library(command)
    add_filters(command)


def define_pull(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", nargs="?", default="", help="its name (default: the one of the settings)")


def run_ask(arguments: argparse.Namespace) -> None:
    from docent.app import open_docent

    with open_docent(Settings.read()) as docent:
        docent.check_library(arguments.library)
        if not arguments.no_model and sys.stdin.isatty() and sys.stderr.isatty():
            asyncio.run(_offer_model(docent))
        answer = asyncio.run(_answered(docent, arguments))
    if arguments.json:
        print_json(ask_json(answer))


async def _answered(docent: Docent, arguments: argparse.Namespace) -> Answer:
    showing = Showing()
    request = AnswerRequest(
        question=arguments.question, scope=scope(arguments), use_model=not arguments.no_model
    )
    async for event in docent.answer(request):
        if not arguments.json:
            showing.take(event)
        elif isinstance(event, Notice):
            print(event.text, file=sys.stderr)
        if isinstance(event, Answered):
            return event.answer
    raise InputError("No answer came. Ask again; if it stays so, run: python -m docent doctor")


async def _offer_model(docent: Docent) -> None:
    """Where the server is there and only the model is missing, fetch it if the person wants that."""
    status = await docent.check_model()
    if not status.can_pull:
        return
    print(
        f"{status.sentence}\nFetch it now? It may be several GB. [y/N] ", end="", file=sys.stderr, flush=True
    )
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        await _pulled(docent.pull_model())


async def _pulled(steps: AsyncIterator[Event]) -> None:
    async for event in steps:
        if isinstance(event, StepProgress):
            print(f"{CLEAR_LINE}{bar(event)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def bar(progress: StepProgress) -> str:
    """How far a model has come; the server does not know the size of everything it does."""
    if not progress.total:
        return progress.what
    share = progress.done / progress.total
    size = f"{progress.done / 1e9:.1f} of {progress.total / 1e9:.1f} GB"
    return f"{progress.what}  {'█' * int(20 * share):░<20} {share:4.0%}  {size}"


def run_pull(arguments: argparse.Namespace) -> None:
    from docent.app import open_model

    settings = Settings.read()
    asyncio.run(_pulled(open_model(settings, name=arguments.model, url=settings.pull_url).pull()))


def run_search(arguments: argparse.Namespace) -> None:
    from docent.answering import left_out
    from docent.app import open_docent

    with open_docent(Settings.read()) as docent:
        docent.check_library(arguments.library)
        documents: tuple[str, ...] = ()
        if arguments.document:
            documents = tuple(document.id for document in named(docent, arguments, arguments.document))
        passages = docent.retrieve(arguments.question, scope(arguments, documents=documents), arguments.limit)
    if unsearched := left_out(arguments.question):
        print(unsearched, file=sys.stderr)
    if arguments.json:
        print_json([passage_json(rank, passage) for rank, passage in enumerate(passages, 1)])
        return
    for rank, passage in enumerate(passages, 1):
        print(f"{rank}. {passage.where}  ({passage.library}, {passage.score:.3f})")
        print("   " + " ".join(passage.text.split())[:300] + "\n")
    if not passages:
        print("Nothing found. `python -m docent list` shows what is searchable.", file=sys.stderr)
