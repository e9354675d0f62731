"""The library of a file that is sent in the chat, and the documents that a question is searched in.

With a login, a file belongs to its user and answers in all their conversations. Without one there is
a single local user, who owns everything; a file then answers in its own conversation only.
"""

from __future__ import annotations

from collections.abc import Sequence

import chainlit as cl

from docent.app import Docent
from docent.errors import UnknownLibrary
from docent.ingesting import Ticket
from docent.types import Scope, private_library
from docent.web.accounts.users import LOCAL
from docent.web.chat.conversation_sources import ConversationSource, present_sources, sources_scope
from docent.web.chat.page_session import reader

CONVERSATION_PREFIX = "chat-"
UPLOADS = "uploads"
"""Name of a user's own library, and of the shared one that is offered first."""


def own_library(user: str, thread_id: str) -> str:
    """Return the name of the user's own library for files of a conversation."""
    return f"{CONVERSATION_PREFIX}{thread_id[:8]}" if user == LOCAL else UPLOADS


def upload_target() -> tuple[str, str]:
    """Return the owner of a file that is sent now, and the name of its library."""
    user = reader()
    return user, own_library(user, cl.context.session.thread_id)


def choosable_libraries(docent: Docent) -> list[str]:
    """Return the libraries that a conversation can have as sources: all but those of other conversations."""
    user, name = upload_target()
    own = private_library(user, name)
    existing = docent.store.libraries(user)
    return [library for library in existing if library == own or not is_of_a_conversation(library)]


def is_of_a_conversation(library: str) -> bool:
    """Tell whether a library is searched in one conversation only."""
    return library.startswith("~") and library.rpartition("/")[2].startswith(CONVERSATION_PREFIX)


def shared_libraries(docent: Docent, user: str) -> list[str]:
    """Return the libraries that a user can share a file in: first that of uploads, even before it exists."""
    closed = set(docent.store.groups.restricted())
    shared = [library for library in docent.store.organiser.libraries(user) if library.owner is None]
    writable = sorted(one.name for one in shared if one.name not in closed or one.level != "read")
    return list(dict.fromkeys((*([] if UPLOADS in closed else [UPLOADS]), *writable)))


def question_scope(
    docent: Docent,
    *,
    chosen: Sequence[ConversationSource],
    persona: str,
    tickets: Sequence[Ticket] = (),
) -> Scope:
    """Return what a question searches: the files sent with it, its sources, or all but other chats' files.

    Raises UnknownLibrary where every source was deleted or emptied.
    """
    user, name = upload_target()
    own = private_library(user, name)
    if tickets:
        documents = tuple(ticket.document_id for ticket in tickets)
        return Scope(reader=user, libraries=(own,), documents=documents)
    if not chosen:
        existing = docent.store.libraries(user)
        searched = searched_libraries(existing, own, persona=docent.persona(persona).library)
        return Scope(reader=user, libraries=searched)
    present = present_sources(docent, chosen)
    scope = sources_scope(docent, present)
    if not present or not docent.store.documents(scope):
        raise UnknownLibrary(
            "{names} was deleted or is empty. Remove it from the sources above your question, or choose "
            "others, and ask again.",
            names=", ".join(source.name for source in chosen),
        )
    return scope


def searched_libraries(existing: Sequence[str], own: str, *, persona: str) -> tuple[str, ...]:
    """Return the persona's library and the conversation's own, or all but other conversations'.

    An empty result means that every library is searched.
    """
    if persona:
        return (persona, *(library for library in existing if library == own))
    others = f"{own.rpartition('/')[0]}/{CONVERSATION_PREFIX}"
    searched = tuple(library for library in existing if library == own or not library.startswith(others))
    return () if len(searched) == len(existing) else searched or (own,)


def delete_conversation_files(docent: Docent, user: str, thread_id: str) -> None:
    """Delete the files that only a deleted conversation could search."""
    if user != LOCAL:
        return
    library = private_library(user, own_library(user, thread_id))
    if library in docent.store.libraries(user):
        try:
            docent.delete_library(library, reader=user)
        except UnknownLibrary:
            return  # deleted by another request meanwhile
