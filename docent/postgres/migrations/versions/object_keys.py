"""Revision 0008: the key of each object in which an original lies, itself encrypted."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute("ALTER TABLE objects ADD COLUMN key TEXT NOT NULL DEFAULT ''")
