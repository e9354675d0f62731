"""Accounts of people who may log in: names, roles and hashed passwords, in storage/ or PostgreSQL."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast, get_args

import bcrypt

from docent.errors import InputError
from docent.store.protocols import CatalogConnection
from docent.web.accounts.account_database import account_database

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
COLUMNS = "name, role, password, stamp, added"
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

    def __init__(self, storage: Path, *, cost: int = COST, database_url: str = "") -> None:
        self._database = account_database(storage / "users.db", (TABLE, ENDED), database_url)
        self._cost = cost

    def all(self) -> list[Account]:
        with self._database.read() as database:
            return [_account(row) for row in database.execute(f"SELECT {COLUMNS} FROM users ORDER BY name")]

    def find(self, name: str) -> Account | None:
        row = self._row(name)
        return None if row is None else _account(row)

    def add(self, name: str, *, role: str, password: str | None) -> Account:
        """Add an account; without a password for somebody who logs in through a provider."""
        name = checked_name(name)
        role = checked_role(role)
        hashed = NO_PASSWORD if password is None else self._hash(checked_password(password))
        added = datetime.now(UTC).isoformat(timespec="seconds")
        row = (name, role, hashed, secrets.token_hex(8), added)
        with self._database.write() as database:
            new = database.execute(
                f"INSERT INTO users ({COLUMNS}) VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING", row
            )
        if not new.rowcount:
            raise InputError(
                "There is a user {name!r} already. To change the password: python -m docent user "
                "password {name}",
                name=name,
            )
        return Account(name, role, row[3], added, password is not None)

    def set_password(self, name: str, password: str) -> None:
        """Change a password and end every login that was made with the old one."""
        hashed = self._hash(checked_password(password))
        with self._database.write() as database:
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
        with self._database.write() as database:
            self._must_be_admin(database, by)
            done = database.execute(
                "UPDATE users SET role = ?, stamp = ? WHERE name = ?",
                (role, secrets.token_hex(8), as_name(name)),
            )
            self._must_exist(done.rowcount, name)

    def remove(self, name: str, *, by: str | None = None) -> None:
        """Remove an account; `by` is the administrator who does it in the page, and still has to be one."""
        with self._database.write() as database:
            if by is not None:
                self._must_be_admin(database, by)
            done = database.execute("DELETE FROM users WHERE name = ?", (as_name(name),))
            self._must_exist(done.rowcount, name)

    def is_logged_in(self, name: str, *, stamp: str, session: str) -> bool:
        """Return True if the user still has the same password and has not ended this login."""
        with self._database.read() as database:
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
        with self._database.write() as database:
            database.execute("DELETE FROM ended_sessions WHERE until < ?", (time.time() - CLOCK_ERROR,))
            database.execute(
                "INSERT INTO ended_sessions VALUES (?, ?) ON CONFLICT (session) DO NOTHING", (session, until)
            )

    def verify(self, name: str, password: str) -> Account | None:
        """Return the account if this is its password. Slow on purpose, also for an unknown name."""
        row = self._row(name)
        stored = str(row[2]) if row else ""
        same = bcrypt.checkpw(_digest(password), (stored or self._nobody).encode())
        return _account(row) if same and row and stored else None

    def _row(self, name: str) -> Sequence[Any] | None:
        with self._database.read() as database:
            row: Sequence[Any] | None = database.execute(
                f"SELECT {COLUMNS} FROM users WHERE name = ?", (as_name(name),)
            ).fetchone()
        return row

    @cached_property
    def _nobody(self) -> str:
        """A hash to compare with when a name is unknown, so that it takes as long as a wrong password."""
        return self._hash(secrets.token_hex())

    def _hash(self, password: str) -> str:
        return bcrypt.hashpw(_digest(password), bcrypt.gensalt(self._cost)).decode()

    def _must_be_admin(self, database: CatalogConnection, name: str) -> None:
        """Check a role within the change that depends on it: two administrators may remove each other."""
        row = database.execute("SELECT role FROM users WHERE name = ?", (as_name(name),)).fetchone()
        if row is None or row[0] != "admin":
            raise InputError("You are no administrator any more, so nothing was changed.")

    def _must_exist(self, changed: int, name: str) -> None:
        if not changed:
            raise InputError(
                "There is no user {name!r}. `python -m docent user list` shows them all.", name=name
            )


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


def _account(row: Sequence[Any]) -> Account:
    name, role, password, stamp, added = row
    return Account(name, role, stamp, added, bool(password))
