"""Libraries as people arrange them: titles, tags of their documents, and the groups that may use them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple, get_args

from docent.errors import InputError, UnknownLibrary
from docent.store.catalog.dialect import among, is_same
from docent.store.catalog.documents import SORTED, count_where, documents_where, library_row, now
from docent.store.catalog.scoping import holds_words, in_scope, known_in, visible_to
from docent.store.index.generations import Serving
from docent.store.protocols import Catalog, CatalogConnection, Level, LibraryEntry, Listing
from docent.types import Scope, State, private_library, shown_library

LONGEST_NAME = 80
LONGEST_TAG = 40
MOST_TAGS = 20
"""Of one document."""
RESERVED = "chat-"
"""Begins the names of the libraries that are one conversation's own."""
GROUP_NAME = re.compile(r"\w[^/\\]{0,79}")
BY_PROVIDER = "provider"
"""The source of a membership that an identity provider reported, and may take back."""
BY_ADMIN = "admin"


class Organiser:
    """Lists documents, and changes how they are arranged: libraries, their titles, tags."""

    def __init__(self, catalog: Catalog, serving: Callable[[], Serving]) -> None:
        self._catalog = catalog
        self._serving = serving

    def listing(
        self,
        scope: Scope,
        *,
        search: str = "",
        states: Sequence[State] = (),
        tag: str = "",
        sort: str = "",
        descending: bool = False,
        start: int = 0,
        limit: int = 50,
    ) -> Listing:
        """Return one page of the documents whose names or paths hold `search`, read or not."""
        visible, scoped = in_scope(scope)
        matching, words = holds_words(search, states)
        where, values = f"{visible} AND {matching}", [*scoped, *words]
        if tag:
            where += " AND EXISTS (SELECT 1 FROM tags t WHERE t.document = d.n AND t.tag = ?)"
            values.append(tag)
        generation = self._serving().generation
        order = SORTED.get(sort, SORTED[""]).format(way="DESC" if descending else "ASC")
        with self._catalog.read(scope) as db:
            total = count_where(db, generation, where, *values)
            page = documents_where(db, generation, where, *values, order=order, limit=limit, offset=start)
        return Listing(page, total)

    def libraries(self, reader: str | None) -> list[LibraryEntry]:
        """Return the libraries that a reader may see, with their titles, by title."""
        visible, values = visible_to(reader)
        with self._catalog.read(Scope(reader=reader)) as db:
            rows = db.execute(
                "SELECT l.name, l.owner, l.title, "
                "(SELECT count(*) FROM documents d WHERE d.library = l.n AND d.visible = 1) "
                f"FROM libraries l WHERE {visible}",
                values,
            ).fetchall()
            levels = _levels(db, reader)
        entries = [
            LibraryEntry(name, owner, title or shown_library(name), n, levels.get(name, "read"))
            for name, owner, title, n in rows
        ]
        return sorted(entries, key=lambda entry: (entry.title.casefold(), entry.name))

    def create_library(self, title: str, owner: str | None) -> str:
        """Make an empty library and return its name; with an owner a private one. Raises InputError."""
        title = checked_title(title)
        name = title if owner is None else private_library(owner, title)
        with self._catalog.write() as db:
            _refuse_title(db, title, owner)
            if db.execute("SELECT 1 FROM libraries WHERE name = ?", (name,)).fetchone():
                raise InputError("There is a library {name!r} already. Take another name.", name=title)
            library_row(db, name, owner)
        return name

    def rename_library(self, name: str, title: str, owner: str | None) -> None:
        """Give a library another title; its name, which is part of the ids in it, stays."""
        title = checked_title(title)
        with self._catalog.write() as db:
            _refuse_title(db, title, owner, besides=name)
            changed = db.execute(
                f"UPDATE libraries SET title = ? WHERE name = ? AND {is_same('owner')}", (title, name, owner)
            )
            if not changed.rowcount:
                raise UnknownLibrary("There is no library {name!r} that you may rename.", name=name)

    def tags(self, document_ids: Collection[str]) -> Mapping[str, list[str]]:
        """Return the tags of documents, by their ids."""
        condition, value = among("d.id", document_ids)
        tags: dict[str, list[str]] = defaultdict(list)
        with self._catalog.read() as db:
            for key, tag in db.execute(
                "SELECT d.id, t.tag FROM tags t JOIN documents d ON d.n = t.document "
                f"WHERE {condition} ORDER BY t.tag",
                (value,),
            ):
                tags[key].append(tag)
        return tags

    def known_tags(self, scope: Scope) -> list[str]:
        """Return every tag of the documents in a scope."""
        where, values = in_scope(scope)
        with self._catalog.read(scope) as db:
            rows = db.execute(
                f"SELECT DISTINCT t.tag FROM tags t, {known_in(self._serving().generation)} "
                f"WHERE t.document = d.n AND {where} ORDER BY t.tag",
                values,
            ).fetchall()
        return [str(tag) for (tag,) in rows]

    def tag(self, document_ids: Sequence[str], tag: str) -> None:
        """Add a tag to documents that the caller may change. Raises InputError."""
        tag = checked_tag(tag)
        condition, value = among("d.id", document_ids)
        with self._catalog.write() as db:
            db.execute(
                f"INSERT INTO tags (document, tag) SELECT d.n, ? FROM documents d WHERE {condition} "
                "AND (SELECT count(*) FROM tags t WHERE t.document = d.n) < ? "
                "ON CONFLICT (document, tag) DO NOTHING",
                (tag, value, MOST_TAGS),
            )

    def untag(self, document_ids: Sequence[str], tag: str) -> None:
        """Remove a tag from documents that the caller may change."""
        condition, value = among("d.id", document_ids)
        with self._catalog.write() as db:
            db.execute(
                "DELETE FROM tags WHERE tag = ? AND document IN "
                f"(SELECT d.n FROM documents d WHERE {condition})",
                (checked_tag(tag), value),
            )


def _levels(db: CatalogConnection, reader: str | None) -> dict[str, Level]:
    """Return what a reader's groups may do at most, by library."""
    rows = db.execute(
        "SELECT l.name, a.level FROM access a JOIN libraries l ON l.n = a.library "
        "JOIN members m ON m.group_name = a.group_name WHERE m.member = ?",
        (reader,),
    ).fetchall()
    order = get_args(Level)
    return {name: level for name, level in sorted(rows, key=lambda row: order.index(row[1]))}


def checked_title(title: str) -> str:
    """Return the name of a library as it is stored. Raises InputError."""
    title = " ".join(title.split())
    if (
        not title
        or len(title) > LONGEST_NAME
        or not title.isprintable()
        or title.startswith((RESERVED, ".", "~"))
        or "/" in title
        or "\\" in title
    ):
        raise InputError(
            "This cannot be the name of a library. Use up to {most} letters, digits, spaces and signs, but "
            "no slash, and begin it with a letter or digit.",
            most=LONGEST_NAME,
        )
    return title


def checked_tag(tag: str) -> str:
    """Return a tag as it is stored: lower case, single spaces. Raises InputError."""
    tag = " ".join(tag.split()).lower()
    if not tag or len(tag) > LONGEST_TAG or not tag.isprintable():
        raise InputError("A tag is one to {most} printable characters. Change it.", most=LONGEST_TAG)
    return tag


def _refuse_title(db: CatalogConnection, title: str, owner: str | None, *, besides: str = "") -> None:
    """Raise InputError where another library that the same people see has this title."""
    others = f"SELECT name, title FROM libraries WHERE {is_same('owner')} AND name <> ?"
    rows = db.execute(others, (owner, besides))
    for name, own in rows:
        if (own or shown_library(str(name))) == title:
            raise InputError("There is a library {name!r} already. Take another name.", name=title)


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
        raise _no_group(name)

    def add(self, name: str) -> str:
        name = " ".join(name.split())
        if not GROUP_NAME.fullmatch(name) or not name.isprintable():
            raise InputError(
                "{name!r} cannot be the name of a group. Use up to 80 letters, digits, spaces and signs, but "
                "no slash, and begin it with a letter or digit.",
                name=name,
            )
        with self._catalog.write() as db:
            added = db.execute(
                "INSERT INTO groups (name, added) VALUES (?, ?) ON CONFLICT (name) DO NOTHING", (name, now())
            )
            if not added.rowcount:
                raise InputError("There is a group {name!r} already. Take another name.", name=name)
        return name

    def remove(self, name: str) -> None:
        """Remove a group. Libraries that only it could use stay closed, until another gets access."""
        with self._catalog.write() as db:
            _must_be_group(db, name)
            db.execute("DELETE FROM groups WHERE name = ?", (name,))  # with its members and its access

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


def _must_be_group(db: CatalogConnection, name: str) -> None:
    if not db.execute("SELECT 1 FROM groups WHERE name = ?", (name,)).fetchone():
        raise _no_group(name)


def _no_group(name: str) -> InputError:
    return InputError("There is no group {name!r}. `python -m docent group list` shows them all.", name=name)


def _shared_library(db: CatalogConnection, library: str) -> int:
    row = db.execute("SELECT n FROM libraries WHERE name = ? AND owner IS NULL", (library,)).fetchone()
    if row is None:
        raise UnknownLibrary("There is no shared library {name!r}.", name=library)
    return int(row[0])
