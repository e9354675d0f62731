"""A real store of small spreadsheets, and the questions on them with their exact values."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path

from docent.indexing import chunk, embedded_text
from docent.loading.formats.table_rows import Row, clean_row, csv_rows, row_range_label, table_pages
from docent.store import Store
from docent.types import Document, Page, SourceFile, document_id
from tests.fakes.embedder import WordHashEmbedder

SHEETS = Path(__file__).parent / "sheets"
QUESTIONS = [
    json.loads(line) for line in (SHEETS / "questions.jsonl").read_text(encoding="utf-8").splitlines()
]
NOT_TABLES = (SHEETS / "not_tables.txt").read_text(encoding="utf-8").splitlines()


def csv_pages(text: str) -> Iterator[Page]:
    return table_pages(csv_rows(io.StringIO(text)), place=row_range_label(), first=1)


def workbook_pages(sheets: dict[str, list[list[object]]]) -> list[Page]:
    pages: list[Page] = []
    for name, cells in sheets.items():
        rows: list[Row] = [
            clean_row(number, [str(cell) for cell in row]) for number, row in enumerate(cells, 1)
        ]
        place = row_range_label(f"sheet '{name}'")
        pages += table_pages(rows, place=place, first=len(pages) + 1)
    return pages


def sheet_store(folder: Path, library: str = "office") -> Store:
    """Store the sample spreadsheets as their readers read them; close the store after use."""
    store = Store(folder, fingerprint=WordHashEmbedder().fingerprint)
    for path in sorted(SHEETS.glob("*.csv")):
        put(store, folder, library, path.name, "csv", tuple(csv_pages(path.read_text(encoding="utf-8"))))
    staff = json.loads((SHEETS / "staff.json").read_text(encoding="utf-8"))
    put(store, folder, library, "staff.xlsx", "xlsx", tuple(workbook_pages(staff)))
    return store


def put(store: Store, folder: Path, library: str, name: str, kind: str, pages: tuple[Page, ...]) -> None:
    embedder = WordHashEmbedder()
    text = "\f".join(page.text for page in pages)
    file = folder.parent / "files" / library / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    document = Document(hashlib.sha256(text.encode()).hexdigest(), name, kind, pages)
    chunks = chunk(
        document, document_id=document_id(library, document.sha256), tokenizer=embedder.tokenizer, size=60,
        overlap=8, limit=embedder.max_tokens,
    )  # fmt: skip
    stat = file.stat()
    source = SourceFile(library, name, file, stat.st_size, stat.st_mtime_ns)
    store.put_words(source, document, chunks)
    store.put_vectors([one.id for one in chunks], embedder.embed([embedded_text(one) for one in chunks]))
