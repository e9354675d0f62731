"""Tables are kept, resumed, seen by their reader alone, erased with a document, and written to files."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Iterator
from contextlib import aclosing, closing
from pathlib import Path

import pytest
from docx import Document
from openpyxl import load_workbook
from pydantic import SecretStr

from docent.app import Docent, open_docent
from docent.errors import InputError, UnknownTable
from docent.saved_tables import SavedTables
from docent.settings import Settings
from docent.types import (
    Scope,
    TableColumn,
    TableFilled,
    TablePlan,
    TablePlanned,
    TableProgress,
    TableRequest,
)
from tests.fakes.postgres_server import database_of, drop_database, execute

DANGEROUS = '=HYPERLINK("http://evil.example","x")'
OFFERS = {
    "a.md": "# Offer A\n\n- Rent: €900 a month\n- Pets: allowed\n",
    "b.md": "# Offer B\n\n- Rent: €700 a month\n- Pets: @everyone and | a stroke\n",
    "c.md": f"# Offer C\n\n- Pets: {DANGEROUS}\n",
    "d.md": "# Offer D\n\nNothing is said here.\n",
}


def opened(folder: Path, database_url: str = "") -> Docent:
    """Open a storage folder with the offers in it, which a database may stand beside."""
    offers = folder / "data" / "offers"
    offers.mkdir(parents=True)
    for name, text in OFFERS.items():
        (offers / name).write_text(text)
    settings = Settings(
        storage=folder / "storage",
        data=folder / "data",
        model_url="http://127.0.0.1:9",
        database_url=SecretStr(database_url),
    )
    docent = open_docent(settings)
    docent.ingest([offers])
    return docent


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL"])
def docent(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docent]:
    folder, url = tmp_path_factory.mktemp("offers"), ""
    if request.param == "PostgreSQL":
        request.getfixturevalue("postgres_server")
        url = database_of(folder)
    with opened(folder, url) as docent:
        yield docent
    if url:
        drop_database(url)


def request(reader: str | None = None) -> TableRequest:
    return TableRequest(question="/table rent, pets", scope=Scope(reader=reader), use_model=False)


async def filled(docent: Docent, reader: str | None = None) -> str:
    async with aclosing(docent.research(request(reader))) as events:
        async for event in events:
            if isinstance(event, TableFilled):
                return event.table.id
    raise AssertionError("the table was not filled")


async def test_a_cancelled_table_keeps_its_rows_and_goes_on(docent, monkeypatch):
    """What was read before a cancellation is not read again."""
    monkeypatch.setattr("docent.research.filling.BATCH_SECONDS", 0.0)
    key = ""
    async with aclosing(docent.research(request())) as events:
        async for event in events:
            if isinstance(event, TableProgress):
                key = event.table_id
                break
    stopped = docent.table(key, reader=None)
    assert (stopped.state, stopped.read, stopped.documents) == ("cancelled", 1, 4)
    assert stopped.notes[0] == "Only 1 of 4 documents were read."
    async with aclosing(docent.resume_table(key, reader=None)) as resumed:
        done = [event.done async for event in resumed if isinstance(event, TableProgress)]
    assert done == [2, 3, 4]
    whole = docent.table(key, reader=None)
    assert (whole.state, whole.read, whole.is_resumable) == ("done", 4, False)
    assert [row.file for row in whole.rows] == list(OFFERS)


async def test_a_table_of_a_killed_process_is_stopped(docent):
    """A table that no living process fills can be resumed; one that is being filled cannot."""
    async with aclosing(docent.research(request())) as events:
        async for event in events:
            key = event.table_id if isinstance(event, TableProgress) else ""
            if key:
                with pytest.raises(InputError, match="being filled"):
                    await anext(docent.resume_table(key, reader=None))
                break
    if url := docent.settings.database:
        execute(url, "UPDATE research.tables SET state = 'running'")
    else:
        with closing(sqlite3.connect(docent.store.folder / "tables.db")) as db, db:
            db.execute("UPDATE tables SET state = 'running'")
    assert docent.table(key, reader=None).state == "stopped"


async def test_machines_share_their_tables(postgres_url, tmp_path, monkeypatch):
    """A table that one machine fills runs for all: no other goes on with it, but any may stop it."""
    monkeypatch.setattr("docent.research.filling.BATCH_SECONDS", 0.0)
    other = SavedTables(tmp_path / "other", database_url=postgres_url)
    done = []
    with opened(tmp_path, postgres_url) as docent:
        async with aclosing(docent.research(request())) as events:
            async for event in events:
                if isinstance(event, TablePlanned):
                    key = event.table_id
                    assert other.get(key, None).state == "running"
                    with pytest.raises(InputError, match="being filled"):
                        other.resumed(key)
                    other.stop(key)
                elif isinstance(event, TableProgress):
                    done.append(event.done)
    assert done == [1]  # which was read when it was stopped
    assert (other.get(key, None).state, other.get(key, None).read) == ("cancelled", 1)


def test_the_table_of_a_machine_that_ended_may_be_filled_by_another(postgres_url, tmp_path):
    """It was being filled until the connection of its machine was gone."""
    here, there = (SavedTables(tmp_path / name, database_url=postgres_url) for name in ("a", "b"))
    plan = TablePlan(columns=(TableColumn("Rent", "text", ("rent",)),))
    key = here.create(None, "rent", plan, ["d"], model="")
    assert there.get(key, None).state == "running"
    ended = "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory'"
    execute(postgres_url, ended)
    assert there.get(key, None).state == "stopped"
    there.resumed(key)
    assert here.get(key, None).state == "running"
    there.finished(key, "done", seconds=1.0)
    assert here.get(key, None).state == "done"
    here.finished(key, "done", seconds=0.0)


async def test_a_table_is_its_readers_alone(docent):
    """Another reader's table does not exist: neither to read, to go on with, to write nor to delete."""
    key = await filled(docent, "ann")
    assert docent.table(key, reader="ann").read == 4
    assert [one.id for one in docent.tables(reader="ann")] == [key]
    for reader in ("bob", None):
        assert key not in [one.id for one in docent.tables(reader=reader)]
        with pytest.raises(UnknownTable):
            docent.table(key, reader=reader)
        with pytest.raises(UnknownTable):
            docent.table_rows(key, reader=reader)
        with pytest.raises(UnknownTable):
            docent.delete_table(key, reader=reader)
        with pytest.raises(UnknownTable):
            docent.export_table(key, "csv", Path("unused.csv"), reader=reader)
        with pytest.raises(UnknownTable):
            await anext(docent.resume_table(key, reader=reader))
    docent.delete_table(key, reader="ann")
    with pytest.raises(UnknownTable):
        docent.table(key, reader="ann")


@pytest.mark.parametrize("database", ["SQLite", "PostgreSQL"])
async def test_a_deleted_document_leaves_every_table(database, tmp_path, request):
    """Its rows are erased, and the deletion counts them; a deleted reader's tables go too."""
    url = request.getfixturevalue("postgres_url") if database == "PostgreSQL" else ""
    with opened(tmp_path, url) as docent:
        key, other = await filled(docent), await filled(docent, "ann")
        (document,) = (one for one in docent.documents() if one.name == "a.md")
        deletion = docent.store.delete(document.id, Scope())
        assert (deletion.found["answers"], deletion.left["answers"]) == (2, 0)
        assert [row.file for row in docent.table(key, reader=None).rows] == ["b.md", "c.md", "d.md"]
        docent.forget_owner("ann")
        with pytest.raises(UnknownTable):
            docent.table(other, reader="ann")
        if url:
            assert not (tmp_path / "storage" / "tables.db").exists()
            left = str(execute(url, "SELECT * FROM research.table_documents")).encode()
        else:
            left = b"".join(path.read_bytes() for path in (tmp_path / "storage").glob("tables.db*"))
        assert b"Offer A" not in left
        assert "€900 a month".encode() not in left


async def test_files_hold_every_cell_with_its_source_and_no_formula(docent, tmp_path):
    """XLSX, CSV and DOCX have values, units and citations; a text that looks like a formula is a text."""
    key = await filled(docent)
    for form in ("xlsx", "csv", "docx"):
        docent.export_table(key, form, tmp_path / f"table.{form}", reader=None)
    text = (tmp_path / "table.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.reader(text.splitlines()))
    assert rows[0] == [
        "Document", "File", "Rent", "Rent: Value", "Rent: Unit", "Rent: Source", "Pets", "Pets: Source",
    ]  # fmt: skip
    assert rows[1][:6] == [
        "Offer A", "a.md", "€900 a month", "900", "EUR per month", "a.md, line 3: “- Rent: €900 a month”",
    ]  # fmt: skip
    assert rows[2][6].startswith("'@everyone")
    assert rows[3][2] == rows[4][6] == "not stated"
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]
    sheet = load_workbook(tmp_path / "table.xlsx").worksheets[0]
    assert (sheet["D2"].value, sheet["D2"].data_type) == (900, "n")
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
    assert any(DANGEROUS[:10] in str(cell.value) for row in sheet.iter_rows() for cell in row)
    document = Document(str(tmp_path / "table.docx"))
    assert document.tables[0].cell(1, 1).text == "€900 a month [1]"
    assert "[1] a.md, line 3: “- Rent: €900 a month”" in [one.text for one in document.paragraphs]


async def test_a_model_fills_what_rules_cannot_and_only_what_is_supported(docent, ollama, tmp_path):
    """Each document is asked once, for its empty cells; a value that its pages do not have is left out."""
    folder = tmp_path / "more" / "flats"
    folder.mkdir(parents=True)
    (folder / "x.md").write_text("# Flat X\n\nThe kitchen was renewed by the landlord in 2019.\n")
    (folder / "y.md").write_text("# Flat Y\n\nThe kitchen is as old as the house.\n")
    settings = Settings(
        storage=tmp_path / "flats", data=tmp_path / "more", model_url=ollama.url, small_model="off"
    )
    with open_docent(settings) as flats:
        flats.ingest([folder])
        flats.embedder.warm()
        ollama.script(
            json.dumps({"Renovation": "renewed by the landlord in 2019"}),
            json.dumps({"Renovation": "renewed by the tenant in 1999"}),
        )
        table = flats.compare("/table renovation")
    assert [row.cells[0].state for row in table.rows] == ["stated", "not_stated"]
    cell = table.rows[0].cells[0]
    assert (cell.text, cell.by_model) == ("renewed by the landlord in 2019", True)
    assert "renewed by the landlord" in cell.citations[0].quote
    assert len(ollama.requests_to("/api/chat")) == 2


def test_columns_may_be_named_apart_from_the_question(docent):
    """`columns` names what is compared; without a question all documents are."""
    table = docent.compare("", columns=["Rent", "Pets"], library="offers", use_model=False)
    assert [column.name for column in table.plan.columns] == ["Rent", "Pets"]
    assert table.rows[1].cells[0].value.number == 700
    with pytest.raises(InputError, match="names nothing to compare"):
        docent.compare("What is this?", use_model=False)
