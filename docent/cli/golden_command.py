"""`docent golden`: keep questions of one's own, with their pages and answers, for `eval`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from docent.cli import add_library, print_json, scope
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
    command.add_argument("--answer", metavar="A", default="", help="with add: the answer, for eval --answers")
    add_library(command)


def run_golden(arguments: argparse.Namespace) -> None:
    from docent.app import open_docent

    if arguments.what != "list" and not (arguments.question or "").strip():
        raise InputError('Which question? python -m docent golden {what} "QUESTION"', what=arguments.what)
    with open_docent(Settings.read()) as docent:
        match arguments.what:
            case "add":
                questions = [_add_golden(docent, arguments)]
            case "remove":
                questions = [docent.golden.remove(arguments.question, arguments.library or "")]
            case _:
                questions = docent.golden.all(arguments.library or "")
    if arguments.json:
        print_json([asdict(question) for question in questions])
        return
    for question in questions:
        pages = ", ".join(map(str, question.pages))
        place = f"{question.library}  {question.file}, p. {pages}  " if question.answerable else ""
        print(f"{place}{question.question}")
    if not questions:
        print(
            "No golden questions yet. Keep one with a thumbs-up in the chat, or with: "
            'python -m docent golden add "QUESTION" --file FILE --page N',
            file=sys.stderr,
        )


def _add_golden(docent: Docent, arguments: argparse.Namespace) -> Question:
    """Keep a question after checking its file and pages, so that a typing error is not measured forever."""
    from docent.evaluating import Question
    from docent.evaluating.run import documents_of

    if not arguments.file or not arguments.page:
        raise InputError("Where is the answer? Name the document with --file, and its page with --page.")
    docent.check_library(arguments.library)
    named = Question(arguments.question, arguments.file, tuple(arguments.page), arguments.library or "")
    documents = docent.store.documents(scope(arguments))
    matching = [document for document in documents if document.id in documents_of(named, documents)]
    if not matching:
        raise InputError(
            "No document is called {file!r}. `python -m docent list` shows every name.", file=arguments.file
        )
    libraries = sorted({document.library for document in matching})
    if len(libraries) > 1:
        names = ", ".join(libraries)
        raise InputError(
            "{file!r} is in more than one library: {names}. Name one with --library.",
            file=arguments.file,
            names=names,
        )
    beyond = [page for page in named.pages if not 1 <= page <= matching[0].pages]
    if beyond:
        raise InputError(
            "{name} has {pages}, counted from 1; there is no page {beyond}.",
            name=matching[0].name,
            pages=_pages(matching[0].pages),
            beyond=beyond[0],
        )
    question = Question(
        named.question,
        matching[0].name,
        named.pages,
        matching[0].library,
        answer=arguments.answer.strip(),
    )
    docent.golden.add(question)
    return question


def _pages(count: int) -> str:
    return "1 page" if count == 1 else f"{count} pages"
