"""Whose a file is that is dropped in the chat, and which files a question looks into.

With a login it is the user's own, in all their conversations. Without one there is a single local
person, to whom everything belongs; a file is then asked in its own conversation only.
"""

from __future__ import annotations

from collections.abc import Sequence

import chainlit as cl

from docent.app import Docent
from docent.errors import UnknownLibrary
from docent.ingesting import Ticket
from docent.types import Scope, private_library
from docent.web.accounts.users import LOCAL
from docent.web.chat.conversation import reader

CHAT = "chat-"
UPLOADS = "uploads"
"""A user's own library, and the shared one that is offered first."""


def own_library(who: str, thread_id: str) -> str:
    """The name of the library in which a file of this conversation is kept."""
    return f"{CHAT}{thread_id[:8]}" if who == LOCAL else UPLOADS


def is_of_a_conversation(library: str) -> bool:
    """Whether only one conversation asks it."""
    return library.startswith("~") and library.rpartition("/")[2].startswith(CHAT)


def shared_libraries(docent: Docent) -> list[str]:
    """Where a file can be shared; that of uploads first, also when it is not there yet."""
    return list(dict.fromkeys((UPLOADS, *docent.store.libraries(None))))


def here() -> tuple[str, str]:
    """Who owns a file that is handed in now, and in which library of theirs."""
    who = reader()
    return who, own_library(who, cl.context.session.thread_id)


def asked_here(
    docent: Docent, *, chosen: tuple[str, ...], persona: str, tickets: Sequence[Ticket] = ()
) -> Scope:
    """Where a question looks: in its own files, else as chosen, else in all but other conversations' own."""
    who, name = here()
    if tickets:
        documents = tuple(ticket.document_id for ticket in tickets)
        return Scope(reader=who, libraries=(private_library(who, name),), documents=documents)
    if chosen:
        return _not_empty(Scope(reader=who, libraries=chosen), docent)
    there = docent.store.libraries(who)
    mine = private_library(who, name)
    return Scope(reader=who, libraries=within(there, mine, persona=docent.persona(persona).library))


def _not_empty(scope: Scope, docent: Docent) -> Scope:
    """Raises UnknownLibrary where the library that was chosen has gone since, or all that was in it."""
    if not docent.store.documents(scope):
        raise UnknownLibrary(
            "The library {name!r} is chosen here, and it or all that was in it has been deleted. "
            "Choose another in the settings, or all libraries, and ask again.",
            name=scope.libraries[0],
        )
    return scope


def within(there: Sequence[str], mine: str, *, persona: str) -> tuple[str, ...]:
    """A persona's library and the conversation's own, or all but others' own; empty: nothing is left out."""
    if persona:
        return (persona, *(library for library in there if library == mine))
    owner = mine.rpartition("/")[0]
    others = f"{owner}/{CHAT}"
    kept = tuple(library for library in there if library == mine or not library.startswith(others))
    return () if len(kept) == len(there) else kept or (mine,)


def forget(docent: Docent, who: str, thread_id: str) -> None:
    """What is asked in one conversation only goes with it."""
    if who != LOCAL:
        return
    library = private_library(who, own_library(who, thread_id))
    if library in docent.store.libraries(who):
        try:
            docent.delete_library(library, reader=who)
        except UnknownLibrary:
            return  # by another request, meanwhile
