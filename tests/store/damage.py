"""Change a storage/ behind the store's back: its catalog by SQL, its indexes by their own classes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from docent.store.catalog.sqlite_catalog import open_catalog
from docent.store.index.vectors import ChromaVectors
from docent.store.index.word_index import WordIndex
from docent.store.protocols import CatalogConnection
from tests.store.databases import database_url


@contextmanager
def catalog(storage: Path) -> Iterator[CatalogConnection]:
    """Change the catalog in one transaction, as another process would; the store may be open."""
    with closing(open_catalog(storage, database_url())) as opened, opened.write() as db:
        yield db


def give_library(storage: Path, library: str, owner: str) -> None:
    """Make a library, or one that is there, the private library of a reader."""
    with catalog(storage) as db:
        db.execute(
            "INSERT INTO libraries (name, owner, added) VALUES (?, ?, '2001-01-01') "
            "ON CONFLICT (name) DO UPDATE SET owner = excluded.owner",
            (library, owner),
        )


@contextmanager
def indexes(storage: Path) -> Iterator[tuple[ChromaVectors, WordIndex]]:
    """Open vectors and words of a closed store; afterwards they are as a killed process leaves them."""
    vectors = ChromaVectors(storage / "index/1/chroma", name="docent", url="")
    words = WordIndex(storage / "index/1/words")
    try:
        yield vectors, words
    finally:
        vectors.close()
        words.close()
    (storage / "index/1/in-step").unlink()
