"""Research tables of conversations: those that are being filled now, and the messages that show them.

A message shows a table by a link to it, in whose place public/tables.js puts the table itself. A table
that was stopped, also by the end of Docent, is filled further in the background.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

from docent.app import Docent
from docent.conversations import ANSWER_KEY, TABLE_KEY
from docent.errors import DocentError, UnknownTable
from docent.types import Answer, ResearchTable, TableProgress
from docent.web.chat.history import History
from docent.web.chat.page_session import escape_markdown
from docent.web.chat.saved_answer import answer_metadata
from docent.web.i18n import say

CONSENT_SECONDS = 60.0
"""A table that takes longer is begun by a button, which says how long it takes."""
STOP_SECONDS = 30.0
"""The longest wait for the end of a table that was stopped."""


@dataclass(slots=True)
class TableRun:
    """A table that is being filled in this process, or whose filling failed."""

    task: asyncio.Task[Any]
    progress: TableProgress | None = None
    error: DocentError | None = None


_runs: dict[str, TableRun] = {}
"""By the id of the table."""


def follow(table_id: str) -> None:
    """Note that the task at hand fills this table."""
    task = asyncio.current_task()
    assert task is not None
    _runs[table_id] = TableRun(task)


def note_progress(event: TableProgress) -> None:
    if event.table_id in _runs:
        _runs[event.table_id].progress = event


def run_of(table_id: str) -> TableRun | None:
    """Return the run that fills a table now, or that failed; None for any other table."""
    return _runs.get(table_id)


def is_filled_here(table_id: str) -> bool:
    run = _runs.get(table_id)
    return run is not None and not run.task.done()


def forget(table_id: str) -> None:
    """Note that a table is not being filled any more."""
    _runs.pop(table_id, None)


async def stop(table_id: str) -> None:
    """Stop the filling of a table, if it is filled here; the rows so far stay."""
    run = _runs.get(table_id)
    if run is not None and not run.task.done():
        run.task.cancel()
        await asyncio.wait({run.task}, timeout=STOP_SECONDS)


async def stop_all() -> None:
    """Stop the filling of every table before Docent ends; each goes on when its reader wants it to."""
    await asyncio.gather(*map(stop, list(_runs)))


async def delete(table_id: str, *, docent: Docent, reader: str) -> None:
    """Stop the filling of a table and delete it."""
    await stop(table_id)
    forget(table_id)
    with suppress(UnknownTable):  # deleted already, or never begun
        await asyncio.to_thread(docent.delete_table, table_id, reader=reader)


async def delete_unshown(metadata: Any, *, docent: Docent, history: History, reader: str) -> None:
    """Delete the table of a message that was deleted, unless another one shows it."""
    table_id = str(metadata.get(TABLE_KEY) or "") if isinstance(metadata, dict) else ""
    if table_id and not await history.table_messages(table_id, reader):
        await delete(table_id, docent=docent, reader=reader)


def start(table: ResearchTable, *, docent: Docent, history: History, reader: str, language: str) -> None:
    """Fill a table further in the background, unless it is being filled."""
    if not is_filled_here(table.id):
        filling = _fill(table, docent=docent, history=history, reader=reader, language=language)
        _runs[table.id] = TableRun(asyncio.create_task(filling))


async def _fill(
    table: ResearchTable, *, docent: Docent, history: History, reader: str, language: str
) -> None:
    run = _runs[table.id]
    try:
        async with aclosing(docent.resume_table(table.id, reader=reader)) as events:
            async for event in events:
                if isinstance(event, TableProgress):
                    run.progress = event
    except DocentError as error:
        run.error = error
    finally:  # also of one that was stopped, what was found so far is the answer
        with suppress(DocentError):  # the table may have been deleted
            answer = await asyncio.to_thread(docent.table_answer, table.id, reader=reader)
            await _save(history, answer, reader, language)
    if run.error is None:
        forget(table.id)


async def _save(history: History, answer: Answer, reader: str, language: str) -> None:
    """Save the answer with the messages that show its table."""
    assert answer.table is not None
    for step in await history.table_messages(answer.table.id, reader):
        saved = step["metadata"].get(ANSWER_KEY) or {}
        question = str(saved.get("question") or answer.receipt.question)
        text = table_text(answer.table, language)
        await history.change_message(step["id"], text, table_metadata(question, answer))


def table_metadata(question: str, answer: Answer) -> dict[str, Any]:
    """Return the metadata of a message that shows a table: the answer, and the id of the table."""
    assert answer.table is not None
    return {**answer_metadata(question, answer), TABLE_KEY: answer.table.id}


def table_text(table: ResearchTable, language: str | None) -> str:
    """Return the text of a message that shows a table: what it concludes, as a link to it."""
    return table_link(table.id, say(table.conclusion, language))


def table_link(table_id: str, text: str) -> str:
    """Return a link to a table in Markdown; public/tables.js puts the table into its place."""
    return f"[{escape_markdown(' '.join(text.split()))}](/tables/{table_id})"
