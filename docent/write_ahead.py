"""Open SQLite files that several processes write: each waits for the others, also while the file is made."""

from __future__ import annotations

import sqlite3
import time

BUSY_SECONDS = 30.0
"""How long a process waits for another; writing 100 MB anew took 4 to 7 s on two busy cores."""
POLL_SECONDS = 0.05


def write_ahead(connection: sqlite3.Connection) -> None:
    """Use a write-ahead log; SQLite fails at once, without its own wait, where two processes begin one."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(POLL_SECONDS)
