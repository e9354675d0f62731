"""The pages of the documents: the list, one document, and the receipt of a deletion. No script is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from docent.ingesting import is_locked
from docent.messages import Message
from docent.store import UPLOADED, KnownFile
from docent.types import Deletion, Page, ReadBy, State, StoredDocument, shown_library
from docent.web.chat.attachment_status import unlock_link
from docent.web.chat.file_scope import is_of_a_conversation
from docent.web.i18n import say
from docent.web.templates import render

LIST_LENGTH = 50
PAGES_SHOWN = 200
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
STATE_NAMES = {
    "queued": Message("waiting"),
    "loading": Message("being read"),
    "searchable": Message("searchable by words"),
    "ready": Message("ready"),
    "partial": Message("partly unread"),
    "nothing": Message("nothing to search"),
    "failed": Message("could not be read"),
}
WAYS_TO_READ = {
    ReadBy.TEXT: Message("text"),
    ReadBy.OCR: Message("recognised ({percent} % sure)"),
    ReadBy.EMPTY: Message("empty"),
    ReadBy.FAILED: Message("not read"),
}
DELETED_THINGS = {
    "chunks": Message("pieces of text"),
    "pages": Message("pages"),
    "words": Message("entries of the word index"),
    "vectors": Message("vectors"),
    "originals": Message("files"),
    "answers": Message("answers that quote it"),
    "copies": Message("copies made for showing"),
}
"""By the name in a deletion's counts."""


@dataclass(frozen=True, slots=True)
class ListQuery:
    """The part of the list that somebody wants to see."""

    search: str = ""
    library: str = ""
    state: str = ""
    start: int = 0

    def address(self, start: int) -> str:
        """Return the address of another part of the same list."""
        params = {"search": self.search, "library": self.library, "state": self.state, "start": start or ""}
        query = urlencode({name: value for name, value in params.items() if value})
        return f"/documents?{query}" if query else "/documents"


@dataclass(frozen=True, slots=True)
class Permissions:
    """The changes that a person may make to a document."""

    change: bool
    share: bool
    unshare: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A document as the templates show it."""

    document: StoredDocument
    library: str
    state: str
    """A key of STATE_NAMES, and a class of the style sheet."""
    unlock: str
    """The address where its password is asked for; empty where none is."""

    @property
    def state_name(self) -> Message:
        return STATE_NAMES[self.state]


def list_page(
    documents: Sequence[StoredDocument],
    failures: Sequence[KnownFile],
    *,
    total: int,
    query: ListQuery,
    libraries: Sequence[str],
    language: str,
) -> str:
    """Return the list, with filters and the files of folders that could not be read."""
    names = [(name, shown_library(name)) for name in libraries if not is_of_a_conversation(name)]
    if any(map(is_of_a_conversation, libraries)):
        names.append((CONVERSATIONS, _library_name(CONVERSATIONS, language)))
    end = query.start + len(documents)
    return render(
        "documents/list.html",
        language,
        entries=[_entry(document, language) for document in documents],
        failures=failures,
        total=total,
        query=query,
        previous=query.address(max(query.start - LIST_LENGTH, 0)) if query.start else "",
        next=query.address(end) if end < total else "",
        is_long=len(documents) > LIST_LENGTH // 3,
        libraries=[("", say("Every library", language)), *names],
        states=[
            ("", say("Every state", language)),
            *((state, say(STATE_NAMES[state], language)) for state in STATES),
        ],
    )


def document_page(
    document: StoredDocument,
    pages: Sequence[Page],
    *,
    start: int,
    allowed: Permissions,
    libraries: Sequence[str],
    notes: Sequence[str],
    busy: bool,
    language: str,
) -> str:
    """Return one document: what it is, what can be done with it, how each page was read."""
    before, after = start - PAGES_SHOWN, start + PAGES_SHOWN
    return render(
        "documents/document.html",
        language,
        entry=_entry(document, language),
        paths=[path for path in document.paths if not path.startswith(UPLOADED)],
        shown=pages[start:after],
        total=len(pages),
        start=start,
        previous=before if 0 <= before < len(pages) else None,
        next=after if after < len(pages) else None,
        ways=WAYS_TO_READ,
        allowed=allowed,
        libraries=[(name, name) for name in libraries],
        notes=notes,
        busy=busy,
    )


def deletion_page(deletion: Deletion, *, language: str) -> str:
    """Return what a deletion found, and what it left."""
    is_left = any(deletion.left.values())
    return render(
        "documents/deleted.html", language, deletion=deletion, is_left=is_left, names=DELETED_THINGS
    )


def refusal_page(why: str, *, language: str) -> str:
    return render("documents/refused.html", language, why=why)


def _entry(document: StoredDocument, language: str) -> Entry:
    is_finished = document.state in (State.READY, State.PARTIAL)
    is_unlockable = document.owner is not None and is_locked(document)
    return Entry(
        document,
        _library_name(document.library, language),
        "nothing" if is_finished and not document.chunks else document.state.value,
        unlock_link(document.id) if is_unlockable else "",
    )


def _library_name(library: str, language: str) -> str:
    """Return a library's name; that of a conversation's own is an id, which means nothing to a reader."""
    return (
        say("one conversation's own", language) if is_of_a_conversation(library) else shown_library(library)
    )
