"""Accounts of people who may log in: names, roles and hashed passwords, in storage/users.db."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Literal, cast, get_args

import bcrypt

from docent.errors import InputError
from docent.web.storage_files import opening

Role = Literal["admin", "member"]
LOCAL = "local"
"""The one person of a Docent without login. No account may have this name."""

SHORTEST_PASSWORD = 10
NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,99}")
COST = 12  # 0.25 s a password on two cores
CLOCK_ERROR = 366 * 86_400
"""Seconds by which a clock may have been ahead without a session that was logged out of coming back."""
NO_PASSWORD = ""
"""For users who log in through a provider only."""

TABLE = """
CREATE TABLE IF NOT EXISTS users (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    password TEXT NOT NULL,
    stamp TEXT NOT NULL,       -- changes with the password: older logins end
    added TEXT NOT NULL
) WITHOUT ROWID
"""
ENDED = """
CREATE TABLE IF NOT EXISTS ended_sessions (
    session TEXT PRIMARY KEY,
    until REAL NOT NULL        -- seconds since 1970; its tokens expire by themselves then
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    role: Role
    stamp: str
    added: str
    has_password: bool


class Users:
    """The accounts of one installation. A running server sees changes at once."""

    def __init__(self, storage: Path, *, cost: int = COST) -> None:
        self._path = storage / "users.db"
        self._cost = cost
        with opening(self._path):
            storage.mkdir(parents=True, exist_ok=True)
            with self._open() as database:
                database.execute(TABLE)
                database.execute(ENDED)
            self._path.chmod(0o600)

    def all(self) -> list[Account]:
        with self._open() as database:
            return [_account(row) for row in database.execute("SELECT * FROM users ORDER BY name")]

    def find(self, name: str) -> Account | None:
        with self._open() as database:
            row = database.execute("SELECT * FROM users WHERE name = ?", (as_name(name),)).fetchone()
        return None if row is None else _account(row)

    def add(self, name: str, *, role: str, password: str | None) -> Account:
        """Add an account; without a password for somebody who logs in through a provider."""
        name = checked_name(name)
        role = checked_role(role)
        hashed = NO_PASSWORD if password is None else self._hash(checked_password(password))
        added = datetime.now(UTC).isoformat(timespec="seconds")
        try:
            with self._open() as database:
                row = (name, role, hashed, secrets.token_hex(8), added)
                database.execute("INSERT INTO users VALUES (?, ?, ?, ?, ?)", row)
        except sqlite3.IntegrityError as error:
            raise InputError(
                "There is a user {name!r} already. To change the password: python -m docent user "
                "password {name}",
                name=name,
            ) from error
        return Account(name, role, row[3], added, password is not None)

    def set_password(self, name: str, password: str) -> None:
        """Change a password and end every login that was made with the old one."""
        hashed = self._hash(checked_password(password))
        with self._open() as database:
            done = database.execute(
                "UPDATE users SET password = ?, stamp = ? WHERE name = ?",
                (hashed, secrets.token_hex(8), as_name(name)),
            )
            self._must_exist(done.rowcount, name)

    def set_role(self, name: str, role: str, *, by: str) -> None:
        """Change a role and end the logins that were made with the old one.

        `by` is the administrator who does it, and still has to be one.
        """
        role = checked_role(role)
        with self._open() as database:
            self._must_be_admin(database, by)
            done = database.execute(
                "UPDATE users SET role = ?, stamp = ? WHERE name = ?",
                (role, secrets.token_hex(8), as_name(name)),
            )
            self._must_exist(done.rowcount, name)

    def remove(self, name: str, *, by: str | None = None) -> None:
        """Remove an account; `by` is the administrator who does it in the page, and still has to be one."""
        with self._open() as database:
            if by is not None:
                self._must_be_admin(database, by)
            done = database.execute("DELETE FROM users WHERE name = ?", (as_name(name),))
            self._must_exist(done.rowcount, name)

    def is_logged_in(self, name: str, *, stamp: str, session: str) -> bool:
        """Return True if the user still has the same password and has not ended this login."""
        with self._open() as database:
            return (
                database.execute(
                    "SELECT 1 FROM users WHERE name = ? AND stamp = ? "
                    "AND NOT EXISTS (SELECT 1 FROM ended_sessions WHERE session = ?)",
                    (as_name(name), stamp, session),
                ).fetchone()
                is not None
            )

    def end_session(self, session: str, *, until: float) -> None:
        """Store that a session was logged out of, until its tokens have long expired by themselves.

        While a clock is wrong, and ahead, tokens look expired that are valid again once it is set back.
        """
        with self._open() as database:
            database.execute("DELETE FROM ended_sessions WHERE until < ?", (time.time() - CLOCK_ERROR,))
            database.execute("INSERT OR IGNORE INTO ended_sessions VALUES (?, ?)", (session, until))

    def verify(self, name: str, password: str) -> Account | None:
        """Return the account if this is its password. Slow on purpose, also for an unknown name."""
        with self._open() as database:
            row = database.execute("SELECT * FROM users WHERE name = ?", (as_name(name),)).fetchone()
        hashed = (row["password"] if row else "") or self._nobody
        same = bcrypt.checkpw(_digest(password), hashed.encode())
        return _account(row) if same and row and row["password"] else None

    @cached_property
    def _nobody(self) -> str:
        """A hash to compare with when a name is unknown, so that it takes as long as a wrong password."""
        return self._hash(secrets.token_hex())

    def _hash(self, password: str) -> str:
        return bcrypt.hashpw(_digest(password), bcrypt.gensalt(self._cost)).decode()

    def _must_be_admin(self, database: sqlite3.Connection, name: str) -> None:
        """Check a role within the change that depends on it: two administrators may remove each other."""
        database.execute("BEGIN IMMEDIATE")
        row = database.execute("SELECT role FROM users WHERE name = ?", (as_name(name),)).fetchone()
        if row is None or row["role"] != "admin":
            raise InputError("You are no administrator any more, so nothing was changed.")

    def _must_exist(self, changed: int, name: str) -> None:
        if not changed:
            raise InputError(
                "There is no user {name!r}. `python -m docent user list` shows them all.", name=name
            )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=10)) as connection, connection:
            connection.execute("PRAGMA secure_delete = ON")  # a removed name is overwritten, not unlinked
            connection.row_factory = sqlite3.Row
            yield connection


def as_name(name: str) -> str:
    """Return a name in the form in which names are compared: without case and surrounding spaces."""
    return name.strip().lower()


def checked_name(name: str) -> str:
    name = as_name(name)
    if not NAME.fullmatch(name):
        raise InputError(
            "{name!r} cannot be a name. Use letters a to z, digits and . _ @ + -, at most 100, "
            "beginning with a letter or digit.",
            name=name,
        )
    if name == LOCAL:
        raise InputError(
            "{local!r} is the name of the one person of a Docent without login. Take another.", local=LOCAL
        )
    return name


def checked_role(role: str) -> Role:
    if role not in get_args(Role):
        raise InputError(
            "{role!r} is not a role. There are: {role_2}.", role=role, role_2=", ".join(get_args(Role))
        )
    return cast("Role", role)


def checked_password(password: str) -> str:
    if len(password) < SHORTEST_PASSWORD:
        raise InputError(
            "The password is too short. Use at least {shortest_password} characters.",
            shortest_password=SHORTEST_PASSWORD,
        )
    return password


def _digest(password: str) -> bytes:
    """Return a digest for bcrypt, which reads only 72 bytes: every character of a long password counts."""
    return base64.b64encode(hashlib.sha256(password.encode()).digest())


def _account(row: sqlite3.Row) -> Account:
    return Account(row["name"], row["role"], row["stamp"], row["added"], bool(row["password"]))
