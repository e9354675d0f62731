"""The sources of a conversation: the documents and libraries that it looks in, shown above the question.

They are saved with the conversation. Without any, a question searches everything that its reader may see.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import chainlit as cl
from chainlit.data import get_data_layer

from docent.app import Docent
from docent.types import ANSWERING, Scope, StoredDocument, shown_library
from docent.web.chat.page_session import reader
from docent.web.thread_pool import run_in_small_pool

SOURCES = "sources"
"""Key, in the user session and so in the metadata of the conversation, of its sources."""
MESSAGE = "docent-sources"
"""Key of the messages between the page and the server."""
FOUND = "docent-found"
"""Key of the answer to a search for sources."""
MOST_SOURCES = 50
MOST_OFFERED = 40
LONGEST_SEARCH = 200
LEAST_LETTERS = 3
TAG = re.compile(r"(?<!\S)#(?:“([^”]+)”|\"([^\"]+)\"|([^\s#]+))")


@dataclass(frozen=True, slots=True)
class ConversationSource:
    """A document or a library that a conversation looks in."""

    kind: Literal["document", "library"]
    id: str
    """Of a document its id, of a library its stored name."""
    name: str
    """As readers know it."""
    library: str = ""
    """Of a document: the library that holds it."""


def document_source(document: StoredDocument) -> ConversationSource:
    return ConversationSource("document", document.id, document.name, document.library)


def library_source(name: str, title: str = "") -> ConversationSource:
    return ConversationSource("library", name, title or shown_library(name))


def library_titles(docent: Docent, user: str) -> dict[str, str]:
    """Return the titles of the libraries that a reader may see, by their names."""
    return {library.name: library.title for library in docent.store.organiser.libraries(user)}


def sources() -> tuple[ConversationSource, ...]:
    """Return the sources of the conversation at hand; the metadata that they are saved in is checked."""
    saved = cl.user_session.get(SOURCES)
    if saved is None:  # a conversation from before there were sources may have a library in its settings
        library = cl.context.session.chat_settings.get("library")
        return (library_source(library),) if isinstance(library, str) and library not in ("", "*") else ()
    return tuple(source for source in map(load_source, saved) if source is not None)


def load_source(saved: Any) -> ConversationSource | None:
    """Return a saved source; None for what is none."""
    try:
        source = ConversationSource(**{name: str(saved[name]) for name in ("kind", "id", "name", "library")})  # type: ignore[arg-type]
    except (KeyError, TypeError):
        return None
    return source if source.kind in ("document", "library") else None


async def set_sources(chosen: Iterable[ConversationSource]) -> None:
    """Make these the sources of the conversation at hand: save them, and show them on the page."""
    unique = {(source.kind, source.id): source for source in chosen}
    kept = list(unique.values())[-MOST_SOURCES:]
    cl.user_session.set(SOURCES, [asdict(source) for source in kept])
    session = cl.context.session
    layer = get_data_layer()
    if layer is not None and session.has_first_interaction:
        await layer.update_thread(session.thread_id, metadata={SOURCES: cl.user_session.get(SOURCES)})
    await show_sources()


def with_present_names(docent: Docent, chosen: Sequence[ConversationSource]) -> list[ConversationSource]:
    """Return sources with the names that they have now: a file or a library may have another one since."""
    user = reader()
    ids = tuple(source.id for source in chosen if source.kind == "document")
    documents = docent.store.documents(Scope(reader=user, documents=ids)) if ids else []
    names = {document.id: document.name for document in documents}
    if len(ids) < len(chosen):
        names |= {name: title or shown_library(name) for name, title in library_titles(docent, user).items()}
    return [replace(source, name=names.get(source.id, source.name)) for source in chosen]


async def refresh_names(docent: Docent) -> tuple[ConversationSource, ...]:
    """Return the sources of the conversation with their present names; save and show these if they differ."""
    chosen = sources()
    named = await run_in_small_pool(with_present_names, docent, chosen) if chosen else []
    if named != list(chosen):
        await set_sources(named)
    return sources()


async def show_sources() -> None:
    """Send the sources to the page."""
    shown = [{"kind": source.kind, "id": source.id, "name": source.name} for source in sources()]
    await cl.context.emitter.send_window_message({MESSAGE: shown})


async def add_sources(added: Iterable[ConversationSource]) -> None:
    await set_sources((*sources(), *added))


async def forget_document(document_id: str) -> None:
    """Remove a document that is no longer there from the sources."""
    if any(source.id == document_id for source in sources()):
        await set_sources(source for source in sources() if source.id != document_id)


def present_sources(docent: Docent, chosen: Sequence[ConversationSource]) -> list[ConversationSource]:
    """Return the sources that are still there; a document that was replaced, as its new version."""
    scope = Scope(reader=reader())
    ids = tuple(source.id for source in chosen if source.kind == "document")
    known = (
        {document.id for document in docent.store.documents(Scope(reader=reader(), documents=ids))}
        if ids
        else set()
    )
    libraries = set(docent.store.libraries(scope.reader))
    present: list[ConversationSource] = []
    for source in chosen:
        if source.id in known or (source.kind == "library" and source.id in libraries):
            present.append(source)
        elif source.kind == "document" and source.library in libraries:
            same_name = docent.store.documents(replace(scope, libraries=(source.library,)))
            present += [document_source(one) for one in same_name if one.name == source.name][:1]
    return present


def sources_scope(docent: Docent, chosen: Sequence[ConversationSource]) -> Scope:
    """Return the scope that searches exactly these sources."""
    user = reader()
    libraries = tuple(source.id for source in chosen if source.kind == "library")
    documents = [source for source in chosen if source.kind == "document"]
    if not documents:
        return Scope(reader=user, libraries=libraries)
    ids = [source.id for source in documents]
    if libraries:  # a scope is one list of documents or of libraries, never both
        ids += [document.id for document in docent.store.documents(Scope(reader=user, libraries=libraries))]
    all_libraries = dict.fromkeys((*libraries, *(source.library for source in documents)))
    return Scope(reader=user, libraries=tuple(all_libraries), documents=tuple(dict.fromkeys(ids)))


# --- choosing ----------------------------------------------------------------------------------


def offered(docent: Docent, user: str, libraries: Sequence[str], search: str) -> dict[str, Any]:
    """Return what a search finds in these libraries, for the page to choose from: libraries and documents."""
    words = search.casefold().split()
    found = [
        document
        for document in docent.store.documents(Scope(reader=user, libraries=tuple(libraries)))
        if document.state in ANSWERING
        and all(word in f"{document.name} {document.title}".casefold() for word in words)
    ]
    found.sort(key=lambda document: (document.name.casefold(), document.library))
    titles = library_titles(docent, user)
    shown = {name: titles.get(name, shown_library(name)) for name in libraries}
    return {
        "search": search,
        "libraries": [
            {"kind": "library", "id": name, "name": label}
            for name, label in shown.items()
            if all(word in label.casefold() for word in words)
        ],
        "documents": [
            {
                "kind": "document",
                "id": document.id,
                "name": document.name,
                "library": shown[document.library],
                "pages": document.pages,
            }
            for document in found[:MOST_OFFERED]
        ],
        "more": max(len(found) - MOST_OFFERED, 0),
    }


async def change_sources(
    message: Any, *, docent: Docent, libraries: Callable[[Docent], Sequence[str]]
) -> None:
    """Do what the page asks: add a document or a library, remove a source, or find some to choose from.

    `libraries` returns those that the reader may choose from.
    """
    asked = message.get(MESSAGE) if isinstance(message, dict) else None
    if not isinstance(asked, dict):
        return
    key = (str(asked.get("kind")), str(asked.get("id")))
    match asked.get("do"):
        case "add":
            found = await run_in_small_pool(lambda: _find(docent, *key, libraries(docent)))
            if found is not None:
                await set_sources((*sources(), found))
        case "remove":
            await set_sources(source for source in sources() if (source.kind, source.id) != key)
        case "clear":
            await set_sources(())
        case "find":
            search, user = str(asked.get("search") or "")[:LONGEST_SEARCH], reader()
            choice = await run_in_small_pool(lambda: offered(docent, user, libraries(docent), search))
            await cl.context.emitter.send_window_message({FOUND: choice})


def _find(docent: Docent, kind: str, key: str, libraries: Sequence[str]) -> ConversationSource | None:
    """Return a source by its id, if the reader may choose it: the id comes from a browser."""
    if kind == "library":
        return (
            library_source(key, library_titles(docent, reader()).get(key, "")) if key in libraries else None
        )
    scope = Scope(reader=reader(), libraries=tuple(libraries), documents=(key,))
    documents = docent.store.documents(scope) if libraries else []
    return document_source(documents[0]) if documents else None


async def take_tags(text: str, *, docent: Docent, libraries: Callable[[Docent], Sequence[str]]) -> str:
    """Add what a message names by "#name" to the sources, and return the message without those names.

    A tag that names nothing, or several, stays in the text.
    """
    tags = [_tag(match) for match in TAG.finditer(text)]
    if not tags:
        return text
    found = await run_in_small_pool(lambda: {tag: _tagged(docent, tag, libraries(docent)) for tag in tags})
    named = {tag: source for tag, source in found.items() if source is not None}
    if not named:
        return text
    await set_sources((*sources(), *named.values()))
    return " ".join(TAG.sub(lambda match: "" if _tag(match) in named else match[0], text).split())


def _tag(match: re.Match[str]) -> str:
    return str(next(filter(None, match.groups())))


def _tagged(docent: Docent, tag: str, libraries: Sequence[str]) -> ConversationSource | None:
    """Return the library or document of this name; else the only one whose name holds it.

    "#1" is a number: a part of a name needs a few letters.
    """
    choice = offered(docent, reader(), libraries, tag)
    candidates = [*choice["libraries"], *choice["documents"]]
    exact = [one for one in candidates if one["name"].casefold() == tag.casefold()]
    is_part = len(candidates) == 1 and sum(map(str.isalpha, tag)) >= LEAST_LETTERS
    named = exact or (candidates if is_part else [])
    return _find(docent, named[0]["kind"], named[0]["id"], libraries) if named else None
