"""The lexical index: BM25 over every chunk's words, on disk; the only file that knows tantivy.

It holds nothing of its own: whatever is here can be written again from the catalog.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import tantivy
from tantivy import Occur, Query, TextAnalyzerBuilder, Tokenizer

from docent.errors import DamagedStore, StoreError
from docent.glossary import Chunk
from docent.store.languages import asked, indexed
from docent.store.protocols import Hit

WRITER_MEMORY = 50_000_000
AS_THEY_ARE = "as-they-are"
NOWHERE = Query.empty_query()


class Words:
    """Chunks by their words, and documents by id, as docent.store.protocols.WordIndex describes them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._schema = _schema()
        try:
            self._index = tantivy.Index(self._schema, path=str(folder))
            self._index.register_tokenizer(AS_THEY_ARE, TextAnalyzerBuilder(Tokenizer.whitespace()).build())
            self._writer = self._index.writer(heap_size=WRITER_MEMORY, num_threads=1)
            # What a killed process wrote and had not committed: the next commit may want the same file name.
            self._writer.garbage_collect_files()
        except ValueError as error:
            raise DamagedStore(
                f"The word index in {folder} cannot be opened ({error}). It holds nothing of its own; "
                "write it again with: python ingest.py --rebuild"
            ) from error
        self._writing = threading.Lock()

    def put(self, document_id: str, library: str, chunks: Sequence[Chunk], *, language: str) -> None:
        """Index a document's chunks, in place of any that were indexed for it before."""
        own = {"document": document_id, "library": library}
        with self._writing:
            self._writer.delete_documents_by_term("document", document_id)
            for chunk in chunks:
                # The header twice: what a piece is about outweighs a passing mention.
                header, text = indexed(chunk.header, language), indexed(chunk.text, language)
                self._add(own | {"chunk": chunk.id, "words": " ".join([*header, *header, *text])})
            self._add(own | {"whole": document_id})

    def drop(self, document_ids: Iterable[str]) -> None:
        with self._writing:
            for document_id in document_ids:
                self._writer.delete_documents_by_term("document", document_id)

    def clear(self) -> None:
        with self._writing:
            self._writer.delete_all_documents()

    def commit(self) -> None:
        with self._writing:
            try:
                self._writer.commit()
            except ValueError as error:
                raise StoreError(
                    f"The word index could not be written ({error}). Nothing stored is lost. Free some "
                    "space on that disk and start again: it is then written from the catalog."
                ) from error
            self._index.reload()

    def close(self) -> None:
        """Let go of the folder; what was not committed is forgotten."""
        with self._writing:
            self._writer.rollback()
            self._writer.wait_merging_threads()

    def matching(
        self, query: str, limit: int, *, libraries: Sequence[str], documents: Sequence[str]
    ) -> list[Hit]:
        return self._hits(self._asked(query, libraries, documents), limit, "chunk")

    def rarity(self, terms: Sequence[str]) -> dict[str, float]:
        searcher = self._index.searcher()
        every = searcher.num_docs
        held = {term: searcher.doc_freq("words", term) for term in terms}
        return {term: math.log(1 + (every - n + 0.5) / (n + 0.5)) for term, n in held.items()}

    def count(self) -> int:
        return self._count(Query.exists_query("chunk"))

    def chunk_ids(self) -> set[str]:
        return {hit.id for hit in self._hits(Query.exists_query("chunk"), max(self.count(), 1), "chunk")}

    def document_ids(self) -> set[str]:
        whole = Query.exists_query("whole")
        return {hit.id for hit in self._hits(whole, max(self._count(whole), 1), "whole")}

    def held(self, document_ids: Iterable[str]) -> int:
        return self._count(Query.term_set_query(self._schema, "document", list(document_ids)))

    def scores(self, query: str, chunk_ids: Sequence[str]) -> dict[str, float]:
        """BM25 of those of the named chunks that match at all."""
        if not chunk_ids:
            return {}
        asked = self._within(self._any_of(query), [("chunk", chunk_ids)])
        return {hit.id: hit.score for hit in self._hits(asked, len(chunk_ids), "chunk")}

    def _asked(self, text: str, libraries: Sequence[str], documents: Sequence[str]) -> Query:
        if not libraries:
            return NOWHERE
        bounds = [("library", libraries), *([("document", documents)] if documents else [])]
        return self._within(self._any_of(text), bounds)

    def _any_of(self, text: str) -> Query:
        return Query.boolean_query(
            [(Occur.Should, Query.term_query(self._schema, "words", term, "freq")) for term in asked(text)]
        )

    def _within(self, query: Query, bounds: Sequence[tuple[str, Sequence[str]]]) -> Query:
        """Bounds pick, and add nothing to the score."""
        within = [
            (Occur.Must, Query.const_score_query(Query.term_set_query(self._schema, name, list(values)), 0.0))
            for name, values in bounds
        ]
        return Query.boolean_query([(Occur.Must, query), *within])

    def _hits(self, query: Query, limit: int, field: str) -> list[Hit]:
        searcher = self._index.searcher()
        found = searcher.search(query, limit=limit, count=False).hits
        # Equal scores in the order of their ids: the same question always gets the same answer.
        hits = [Hit(searcher.doc(address)[field][0], score) for score, address in found]
        return sorted(hits, key=lambda hit: (-hit.score, hit.id))

    def _count(self, query: Query) -> int:
        found: Any = self._index.searcher().search(query, limit=1, count=True)
        return int(found.count or 0)

    def _add(self, entry: dict[str, str]) -> None:
        # With the schema: without it a value's type is guessed, and a wrong guess stops the writer.
        self._writer.add_document(tantivy.Document.from_dict(entry, self._schema))


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for stored in ("chunk", "whole"):
        builder.add_text_field(stored, stored=True, fast=True, tokenizer_name="raw", index_option="basic")
    for bound in ("document", "library"):
        builder.add_text_field(bound, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("words", tokenizer_name=AS_THEY_ARE, index_option="freq")
    return builder.build()
