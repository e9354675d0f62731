"""The words of one library, by BM25 on disk; the only file that knows tantivy's index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import tantivy
from tantivy import Occur, Query, TextAnalyzerBuilder, Tokenizer

from docent.errors import DamagedStore, StoreError
from docent.store.languages import indexed
from docent.store.protocols import Hit
from docent.types import Chunk

WRITER_MEMORY = 50_000_000
AS_THEY_ARE = "as-they-are"
MOST_TERMS = 10_000  # whose counts are remembered; 1 MB


class Known(NamedTuple):
    """How many entries a library has, and how many of them hold each term."""

    entries: int
    holding: Mapping[str, int]


class _Counts(dict[str, int]):
    """How many entries hold a term, as of one commit: one question asks five times for the same ones."""

    def __init__(self, searcher: tantivy.Searcher) -> None:
        self._searcher = searcher
        self.entries: int = searcher.num_docs

    def __missing__(self, term: str) -> int:
        if len(self) >= MOST_TERMS:
            self.clear()
        held: int = self._searcher.doc_freq("words", term)
        self[term] = held
        return held


class Shelf:
    """One library's chunks by their words. Searches come from any thread, changes from one at a time."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._schema = _schema()
        self._writer: Any = None
        self.changed = False
        """Something was put or dropped and not committed."""
        try:
            self._index = tantivy.Index(self._schema, path=str(folder))
            self._index.config_reader("Manual")  # or each index would keep a thread watching its own files
            self._index.register_tokenizer(AS_THEY_ARE, TextAnalyzerBuilder(Tokenizer.whitespace()).build())
            self._counts = _Counts(self._index.searcher())
        except ValueError as error:
            raise _damaged(folder, error) from error
        self._folder = folder

    def put(self, document_id: str, chunks: Sequence[Chunk], *, language: str) -> None:
        writer = self._writing()
        writer.delete_documents_by_term("document", document_id)
        for chunk in chunks:
            # The header twice: what a piece is about outweighs a passing mention.
            header, text = indexed(chunk.header, language), indexed(chunk.text, language)
            words = " ".join([*header, *header, *text])
            self._add({"document": document_id, "chunk": chunk.id, "words": words})
        self._add({"document": document_id, "whole": document_id})

    def drop(self, document_ids: Iterable[str]) -> None:
        for document_id in document_ids:
            if self.changed or self.held([document_id]):
                self._writing().delete_documents_by_term("document", document_id)

    def clear(self) -> None:
        self._writing().delete_all_documents()

    def commit(self) -> None:
        if not self.changed:
            return
        try:
            self._writer.commit()
        except ValueError as error:
            raise StoreError(
                "The word index could not be written. Nothing stored is lost. Free some space on the disk of "
                "storage/ and start again: it is then written from the catalog."
            ) from error
        self._index.reload()
        self._counts = _Counts(self._index.searcher())
        self.changed = False

    def rest(self) -> None:
        """Let go of the means to write; what was not committed is forgotten. Then the files are at rest.

        Not by rollback: what merges meanwhile would go on, and write and remove files behind our back.
        """
        self._wait()
        if self.changed:
            self._writing()  # which removes the files of what was not committed
            self._wait()
            self.changed = False

    def _wait(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.wait_merging_threads()

    def known(self, terms: Iterable[str]) -> Known:
        counts = self._counts
        return Known(counts.entries, {term: counts[term] for term in terms})

    def matching(
        self, terms: Mapping[str, float], limit: int, *, documents: Sequence[str], chunks: Sequence[str]
    ) -> list[Hit]:
        """BM25 of those terms, each so many times its own; only of documents or chunks, if there are any."""
        if not terms:
            return []
        bounds = [(Occur.Must, self._any("document", documents))] if documents else []
        bounds += [(Occur.Must, self._any("chunk", chunks))] if chunks else []
        words = Query.boolean_query([(Occur.Should, self._term(*term)) for term in terms.items()])
        return self._hits(Query.boolean_query([(Occur.Must, words), *bounds]), limit, "chunk")

    def ids(self, kind: str) -> set[str]:
        """Every chunk, or every whole document."""
        every = Query.exists_query(kind)
        return {hit.id for hit in self._hits(every, max(self._count(every), 1), kind)}

    def count(self) -> int:
        return self._count(Query.exists_query("chunk"))

    def held(self, document_ids: Sequence[str]) -> int:
        return self._count(Query.term_set_query(self._schema, "document", list(document_ids)))

    def _writing(self) -> Any:
        if self._writer is None:
            try:
                self._writer = self._index.writer(heap_size=WRITER_MEMORY, num_threads=1)
                # What a killed process wrote and had not committed: the next commit may want its file names.
                self._writer.garbage_collect_files()
            except ValueError as error:
                raise _damaged(self._folder, error) from error
        self.changed = True
        return self._writer

    def _term(self, term: str, times: float) -> Query:
        query = Query.term_query(self._schema, "words", term, "freq")
        return query if times == 1 else Query.boost_query(query, times)

    def _any(self, field: str, values: Sequence[str]) -> Query:
        """A bound picks, and adds nothing to the score."""
        # Half to a quarter of the time of a term set query, with 300 values and with 3,000.
        any_of = [(Occur.Should, Query.term_query(self._schema, field, value, "basic")) for value in values]
        return Query.const_score_query(Query.boolean_query(any_of), 0.0)

    def _hits(self, query: Query, limit: int, field: str) -> list[Hit]:
        searcher = self._index.searcher()
        found = searcher.search(query, limit=limit, count=False).hits
        return [Hit(searcher.doc(address)[field][0], score) for score, address in found]

    def _count(self, query: Query) -> int:
        found: Any = self._index.searcher().search(query, limit=1, count=True)
        return int(found.count or 0)

    def _add(self, entry: dict[str, str]) -> None:
        # With the schema: without it a value's type is guessed, and a wrong guess stops the writer.
        self._writer.add_document(tantivy.Document.from_dict(entry, self._schema))


def _damaged(folder: Path, error: ValueError) -> DamagedStore:
    return DamagedStore(
        "The word index in {folder} cannot be opened ({error}). It holds nothing of its own; write "
        "it again with: python ingest.py --rebuild",
        folder=folder,
        error=error,
    )


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for stored in ("chunk", "whole"):
        builder.add_text_field(stored, stored=True, fast=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("document", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("words", tokenizer_name=AS_THEY_ARE, index_option="freq")
    return builder.build()
