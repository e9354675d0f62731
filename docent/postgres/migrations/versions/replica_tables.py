"""Revision 0005: how far the index of each process has followed the log of changes."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0006"

TABLES = """
CREATE TABLE replicas (
    id TEXT COLLATE "C" NOT NULL,           -- of a process; another one at each start
    generation BIGINT NOT NULL,
    host TEXT NOT NULL,
    position BIGINT NOT NULL,               -- of words and vectors, whichever is behind
    seen TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (id, generation)
);
"""


def upgrade() -> None:
    op.execute(TABLES)
