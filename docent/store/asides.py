"""Storage that was set aside when a backup was restored: what is deleted is deleted there, too."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from docent.store import changes, documents
from docent.store.catalog import SqliteCatalog
from docent.store.files import set_aside
from docent.store.old_layout import EARLIER_INDEXES
from docent.store.owned_index import discard_index
from docent.store.protocols import Catalog


def catalogs_aside(storage: Path) -> Iterator[SqliteCatalog]:
    """Yield the catalog of each storage/ that was set aside, open until the next one."""
    for folder in set_aside(storage):
        for earlier in EARLIER_INDEXES:
            shutil.rmtree(folder / earlier, ignore_errors=True)
        if (folder / "index" / "catalog.db").exists():
            with closing(SqliteCatalog(folder / "index" / "catalog.db")) as catalog:
                yield catalog


def forget_aside(storage: Path, gone: Sequence[changes.Removed]) -> None:
    """Delete documents from what restored backups have set aside."""
    for catalog in catalogs_aside(storage):
        with catalog.write() as db:
            for document in gone:
                if (row := documents.document_row(db, document.id)) is not None:
                    documents.withdraw(db, row)
            removed = changes.nameless(db)
            changes.remove(db, removed)
        if removed:
            catalog.forget_copies()
            discard_index(catalog.path.parent)
        catalog.forget_traces()


def forget_name(catalog: Catalog, reader: str) -> None:
    with catalog.write() as db:
        documents.forget_name(db, reader)
    catalog.forget_copies()
    catalog.forget_deleted()
