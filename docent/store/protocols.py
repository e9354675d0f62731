"""What other rooms may ask of the store."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

from docent.types import Chunk, Page, Scope, StoredDocument


class Hit(NamedTuple):
    """A chunk and how well it matched."""

    id: str
    score: float


class ChunkLocation(NamedTuple):
    """Where a chunk stands."""

    document_id: str
    page: int


class Listing(NamedTuple):
    """Some documents of a longer list."""

    documents: list[StoredDocument]
    total: int
    """In the whole list."""


class Reader(Protocol):
    """Reading, always within a scope: what the scope's reader may not see does not exist."""

    def documents(self, scope: Scope) -> list[StoredDocument]:
        """Every document in scope, answering or not."""

    def nearest(self, vector: Sequence[float], limit: int, scope: Scope) -> list[Hit]:
        """Chunks by cosine similarity to the vector, best first."""

    def similarity(self, vector: Sequence[float], chunk_ids: Sequence[str], scope: Scope) -> list[float]:
        """Exact cosine similarity of named chunks, in the order given; -1 where no vector is there (yet)."""

    def read_ahead(self, chunk_ids: Sequence[str], scope: Scope) -> None:
        """Read now what `similarity` will want of these chunks, while there is time."""

    def agreement(self, query: str, chunk_ids: Sequence[str], scope: Scope) -> list[float]:
        """BM25 of named chunks, in the order given; 0 where no word matches."""

    def matching(self, query: str, limit: int, scope: Scope) -> list[Hit]:
        """Chunks by BM25 over header and text, best first."""

    def places(self, chunk_ids: Sequence[str], scope: Scope) -> dict[str, ChunkLocation]:
        """Where those of the named chunks stand that are in scope and answering; cheaper than the chunks."""

    def terms(self, text: str, language: str) -> list[str]:
        """A text as the lexical index reads it: stems in their order, without stop words."""

    def searched(self, question: str) -> frozenset[str]:
        """The terms of every language by which pieces are matched with a question."""

    def rarity(self, terms: Sequence[str], scope: Scope) -> dict[str, float]:
        """How telling each term is: the logarithm of how few chunks hold it, counted in scope's libraries."""

    def chunks(self, chunk_ids: Sequence[str], scope: Scope) -> dict[str, Chunk]:
        """Those of the named chunks that are in scope and answering."""

    def chunks_of(self, document_id: str, scope: Scope) -> list[Chunk]:
        """Every chunk of a document, in reading order."""

    def plain_pages(self, wanted: Collection[tuple[str, int]], scope: Scope) -> dict[tuple[str, int], Page]:
        """Those of the named pages that are there, without headings and geometry: a tenth of the time."""

    def page(self, document_id: str, number: int, scope: Scope) -> Page:
        """One page, with its text and geometry. Raises UnknownDocument."""


class VectorIndex(Protocol):
    """The nearest-neighbour index: derived from the catalog like the lexical one."""

    def put(self, library: str, chunk_ids: Sequence[str], vectors: Sequence[Sequence[float]]) -> None:
        """Add or replace vectors; durable on return."""

    def drop(self, library: str, chunk_ids: Sequence[str]) -> None:
        """Forget these chunks; unknown ids are ignored."""

    def nearest(self, library: str, vector: Sequence[float], limit: int) -> list[Hit]:
        """Chunks of one library by cosine similarity, best first."""

    def count(self, library: str) -> int: ...

    def chunk_ids(self, library: str) -> set[str]: ...

    def held(self, library: str, chunk_ids: Sequence[str]) -> int:
        """How many of these chunks still have a vector."""

    def drop_library(self, library: str) -> None: ...

    def close(self) -> None: ...
