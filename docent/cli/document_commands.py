"""`docent list` and `docent delete`: list documents, show how each page was read, delete one."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from docent.cli import add_library, print_json, scope
from docent.errors import InputError, UnknownDocument
from docent.settings import Settings
from docent.types import Page, State, StoredDocument

if TYPE_CHECKING:  # imported late: `--help` should not wait for the libraries
    from docent.app import Docent


def define_list(command: argparse.ArgumentParser) -> None:
    command.add_argument("--coverage", metavar="FILE", help="page by page: how it was read, and what was not")
    add_library(command)


def define_delete(command: argparse.ArgumentParser) -> None:
    command.add_argument("document", help="file name or document id, as `list` shows them")
    command.add_argument(
        "--quotes",
        choices=("blank", "delete"),
        default="blank",
        help="blank the quotes of answers in conversations that quote it (the default), or delete them",
    )
    add_library(command)


def documents_named(docent: Docent, arguments: argparse.Namespace, name: str) -> list[StoredDocument]:
    """Return the documents of this id, name or path. Raises UnknownDocument."""
    documents = [
        document
        for document in docent.store.documents(scope(arguments))
        if name in (document.id, document.name) or name in document.paths
    ]
    if not documents:
        raise UnknownDocument(
            "No document is called {name!r}. `python -m docent list` shows every name.", name=name
        )
    return documents


def document_named(docent: Docent, arguments: argparse.Namespace, name: str) -> StoredDocument:
    documents = documents_named(docent, arguments, name)
    if len(documents) > 1:
        names = ", ".join(f"{document.id} ({document.library})" for document in documents)
        raise InputError("{name!r} is more than one document: {names}. Give the id.", name=name, names=names)
    return documents[0]


def run_list(arguments: argparse.Namespace) -> None:
    from docent.app import open_docent

    with open_docent(Settings.read()) as docent:
        docent.check_library(arguments.library)
        if arguments.coverage:
            _show_coverage(docent, arguments)
            return
        documents = docent.documents(scope=scope(arguments))
        failures = docent.store.failures(scope(arguments))
        older = sum(docent.is_older(document) for document in documents)
    if arguments.json:
        failed = [{**asdict(failure), "name": failure.path, "state": State.FAILED} for failure in failures]
        print_json([*(asdict(document) for document in documents), *failed])
        return
    for document in documents:
        unread = f", {document.unread_pages} unread" if document.unread_pages else ""
        reason = f"  ({document.reason})" if document.reason else ""
        pages = f"{document.pages} {'page' if document.pages == 1 else 'pages'}{unread}"
        print(f"{document.library}  {document.name}  {document.state}  {pages}{reason}  {document.id}")
    for failure in failures:
        print(f"{failure.library}  {failure.path}  failed  ({failure.reason})")
    if older:
        print(
            f"{older} of them were read by an older Docent. "
            "To read all again: python -m docent ingest --rebuild=full",
            file=sys.stderr,
        )
    if not documents and not failures:
        print("No documents yet. Put files into data/ and run: python -m docent ingest", file=sys.stderr)


def _show_coverage(docent: Docent, arguments: argparse.Namespace) -> None:
    if arguments.json:  # a list of the pages of one document
        document = document_named(docent, arguments, arguments.coverage)
        print_json(_rows(docent.store.pages(document.id, scope(arguments))))
        return
    for document in documents_named(docent, arguments, arguments.coverage):
        pages = docent.store.pages(document.id, scope(arguments))
        print(f"{document.library}  {document.name}")
        print(f"  {_summary(pages)}")
        for row in _rows(pages):
            hidden = f", {row['hidden']} hidden characters" if row["hidden"] else ""
            note = f"  {row['note']}" if row["note"] else ""
            print(f"  p. {row['page']}: {row['characters']} characters, {row['read_by']}{hidden}{note}")


def _rows(pages: list[Page]) -> list[dict[str, Any]]:
    return [
        {
            "page": page.number,
            "label": page.label,
            "characters": len(page.text),
            "read_by": page.read_by,
            "hidden": len(page.hidden),
            "note": page.note,
        }
        for page in pages
    ]


def _summary(pages: list[Page]) -> str:
    """Return how many pages were read in which way, and how many have hidden text."""
    ways = Counter(page.read_by.value for page in pages)
    hidden = sum(bool(page.hidden) for page in pages)
    names = {"text": "read as text", "ocr": "read by OCR", "empty": "empty", "failed": "unread"}
    parts = [f"{ways[way]} {name}" for way, name in names.items() if ways[way]]
    return ", ".join([*parts, *([f"{hidden} with hidden text, which is not searched"] if hidden else [])])


def run_delete(arguments: argparse.Namespace) -> int:
    from docent.app import open_docent

    with open_docent(Settings.read()) as docent:
        docent.check_library(arguments.library)
        document = document_named(docent, arguments, arguments.document)
        deletion = docent.store.delete(document.id, scope(arguments), quotes=arguments.quotes)
    if arguments.json:
        print_json(asdict(deletion))
    else:
        deleted = ", ".join(f"{count} {thing}" for thing, count in deletion.found.items())
        print(f"Deleted {deletion.name}: {deleted}. Left behind: {sum(deletion.left.values())}.")
        print(
            "The file itself was not touched; if it is still in data/, the next ingest adds it again.",
            file=sys.stderr,
        )
    return 1 if any(deletion.left.values()) else 0
