"""The file of the conversations: one thread writes to it in order, a few read beside it.

Through SQLAlchemy every statement took a connection out of one pool; with fifty conversations at once
its fifteen were all waiting for the one write lock, and whoever only wanted a list waited behind them
(docs/decisions/0015-conversations-in-sqlite.md).
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

READERS = 2
BUSY_SECONDS = 10.0  # only another process can hold the lock

Rows = list[dict[str, Any]]
Statement = tuple[str, Mapping[str, Any]]

LOGGER = logging.getLogger(__name__)


class HistoryFile:
    """Statements are run in threads; what is written is written in the order in which it was asked for."""

    def __init__(self, path: Path, *, functions: Sequence[tuple[str, int, Callable[..., Any]]]) -> None:
        self._path = path
        self._functions = functions
        self._here = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._writer = ThreadPoolExecutor(1, "history-writer")
        self._readers = ThreadPoolExecutor(READERS, "history-reader")

    async def run(self, *statements: Statement) -> Rows | int | None:
        """All of them or none; the rows of the last one, or how many it changed. None when it failed,
        as Chainlit expects: the chat goes on, and the log says what was not kept."""
        reads = all(query.lstrip()[:6].upper() == "SELECT" for query, _ in statements)
        executor = self._readers if reads else self._writer
        try:
            return await asyncio.get_running_loop().run_in_executor(executor, self._run, statements)
        except sqlite3.Error as error:
            LOGGER.warning("%s could not be read or written: %s", self._path, error)
            return None

    def close(self) -> None:
        self._writer.shutdown()
        self._readers.shutdown()
        for connection in self._opened:
            connection.close()
        self._opened.clear()

    def _run(self, statements: Sequence[Statement]) -> Rows | int:
        with self._connection() as connection:  # a transaction: committed, or rolled back
            for query, parameters in statements:
                cursor = connection.execute(query, parameters)
            if cursor.description is None:
                return cursor.rowcount
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _connection(self) -> sqlite3.Connection:
        if not hasattr(self._here, "connection"):
            connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS, check_same_thread=False)
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = NORMAL")
            for name, arguments, function in self._functions:
                connection.create_function(name, arguments, function, deterministic=True)
            self._here.connection = connection
            self._opened.append(connection)
        there: sqlite3.Connection = self._here.connection
        return there
