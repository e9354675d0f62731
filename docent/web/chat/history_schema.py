"""The tables of the conversations, as numbered migrations; the columns are the ones that Chainlit names.

A migration is never edited once released: the next change is the next number. `user_version` in
the file says how many have run.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from docent.errors import IndexMismatch
from docent.store.conversations import BUSY_SECONDS, configure, forget_deleted
from docent.web.database_errors import opening

FIRST = """
CREATE TABLE users (
    "id" TEXT PRIMARY KEY,
    "identifier" TEXT NOT NULL UNIQUE,
    "metadata" TEXT NOT NULL DEFAULT '{}',
    "createdAt" TEXT NOT NULL
);

CREATE TABLE threads (
    "id" TEXT PRIMARY KEY,
    "createdAt" TEXT,           -- Chainlit's updates are inserts without it
    "name" TEXT,
    "userId" TEXT REFERENCES users ("id") ON DELETE CASCADE,
    "userIdentifier" TEXT,
    "tags" TEXT,
    "metadata" TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX threads_by_user ON threads ("userId");

CREATE TABLE steps (
    "id" TEXT PRIMARY KEY,
    "threadId" TEXT NOT NULL REFERENCES threads ("id") ON DELETE CASCADE,
    "parentId" TEXT,
    "name" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "streaming" INTEGER NOT NULL DEFAULT 0,
    "waitForAnswer" INTEGER,
    "isError" INTEGER,
    "metadata" TEXT NOT NULL DEFAULT '{}',
    "tags" TEXT,
    "input" TEXT NOT NULL DEFAULT '',
    "output" TEXT NOT NULL DEFAULT '',
    "createdAt" TEXT,
    "start" TEXT,
    "end" TEXT,
    "generation" TEXT,
    "showInput" TEXT,
    "language" TEXT,
    "command" TEXT,
    "modes" TEXT,
    "defaultOpen" INTEGER,
    "autoCollapse" INTEGER
);
CREATE INDEX steps_by_thread ON steps ("threadId", "createdAt");

CREATE TABLE elements (
    "id" TEXT PRIMARY KEY,
    "threadId" TEXT REFERENCES threads ("id") ON DELETE CASCADE,
    "type" TEXT,
    "url" TEXT,
    "chainlitKey" TEXT,
    "name" TEXT NOT NULL,
    "display" TEXT,
    "objectKey" TEXT,
    "size" TEXT,
    "page" INTEGER,
    "language" TEXT,
    "forId" TEXT,
    "mime" TEXT,
    "props" TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX elements_by_thread ON elements ("threadId");
CREATE INDEX elements_by_step ON elements ("forId");

CREATE TABLE feedbacks (
    "id" TEXT PRIMARY KEY,
    "forId" TEXT NOT NULL UNIQUE REFERENCES steps ("id") ON DELETE CASCADE,
    "threadId" TEXT,
    "value" INTEGER NOT NULL,
    "comment" TEXT
);
"""

SECOND = """
-- Of nobody's: left by a page that was open while its user was removed. Nobody can open them.
DELETE FROM threads WHERE "userId" IS NULL;
"""

MIGRATIONS = (FIRST, SECOND)


def prepare(path: Path) -> None:
    """Bring the file to the present number, making it where it is not there."""
    with opening(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, isolation_level=None, timeout=BUSY_SECONDS)) as connection:
            _migrate(connection, path)
        path.chmod(0o600)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    configure(connection)
    there = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if there > len(MIGRATIONS):
        raise IndexMismatch(
            "{path} was written by a newer Docent (its number is {there}, this one knows "
            "{migrations}). Use the newer Docent, or move the file away to begin a new history.",
            path=path,
            there=there,
            migrations=len(MIGRATIONS),
        )
    for number, migration in enumerate(MIGRATIONS[there:], there + 1):
        connection.executescript(f"BEGIN;\n{migration}\nPRAGMA user_version = {number};\nCOMMIT;")
    if there == 1:  # what was deleted so far stands in unused pages; from here on it is overwritten
        forget_deleted(connection)
