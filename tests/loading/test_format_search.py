"""A search over one file of each format names each file's own place."""

from __future__ import annotations

import pytest

from docent.app import open_docent
from docent.indexing.chunking import chunk
from docent.indexing.embedder import packaged_tokenizer
from docent.loading.formats.table_rows import clean_row, row_range_label, table_pages
from docent.settings import Settings
from docent.types import Document, Scope
from tests.loading import makers, offices
from tests.test_ingest import Project

QUESTIONS = {
    "handbook.docx": ("sixteen weeks for parents", "handbook.docx, Leave › Parental leave"),
    "roadmap.pptx": ("two million budget", "roadmap.pptx, slide 2"),
    "prices.xlsx": ("price of the Barolo of Cantina Nova", "prices.xlsx, sheet 'Wine', rows 1–4"),
    "stock.csv": ("candles in stock", "stock.csv, rows 1–3"),
    "salt.epub": ("where do the waves roll", "salt.epub, chapter 2 · The Sea"),
    "pension.rtf": ("pension payment day", "pension.rtf, Pension"),
    "garden.odt": ("watering the orchids", "garden.odt, Orchids"),
    "delivery.eml": ("when does the delivery come", "delivery.eml, Your delivery"),
    "boats.json": ("length of the Heron", "boats.json, items 1–2"),
    "log.jsonl": ("turbine overheated", "log.jsonl, lines 1–2"),
    "cellar.py": ("class Cellar", "cellar.py, lines 1–10"),
    "visit.html": ("museum opening hours", "visit.html, Opening hours"),
    "lease.pdf": ("lease notice period", "lease.pdf, p. 1"),
}
FILES = {
    "handbook.docx": offices.word(),
    "roadmap.pptx": offices.slides(),
    "prices.xlsx": offices.workbook(),
    "stock.csv": offices.comma([("Article", "Pieces"), ("Candles", "70"), ("Matches", "12")]),
    "salt.epub": offices.book(),
    "pension.rtf": offices.rich(
        r"\pard\s1\outlinelevel0 Pension\par\pard The pension payment day is the third.\par"
    ),
    "garden.odt": offices.writer(
        '<text:h text:outline-level="1">Orchids</text:h><text:p>Watering: weekly.</text:p>'
    ),
    "delivery.eml": offices.mail(),
    "boats.json": b'[{"boat": "Heron", "length": "9 m"}, {"boat": "Gull", "length": "7 m"}]',
    "log.jsonl": b'{"event": "start"}\n{"event": "turbine overheated"}\n',
    "cellar.py": offices.CODE,
    "visit.html": "<!DOCTYPE html><h1>Museum</h1><h2>Opening hours</h2><p>The museum opens at ten.</p>",
    "lease.pdf": makers.pdf(
        lambda sheet, number: makers.write(sheet, ["The lease notice period is six months."])
    ),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("formats"))
    for name, content in FILES.items():
        project.write(name, content)
    assert {row["outcome"] for row in project.ingest().values()} == {"added"}
    return project


def test_each_format_is_found_with_its_place(project, tmp_path):
    """A question to one file of each format finds the file and its place."""
    environ = {"DOCENT_DATA": str(project.data), "DOCENT_STORAGE": str(project.storage)}
    with open_docent(Settings.read(environ=environ, folder=tmp_path)) as docent:
        found = {
            name: docent.retrieve(question, Scope(), 5)[0].where for name, (question, _) in QUESTIONS.items()
        }
    assert found == {name: place for name, (_, place) in QUESTIONS.items()}


def test_search_prints_the_place(project):
    """`docent search` names the sheet and its rows."""
    done = project.run("-m", "docent", "search", "Barolo of Cantina Nova")
    assert "prices.xlsx, sheet 'Wine', rows 1–4" in done.stdout


def test_chunks_hold_whole_rows():
    """No row of a sheet is split between two chunks."""
    rows = [clean_row(1, ("Wine", "Producer", "Year"))]
    rows += [clean_row(n, (f"Wine {n}", f"Producer number {n}", str(1990 + n % 30))) for n in range(2, 300)]
    pages = tuple(table_pages(rows, place=row_range_label(), first=1))
    document = Document(sha256="0" * 64, name="wine.csv", kind="csv", pages=pages)
    chunks = chunk(document, document_id="d", tokenizer=packaged_tokenizer(), size=200, overlap=25, limit=256)
    lines = {line for page in pages for line in page.text.splitlines()}
    assert len(chunks) > 20
    assert {line for one in chunks for line in one.text.splitlines()} == lines
    assert all("Wine | Producer | Year" in one.header for one in chunks)
