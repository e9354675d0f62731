"""What may be read whole: the documents within one reader's scope, which is applied already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from docent.messages import Message
from docent.types import ANSWERING, Chunk, Page, Passage, State, StoredDocument

LONGEST = 3000
"""Characters of neighbouring chunks that are joined into one passage."""

STATES = {
    State.QUEUED: Message("queued"),
    State.LOADING: Message("loading"),
    State.SEARCHABLE: Message("searchable"),
    State.READY: Message("ready"),
    State.PARTIAL: Message("partial"),
    State.FAILED: Message("failed"),
}


class Shelf(Protocol):
    def documents(self) -> list[StoredDocument]: ...

    def chunks_of(self, document_id: str) -> list[Chunk]:
        """Every chunk of a document, in reading order."""

    def page(self, document_id: str, number: int) -> Page: ...


def answering(documents: Iterable[StoredDocument]) -> list[StoredDocument]:
    return [document for document in documents if document.state in ANSWERING]


def not_ready(documents: Iterable[StoredDocument]) -> tuple[str, ...]:
    """The documents that could not be searched wholly, with the reason."""
    return tuple(
        Message(
            "{name}: {state} ({why})", name=document.name, state=STATES[document.state], why=document.reason
        )
        if document.reason
        else Message("{name}: {state}", name=document.name, state=STATES[document.state])
        for document in documents
        if document.state != State.READY
    )


def passage_of(document: StoredDocument, chunk: Chunk) -> Passage:
    return Passage(
        chunk_id=chunk.id, document_id=document.id, file=document.name, library=document.library,
        page=chunk.page, page_label="", place=f"p. {chunk.page}", heading=chunk.heading, header=chunk.header,
        text=chunk.text, start=chunk.start, end=chunk.end, score=0.0, relevance=1.0,
    )  # fmt: skip


def whole(document: StoredDocument, chunks: Sequence[Chunk]) -> Iterator[Passage]:
    """A document in reading order, each character once: chunks overlap, these passages do not."""
    open_: Passage | None = None
    for chunk in chunks:
        passage = passage_of(document, chunk)
        if open_ is not None and passage.page == open_.page and passage.start <= open_.end:
            rest = passage.text[open_.end - passage.start :]
            if len(open_.text) + len(rest) <= LONGEST:
                if rest:
                    open_ = replace(open_, text=open_.text + rest, end=passage.end)
                continue
            passage = replace(passage, text=rest, start=open_.end)
        if open_ is not None:
            yield open_
        open_ = passage
    if open_ is not None:
        yield open_


def placed(passage: Passage, page: Page) -> Passage:
    """The passage with the place as the reader knows it."""
    return replace(passage, page_label=page.label, place=page.at(passage.start, passage.end))


def read_all(shelf: Shelf, documents: Sequence[StoredDocument]) -> tuple[Passage, ...]:
    """Documents from beginning to end, one after the other, each passage with its place."""
    pages: dict[tuple[str, int], Page] = {}
    passages = []
    for document in documents:
        for passage in whole(document, shelf.chunks_of(document.id)):
            key = (passage.document_id, passage.page)
            if key not in pages:
                pages[key] = shelf.page(*key)
            passages.append(placed(passage, pages[key]))
    return tuple(passages)
