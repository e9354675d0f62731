"""Groups of people, and the shared libraries that only some groups may use."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple, get_args

from docent.errors import InputError, UnknownLibrary
from docent.store.catalog.dialect import among
from docent.store.catalog.documents import now
from docent.store.protocols import Catalog, CatalogConnection, Level

GROUP_NAME = re.compile(r"\w[^/\\]{0,79}")
BY_PROVIDER = "provider"
"""The source of a membership that an identity provider reported, and may take back."""
BY_ADMIN = "admin"


class Group(NamedTuple):
    """A group as a list of them shows it."""

    name: str
    members: tuple[str, ...]
    access: dict[str, Level]
    """By library."""


class Groups:
    """The groups: their members, and what they may do in which library."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def all(self) -> list[Group]:
        with self._catalog.read() as db:
            names = db.execute("SELECT name FROM groups ORDER BY name").fetchall()
            members = db.execute("SELECT group_name, member FROM members ORDER BY member").fetchall()
            access = db.execute(
                "SELECT a.group_name, l.name, a.level FROM access a JOIN libraries l ON l.n = a.library "
                "ORDER BY l.name"
            ).fetchall()
        return [
            Group(
                str(name),
                tuple(member for group, member in members if group == name),
                {library: level for group, library, level in access if group == name},
            )
            for (name,) in names
        ]

    def find(self, name: str) -> Group:
        """Return a group. Raises InputError where there is none of this name."""
        for group in self.all():
            if group.name == name:
                return group
        raise InputError(
            "There is no group {name!r}. `python -m docent group list` shows them all.", name=name
        )

    def add(self, name: str) -> str:
        name = " ".join(name.split())
        if not GROUP_NAME.fullmatch(name) or not name.isprintable():
            raise InputError(
                "{name!r} cannot be the name of a group. Use up to 80 letters, digits, spaces and signs, but "
                "no slash, and begin it with a letter or digit.",
                name=name,
            )
        with self._catalog.write() as db:
            if _is_group(db, name):
                raise InputError("There is a group {name!r} already. Take another name.", name=name)
            db.execute("INSERT INTO groups (name, added) VALUES (?, ?)", (name, now()))
        return name

    def remove(self, name: str) -> None:
        """Remove a group. Libraries that only it could use stay closed, until another gets access."""
        with self._catalog.write() as db:
            _must_be_group(db, name)
            db.execute("DELETE FROM access WHERE group_name = ?", (name,))
            db.execute("DELETE FROM members WHERE group_name = ?", (name,))
            db.execute("DELETE FROM groups WHERE name = ?", (name,))

    def join(self, name: str, member: str) -> None:
        with self._catalog.write() as db:
            _must_be_group(db, name)
            db.execute(
                "INSERT INTO members (group_name, member, source) VALUES (?, ?, ?) "
                "ON CONFLICT (group_name, member) DO UPDATE SET source = excluded.source",
                (name, member, BY_ADMIN),
            )

    def leave(self, name: str, member: str) -> None:
        with self._catalog.write() as db:
            _must_be_group(db, name)
            db.execute("DELETE FROM members WHERE group_name = ? AND member = ?", (name, member))

    def follow_provider(self, member: str, names: Collection[str]) -> None:
        """Let a member be in exactly these groups, of those that the identity provider decides.

        Names of groups that do not exist here are ignored: a provider knows many others.
        """
        known, value = among("name", names)
        with self._catalog.write() as db:
            db.execute("DELETE FROM members WHERE member = ? AND source = ?", (member, BY_PROVIDER))
            db.execute(
                "INSERT INTO members (group_name, member, source) "
                f"SELECT name, ?, ? FROM groups WHERE {known} ON CONFLICT (group_name, member) DO NOTHING",
                (member, BY_PROVIDER, value),
            )

    def grant(self, name: str, library: str, level: str) -> None:
        """Let a group use a shared library, and close it to everybody who is in no group with access."""
        if level not in get_args(Level):
            levels = ", ".join(get_args(Level))
            raise InputError("{level!r} is no access. There are: {levels}.", level=level, levels=levels)
        with self._catalog.write() as db:
            _must_be_group(db, name)
            n = _shared_library(db, library)
            db.execute("UPDATE libraries SET restricted = 1 WHERE n = ?", (n,))
            db.execute(
                "INSERT INTO access (library, group_name, level) VALUES (?, ?, ?) "
                "ON CONFLICT (library, group_name) DO UPDATE SET level = excluded.level",
                (n, name, level),
            )

    def revoke(self, name: str, library: str) -> None:
        """Take a group's access to a library away; the library stays closed to all others."""
        with self._catalog.write() as db:
            _must_be_group(db, name)
            n = _shared_library(db, library)
            db.execute("DELETE FROM access WHERE library = ? AND group_name = ?", (n, name))

    def open_to_all(self, library: str) -> None:
        """Let everybody read a shared library again."""
        with self._catalog.write() as db:
            n = _shared_library(db, library)
            db.execute("DELETE FROM access WHERE library = ?", (n,))
            db.execute("UPDATE libraries SET restricted = 0 WHERE n = ?", (n,))

    def restricted(self) -> Sequence[str]:
        """Return the names of the shared libraries that are closed but for groups."""
        with self._catalog.read() as db:
            rows = db.execute("SELECT name FROM libraries WHERE restricted = 1 ORDER BY name").fetchall()
        return [str(name) for (name,) in rows]


def _is_group(db: CatalogConnection, name: str) -> bool:
    return db.execute("SELECT 1 FROM groups WHERE name = ?", (name,)).fetchone() is not None


def _must_be_group(db: CatalogConnection, name: str) -> None:
    if not _is_group(db, name):
        raise InputError(
            "There is no group {name!r}. `python -m docent group list` shows them all.", name=name
        )


def _shared_library(db: CatalogConnection, library: str) -> int:
    row = db.execute("SELECT n FROM libraries WHERE name = ? AND owner IS NULL", (library,)).fetchone()
    if row is None:
        raise UnknownLibrary("There is no shared library {name!r}.", name=library)
    return int(row[0])
