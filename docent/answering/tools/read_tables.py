"""The tables of documents as they were read for the last questions."""

from __future__ import annotations

import threading
import time

from docent.answering.answer_context import ScopedDocuments
from docent.answering.tools.sheet_tables import tables_of
from docent.answering.tools.table_words import TableLexicon
from docent.types import StoredDocument

MOST_ROWS_KEPT = 100_000
KEPT_SECONDS = 600.0
"""Rows are kept in memory only, and only so long after the last question on them."""


class ReadTables:
    """The tables that were read last, for the next questions on them; forgotten when nobody asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read: dict[tuple[str, int], tuple[float, list[TableLexicon]]] = {}

    def of(self, document: StoredDocument, documents: ScopedDocuments) -> list[TableLexicon]:
        """Return the tables of a document, which the caller has found in the reader's scope."""
        key = (document.id, document.loader)
        now = time.monotonic()
        with self._lock:
            self._read = {one: kept for one, kept in self._read.items() if now - kept[0] < KEPT_SECONDS}
            tables = self._read.pop(key)[1] if key in self._read else None
        if tables is None:
            pages = (documents.page(document.id, number) for number in range(1, document.pages + 1))
            tables = [
                TableLexicon(table, document.name)
                for table in tables_of(document.name, pages)
                if table.placed and len(table.columns) > 1
            ]
        with self._lock:
            self._read[key] = (now, tables)
            while len(self._read) > 1 and self._rows() > MOST_ROWS_KEPT:
                del self._read[next(iter(self._read))]
        return tables

    def _rows(self) -> int:
        return sum(len(lexicon.table.placed) for _, tables in self._read.values() for lexicon in tables)


READ_TABLES = ReadTables()


def read_tables(document: StoredDocument, documents: ScopedDocuments) -> list[TableLexicon]:
    """Return the tables of a document, each with the words that name its columns and values."""
    return READ_TABLES.of(document, documents)
