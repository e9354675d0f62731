"""`docent golden`: the user's own questions whose pages are known, kept for `docent eval`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from docent.cli.options import add_library, print_json, scope
from docent.errors import InputError
from docent.settings import Settings

if TYPE_CHECKING:  # imported late: `--help` should not wait for the libraries
    from docent.app import Docent
    from docent.evaluating import Question


def define_golden(command: argparse.ArgumentParser) -> None:
    command.add_argument("what", choices=("add", "list", "remove"), help="what to do")
    command.add_argument("question", nargs="?", help="the question, as you would ask it")
    command.add_argument("--file", metavar="F", help="with add: the document that answers it")
    command.add_argument(
        "--page",
        type=int,
        action="append",
        metavar="N",
        help="with add: its page, counted from 1; repeatable",
    )
    add_library(command)


def run_golden(arguments: argparse.Namespace) -> None:
    from docent.app import open_docent

    if arguments.what != "list" and not (arguments.question or "").strip():
        raise InputError('Which question? python -m docent golden {what} "QUESTION"', what=arguments.what)
    with open_docent(Settings.read()) as docent:
        match arguments.what:
            case "add":
                said = [_added(docent, arguments)]
            case "remove":
                said = [docent.golden.remove(arguments.question, arguments.library or "")]
            case _:
                said = docent.golden.all(arguments.library or "")
    if arguments.json:
        print_json([asdict(one) for one in said])
        return
    for one in said:
        pages = ", ".join(map(str, one.pages))
        print(f"{one.library}  {one.file}, p. {pages}  {one.question}" if one.answerable else one.question)
    if not said:
        print(
            "No golden questions yet. Keep one with a thumbs-up in the chat, or with: "
            'python -m docent golden add "QUESTION" --file FILE --page N',
            file=sys.stderr,
        )


def _added(docent: Docent, arguments: argparse.Namespace) -> Question:
    """Checked against the library, so that a slip of the pen is not measured for ever."""
    from docent.evaluating import Question
    from docent.evaluating.run import documents_of

    if not arguments.file or not arguments.page:
        raise InputError("Where is the answer? Name the document with --file, and its page with --page.")
    docent.check_library(arguments.library)
    asked = Question(arguments.question, arguments.file, tuple(arguments.page), arguments.library or "")
    documents = docent.store.documents(scope(arguments))
    found = [one for one in documents if one.id in documents_of(asked, documents)]
    if not found:
        raise InputError(
            "No document is called {file!r}. `python -m docent list` shows every name.", file=arguments.file
        )
    if len({one.library for one in found}) > 1:
        names = ", ".join(sorted({one.library for one in found}))
        raise InputError(
            "{file!r} is in more than one library: {names}. Name one with --library.",
            file=arguments.file,
            names=names,
        )
    beyond = [page for page in asked.pages if not 1 <= page <= found[0].pages]
    if beyond:
        raise InputError(
            "{name} has {pages}, counted from 1; there is no page {beyond}.",
            name=found[0].name,
            pages=_pages(found[0].pages),
            beyond=beyond[0],
        )
    question = Question(asked.question, found[0].name, asked.pages, found[0].library)
    docent.golden.add(question)
    return question


def _pages(count: int) -> str:
    return "1 page" if count == 1 else f"{count} pages"
