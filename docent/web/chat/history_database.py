"""The file of the conversations: one thread writes to it in order, a few read beside it.

Through SQLAlchemy every statement took a connection out of one pool; with fifty conversations at once
its fifteen were all waiting for the one write lock, and whoever only wanted a list waited behind them
(docs/decisions/0015-conversations-in-sqlite.md).
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from docent.store import conversations

READERS = 2

Rows = list[dict[str, Any]]
Statement = tuple[str, Mapping[str, Any]]


class HistoryFile:
    """Statements are run in threads; what is written is written in the order in which it was asked for."""

    def __init__(self, path: Path, *, functions: Sequence[tuple[str, int, Callable[..., Any]]]) -> None:
        self._path = path
        self._functions = functions
        self._here = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._writer = ThreadPoolExecutor(1, "history-writer")
        self._readers = ThreadPoolExecutor(READERS, "history-reader")

    async def run(self, *statements: Statement, then: Callable[[], None] | None = None) -> Rows | int:
        """Run all of them or none; return the rows of the last one, or how many it changed.

        `then` is called when they are committed, before anything else is written. Raises StoreError.
        """
        reads = all(query.lstrip()[:6].upper() == "SELECT" for query, _ in statements)
        executor = self._readers if reads else self._writer
        return await asyncio.get_running_loop().run_in_executor(executor, self._run, statements, then)

    async def empty_log(self) -> None:
        """Remove what was deleted from the write-ahead log, too. Raises StoreError."""
        await asyncio.get_running_loop().run_in_executor(
            self._writer, lambda: conversations.empty_log(self._connection())
        )

    async def forget_deleted(self) -> None:
        """Leave no byte of what was deleted in the file or its log. Raises StoreError."""
        await asyncio.get_running_loop().run_in_executor(
            self._writer, lambda: conversations.forget_deleted(self._connection())
        )

    def close(self) -> None:
        self._writer.shutdown()
        self._readers.shutdown()
        for connection in self._opened:
            connection.close()
        self._opened.clear()

    def _run(self, statements: Sequence[Statement], then: Callable[[], None] | None) -> Rows | int:
        try:
            with self._connection() as connection:  # a transaction: committed, or rolled back
                for query, parameters in statements:
                    cursor = connection.execute(query, parameters)
                names = [column[0] for column in cursor.description or ()]
                rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        except sqlite3.Error as error:
            raise conversations.history_error(error) from error
        if then is not None:
            then()
        return rows if names else cursor.rowcount

    def _connection(self) -> sqlite3.Connection:
        if not hasattr(self._here, "connection"):
            connection = sqlite3.connect(
                self._path, timeout=conversations.BUSY_SECONDS, check_same_thread=False
            )
            conversations.configure(connection)
            for name, arguments, function in self._functions:
                connection.create_function(name, arguments, function)
            self._here.connection = connection
            self._opened.append(connection)
        there: sqlite3.Connection = self._here.connection
        return there
