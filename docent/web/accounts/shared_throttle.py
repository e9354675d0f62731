"""Attempts to log in, counted in PostgreSQL: several machines together allow as many as one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from docent.web.accounts.account_database import account_server
from docent.web.accounts.login_throttle import Attempts, Reason

BEGINNING = 6_101_774_005
"""The advisory lock of who begins an attempt: looking whether it must wait, and counting it, are one step."""
FORGOTTEN_SECONDS = 86_400.0
"""After as long without an attempt nothing of one counts any more."""
NOW = "CAST(extract(epoch FROM clock_timestamp()) AS float8)"


def open_attempts(reason: Reason, *, free: int, forget_after: float, database_url: str) -> Attempts:
    """Return attempts of this process, or of all that share a database."""
    if not database_url:
        return Attempts(reason, free=free, forget_after=forget_after)
    return SharedAttempts(reason, free=free, forget_after=forget_after, database_url=database_url)


class SharedAttempts(Attempts):
    """Counts attempts in a table, by the clock of the database."""

    def __init__(self, reason: Reason, *, free: int, forget_after: float, database_url: str) -> None:
        super().__init__(reason, free=free, forget_after=forget_after)
        self._database = account_server(database_url)
        self._beginning = account_server(database_url, write_lock=BEGINNING)

    def alone(self) -> AbstractContextManager[object]:
        return self._beginning.write()

    def seconds_to_wait(self, key: str) -> float:
        with self._database.read() as database:
            row = database.execute(
                f"SELECT count, last, {NOW} FROM attempts WHERE reason = ? AND key = ?",
                (self.reason, key),
            ).fetchone()
        if row is None:
            return 0.0
        count, last, now = row
        return max(0.0, float(last + self.pause(count) - now))

    def begin(self, key: str) -> None:
        self._change(key, lambda count, last, now: (self.with_one_more(count, last, now), now))

    def give_back(self, key: str) -> None:
        self._change(key, lambda count, last, now: (count - 1, last))

    def forget(self, key: str) -> None:
        self._change(key, lambda count, last, now: (0.0, now))

    def _change(self, key: str, change: Callable[[float, float, float], tuple[float, float]]) -> None:
        """Change the count of a key, alone; a row that counts nothing is removed."""
        with self._database.write() as database:
            (now,) = database.execute(f"SELECT {NOW}").fetchone()
            row = database.execute(
                "SELECT count, last FROM attempts WHERE reason = ? AND key = ?", (self.reason, key)
            ).fetchone()
            count, last = row or (0.0, now)
            count, last = change(count, last, now)
            if count > 0:
                database.execute(
                    "INSERT INTO attempts (reason, key, count, last) VALUES (?, ?, ?, ?) "
                    "ON CONFLICT (reason, key) DO UPDATE SET count = excluded.count, last = excluded.last",
                    (self.reason, key, float(count), float(last)),
                )
            else:
                database.execute("DELETE FROM attempts WHERE reason = ? AND key = ?", (self.reason, key))
            database.execute("DELETE FROM attempts WHERE last < ?", (now - FORGOTTEN_SECONDS,))
