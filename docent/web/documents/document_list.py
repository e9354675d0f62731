"""The list of documents: the part that somebody wants to see, its rows, and the libraries beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

from docent.ingesting import is_locked
from docent.messages import Message
from docent.store import KnownFile, LibraryEntry
from docent.types import Scope, State, StoredDocument, private_library, shown_library
from docent.web.accounts.users import LOCAL
from docent.web.chat.attachment_status import unlock_link
from docent.web.chat.file_scope import UPLOADS, is_of_a_conversation
from docent.web.i18n import say
from docent.web.templates import render

LIST_LENGTH = 50
LONGEST_SEARCH = 200
CONVERSATIONS = "chat-"
"""Stands for every library that is one conversation's own."""
STATES: dict[str, tuple[State, ...]] = {
    "ready": (State.READY,),
    "partial": (State.PARTIAL,),
    "searchable": (State.SEARCHABLE,),
    "loading": (State.QUEUED, State.LOADING),
    "failed": (State.FAILED,),
}
"""By the name of the filter."""
COLUMNS = {
    "name": Message("Name"),
    "library": Message("Library"),
    "state": Message("State"),
    "pages": Message("Pages"),
    "size": Message("Size"),
    "added": Message("Added"),
}
"""Columns of the list, by the name of the order that they are sorted by."""
STATE_NAMES = {
    "queued": Message("waiting"),
    "loading": Message("being read"),
    "searchable": Message("searchable by words"),
    "ready": Message("ready"),
    "partial": Message("partly unread"),
    "nothing": Message("nothing to search"),
    "failed": Message("could not be read"),
}


@dataclass(frozen=True, slots=True)
class ListQuery:
    """The part of the list that somebody wants to see, and its order."""

    search: str = ""
    library: str = ""
    state: str = ""
    tag: str = ""
    sort: str = ""
    down: bool = False
    start: int = 0

    @classmethod
    def of(cls, params: Mapping[str, str]) -> ListQuery:
        """Return the query that an address or a form names; what means nothing is left out."""
        state, sort = params.get("state", ""), params.get("sort", "")
        return cls(
            search=params.get("search", "").strip()[:LONGEST_SEARCH],
            library=params.get("library", ""),
            state=state if state in STATES else "",
            tag=params.get("tag", ""),
            sort=sort if sort in COLUMNS else "",
            down=params.get("down") == "1",
            start=position(params.get("start", "")),
        )

    def address(self, **changes: Any) -> str:
        """Return the address of this part of the list, or of another one, which begins at its start."""
        other = replace(self, **{"start": 0, **changes})
        params = {
            "search": other.search,
            "library": other.library,
            "state": other.state,
            "tag": other.tag,
            "sort": other.sort,
            "down": "1" if other.down else "",
            "start": str(other.start or ""),
        }
        query = urlencode({name: value for name, value in params.items() if value})
        return f"/documents?{query}" if query else "/documents"

    @property
    def is_filtered(self) -> bool:
        return bool(self.search or self.library or self.state or self.tag)


@dataclass(frozen=True, slots=True)
class Origin:
    """The conversation in which a file was sent."""

    thread: str
    name: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A document as the templates show it."""

    document: StoredDocument
    library: str
    state: str
    """A key of STATE_NAMES, and a class of the style sheet."""
    unlock: str
    """The address where its password is asked for; empty where none is."""
    tags: Sequence[str] = ()
    origin: Origin | None = None

    @property
    def state_name(self) -> Message:
        return STATE_NAMES[self.state]

    @property
    def ask(self) -> str:
        """The address of a conversation with this document as its source; empty where it cannot answer."""
        return f"/?sources={quote(self.document.id)}" if self.document.chunks else ""

    @property
    def summarise(self) -> str:
        """The address of a conversation that begins with its summary; empty where it cannot answer."""
        return f"{self.ask}&ask=summary" if self.ask else ""

    @property
    def preview(self) -> str:
        """The address of its first page; empty until it has been read."""
        return f"/documents/{self.document.id}/pages/1" if self.document.pages else ""


@dataclass(frozen=True, slots=True)
class ListPermissions:
    """The changes that a person may make to libraries."""

    reader: str
    admin: bool

    @property
    def alone(self) -> bool:
        """True where nobody logs in, so that one person has everything."""
        return self.reader == LOCAL

    def may_change(self, library: LibraryEntry) -> bool:
        shared = library.owner is None and (self.admin or library.level == "manage")
        return library.owner == self.reader or shared

    def may_add(self, library: LibraryEntry) -> bool:
        """Return True if they may add documents, which they may change only where they manage the library."""
        return self.may_change(library) or (library.owner is None and library.level == "write")


@dataclass(frozen=True, slots=True)
class DocumentList:
    """Everything that one view of the list shows."""

    query: ListQuery
    documents: Sequence[StoredDocument]
    total: int
    failures: Sequence[KnownFile]
    libraries: Sequence[LibraryEntry]
    tags: Mapping[str, Sequence[str]]
    """By document id."""
    known_tags: Sequence[str]
    origins: Mapping[str, Origin]
    """By document id."""
    unfinished: int
    """Documents that are being read or wait for it, wherever they are."""


def chosen_libraries(query: ListQuery) -> tuple[str, ...]:
    """Return the one library of a list; empty for all of them."""
    return (query.library,) if query.library else ()


def scope_of(query: ListQuery, libraries: Sequence[str], reader: str) -> Scope:
    """Return the scope of a list: one library, those of all conversations, or everything."""
    chosen = chosen_libraries(query)
    if query.library == CONVERSATIONS:
        chosen = tuple(filter(is_of_a_conversation, libraries)) or chosen
    return Scope(reader=reader, libraries=chosen)


def list_page(
    view: DocumentList, allowed: ListPermissions, *, shared: Sequence[str], accepts_mb: int, language: str
) -> str:
    """Return the list with its filters, the libraries, and the files of folders that could not be read."""
    query = view.query
    titles = {library.name: library.title for library in view.libraries}
    own = [library for library in view.libraries if not is_of_a_conversation(library.name)]
    in_conversations = sum(
        library.documents for library in view.libraries if is_of_a_conversation(library.name)
    )
    end = query.start + len(view.documents)
    return render(
        "documents/list.html",
        language,
        view=view,
        query=query,
        entries=[
            entry_of(document, language, titles=titles, tags=view.tags, origins=view.origins)
            for document in view.documents
        ],
        previous=query.address(start=max(query.start - LIST_LENGTH, 0)) if query.start else "",
        next=query.address(start=end) if end < view.total else "",
        is_long=len(view.documents) > LIST_LENGTH // 3,
        columns=COLUMNS,
        libraries=own,
        everything=sum(library.documents for library in view.libraries),
        conversations=CONVERSATIONS,
        in_conversations=in_conversations,
        chosen=next((library for library in own if library.name == query.library), None),
        targets=[("", UPLOADS), *_targets(own, allowed, language)],
        allowed=allowed,
        shared=[(name, titles.get(name, name)) for name in shared],
        accepts_mb=accepts_mb,
        states=[
            ("", say("Every state", language)),
            *((state, say(STATE_NAMES[state], language)) for state in STATES),
        ],
        all_tags=[("", say("Every tag", language)), *((tag, tag) for tag in view.known_tags)],
    )


def _targets(
    libraries: Sequence[LibraryEntry], allowed: ListPermissions, language: str
) -> list[tuple[str, str]]:
    """Return name and title of the libraries that a person may add files to, besides that of uploads."""
    targets = []
    for library in libraries:
        is_default = library.name == (UPLOADS if allowed.alone else private_library(allowed.reader, UPLOADS))
        if allowed.may_add(library) and not is_default:
            is_own = library.owner is not None and not allowed.alone
            targets.append(
                (library.name, f"{library.title} ({say('private', language)})" if is_own else library.title)
            )
    return targets


def state_cell(document: StoredDocument, progress: tuple[int, int], language: str) -> str:
    """Return a document's state as the list shows it, with a bar while it is being read."""
    return render(
        "documents/state.html", language, entry=entry_of(document, language), done=progress[0], of=progress[1]
    )


def entry_of(
    document: StoredDocument,
    language: str,
    *,
    titles: Mapping[str, str] | None = None,
    tags: Mapping[str, Sequence[str]] | None = None,
    origins: Mapping[str, Origin] | None = None,
) -> Entry:
    """Return a document as the templates show it."""
    is_finished = document.state in (State.READY, State.PARTIAL)
    is_unlockable = document.owner is not None and is_locked(document)
    return Entry(
        document,
        _library_name(document.library, titles or {}, language),
        "nothing" if is_finished and not document.chunks else document.state.value,
        unlock_link(document.id) if is_unlockable else "",
        (tags or {}).get(document.id, ()),
        (origins or {}).get(document.id),
    )


def _library_name(library: str, titles: Mapping[str, str], language: str) -> str:
    """Return a library's title; the name of a conversation's own is an id, which means nothing."""
    if is_of_a_conversation(library):
        return say("one conversation's own", language)
    return titles.get(library, "") or shown_library(library)


def position(text: str) -> int:
    """Return a position in a list; 0 for anything that is none."""
    return min(int(text), 10_000_000) if text.isascii() and text.isdigit() and len(text) < 9 else 0
