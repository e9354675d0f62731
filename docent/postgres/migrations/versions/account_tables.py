"""Revision 0002: users, keys, attempts to log in, and the secret of the installation."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

TABLES = """
CREATE SCHEMA accounts;

CREATE TABLE accounts.users (
    name TEXT COLLATE "C" PRIMARY KEY,
    role TEXT NOT NULL,
    password TEXT NOT NULL,
    stamp TEXT NOT NULL,
    added TEXT NOT NULL
);
CREATE TABLE accounts.ended_sessions (session TEXT COLLATE "C" PRIMARY KEY, until DOUBLE PRECISION NOT NULL);

CREATE TABLE accounts.keys (
    name TEXT COLLATE "C" PRIMARY KEY,
    hash TEXT COLLATE "C" NOT NULL UNIQUE,
    libraries TEXT NOT NULL,
    expires TEXT NOT NULL,
    rate INTEGER NOT NULL,
    added TEXT NOT NULL,
    read_only INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE accounts.attempts (
    reason TEXT COLLATE "C" NOT NULL,   -- name, known or address
    key TEXT COLLATE "C" NOT NULL,
    count DOUBLE PRECISION NOT NULL,
    last DOUBLE PRECISION NOT NULL,     -- seconds since 1970, by the clock of the database
    PRIMARY KEY (reason, key)
);
CREATE INDEX attempts_by_time ON accounts.attempts (last);

-- One row: it signs logins and links on every machine.
CREATE TABLE accounts.secret (n INTEGER PRIMARY KEY CHECK (n = 1), value BYTEA NOT NULL);
"""


def upgrade() -> None:
    op.execute(TABLES)
