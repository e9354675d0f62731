"""Routes of the audit log: search it, and export what was found, for administrators."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import date
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from docent.errors import InputError
from docent.web.admin.admin_routes import administrators_only
from docent.web.audit.audit_log import ACTIONS, AuditEntry, AuditLog, AuditQuery
from docent.web.chat.page_session import language_of
from docent.web.documents.page_access import HEADERS, checked, html
from docent.web.i18n import say
from docent.web.templates import render
from docent.web.thread_pool import run_in_small_pool

AT_ONCE = 50
LONGEST_FIELD = 200
LAST_PAGE = 1_000_000
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet would run a cell that begins with one of these."""


def routes() -> list[Route]:
    return [
        Route("/admin/audit", checked(administrators_only(show))),
        Route("/admin/audit.csv", checked(administrators_only(export))),
    ]


async def show(request: Request, reader: str) -> Response:
    """Show the entries that were searched for, the latest first."""
    audit, query, language = _audit(request), query_of(request.query_params), language_of(request)
    asked = request.query_params.get("page", "1")
    number = min(int(asked), LAST_PAGE) if asked.isdecimal() and asked.isascii() else 1
    start = AT_ONCE * (max(1, number) - 1)
    entries, total = await run_in_small_pool(lambda: audit.search(query, start=start, limit=AT_ONCE))
    sought = {name: value for name, value in query._asdict().items() if value}
    text = render(
        "audit.html",
        language,
        entries=[(entry, say(ACTIONS.get(entry.action, entry.action), language)) for entry in entries],
        total=total,
        query=query,
        actions={key: say(label, language) for key, label in ACTIONS.items()},
        days=audit.days,
        failure=audit.failure,
        export=f"/admin/audit.csv?{urlencode(sought)}",
        earlier=_page(sought, number + 1) if start + AT_ONCE < total else "",
        later=_page(sought, number - 1) if number > 1 else "",
    )
    return html(text)


async def export(request: Request, reader: str) -> Response:
    """Return the entries that were searched for as a CSV file, the earliest first."""
    audit, query = _audit(request), query_of(request.query_params)
    headers = {**HEADERS, "Content-Disposition": 'attachment; filename="audit.csv"'}
    lines = csv_lines(audit.each(query))
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


def query_of(parameters: Mapping[str, str]) -> AuditQuery:
    """Return what is searched for. Raises InputError for a day that is none."""
    query = AuditQuery(*(parameters.get(name, "").strip()[:LONGEST_FIELD] for name in AuditQuery._fields))
    for day in filter(None, (query.since, query.until)):
        try:
            date.fromisoformat(day)
        except ValueError as error:
            raise InputError("{day!r} is not a day. Write it like this: 2027-01-31", day=day) from error
    return query


def csv_lines(entries: Iterator[AuditEntry]) -> Iterator[str]:
    """Yield the lines of a CSV file, in which no cell is a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(("at", "who", "way", "action", "about"))
    for entry in entries:
        cells = (entry.at, entry.actor, entry.way, entry.action, entry.about)
        writer.writerow("'" + cell if cell.startswith(FORMULA_STARTS) else cell for cell in cells)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _page(sought: Mapping[str, str], number: int) -> str:
    return f"/admin/audit?{urlencode({**sought, 'page': number})}"


def _audit(request: Request) -> AuditLog:
    audit: AuditLog = request.app.state.metrics.audit
    if not audit.is_on:
        raise InputError("There is no audit log, because DOCENT_AUDIT_DAYS is 0.")
    return audit
