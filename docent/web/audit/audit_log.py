"""The audit log: who did what and when, without any text of documents or questions.

It is in storage/audit.db, or in PostgreSQL, where all machines write to one log.
"""

from __future__ import annotations

import logging
import re
import secrets
import sqlite3
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple

from docent.errors import StoreError
from docent.messages import Message
from docent.postgres import open_schema
from docent.web.accounts.account_database import AccountDatabase, AccountFile

Way = Literal["page", "chat", "api", "mcp", "command"]
ANONYMOUS = ("local", "")
"""Names of those who need neither a login nor a key: it is always the same person, so nothing is recorded."""

ACTIONS: Mapping[str, Message] = {
    "login": Message("logged in"),
    "login_refused": Message("failed to log in"),
    "logout": Message("logged out"),
    "ask": Message("asked"),
    "search": Message("searched"),
    "read": Message("read"),
    "download": Message("downloaded"),
    "export": Message("exported"),
    "add": Message("added"),
    "delete": Message("deleted"),
    "change": Message("changed"),
    "share": Message("shared"),
    "unshare": Message("stopped sharing"),
    "people": Message("changed people or rights"),
    "manage": Message("managed the installation"),
}
LONGEST_ABOUT = 500
MOST_WAITING = 10_000
"""Entries that wait in memory while the log cannot be written."""
RETRY_SECONDS = 5.0
"""After a failure: a server that does not answer would hold up each entry, and the stop of Docent."""
AT_ONCE = 1_000

TABLES = (
    """
CREATE TABLE IF NOT EXISTS entries (
    n INTEGER PRIMARY KEY,
    at TEXT NOT NULL,          -- UTC
    actor TEXT NOT NULL,
    way TEXT NOT NULL,
    action TEXT NOT NULL,
    about TEXT NOT NULL
)
""",
    "CREATE INDEX IF NOT EXISTS entries_by_time ON entries (at)",
)

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that somebody did; `about` names a document, a library, a conversation or a person."""

    actor: str
    way: Way
    action: str
    about: str = ""
    at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))


class AuditQuery(NamedTuple):
    """The entries that somebody looks for; empty fields match all of them."""

    text: str = ""
    """A part of what was acted on."""
    actor: str = ""
    action: str = ""
    since: str = ""
    until: str = ""
    """Days, the last one included."""


class AuditLog:
    """Entries in the order in which they were made, kept for a number of days; with 0 days nothing is."""

    def __init__(self, storage: Path | None = None, *, days: int = 0, database_url: str = "") -> None:
        self.days = days
        self._database: AccountDatabase | None = None
        if storage is not None and days:
            self._database = (
                open_schema(database_url, "audit")
                if database_url
                else AccountFile(storage / "audit.db", TABLES)
            )
        self._pruned = ""
        self.failure = ""
        """The reason why the last entry could not be stored."""
        self._waiting: deque[AuditEntry] = deque(maxlen=MOST_WAITING)
        self._retry_at = 0.0
        self._writer = ThreadPoolExecutor(1, "audit")

    @property
    def is_on(self) -> bool:
        return self._database is not None

    def record(self, actor: str, way: Way, action: str, about: str = "") -> None:
        """Store an entry in the background, so that nobody waits for the disk."""
        if self.is_on and actor not in ANONYMOUS:
            self._writer.submit(self._store, AuditEntry(actor, way, action, about[:LONGEST_ABOUT]))

    def forget(self, name: str) -> str:
        """Put another name in the place of a removed person's, and return it.

        What they did stays together under that name. Names of files are left as they are.
        """
        other = f"removed-{secrets.token_hex(4)}"
        if self._database is None:
            return other
        self.flush()
        word = re.compile(rf"(?<![\w.@+-]){re.escape(name)}(?![\w@+-])")
        of_people = ("people", "login", "login_refused")
        with self._database.write() as database:
            database.execute("UPDATE entries SET actor = ? WHERE actor = ?", (other, name))
            rows = database.execute(
                "SELECT n, about FROM entries WHERE action IN (?, ?, ?) AND instr(about, ?) > 0",
                (*of_people, name),
            ).fetchall()
            changed = [(word.sub(other, about), n) for n, about in rows]
            database.executemany("UPDATE entries SET about = ? WHERE n = ?", changed)
        return other

    def flush(self) -> None:
        """Wait until everything recorded so far is stored, or could not be."""
        done: Future[None] = self._writer.submit(self._store_waiting)
        done.result()

    def search(self, query: AuditQuery, *, start: int = 0, limit: int = 50) -> tuple[list[AuditEntry], int]:
        """Return one page of the matching entries, the latest first, and how many match."""
        assert self._database is not None
        where, values = _condition(query)
        with self._database.read() as database:
            total = database.execute(f"SELECT count(*) FROM entries WHERE {where}", values).fetchone()[0]
            rows = database.execute(
                "SELECT actor, way, action, about, at FROM entries "
                f"WHERE {where} ORDER BY at DESC, n DESC LIMIT ? OFFSET ?",
                (*values, limit, start),
            ).fetchall()
        return [AuditEntry(*row) for row in rows], int(total)

    def each(self, query: AuditQuery) -> Iterator[AuditEntry]:
        """Yield every matching entry, the earliest first; no transaction waits for whoever reads them."""
        assert self._database is not None
        where, values = _condition(query)
        last: tuple[str, int] = ("", 0)
        while True:
            with self._database.read() as database:
                rows = database.execute(
                    f"SELECT n, actor, way, action, about, at FROM entries WHERE {where} "
                    f"AND (at, n) > (?, ?) ORDER BY at, n LIMIT {AT_ONCE}",
                    (*values, *last),
                ).fetchall()
            for n, *entry in rows:
                yield AuditEntry(*entry)
                last = (entry[-1], n)
            if len(rows) < AT_ONCE:
                return

    def _store(self, entry: AuditEntry) -> None:
        """Store an entry with those before it that could not be; where that fails, they wait for the next."""
        self._waiting.append(entry)
        if time.monotonic() >= self._retry_at:
            self._store_waiting()

    def _store_waiting(self) -> None:
        if self._database is None or not self._waiting:
            return
        today = self._waiting[-1].at[:10]
        try:
            with self._database.write() as database:
                if today != self._pruned:
                    oldest = datetime.now(UTC) - timedelta(days=self.days)
                    database.execute("DELETE FROM entries WHERE at < ?", (oldest.isoformat(),))
                database.executemany(
                    "INSERT INTO entries (at, actor, way, action, about) VALUES (?, ?, ?, ?, ?)",
                    [(one.at, one.actor, one.way, one.action, one.about) for one in self._waiting],
                )
        except (sqlite3.Error, StoreError) as error:
            if not self.failure:
                LOGGER.error(
                    "The audit log cannot be written (%s). What is to be recorded waits in memory. Free some "
                    "space on the disk, or start the database.",
                    error,
                )
            self.failure, self._retry_at = str(error), time.monotonic() + RETRY_SECONDS
        else:
            self._pruned, self.failure, self._retry_at = today, "", 0.0
            self._waiting.clear()


def _condition(query: AuditQuery) -> tuple[str, Sequence[Any]]:
    conditions = ["1 = 1"]
    values: list[str] = []
    for condition, value in (
        ("instr(lower(about), lower(?)) > 0", query.text),
        ("actor = lower(?)", query.actor),
        ("action = ?", query.action),
        ("substr(at, 1, 10) >= ?", query.since),
        ("substr(at, 1, 10) <= ?", query.until),
    ):
        if value:
            conditions.append(condition)
            values.append(value)
    return " AND ".join(conditions), values
