"""Bound how often a key may ask: counted in this process, or in PostgreSQL for all replicas together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from docent.postgres import open_schema
from docent.web.accounts.api_keys import ApiKey

Clock = Callable[[], float]

NOW = "CAST(extract(epoch FROM clock_timestamp()) AS float8)"
USED = "greatest(0, a.count - greatest(0, {now} - a.last) * CAST(? AS float8) / 60)"
TAKE = f"""
INSERT INTO accounts.attempts AS a (reason, key, count, last) VALUES ('rate', ?, 1, {NOW})
ON CONFLICT (reason, key) DO UPDATE
SET count = {USED.format(now="excluded.last")} + 1, last = greatest(a.last, excluded.last)
WHERE {USED.format(now="excluded.last")} + 1 <= ? RETURNING a.key
"""
"""Returns no row where the bucket is empty. One statement, so that replicas wait for each other's count."""
IN_USE = f"SELECT {USED.format(now=NOW)} FROM accounts.attempts a WHERE reason = 'rate' AND key = ?"


@dataclass(slots=True)
class RateLimiter:
    """A token bucket for each key, which fills at the key's rate. Safe to use from any thread."""

    clock: Clock = time.monotonic
    _buckets: dict[str, tuple[float, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def seconds_to_wait(self, key: ApiKey) -> float:
        """Take one request from the key's bucket and return 0, or the seconds until there is one to take."""
        if not key.rate:
            return 0.0
        with self._lock:
            now = self.clock()
            level, filled_at = self._buckets.get(key.name, (float(key.rate), now))
            level = min(key.rate, level + (now - filled_at) * key.rate / 60)
            allowed = level >= 1
            self._buckets[key.name] = (level - 1 if allowed else level, now)
        return 0.0 if allowed else (1 - level) * 60 / key.rate


class SharedRateLimiter(RateLimiter):
    """The same buckets in a table, filled by the clock of the database."""

    def __init__(self, database_url: str) -> None:
        super().__init__()
        self._database = open_schema(database_url, "accounts")

    def seconds_to_wait(self, key: ApiKey) -> float:
        if not key.rate:
            return 0.0
        values = (key.name, key.rate, key.rate, key.rate)
        if self._database.row(TAKE, values) is not None:
            return 0.0
        (used,) = self._database.row(IN_USE, (key.rate, key.name)) or (0.0,)
        return max(0.001, float(used + 1 - key.rate) * 60 / key.rate)


def open_rate_limiter(database_url: str) -> RateLimiter:
    """Return limits of this process, or of all that share a database."""
    return SharedRateLimiter(database_url) if database_url else RateLimiter()
