"""The store's seams: what other packages read it by, and what it is made of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from docent.types import Chunk, Document, Page, Scope, SourceFile, StoredDocument

if TYPE_CHECKING:
    from docent.store.files import Copies, KeptOriginal
    from docent.store.index.followers import CatalogContent


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


Level = Literal["read", "write", "manage"]
"""Of a group in a library: its members see it; they also add documents; they also change and delete them."""


class LibraryEntry(NamedTuple):
    """A library as a list of them shows it."""

    name: str
    owner: str | None
    title: str
    """As people know it; the name is part of the ids in it, and never changes."""
    documents: int
    level: Level = "read"
    """What the reader may do in a shared library by their groups."""


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file as it was when it was last looked at."""

    library: str
    path: str
    bytes: int
    modified_ns: int
    sha256: str
    reason: str = ""
    """The reason why it could not be read; empty when it was."""


class Arrival(NamedTuple):
    """A file that was read and chunked, ready to be stored."""

    file: SourceFile
    document: Document
    chunks: Sequence[Chunk]


ChangeKind = Literal["words", "vectors", "drop", "library"]
"""A document's words were written; vectors were made; a document, or a library, is gone."""


class Change(NamedTuple):
    """One entry of the change log."""

    position: int
    kind: ChangeKind
    document_id: str
    library: str
    chunk_ids: tuple[str, ...]
    """Of the vectors that were made, or of a document that is gone."""


class CatalogRows(Protocol):
    """The rows that a statement selected, or their number where it changed some."""

    @property
    def rowcount(self) -> int: ...
    def fetchone(self) -> Any: ...
    def fetchmany(self, size: int = ..., /) -> list[Any]: ...
    def fetchall(self) -> list[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...


class CatalogConnection(Protocol):
    """A transaction of a catalog. It takes statements as they are written for SQLite, with `?`."""

    def execute(self, statement: str, values: Sequence[Any] = ..., /) -> CatalogRows: ...
    def executemany(self, statement: str, rows: Iterable[Sequence[Any]], /) -> object: ...


class Catalog(Protocol):
    """Every fact; everything else is derived from it. Transactions on one database."""

    @property
    def version(self) -> int:
        """A number that differs once any process has changed the catalog; it costs little."""

    def read(self, scope: Scope | None = None) -> AbstractContextManager[CatalogConnection]:
        """Read from one state of the catalog for the whole block.

        With a scope only rows that its reader may see, also where a statement forgets the condition; a
        catalog in SQLite relies on the condition.
        """

    def write(self) -> AbstractContextManager[CatalogConnection]:
        """Run the block in one transaction, alone in all processes: all of it happens, or none."""

    def value(self, key: str) -> str:
        """Return a setting of this store; empty when it was never set."""
        with self.read() as db:
            row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else ""

    def set_value(self, key: str, value: str) -> None:
        with self.write() as db:
            db.execute(
                "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (key, value),
            )

    def followed_by_all(self, generation: int, position: int) -> int:
        """Note how far the index of this process has followed the log; return how far all have that run."""
        return position

    def wait_for_change(self) -> None:
        """Return once another process may have changed the catalog, after a second at the latest."""

    def stop_waiting(self) -> None:
        """Let `wait_for_change` return at once."""

    def forget_copies(self) -> None:
        """Remove the copies of the catalog beside it, if any: they hold what is deleted next."""
        return

    def forget_deleted(self) -> None:
        """Overwrite what was deleted, where the database can. Raises StoreError where it could not now."""
        return

    def shrink(self) -> None:
        """Free the place of what was deleted."""

    def save(self) -> None:
        """Keep a copy, if this catalog does; called when nothing has changed for a while."""
        return

    def complaints(self) -> list[str]:
        """Return what is wrong with the database itself; an empty list when it is sound."""

    def close(self) -> None: ...


class StoreContents(NamedTuple):
    """Everything that follows the catalog, by its ids."""

    vectors: dict[str, set[str]]
    """Ids of the chunks that have a vector, by library."""
    words: set[str]
    """Ids of the chunks in the word index."""
    originals: frozenset[str] = frozenset()
    """SHA-256 of every original."""


class DerivedIndex(Protocol):
    """Words or vectors, which follow the change log."""

    follows: frozenset[ChangeKind]
    """The changes that concern it."""

    def apply(self, changes: Sequence[Change], content: CatalogContent) -> None:
        """Follow the log; durable on return. A change that was applied before does no harm."""

    def write_anew(self, content: CatalogContent) -> None:
        """Write everything again from the catalog; durable on return."""

    def is_whole(self, content: CatalogContent) -> bool:
        """Return False if something is missing or left over, by counting."""

    def close(self) -> None: ...


class Files(Protocol):
    """The original files, by their content. What does nothing here a place for them may leave as it is.

    A file is stored before the transaction that makes a document of it, and deleted after the one that makes
    its last document go, so no transaction waits for a copy.
    """

    shared: bool = False
    """True where the processes of other machines have the same files."""
    copies: Copies
    """Files made of them to be shown."""

    def open(self, sha256: str) -> Path:
        """Return the path of a file, which does not exist where there is none. Raises FilesUnreachable."""

    def keep(self, file: Path, sha256: str, *, links: bool = True) -> KeptOriginal:
        """Store a copy, unless there is one; refuse a file that has changed since it was read.

        Without `links`, a symbolic link in its place is not followed.
        """

    def settle(self) -> None:
        """Make durable what was kept, where `keep` leaves that to do."""
        return

    def confirm(self, db: CatalogConnection, kept: KeptOriginal) -> None:
        """Claim a copy in the transaction that makes a document of it; copy it again if it is gone by now."""

    def withdraw(self, db: CatalogConnection, kept: KeptOriginal) -> None:
        """Give up what was stored for a document that did not come to be, unless another may rely on it."""
        return

    def release(self, db: CatalogConnection, sha256: str) -> None:
        """Give up a file, with the copies made of it, in a transaction that finds no document of it."""

    def delete_released(self) -> None:
        """Delete what `release` left to delete after the transaction; what cannot be now is deleted later."""
        return

    def stamp(self, sha256: str) -> object | None:
        """Return what tells a file from one that is stored in its place later; None without one."""

    def held(self) -> Iterator[str]:
        """Yield the SHA-256 of every whole file."""

    def sweep(self, used: Collection[str]) -> set[str]:
        """Remove what a killed process left half written; return the other files, to be released."""

    def sweep_copies(self, unused: Callable[[Collection[str]], set[str]]) -> None:
        """Remove from this machine the copies of what another has deleted; `unused` names what is."""

    def check(self) -> None:
        """Raise FilesUnreachable where no file could be opened or stored now."""
        return

    def tidy(self) -> None:
        """Delete what no transaction has claimed for long; called when nothing has changed for a while."""
        return


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
