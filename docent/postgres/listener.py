"""Wait for what other processes say through the database, by LISTEN."""

from __future__ import annotations

import os
import select
from contextlib import suppress

import psycopg

from docent.errors import StoreError
from docent.postgres.connections import PostgresConnection, PostgresPool

CHANNEL = "docent_changes"
"""Signalled at the end of each transaction that changed the catalog, and when a job is to be done."""


class Listener:
    """A connection that listens. One thread waits; any other may wake it."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool
        self._connection: PostgresConnection | None = None
        self._woken, self._wake = os.pipe()

    def wait(self, seconds: float) -> None:
        """Return after a signal, after `wake`, or after these seconds."""
        try:
            if self._connection is None:
                self._connection = self._pool.connect()
                self._connection.run(f"LISTEN {CHANNEL}")
            raw = self._connection.raw
            ready, _, _ = select.select([raw.fileno(), self._woken], [], [], seconds)
            list(raw.notifies(timeout=0))
        except (psycopg.Error, StoreError):  # the next call connects again
            self._disconnect()
            ready, _, _ = select.select([self._woken], [], [], seconds)
        if self._woken in ready:
            os.read(self._woken, 1024)

    def wake(self) -> None:
        os.write(self._wake, b"\0")

    def close(self) -> None:
        self._disconnect()
        for handle in (self._woken, self._wake):
            with suppress(OSError):
                os.close(handle)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.raw.close()
            self._connection = None
