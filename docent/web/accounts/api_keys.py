"""ApiKeys of programs that use the HTTP API: shown once, stored as a hash, with libraries and a rate."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from docent.errors import InputError
from docent.web.accounts.account_database import account_database

PREFIX = "docent-"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@+-]{0,99}")

TABLE = """
CREATE TABLE IF NOT EXISTS keys (
    name TEXT PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    libraries TEXT NOT NULL,   -- a JSON list; empty: every shared library
    expires TEXT NOT NULL,     -- the last day it is good for; empty: none
    rate INTEGER NOT NULL,     -- requests a minute; 0: no limit
    added TEXT NOT NULL,
    read_only INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID
"""
COLUMNS = "name, hash, libraries, expires, rate, added, read_only"
ADD_READ_ONLY = "ALTER TABLE keys ADD COLUMN read_only INTEGER NOT NULL DEFAULT 0"


@dataclass(frozen=True, slots=True)
class ApiKey:
    name: str
    libraries: tuple[str, ...]
    """Empty: every shared library."""
    expires: str
    rate: int
    """Requests a minute; 0: no limit."""
    added: str
    read_only: bool = False
    """It may ask and search, but neither hand in nor delete."""

    @property
    def expired(self) -> bool:
        return bool(self.expires) and self.expires < _today()


class ApiKeys:
    """The keys of one installation, in storage/keys.db or PostgreSQL. A server sees changes at once."""

    def __init__(self, storage: Path, *, database_url: str = "") -> None:
        self._database = account_database(storage / "keys.db", (TABLE,), database_url)
        if not database_url:
            with self._database.write() as database:
                columns = database.execute("PRAGMA table_info(keys)").fetchall()
                if not any(name == "read_only" for _, name, *_ in columns):
                    database.execute(ADD_READ_ONLY)

    def add(
        self, name: str, *, libraries: Sequence[str], expires: str, rate: int, read_only: bool = False
    ) -> str:
        """Make a key and return it; it cannot be shown again."""
        if not NAME.fullmatch(name):
            raise InputError(
                "{name!r} cannot be a name. Use letters, digits, spaces and . _ @ + -, at most 100.",
                name=name,
            )
        if rate < 0:
            raise InputError(
                "{rate} is no pace. Write how many requests a minute at most; 0 is no limit.", rate=rate
            )
        secret = PREFIX + secrets.token_urlsafe(32)
        row = (
            name,
            _hash(secret),
            json.dumps(list(libraries)),
            _day(expires),
            rate,
            _today(),
            int(read_only),
        )
        with self._database.write() as database:
            new = database.execute(
                f"INSERT INTO keys ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING",
                row,
            )
        if not new.rowcount:
            raise InputError(
                "There is a key {name!r} already. Take another name, or first: python -m docent key "
                "remove {name!r}",
                name=name,
            )
        return secret

    def all(self) -> list[ApiKey]:
        with self._database.read() as database:
            return [_key(row) for row in database.execute(f"SELECT {COLUMNS} FROM keys ORDER BY name")]

    def remove(self, name: str) -> None:
        with self._database.write() as database:
            if not database.execute("DELETE FROM keys WHERE name = ?", (name,)).rowcount:
                raise InputError(
                    "There is no key {name!r}. `python -m docent key list` shows them all.", name=name
                )

    def find(self, secret: str) -> ApiKey | None:
        """Return the key with this secret. Hashing it first makes near misses take as long as any other."""
        with self._database.read() as database:
            row = database.execute(f"SELECT {COLUMNS} FROM keys WHERE hash = ?", (_hash(secret),)).fetchone()
        return None if row is None else _key(row)


def _hash(secret: str) -> str:
    """Return a plain digest: a secret of 256 random bits cannot be guessed, however fast the hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _key(row: Sequence[Any]) -> ApiKey:
    name, _, libraries, expires, rate, added, read_only = row
    return ApiKey(name, tuple(json.loads(libraries)), expires, rate, added, bool(read_only))


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat() if text else ""
    except ValueError as error:
        raise InputError("{text!r} is not a day. Write it as 2027-01-31.", text=text) from error


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
