"""The catalog's tables, and how a storage/ that version 0.1 wrote is brought to them.

A released script is never edited: the next change is the next version. `user_version` in the file says which
one it has. Each statement ends with its line.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from docent.errors import IndexMismatch
from docent.store.locks import FolderLock

log = logging.getLogger(__name__)

COMMON = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE libraries (
    n INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    owner TEXT,                       -- NULL: shared with everybody
    added TEXT NOT NULL
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

CREATE TABLE pages (
    reading INTEGER NOT NULL REFERENCES readings (n),
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
CREATE UNIQUE INDEX pages_by_document ON pages (reading, number);

CREATE TABLE vectors (
    chunk INTEGER PRIMARY KEY REFERENCES chunks (n),
    data BLOB NOT NULL                -- float16, normalised
);
"""
"""Tables that version 0.1 has, too."""

NEW = """
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
    visible INTEGER NOT NULL          -- 1: a path answers with it; 0: it waits to replace an older version
);
CREATE INDEX documents_by_library ON documents (library);
CREATE INDEX documents_by_sha256 ON documents (sha256);

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

-- A generation of the index has its own readings, pages, chunks and vectors of the same documents.
CREATE TABLE generations (
    n INTEGER PRIMARY KEY AUTOINCREMENT,   -- never used again: a process may still have one open
    fingerprint TEXT NOT NULL,
    role TEXT NOT NULL,               -- serving, previous or building; one of each at most
    trimmed INTEGER NOT NULL DEFAULT 0     -- changes up to this position have been removed
);

CREATE TABLE readings (
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
CREATE UNIQUE INDEX readings_by_document ON readings (document, generation);
CREATE INDEX readings_unfinished ON readings (generation) WHERE state = 'searchable';

-- Two generations may cut a document at the same places, and their chunks then have the same ids.
CREATE TABLE chunks (
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
CREATE UNIQUE INDEX chunks_by_id ON chunks (id, reading);
CREATE INDEX chunks_by_reading ON chunks (reading);

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

-- Which log the positions of words and vectors belong to.
INSERT INTO meta VALUES ('log', lower(hex(randomblob(16))));
"""

BEFORE = """
-- Pages and vectors, most of the file, stay where they are; only the names in them change.
ALTER TABLE documents RENAME TO readings;
ALTER TABLE pages RENAME COLUMN document TO reading;
-- From here on they keep the names of the tables that they refer to.
PRAGMA legacy_alter_table = ON;
ALTER TABLE readings RENAME TO old_documents;
ALTER TABLE paths RENAME TO old_paths;
ALTER TABLE chunks RENAME TO old_chunks;
PRAGMA legacy_alter_table = OFF;
DROP INDEX documents_by_library;
DROP INDEX documents_by_sha256;
DROP INDEX paths_by_document;
DROP INDEX paths_by_next;
"""

AFTER = """
INSERT INTO generations (n, fingerprint, role) SELECT 1, value, 'serving' FROM meta WHERE key = 'fingerprint';
DELETE FROM meta WHERE key = 'fingerprint';
INSERT INTO documents SELECT n, id, library, sha256, name, added, bytes,
    CASE WHEN state IN ('loading', 'failed') THEN state ELSE 'queued' END,
    CASE WHEN state = 'failed' THEN reason ELSE '' END, visible FROM old_documents;
INSERT INTO readings SELECT n, n, 1, title, kind, language, date, state, reason, pages, unread_pages,
    chunks, embedded, loader FROM old_documents WHERE state IN ('searchable', 'ready', 'partial');
INSERT INTO paths SELECT * FROM old_paths;
INSERT INTO chunks SELECT * FROM old_chunks;
DROP TABLE old_paths;
DROP TABLE old_chunks;
DROP TABLE old_documents;
"""

ORGANISED = """
-- A library's name is part of the ids of its documents, so renaming it changes its title only.
ALTER TABLE libraries ADD COLUMN title TEXT NOT NULL DEFAULT '';
CREATE TABLE tags (
    document INTEGER NOT NULL REFERENCES documents (n) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    PRIMARY KEY (document, tag)
) WITHOUT ROWID;
CREATE INDEX tags_by_tag ON tags (tag);
"""

HIDDEN = """
-- A document that no path names any more is found by this index, and removed with the last of its paths.
UPDATE documents SET visible = 0 WHERE n NOT IN (SELECT document FROM paths);
CREATE INDEX documents_hidden ON documents (n) WHERE visible = 0;
"""

GROUPS = """
-- 1: only people in a group with access see it, also when there is no such group (any more).
ALTER TABLE libraries ADD COLUMN restricted INTEGER NOT NULL DEFAULT 0;
CREATE TABLE groups (name TEXT PRIMARY KEY, added TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE members (
    group_name TEXT NOT NULL REFERENCES groups (name) ON DELETE CASCADE,
    member TEXT NOT NULL,
    source TEXT NOT NULL,             -- admin, or provider: as the identity provider said at the last login
    PRIMARY KEY (group_name, member)
) WITHOUT ROWID;
CREATE INDEX members_by_name ON members (member);
CREATE TABLE access (
    library INTEGER NOT NULL REFERENCES libraries (n) ON DELETE CASCADE,
    group_name TEXT NOT NULL REFERENCES groups (name) ON DELETE CASCADE,
    level TEXT NOT NULL,              -- read, write or manage
    PRIMARY KEY (library, group_name)
) WITHOUT ROWID;
"""

OBJECTS = """
-- Originals in a bucket: the object in which one lies, and those that are to be deleted.
CREATE TABLE objects (sha256 TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE dropped_objects (name TEXT PRIMARY KEY) WITHOUT ROWID;
"""

OBJECT_KEYS = "ALTER TABLE objects ADD COLUMN key TEXT NOT NULL DEFAULT ''"  # empty: it is not encrypted

LATEST = 9
VERSION_0_1 = 3
MIGRATIONS = {
    0: (COMMON + NEW, 4),
    VERSION_0_1: (BEFORE + NEW + AFTER, 4),
    4: (ORGANISED, 5),
    5: (HIDDEN, 6),
    6: (GROUPS, 7),
    7: (OBJECTS, 8),
    8: (OBJECT_KEYS, 9),
}
"""By the version that a catalog has, the script that changes it, and the version that it has then."""

EARLIER_INDEXES = ("index-previous", "index-aside", "building")
"""Folders of indexes that did not answer: the one before a rebuild, and the one that was being built."""
LEFT = (*EARLIER_INDEXES, "door", "door.key", "index/chroma", "index/words", "index/in-step", "index/opening")
"""All that version 0.1 left but the catalog and the originals, from which it is made again."""


def is_older(catalog: Path, *, than: int = LATEST) -> bool:
    """Return True if a catalog is there that `migrate` would change; or one older than a certain version."""
    if not (catalog.exists() and catalog.stat().st_size):
        return False
    with suppress(sqlite3.Error), closing(sqlite3.connect(catalog, timeout=30)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        return 0 < int(version) < than
    return False  # a damaged file is reported by who opens it


def bring_up_to_date(storage: Path, lock: FolderLock) -> None:
    """Remove the indexes of version 0.1; the one that answers is written again from the catalog.

    What an interrupted switch left aside is put back first. Raises StorageBusy while others use the folder.
    """
    index = storage / "index"
    for other in ("index-aside", "index-previous"):
        if not index.exists() and (storage / other).exists():
            (storage / other).rename(index)
    if not is_older(index / "catalog.db", than=VERSION_0_1 + 1):
        return
    with lock.alone():
        for left in LEFT:
            if (storage / left).is_dir():
                log.warning("%s was made by an earlier version and is removed.", storage / left)
                shutil.rmtree(storage / left)
            else:
                (storage / left).unlink(missing_ok=True)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the catalog to this version's tables: all of its migrations, or none."""
    connection.execute("PRAGMA foreign_keys = OFF")  # while tables are replaced; no effect in a transaction
    connection.execute("BEGIN EXCLUSIVE")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > LATEST:
        connection.execute("ROLLBACK")
        raise IndexMismatch(
            "storage/ was written by a newer Docent (catalog version {version}, this one knows "
            "{migrations}). Update Docent, or name another folder with DOCENT_STORAGE.",
            version=version,
            migrations=LATEST,
        )
    try:
        changes = version < LATEST
        while version < LATEST:
            script, version = MIGRATIONS[version]
            for statement in script.split(";\n"):  # executescript() would commit half a migration
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version}")
        if changes and connection.execute("PRAGMA foreign_key_check").fetchone():
            raise sqlite3.DatabaseError("database disk image is malformed: a row refers to one that is gone")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    connection.execute("PRAGMA foreign_keys = ON")
