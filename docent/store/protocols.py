"""What other rooms may ask of the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from docent.glossary import Chunk, Page, Scope, StoredDocument


class Hit(NamedTuple):
    """A chunk (or a whole document, where a method says so) and how well it matched."""

    id: str
    score: float


class Reader(Protocol):
    """Reading, always within a scope: what the scope's reader may not see does not exist."""

    def documents(self, scope: Scope) -> list[StoredDocument]:
        """Every document in scope, answering or not."""

    def nearest(self, vector: Sequence[float], limit: int, scope: Scope) -> list[Hit]:
        """Chunks by cosine similarity to the vector, best first."""

    def similarity(self, vector: Sequence[float], chunk_ids: Sequence[str]) -> list[float]:
        """Exact cosine similarity of named chunks, in the order given; -1 where no vector is there yet."""

    def matching(self, query: str, limit: int, scope: Scope) -> list[Hit]:
        """Chunks by BM25 over header and text, best first."""

    def routing(self, query: str, limit: int, scope: Scope) -> list[Hit]:
        """Document ids by whole-document BM25, best first."""

    def chunks(self, chunk_ids: Sequence[str], scope: Scope) -> dict[str, Chunk]:
        """Those of the named chunks that are in scope and answering."""

    def chunks_of(self, document_id: str, scope: Scope) -> list[Chunk]:
        """Every chunk of a document, in reading order."""

    def page(self, document_id: str, number: int, scope: Scope) -> Page:
        """One page, with its text and geometry. Raises UnknownDocument."""
