"""The documents within one scope, their states, and their text read from beginning to end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from docent.messages import Message
from docent.store.protocols import Reader
from docent.types import ANSWERING, Chunk, Page, Passage, Scope, State, StoredDocument

LONGEST_PASSAGE = 3000
"""Characters of neighbouring chunks that are joined into one passage."""

STATES = {
    State.QUEUED: Message("queued"),
    State.LOADING: Message("loading"),
    State.SEARCHABLE: Message("searchable"),
    State.READY: Message("ready"),
    State.PARTIAL: Message("partial"),
    State.FAILED: Message("failed"),
}


@dataclass(frozen=True, slots=True)
class ScopedDocuments:
    """The documents of a store that a scope allows to read."""

    store: Reader
    scope: Scope

    def all(self) -> list[StoredDocument]:
        return self.store.documents(self.scope)

    def chunks_of(self, document_id: str) -> list[Chunk]:
        """Return every chunk of a document, in reading order."""
        return self.store.chunks_of(document_id, self.scope)

    def page(self, document_id: str, number: int) -> Page:
        return self.store.page(document_id, number, self.scope)

    def read_whole(self, documents: Sequence[StoredDocument]) -> tuple[Passage, ...]:
        """Return the text of documents from beginning to end, one after the other, each passage placed."""
        pages: dict[tuple[str, int], Page] = {}
        passages = []
        for document in documents:
            for passage in whole(document, self.chunks_of(document.id)):
                key = (passage.document_id, passage.page)
                if key not in pages:
                    pages[key] = self.page(*key)
                passages.append(placed(passage, pages[key]))
        return tuple(passages)


def answering(documents: Iterable[StoredDocument]) -> list[StoredDocument]:
    """Return the documents that answer questions now."""
    return [document for document in documents if document.state in ANSWERING]


def not_ready(documents: Iterable[StoredDocument]) -> tuple[str, ...]:
    """Return the names of documents that are not wholly searchable, each with its state and reason."""
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
    """Yield a document in reading order, each character once: chunks overlap, these passages do not."""
    last: Passage | None = None
    for chunk in chunks:
        passage = passage_of(document, chunk)
        if last is not None and passage.page == last.page and passage.start <= last.end:
            rest = passage.text[last.end - passage.start :]
            if len(last.text) + len(rest) <= LONGEST_PASSAGE:
                if rest:
                    last = replace(last, text=last.text + rest, end=passage.end)
                continue
            passage = replace(passage, text=rest, start=last.end)
        if last is not None:
            yield last
        last = passage
    if last is not None:
        yield last


def placed(passage: Passage, page: Page) -> Passage:
    """Return the passage with its place in the words of its page: a label, a slide, lines."""
    return replace(passage, page_label=page.label, place=page.at(passage.start, passage.end))
