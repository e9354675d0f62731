"""Revision 0006: attempts and progress of the files that workers read; the queue itself is the catalog."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0008"

TABLES = """
CREATE TABLE jobs (
    kind TEXT COLLATE "C" NOT NULL,                 -- read, or again
    document TEXT COLLATE "C" NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    attempts INTEGER NOT NULL DEFAULT 0,            -- begun, and neither ended nor given back
    pages INTEGER NOT NULL DEFAULT 0,
    expected INTEGER NOT NULL DEFAULT 0,
    reader TEXT COLLATE "C",                        -- who asked to have it read again
    reason TEXT COLLATE "C" NOT NULL DEFAULT '',    -- why it could not be read again
    asked TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, document)
);
CREATE INDEX jobs_by_document ON jobs (document);
"""


def upgrade() -> None:
    op.execute(TABLES)
