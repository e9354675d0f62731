"""`docent table`: compare many documents in a table, one a row, and write it to a file."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

from docent.cli import CLEAR_LINE, add_filters, add_library, print_json, scope
from docent.errors import InputError
from docent.settings import Settings
from docent.types import (
    ResearchTable,
    TableEvent,
    TableFilled,
    TablePlanned,
    TableProgress,
    TableRequest,
    table_json,
)

if TYPE_CHECKING:  # imported late: `--help` should not wait for the libraries
    from docent.app import Docent

FORMS = {".xlsx": "xlsx", ".csv": "csv", ".docx": "docx"}


def define_table(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "question", nargs="?", default="", help='such as "internships by pay, place and deadline"'
    )
    command.add_argument(
        "--columns", default="", metavar="A,B", help="the columns, instead of the question's"
    )
    command.add_argument(
        "--output", type=Path, metavar="FILE", help="write every row to this .xlsx, .csv or .docx file"
    )
    command.add_argument("--resume", default="", metavar="ID", help="go on with a table that was stopped")
    command.add_argument("--no-model", action="store_true", help="fill cells by rules alone, no model")
    add_library(command)
    add_filters(command)
    command.epilog = "Ctrl-C stops it; what was read is kept, and --resume goes on."


def run_table(arguments: argparse.Namespace) -> int:
    from docent.app import open_docent

    if not arguments.question and not arguments.resume and not arguments.columns:
        raise InputError('Say what to compare, for example: docent table "internships by pay and place"')
    form = _form(arguments.output)
    with open_docent(Settings.read()) as docent:
        docent.check_library(arguments.library)
        table = asyncio.run(_fill(docent, arguments))
        if form:
            docent.export_table(table.id, form, arguments.output, reader=None)  # type: ignore[arg-type]
    if arguments.json:
        print_json(table_json(table))
    else:
        _print(table)
    if form:
        print(f"Written to {arguments.output}", file=sys.stderr)
    return 0


def _form(output: Path | None) -> str:
    if output is None:
        return ""
    form = FORMS.get(output.suffix.lower(), "")
    if not form:
        raise InputError("{file} is not a .xlsx, .csv or .docx file. Choose one of these.", file=str(output))
    return form


async def _fill(docent: Docent, arguments: argparse.Namespace) -> ResearchTable:
    events: AsyncGenerator[TableEvent, None]
    if arguments.resume:
        events = docent.resume_table(arguments.resume, reader=None)
    else:
        columns = tuple(name.strip() for name in arguments.columns.split(",") if name.strip())
        command = "" if arguments.question.lstrip().startswith("/") or columns else "/table "
        request = TableRequest(
            question=f"{command}{arguments.question}",
            scope=scope(arguments),
            columns=columns,
            use_model=not arguments.no_model,
        )
        events = docent.research(request)
    async with aclosing(events):
        async for event in events:
            match event:
                case TablePlanned(table_id=key, text=text):
                    print(f"{text}\nTable {key}", file=sys.stderr)
                case TableProgress(done=done, total=total) if sys.stderr.isatty():
                    print(f"{CLEAR_LINE}{done} of {total}", end="", file=sys.stderr, flush=True)
                case TableFilled(table):
                    print(end=CLEAR_LINE if sys.stderr.isatty() else "", file=sys.stderr)
                    return table
    raise InputError("The table was not filled. Ask again.")


def _print(table: ResearchTable) -> None:
    from docent.research.table_text import table_citations, table_text

    print(table_text(table), end="\n\n")
    shown: set[int] = set()
    for citation in table_citations(table):
        if citation.n not in shown:
            shown.add(citation.n)
            print(f"[{citation.n}] {citation.where}: {' '.join(citation.quote.split())}")
