"""Routes of research tables in the chat: the table, its stop and start, the source of a cell, and files."""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import get_args
from urllib.parse import quote

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from docent.app import Docent
from docent.app.tables import TableFormat
from docent.errors import UnknownTable
from docent.messages import Message
from docent.types import ResearchTable, TableRow
from docent.web.accounts.address_redaction import redact_addresses
from docent.web.chat import table_runs
from docent.web.chat.history import History
from docent.web.chat.page_session import language_of
from docent.web.chat.saved_answer import SavedAnswer
from docent.web.documents.page_access import from_our_own_page
from docent.web.i18n import say
from docent.web.input_checks import NOT_OUR_PAGE
from docent.web.page_routes import PRIVATE, Handler, require_login
from docent.web.sources.source_routes import panel_routes
from docent.web.tables.table_view import MOST_SORTED, STEP, TableQuery, sort_rows, table_view
from docent.web.templates import render
from docent.web.thread_pool import run_in_small_pool

MEDIA_TYPES: dict[TableFormat, str] = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
NOT_THERE = Message("This table is not there any more. Ask the question again.")
UNSAFE = re.compile(r"[^\w\- ]+")
ROWS_AT_ONCE = 1_000


def routes() -> list[Route]:
    return [
        Route("/tables/{table}", _own(show_table)),
        Route("/tables/{table}/start", _own(start), methods=["POST"]),
        Route("/tables/{table}/stop", _own(stop), methods=["POST"]),
        Route("/tables/{table}/file/{form}", _own(export)),
        *panel_routes("/tables/{table}/cited/{document}/{n:int}", find_cell),
    ]


def _own(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Wrap a handler: a table of somebody else is one that does not exist."""

    async def checked(request: Request, reader: str) -> Response:
        if request.method == "POST" and not from_our_own_page(request):
            return PlainTextResponse(say(NOT_OUR_PAGE, language_of(request)), 403, headers=PRIVATE)
        try:
            return await handler(request, reader)
        except UnknownTable:
            sentence = say(NOT_THERE, language_of(request))
            return PlainTextResponse(sentence, 404, headers=PRIVATE)

    return require_login(checked)


async def show_table(request: Request, reader: str) -> Response:
    """Return the table for its place in the conversation; opened by itself, lead to the conversation."""
    table_id = request.path_params["table"]
    if request.headers.get("sec-fetch-dest") == "document":
        await _read(request, reader)
        messages = await request.app.state.history.table_messages(table_id, reader)
        return RedirectResponse(f"/thread/{messages[-1]['threadId']}" if messages else "/", 303)
    return await _fragment(request, reader)


async def start(request: Request, reader: str) -> Response:
    """Fill the table, or what is left of it, in the background."""
    state = request.app.state
    table = await _read(request, reader)
    if table.state != "done":
        history: History = state.history
        table_runs.start(
            table, docent=state.docent, history=history, reader=reader, language=language_of(request)
        )
    return await _fragment(request, reader)


async def stop(request: Request, reader: str) -> Response:
    """Stop the filling of the table; what was found so far stays."""
    table = await _read(request, reader)
    if table_runs.is_filled_here(table.id):
        await table_runs.stop(table.id)
    else:  # by another process
        docent: Docent = request.app.state.docent
        await run_in_small_pool(docent.stop_table, table.id, reader=reader)
    return await _fragment(request, reader)


async def export(request: Request, reader: str) -> Response:
    """Return every row with its citations as a file."""
    form = request.path_params["form"]
    if form not in get_args(TableFormat):
        raise UnknownTable(NOT_THERE)
    docent: Docent = request.app.state.docent
    table = await _read(request, reader)
    folder = Path(tempfile.mkdtemp(prefix="docent-table-"))
    path = folder / f"table.{form}"
    remove = partial(shutil.rmtree, folder, ignore_errors=True)
    try:
        translate = partial(_in_language, language_of(request))
        await asyncio.to_thread(docent.export_table, table.id, form, path, reader=reader, translate=translate)
    except BaseException:
        remove()
        raise
    name = " ".join(UNSAFE.sub(" ", table.question.removeprefix("/table")).split())[:60] or "Docent"
    disposition = f"attachment; filename*=UTF-8''{quote(f'{name}.{form}')}"
    return FileResponse(
        path,
        media_type=MEDIA_TYPES[form],
        headers={**PRIVATE, "Content-Disposition": disposition},
        background=BackgroundTask(remove),
    )


def _in_language(language: str, text: str) -> str:
    return say(text, language)


async def find_cell(request: Request, reader: str) -> SavedAnswer | None:
    """Return the cells of a document's row as an answer, whose citation numbers are those of the columns."""
    params = request.path_params
    docent: Docent = request.app.state.docent
    try:
        row = await run_in_small_pool(docent.table_row, params["table"], params["document"], reader=reader)
    except UnknownTable:
        return None
    answer = _as_answer(row) if row is not None else None
    return answer if answer is not None and answer.citations_numbered(params["n"]) else None


async def _read(request: Request, reader: str) -> ResearchTable:
    docent: Docent = request.app.state.docent
    return await run_in_small_pool(docent.table, request.path_params["table"], reader=reader)


async def _fragment(request: Request, reader: str) -> Response:
    text = await run_in_small_pool(_render, request, reader)
    return HTMLResponse(text, headers=PRIVATE)


def _render(request: Request, reader: str) -> str:
    docent: Docent = request.app.state.docent
    table = docent.table(request.path_params["table"], reader=reader)
    query, language = TableQuery.of(request.query_params), language_of(request)
    if query.sort is not None and not -1 <= query.sort < len(table.plan.columns):
        query = TableQuery(shown=query.shown)
    run = table_runs.run_of(table.id)
    admin = request.app.state.authenticator.is_admin(reader)
    error = run.error.message if run is not None and run.error is not None else ""
    view = table_view(
        table,
        _shown_rows(docent, table, query, reader),
        query,
        progress=run.progress if run is not None else None,
        is_filled_here=table_runs.is_filled_here(table.id),
        error=say(error if admin else redact_addresses(error, docent.settings), language) if error else "",
        language=language,
    )
    return render("tables/table.html", language, view=view)


def _shown_rows(docent: Docent, table: ResearchTable, query: TableQuery, reader: str) -> list[TableRow]:
    """Return the rows to be shown: of the best three, only those until more are asked for."""
    if query.shown == STEP and (table.plan.top or table.matching == len(table.rows)):
        return sort_rows(table.rows, query)
    if query.sort is not None and table.matching <= MOST_SORTED:
        return sort_rows(_rows(docent, table.id, table.matching, reader), query)[: query.shown]
    return _rows(docent, table.id, min(query.shown, table.matching), reader)


def _rows(docent: Docent, table_id: str, count: int, reader: str) -> list[TableRow]:
    rows: list[TableRow] = []
    while len(rows) < count:
        limit = min(ROWS_AT_ONCE, count - len(rows))
        part = docent.table_rows(table_id, reader=reader, start=len(rows), limit=limit)
        if not part:
            break
        rows += part
    return rows


def _as_answer(row: TableRow) -> SavedAnswer:
    citations = tuple(
        replace(citation, n=n) for n, cell in enumerate(row.cells, 1) for citation in cell.citations
    )
    return SavedAnswer("", "", citations, {}, {})
