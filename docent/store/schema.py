"""The catalog's tables, as numbered migrations.

A released migration is never edited: the next change is the next number. `user_version` in the file says
how many have run.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

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

FOURTH = """
-- A generation of the index has its own readings, pages, chunks and vectors of the same documents.
CREATE TABLE generations (
    n INTEGER PRIMARY KEY AUTOINCREMENT,   -- never used again: a process may still have one open
    fingerprint TEXT NOT NULL,
    role TEXT NOT NULL,               -- serving, previous or building; one of each at most
    trimmed INTEGER NOT NULL DEFAULT 0     -- changes up to this position have been removed
);
INSERT INTO generations (n, fingerprint, role) SELECT 1, value, 'serving' FROM meta WHERE key = 'fingerprint';
DELETE FROM meta WHERE key = 'fingerprint';
INSERT INTO meta VALUES ('log', lower(hex(randomblob(16))));    -- which log the positions belong to

-- Every write appends what the words and vectors of a generation have to follow.
CREATE TABLE changes (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    generation INTEGER NOT NULL,
    kind TEXT NOT NULL,               -- words, vectors, drop, library
    document_id TEXT NOT NULL,
    library TEXT NOT NULL,
    chunks BLOB NOT NULL              -- ids, 16 bytes each
);
CREATE INDEX changes_by_generation ON changes (generation, position);

-- "documents" becomes "readings": renamed, so that the large table of pages, which refers to it, stays.
ALTER TABLE documents RENAME TO readings;
CREATE TABLE documents (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    library INTEGER NOT NULL REFERENCES libraries (n),
    sha256 TEXT NOT NULL,
    name TEXT NOT NULL,
    added TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    state TEXT NOT NULL,              -- without a reading: queued, loading or failed
    reason TEXT NOT NULL DEFAULT '',
    visible INTEGER NOT NULL          -- 0: waits to replace an older version of its file
);
INSERT INTO documents SELECT n, id, library, sha256, name, added, bytes,
    CASE WHEN state IN ('loading', 'failed') THEN state ELSE 'queued' END,
    CASE WHEN state = 'failed' THEN reason ELSE '' END, visible FROM readings;
DROP INDEX documents_by_library;
DROP INDEX documents_by_sha256;
CREATE INDEX documents_by_library ON documents (library);
CREATE INDEX documents_by_sha256 ON documents (sha256);

CREATE TABLE new_readings (
    n INTEGER PRIMARY KEY,
    document INTEGER NOT NULL REFERENCES documents (n),
    generation INTEGER NOT NULL REFERENCES generations (n),
    title TEXT NOT NULL,
    kind TEXT NOT NULL,
    language TEXT NOT NULL,
    date TEXT NOT NULL,
    state TEXT NOT NULL,              -- searchable, ready or partial
    reason TEXT NOT NULL,
    pages INTEGER NOT NULL,
    unread_pages INTEGER NOT NULL,
    chunks INTEGER NOT NULL,
    embedded INTEGER NOT NULL,
    loader INTEGER NOT NULL
);
INSERT INTO new_readings SELECT n, n, 1, title, kind, language, date, state, reason, pages, unread_pages,
    chunks, embedded, loader FROM readings WHERE state IN ('searchable', 'ready', 'partial');
DROP TABLE readings;
ALTER TABLE new_readings RENAME TO readings;
CREATE UNIQUE INDEX readings_by_document ON readings (document, generation);
CREATE INDEX readings_unfinished ON readings (generation) WHERE state = 'searchable';

CREATE TABLE new_paths (
    library INTEGER NOT NULL REFERENCES libraries (n),
    path TEXT NOT NULL,
    document INTEGER NOT NULL REFERENCES documents (n),
    bytes INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    next INTEGER REFERENCES documents (n),   -- the newer version, until it is ready
    PRIMARY KEY (library, path)
) WITHOUT ROWID;
INSERT INTO new_paths SELECT * FROM paths;
DROP TABLE paths;
ALTER TABLE new_paths RENAME TO paths;
CREATE INDEX paths_by_document ON paths (document);
CREATE INDEX paths_by_next ON paths (next) WHERE next IS NOT NULL;

ALTER TABLE pages RENAME COLUMN document TO reading;

-- Two generations may cut a document at the same places, and their chunks then have the same ids.
CREATE TABLE new_chunks (
    n INTEGER PRIMARY KEY,
    id BLOB NOT NULL,                 -- 16 bytes
    reading INTEGER NOT NULL REFERENCES readings (n),
    page INTEGER NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    header TEXT NOT NULL,
    heading TEXT NOT NULL,
    tokens INTEGER NOT NULL
);
INSERT INTO new_chunks SELECT * FROM chunks;
DROP TABLE chunks;
ALTER TABLE new_chunks RENAME TO chunks;
CREATE UNIQUE INDEX chunks_by_id ON chunks (id, reading);
CREATE INDEX chunks_by_reading ON chunks (reading);
"""

FIFTH = """
-- A library's name is part of the ids of its documents, so renaming it changes its title only.
ALTER TABLE libraries ADD COLUMN title TEXT NOT NULL DEFAULT '';
CREATE TABLE tags (
    document INTEGER NOT NULL REFERENCES documents (n) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    PRIMARY KEY (document, tag)
) WITHOUT ROWID;
CREATE INDEX tags_by_tag ON tags (tag);
"""

MIGRATIONS: tuple[str, ...] = (FIRST, SECOND, THIRD, FOURTH, FIFTH)


def is_older(catalog: Path) -> bool:
    """Return True if a catalog is there that `migrate` would change."""
    if not (catalog.exists() and catalog.stat().st_size):
        return False
    with suppress(sqlite3.Error), closing(sqlite3.connect(catalog, timeout=30)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        return 0 < int(version) < len(MIGRATIONS)
    return False  # a damaged file is reported by who opens it


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the catalog to this version's tables: all of its migrations, or none."""
    connection.execute("PRAGMA foreign_keys = OFF")  # while tables are replaced; no effect in a transaction
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
        if version < len(MIGRATIONS) and connection.execute("PRAGMA foreign_key_check").fetchone():
            raise sqlite3.DatabaseError("database disk image is malformed: a row refers to one that is gone")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    connection.execute("PRAGMA foreign_keys = ON")


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
