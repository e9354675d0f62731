"""Revision 0007: the objects of a bucket in which originals lie, as in docent/store/catalog/schema.py."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0003"

TABLES = """
CREATE TABLE objects (sha256 TEXT COLLATE "C" PRIMARY KEY, name TEXT COLLATE "C" NOT NULL);
CREATE TABLE dropped_objects (name TEXT COLLATE "C" PRIMARY KEY);
"""


def upgrade() -> None:
    op.execute(TABLES)
