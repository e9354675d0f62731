"""The catalog's tables, as numbered migrations.

A released migration is never edited: the next change is the next number. `user_version` in the file says
how many have run.
"""

from __future__ import annotations

import sqlite3

from docent.errors import IndexMismatch

FIRST = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE libraries (
    n INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    owner TEXT,                       -- NULL: shared with everybody
    added TEXT NOT NULL
);

CREATE TABLE documents (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    library INTEGER NOT NULL REFERENCES libraries (n),
    sha256 TEXT NOT NULL,
    name TEXT NOT NULL,
    title TEXT NOT NULL DEFAULT '',
    kind TEXT NOT NULL DEFAULT '',
    language TEXT NOT NULL DEFAULT '',
    date TEXT NOT NULL DEFAULT '',
    added TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    pages INTEGER NOT NULL DEFAULT 0,
    unread_pages INTEGER NOT NULL DEFAULT 0,
    chunks INTEGER NOT NULL DEFAULT 0,
    embedded INTEGER NOT NULL DEFAULT 0,
    visible INTEGER NOT NULL          -- 0: waits to replace an older version of its file
);
CREATE INDEX documents_by_library ON documents (library);
CREATE INDEX documents_by_sha256 ON documents (sha256);
CREATE INDEX documents_unfinished ON documents (state) WHERE state IN ('queued', 'loading', 'searchable');

CREATE TABLE paths (
    library INTEGER NOT NULL REFERENCES libraries (n),
    path TEXT NOT NULL,
    document INTEGER NOT NULL REFERENCES documents (n),
    bytes INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    next INTEGER REFERENCES documents (n),   -- the newer version, until it is ready
    PRIMARY KEY (library, path)
) WITHOUT ROWID;
CREATE INDEX paths_by_document ON paths (document);
CREATE INDEX paths_by_next ON paths (next) WHERE next IS NOT NULL;

CREATE TABLE pages (
    document INTEGER NOT NULL REFERENCES documents (n),
    number INTEGER NOT NULL,
    text BLOB NOT NULL,               -- compressed, see packing.py
    layout BLOB NOT NULL,             -- headings and lines, compressed
    label TEXT NOT NULL,
    place TEXT NOT NULL,
    read_by TEXT NOT NULL,
    note TEXT NOT NULL,
    hidden TEXT NOT NULL,
    confidence REAL NOT NULL,
    width REAL NOT NULL,
    height REAL NOT NULL
);
CREATE UNIQUE INDEX pages_by_document ON pages (document, number);

CREATE TABLE chunks (
    n INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,          -- 16 bytes
    document INTEGER NOT NULL REFERENCES documents (n),
    page INTEGER NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    header TEXT NOT NULL,
    heading TEXT NOT NULL,
    tokens INTEGER NOT NULL
);
CREATE INDEX chunks_by_document ON chunks (document);

CREATE TABLE vectors (
    chunk INTEGER PRIMARY KEY REFERENCES chunks (n),
    data BLOB NOT NULL                -- float16, normalised
);

CREATE TABLE failures (
    library INTEGER NOT NULL REFERENCES libraries (n),
    path TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    reason TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (library, path)
) WITHOUT ROWID;

-- What the derived indexes and the originals still have to be told; written in the same
-- transaction as the change itself, removed once they have been.
CREATE TABLE outbox (
    n INTEGER PRIMARY KEY,
    task TEXT NOT NULL,               -- words, vectors, drop, original
    document_id TEXT NOT NULL,
    library TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    chunks BLOB NOT NULL              -- ids, 16 bytes each
);

CREATE TABLE jobs (
    n INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL,              -- queued, running, done, failed, cancelled
    progress TEXT NOT NULL DEFAULT '{}',
    result TEXT NOT NULL DEFAULT '',
    added TEXT NOT NULL
);
CREATE INDEX jobs_open ON jobs (state) WHERE state IN ('queued', 'running');
"""

SECOND = """
DROP TABLE outbox;                    -- never filled: what is derived is compared, and mended
DROP TABLE jobs;                      -- never filled: what a document waits for is its state
"""

THIRD = """
ALTER TABLE documents ADD COLUMN loader INTEGER NOT NULL DEFAULT 0;
"""

MIGRATIONS: tuple[str, ...] = (FIRST, SECOND, THIRD)


def is_older(connection: sqlite3.Connection) -> bool:
    """Return True if a catalog is there that `migrate` would change."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return 0 < int(version) < len(MIGRATIONS)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the catalog to this version's tables, one whole migration at a time."""
    connection.execute("BEGIN EXCLUSIVE")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        connection.execute("ROLLBACK")
        raise IndexMismatch(
            "storage/ was written by a newer Docent (catalog version {version}, this one knows "
            "{migrations}). Update Docent, or name another folder with DOCENT_STORAGE.",
            version=version,
            migrations=len(MIGRATIONS),
        )
    try:
        for number, script in enumerate(MIGRATIONS[version:], version + 1):
            for statement in _statements(script):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _statements(script: str) -> list[str]:
    """Split a script into statements: executescript() would commit half a migration."""
    found: list[str] = []
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            found.append(pending)
            pending = ""
    return found
