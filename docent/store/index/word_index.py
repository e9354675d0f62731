"""The word index: BM25 on disk, an index per library; the only file that knows tantivy's index.

Term frequencies and lengths are counted in the libraries that are asked and nowhere else, so that no ranking
or score reveals what stands in a library that the reader may not see. The cost of that, and why there are
entries of chunks only: docs/decisions/0022-average-length-of-chunks.md.
"""

from __future__ import annotations

import hashlib
import math
import shutil
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tantivy
from tantivy import Occur, Query, TextAnalyzerBuilder, Tokenizer

from docent.errors import DamagedStore, StoreError
from docent.store.index.followers import CatalogContent
from docent.store.index.languages import asked, indexed
from docent.store.protocols import Change, ChangeKind, Hit
from docent.types import Chunk

WRITER_MEMORY = 50_000_000
LOCK_SECONDS = 10.0
WHITESPACE = "as-they-are"
MOST_TERMS = 10_000  # cached; 1 MB


class TermCounts(dict[str, int]):
    """The number of entries that hold a term, as of one commit; one question asks five times for the same."""

    def __init__(self, searcher: tantivy.Searcher) -> None:
        self._searcher = searcher
        self.entries: int = searcher.num_docs

    def __missing__(self, term: str) -> int:
        if len(self) >= MOST_TERMS:
            self.clear()
        held: int = self._searcher.doc_freq("words", term)
        self[term] = held
        return held


class LibraryWords:
    """One library's chunks by their words. Searches come from any thread, changes from one at a time."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._schema = _schema()
        self._writer: Any = None
        self.changed = False
        """True while a change is not committed."""
        try:
            self._index = tantivy.Index(self._schema, path=str(folder))
            self._index.config_reader("Manual")  # otherwise each index keeps a thread that watches its files
            self._index.register_tokenizer(WHITESPACE, TextAnalyzerBuilder(Tokenizer.whitespace()).build())
            self.counts = TermCounts(self._index.searcher())
        except ValueError as error:
            raise _damaged(folder, error) from error
        self._folder = folder

    def put(self, document_id: str, chunks: Sequence[Chunk], *, language: str) -> None:
        writer = self._writing()
        writer.delete_documents_by_term("document", document_id)
        for chunk in chunks:
            # The header twice: the topic of a chunk outweighs a passing mention.
            header, text = indexed(chunk.header, language), indexed(chunk.text, language)
            words = " ".join([*header, *header, *text])
            entry = {"document": document_id, "chunk": chunk.id, "words": words}
            # With the schema: without it a value's type is guessed, and a wrong guess stops the writer.
            writer.add_document(tantivy.Document.from_dict(entry, self._schema))

    def drop(self, document_ids: Iterable[str]) -> None:
        for document_id in document_ids:
            if self.changed or self.held([document_id]):
                self._writing().delete_documents_by_term("document", document_id)

    def clear(self) -> None:
        self._writing().delete_all_documents()

    def reload(self) -> None:
        """Search what the process that writes has committed."""
        self._index.reload()
        self.counts = TermCounts(self._index.searcher())

    def commit(self) -> None:
        if not self.changed:
            return
        try:
            self._writer.commit()
        except ValueError as error:
            self._writer = None  # what it did not commit is put again
            raise StoreError(
                "The word index could not be written. Nothing stored is lost. Free some space on the disk of "
                "storage/ and start again: it is then written from the catalog."
            ) from error
        self.reload()
        self.changed = False

    def release(self) -> None:
        """Close the writer and forget what was not committed; then no file changes any more.

        Not by rollback: merges under way would go on, and write and remove files meanwhile.
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

    def matching(
        self, terms: Mapping[str, float], limit: int, *, documents: Sequence[str], chunks: Sequence[str]
    ) -> list[Hit]:
        """Return chunks by BM25 of weighted terms; only of these documents or chunks, if there are any."""
        if not terms:
            return []
        bounds = [(Occur.Must, self._any("document", documents))] if documents else []
        bounds += [(Occur.Must, self._any("chunk", chunks))] if chunks else []
        words = Query.boolean_query([(Occur.Should, self._term(*term)) for term in terms.items()])
        return self._hits(Query.boolean_query([(Occur.Must, words), *bounds]), limit, "chunk")

    def ids(self) -> set[str]:
        return {hit.id for hit in self._hits(Query.exists_query("chunk"), max(self.count(), 1), "chunk")}

    def count(self) -> int:
        return self.counts.entries

    def held(self, document_ids: Sequence[str]) -> int:
        query = Query.term_set_query(self._schema, "document", list(document_ids))
        found: Any = self._index.searcher().search(query, limit=1, count=True)
        return int(found.count or 0)

    def _writing(self) -> Any:
        if self._writer is None:
            try:
                self._writer = self._open_writer()
                # Uncommitted files of a killed process: the next commit may need their names.
                self._writer.garbage_collect_files()
            except ValueError as error:
                raise _damaged(self._folder, error) from error
        self.changed = True
        return self._writer

    def _open_writer(self) -> Any:
        """Open a writer; a process that is being killed may hold its lock longer than that of the folder."""
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                return self._index.writer(heap_size=WRITER_MEMORY, num_threads=1)
            except ValueError as error:
                if "LockBusy" not in str(error) or time.monotonic() > deadline:
                    raise
            time.sleep(0.01)

    def _term(self, term: str, times: float) -> Query:
        query = Query.term_query(self._schema, "words", term, "freq")
        return query if times == 1 else Query.boost_query(query, times)

    def _any(self, field: str, values: Sequence[str]) -> Query:
        """Return a filter that adds nothing to the score."""
        # Takes half to a quarter of the time of a term set query, with 300 and with 3,000 values.
        any_of = [(Occur.Should, Query.term_query(self._schema, field, value, "basic")) for value in values]
        return Query.const_score_query(Query.boolean_query(any_of), 0.0)

    def _hits(self, query: Query, limit: int, field: str) -> list[Hit]:
        searcher = self._index.searcher()
        found = searcher.search(query, limit=limit, count=False).hits
        return [Hit(searcher.doc(address)[field][0], score) for score, address in found]


def _damaged(folder: Path, error: ValueError) -> DamagedStore:
    return DamagedStore(
        "The word index in {folder} cannot be opened ({error}). It holds nothing of its own; write "
        "it again with: python -m docent ingest --rebuild",
        folder=folder,
        error=error,
    )


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("chunk", stored=True, fast=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("document", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("words", tokenizer_name=WHITESPACE, index_option="freq")
    return builder.build()


GONE = ".gone"


class WordIndex:
    """Chunks by their words, and documents by id and library.

    It knows nothing of owners, versions or states: the store asks it only about what may be seen. Calls come
    from several threads; one thread of one process writes, and the others see that after `refresh`.
    """

    follows: frozenset[ChangeKind] = frozenset({"words", "drop"})

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self._folder = folder
        self._writing = threading.Lock()
        self._libraries: dict[str, LibraryWords] = {}
        if not read_only:
            folder.mkdir(parents=True, exist_ok=True)
            for left in folder.glob(f"*{GONE}"):
                shutil.rmtree(left)
        self.refresh()

    def refresh(self) -> None:
        """Search what another process has written since."""
        with self._writing:
            opened: dict[str, LibraryWords] = {}
            for path in sorted(self._folder.glob("*/meta.json")):
                label = path.parent.name
                try:
                    if (words := self._libraries.get(label)) is not None:
                        words.reload()
                    elif not label.endswith(GONE):
                        words = LibraryWords(path.parent)
                except (DamagedStore, ValueError):
                    if path.exists():
                        raise
                    continue  # its last document was deleted meanwhile
                if words is not None:
                    opened[label] = words
            self._libraries = opened

    def apply(self, changes: Sequence[Change], content: CatalogContent) -> None:
        for change in changes:
            if change.kind == "words" and (read := content.words_of(change.document_id)) is not None:
                language, chunks = read
                self.put(change.document_id, change.library, chunks, language=language)
            else:
                self.drop([change.document_id])
        self.commit()

    def write_anew(self, content: CatalogContent) -> None:
        self.clear()
        for document_id, library in content.documents():
            if (read := content.words_of(document_id)) is not None:
                language, chunks = read
                self.put(document_id, library, chunks, language=language)
        self.commit()

    def is_whole(self, content: CatalogContent) -> bool:
        """Return True if it holds as many chunks as the catalog."""
        return self.count() == content.chunk_count()

    def put(self, document_id: str, library: str, chunks: Sequence[Chunk], *, language: str) -> None:
        """Index a document's chunks, in place of any that were indexed for it before."""
        label = _label(library)
        with self._writing:
            if label not in self._libraries:
                self._libraries = {**self._libraries, label: LibraryWords(self._folder / label)}
            self._libraries[label].put(document_id, chunks, language=language)

    def drop(self, document_ids: Iterable[str]) -> None:
        """Delete these documents; unknown ids are ignored."""
        ids = list(document_ids)
        with self._writing:
            for words in self._libraries.values():
                words.drop(ids)

    def clear(self) -> None:
        with self._writing:
            for words in self._libraries.values():
                words.clear()

    def commit(self) -> None:
        """Make everything put and dropped so far durable and visible to searches."""
        with self._writing:
            written = [label for label, words in self._libraries.items() if words.changed]
            for label in written:
                self._libraries[label].commit()
            for label, words in list(self._libraries.items()):
                if label in written and not words.count():
                    self._remove(label)
                elif written and label != written[-1]:
                    words.release()  # only the library written last is likely to be written next

    def close(self) -> None:
        """Close the folder; what was not committed is forgotten."""
        with self._writing:
            for words in self._libraries.values():
                words.release()

    def matching(
        self, query: str, limit: int, *, libraries: Sequence[str], documents: Sequence[str]
    ) -> list[Hit]:
        return self._best(query, limit, libraries, documents=documents, chunks=())

    def scores(self, query: str, chunk_ids: Sequence[str], *, libraries: Sequence[str]) -> dict[str, float]:
        if not chunk_ids:
            return {}
        return dict(self._best(query, len(chunk_ids), libraries, documents=(), chunks=chunk_ids))

    def rarity(self, terms: Sequence[str], *, libraries: Sequence[str]) -> dict[str, float]:
        return _rarity(self._counts_of(libraries).values(), terms)

    def count(self) -> int:
        """Count the indexed chunks; cheap."""
        return sum(words.count() for words in self._libraries.values())

    def chunk_ids(self) -> set[str]:
        return {chunk for words in self._libraries.values() for chunk in words.ids()}

    def held(self, document_ids: Iterable[str]) -> int:
        """Count the chunks that are left of these documents."""
        ids = list(document_ids)
        return sum(words.held(ids) for words in self._libraries.values())

    def _best(
        self,
        query: str,
        limit: int,
        libraries: Sequence[str],
        *,
        documents: Sequence[str],
        chunks: Sequence[str],
    ) -> list[Hit]:
        weights = _weights(self._counts_of(libraries), asked(query))
        hits = [
            hit
            for words, terms in weights.items()
            for hit in words.matching(terms, limit, documents=documents, chunks=chunks)
        ]
        # Equal scores by id, so that the same question always gets the same answer.
        return sorted(hits, key=lambda hit: (-hit.score, hit.id))[:limit]

    def _counts_of(self, libraries: Iterable[str]) -> dict[LibraryWords, TermCounts]:
        indexed = self._libraries
        return {indexed[label]: indexed[label].counts for label in map(_label, libraries) if label in indexed}

    def _remove(self, label: str) -> None:
        """Remove a library without documents, and its dictionary with it."""
        self._libraries[label].release()
        self._libraries = {other: words for other, words in self._libraries.items() if other != label}
        # Renamed first: after a kill, half a folder would look like a damaged index.
        gone = self._folder / (label + GONE)
        (self._folder / label).rename(gone)
        shutil.rmtree(gone)


def _weights(
    known: Mapping[LibraryWords, TermCounts], question: Sequence[str]
) -> dict[LibraryWords, dict[str, float]]:
    """Return the terms of each library, weighted by their rarity in all libraries over that in its own."""
    terms = {term for term in question if any(counts[term] for counts in known.values())}
    together = _rarity(known.values(), terms)
    found: dict[LibraryWords, dict[str, float]] = {}
    for words, counts in known.items():
        alone = _rarity([counts], terms) if len(known) > 1 else together
        # In the order of the question: floating-point sums depend on the order.
        found[words] = {term: together[term] / alone[term] for term in question if counts[term]}
    return found


def _rarity(known: Iterable[TermCounts], terms: Iterable[str]) -> dict[str, float]:
    counts = list(known)
    entries = sum(one.entries for one in counts)
    held = {term: sum(one[term] for one in counts) for term in terms}
    # A term may be counted in more chunks than there are: deleted ones are dropped later.
    return {term: math.log(1 + (max(entries - n, 0) + 0.5) / (n + 0.5)) for term, n in held.items()}


def _label(library: str) -> str:
    """Return a folder's name, whatever the library is called."""
    return hashlib.sha256(library.encode()).hexdigest()[:24]
