"""The protocols by which other packages use the store."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

from docent.types import Chunk, Page, Scope, StoredDocument


class Hit(NamedTuple):
    """A chunk and its score."""

    id: str
    score: float


class ChunkLocation(NamedTuple):
    """The document and page of a chunk."""

    document_id: str
    page: int


class Listing(NamedTuple):
    """One page of a list of documents."""

    documents: list[StoredDocument]
    total: int
    """The length of the whole list."""


class Reader(Protocol):
    """Reads within a scope: what the scope's reader may not see does not exist."""

    def documents(self, scope: Scope) -> list[StoredDocument]:
        """Return every document in scope, answering or not."""

    def nearest(self, vector: Sequence[float], limit: int, scope: Scope) -> list[Hit]:
        """Return chunks by cosine similarity to the vector, best first."""

    def similarity(self, vector: Sequence[float], chunk_ids: Sequence[str], scope: Scope) -> list[float]:
        """Return the exact cosine similarity of each named chunk; -1 for one without a vector (yet)."""

    def read_ahead(self, chunk_ids: Sequence[str], scope: Scope) -> None:
        """Read now what `similarity` will need of these chunks."""

    def agreement(self, query: str, chunk_ids: Sequence[str], scope: Scope) -> list[float]:
        """Return the BM25 score of each named chunk; 0 where no word matches."""

    def matching(self, query: str, limit: int, scope: Scope) -> list[Hit]:
        """Return chunks by BM25 over header and text, best first."""

    def places(self, chunk_ids: Sequence[str], scope: Scope) -> dict[str, ChunkLocation]:
        """Locate those of the named chunks that are in scope and answering; cheaper than `chunks`."""

    def terms(self, text: str, language: str) -> list[str]:
        """Return a text as the word index reads it: stems in their order, without stop words."""

    def searched(self, question: str) -> frozenset[str]:
        """Return the terms of every language that a question is matched by."""

    def rarity(self, terms: Sequence[str], scope: Scope) -> dict[str, float]:
        """Return each term's inverse document frequency, counted in the libraries of the scope."""

    def chunks(self, chunk_ids: Sequence[str], scope: Scope) -> dict[str, Chunk]:
        """Return those of the named chunks that are in scope and answering."""

    def chunks_of(self, document_id: str, scope: Scope) -> list[Chunk]:
        """Return every chunk of a document, in reading order."""

    def plain_pages(self, wanted: Collection[tuple[str, int]], scope: Scope) -> dict[tuple[str, int], Page]:
        """Return those of the named pages that exist, without headings and geometry: a tenth of the time."""

    def page(self, document_id: str, number: int, scope: Scope) -> Page:
        """Return one page with its text and geometry. Raises UnknownDocument."""


class VectorIndex(Protocol):
    """The nearest-neighbour index; like the word index, it is derived from the catalog."""

    def put(self, library: str, chunk_ids: Sequence[str], vectors: Sequence[Sequence[float]]) -> None:
        """Add or replace vectors; durable on return."""

    def drop(self, library: str, chunk_ids: Sequence[str]) -> None:
        """Delete these chunks; unknown ids are ignored."""

    def nearest(self, library: str, vector: Sequence[float], limit: int) -> list[Hit]:
        """Return chunks of one library by cosine similarity, best first."""

    def count(self, library: str) -> int: ...

    def chunk_ids(self, library: str) -> set[str]: ...

    def held(self, library: str, chunk_ids: Sequence[str]) -> int:
        """Count those of these chunks that still have a vector."""

    def drop_library(self, library: str) -> None: ...

    def close(self) -> None: ...
