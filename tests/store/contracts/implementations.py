"""The implementations of the store's seams that the contract suite is run through.

A second one joins by a line in its table: a function that opens it. Opened twice on the same folder, it
is what two processes see of one store, so an implementation on a server takes a name for its tables or its
bucket from the folder. A function is at the top of a module, because another process calls it, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from docent.store.catalog.sqlite_catalog import SqliteCatalog
from docent.store.files import FolderFiles
from docent.store.index.local_index import LocalIndex
from docent.store.index.vectors import ChromaVectors
from docent.store.index.word_index import WordIndex
from docent.store.protocols import Catalog, DerivedIndex, Files
from tests.fakes.postgres_server import database_of
from tests.fakes.s3_server import BUCKET


def sqlite_catalog(folder: Path) -> Catalog:
    return SqliteCatalog(folder / "index" / "catalog.db")


def postgres_catalog(folder: Path) -> Catalog:
    from docent.store.catalog.postgres_catalog import PostgresCatalog

    return PostgresCatalog(database_of(folder))


def local_index(folder: Path, catalog: Catalog, generation: int) -> LocalIndex:
    return LocalIndex(
        folder / "index" / str(generation),
        catalog,
        generation,
        chroma=("", ""),
        on_level=lambda _: None,
        on_wake=lambda: "",
    )


def tantivy_words(folder: Path) -> DerivedIndex:
    return WordIndex(folder / "words")


def chroma_vectors(folder: Path) -> DerivedIndex:
    return ChromaVectors(folder / "chroma", name="docent", url="")


def folder_files(folder: Path) -> Files:
    return FolderFiles(folder / "originals")


def s3_files(folder: Path) -> Files:
    from docent.store.s3_files import S3Files

    prefix = hashlib.sha256(str(folder).encode()).hexdigest()[:20]
    return S3Files(f"s3://{BUCKET}/{prefix}", folder, sqlite_catalog(folder))


CATALOGS: dict[str, Callable[[Path], Catalog]] = {"SQLite": sqlite_catalog, "PostgreSQL": postgres_catalog}
INDEXES: dict[str, Callable[[Path, Catalog, int], LocalIndex]] = {"tantivy and Chroma": local_index}
DERIVED: dict[str, Callable[[Path], DerivedIndex]] = {"tantivy": tantivy_words, "Chroma": chroma_vectors}
FILES: dict[str, Callable[[Path], Files]] = {"a folder": folder_files, "a bucket": s3_files}
