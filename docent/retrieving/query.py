"""What a person may write into a question beside words.

"net sales"        must stand in the passage, to the letter
-draft             must not stand in it
file:handbook.pdf  only in this document; also library: folder: type: since: until:
"""

from __future__ import annotations

import datetime
import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from docent.errors import InputError, UnknownDocument, UnknownLibrary
from docent.messages import Message
from docent.types import Scope, StoredDocument

QUOTES = str.maketrans("“”„«»", '"""""')
FILTER = re.compile(r'(?<!\S)(file|library|folder|type|since|until):(?:"([^"]*)"|(\S+))', re.IGNORECASE)
WITHOUT = re.compile(r'(?<!\S)-(?:"([^"]+)"|([^\W\d_][\w’\'-]*))')
PHRASE = re.compile(r'"([^"]+)"')
DATE = re.compile(r"\d{4}(?:-\d\d(?:-\d\d)?)?")
MOST_CONDITIONS = 32
"""Each is compared with every candidate: 300 excluded words took a second."""
KINDS = {"md": "markdown", "txt": "text", "htm": "html", "doc": "docx"}


@dataclass(frozen=True, slots=True)
class Query:
    """A question, and the conditions that were written into it."""

    text: str
    """The question without its conditions; what stood in quotes stays, without the quotes."""
    phrases: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    folder: str = ""
    kinds: tuple[str, ...] = ()
    since: str = ""
    until: str = ""

    def allows(self, text: str) -> bool:
        """Whether a passage holds every phrase, and nothing that was excluded."""
        plain = _plain(text)
        return all(_plain(phrase) in plain for phrase in self.phrases) and not any(
            re.search(rf"(?<!\w){re.escape(_plain(word))}(?!\w)", plain) for word in self.without
        )


def parse(question: str) -> Query:
    """Raises InputError where a condition cannot be understood."""
    text = question.translate(QUOTES)
    given: dict[str, list[str]] = {}
    for name, quoted, bare in FILTER.findall(text):
        given.setdefault(name.lower(), []).append(quoted or bare)
    text = FILTER.sub(" ", text)
    without = tuple(quoted or bare for quoted, bare in WITHOUT.findall(text))
    text = WITHOUT.sub(" ", text)
    phrases = tuple(phrase for phrase in PHRASE.findall(text) if phrase.strip())
    if not (plain := " ".join(text.replace('"', " ").split())):
        raise InputError("There is nothing to search for but conditions. Add what you want to know.")
    if (conditions := len(phrases) + len(without) + sum(map(len, given.values()))) > MOST_CONDITIONS:
        raise InputError(
            "The question has {conditions} conditions (words in quotation marks, words with a minus, "
            "filters such as file:); there may be {most}. Leave some out.",
            conditions=conditions,
            most=MOST_CONDITIONS,
        )
    for date in (*given.get("since", ()), *given.get("until", ())):
        _check_date(date)
    return Query(
        text=plain,
        phrases=phrases,
        without=without,
        files=tuple(given.get("file", ())),
        libraries=tuple(given.get("library", ())),
        folder=given.get("folder", [""])[-1],
        kinds=_kinds(given.get("type", ())),
        since=given.get("since", [""])[-1],
        until=given.get("until", [""])[-1],
    )


def checked(scope: Scope) -> Scope:
    """A scope that somebody typed, its types by their names here. Raises InputError for what is no date."""
    for date in (scope.since, scope.until):
        if date:
            _check_date(date)
    return replace(scope, kinds=_kinds(scope.kinds))


def narrowed(scope: Scope, query: Query, documents: Sequence[StoredDocument]) -> Scope:
    """The scope, made no wider than the question's conditions; `documents` are those in scope.

    Raises UnknownLibrary or UnknownDocument with the names that come near.
    """
    libraries = tuple(_library(name, documents) for name in query.libraries)
    ids = tuple(found for name in query.files for found in _files(name, documents))
    kinds = tuple(kind for kind in query.kinds if kind in (scope.kinds or query.kinds))
    return replace(
        scope,
        libraries=libraries or scope.libraries,
        documents=ids or scope.documents,
        folder=_inside(scope.folder.strip("/"), query.folder.strip("/")),
        kinds=kinds or (("none",) if query.kinds else scope.kinds),
        since=max(query.since, scope.since),
        # "2023" ends after "2023-07".
        until=min(filter(None, (query.until, scope.until)), key=lambda date: date + "~", default=""),
    )


def _inside(outer: str, inner: str) -> str:
    """The inner folder; it may be said with the outer one or without."""
    if not outer or not inner:
        return outer or inner
    return inner if f"{inner}/".startswith(f"{outer}/") else f"{outer}/{inner}"


def _kinds(typed: Sequence[str]) -> tuple[str, ...]:
    plain = (kind.lower().removeprefix(".") for kind in typed)
    return tuple(KINDS.get(kind, kind) for kind in plain)


def _check_date(typed: str) -> None:
    try:
        if not DATE.fullmatch(typed):
            raise ValueError
        datetime.date.fromisoformat(typed + "-01-01"[len(typed) - 4 :])
    except ValueError as error:
        raise InputError(
            "{typed!r} is not a date. Write a year, 2023, a month, 2023-07, or a day, 2023-07-31.",
            typed=typed,
        ) from error


def _library(name: str, documents: Sequence[StoredDocument]) -> str:
    known = sorted({document.library for document in documents})
    for library in known:
        if library.lower() == name.lower():
            return library
    raise UnknownLibrary(
        "library:{name} names no library that is searched here. There are: {known}.",
        name=name,
        known=", ".join(known) or Message("none"),
    )


def _files(name: str, documents: Sequence[StoredDocument]) -> list[str]:
    """Documents of this name, else of this name without its ending, else those whose name holds it."""
    wanted = name.lower().rpartition("/")[2]
    for fits in (
        lambda known: known == wanted,
        lambda known: known.rpartition(".")[0] == wanted,
        lambda known: wanted in known,
    ):
        if found := [document.id for document in documents if fits(document.name.lower())]:
            return found
    names = sorted({document.name for document in documents})
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names[:3]
    hint = (
        Message("Did you mean {names}?", names=", ".join(near))
        if near
        else Message("There are no documents yet.")
    )
    raise UnknownDocument("file:{name} names no document that is searched here. {more}", name=name, more=hint)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
