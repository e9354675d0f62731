"""The side panel of a citation shows the page as its format allows, and says so when it cannot."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator

import pytest
from PIL import Image, ImageDraw

from docent.app import Docent, open_docent
from docent.errors import UnknownDocument
from docent.settings import Settings
from docent.types import Answer, Citation, Receipt, Scope
from docent.web.chat.citation_panel import sheets, words
from docent.web.chat.saved_answer import Kept, keep, recall
from docent.web.chat.source_links import Place, Signer, opened, place_of
from tests.loading import makers

SIGNER = Signer(b"secret")
READER = "ann"


@pytest.fixture(scope="module")
def docent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docent]:
    folder = tmp_path_factory.mktemp("viewing")
    data = folder / "data" / "kitchen"
    data.mkdir(parents=True)
    lines = ["The kitchen closes at ten on Sundays.", "Cash is welcome."]
    (data / "hours.pdf").write_bytes(makers.pdf(lambda sheet, n: makers.write(sheet, lines), pages=3))
    (data / "broken.pdf").write_bytes(makers.pdf(lambda sheet, n: makers.write(sheet, lines[1:]), pages=2))
    (data / "wine.csv").write_text("Wine,Year,Price\nBarolo,2019,48\nSoave,2022,21\nChablis,2021,33\n")
    (data / "notes.md").write_text("# Notes\n\nThe baker comes at five. Nobody else does.\n")
    (data / "scan.png").write_bytes(scan("Deliveries come on Friday"))
    with open_docent(Settings(storage=folder / "storage", data=data.parent)) as docent:
        docent.ingest([data], retry_failed=False, password=None, on_progress=lambda _: None)
        yield docent


def scan(text: str) -> bytes:
    out = io.BytesIO()
    picture = Image.new("RGB", (900, 300), "white")
    ImageDraw.Draw(picture).text((60, 120), text, fill="black", font_size=48)
    picture.save(out, "PNG")
    return out.getvalue()


def cite(docent: Docent, file: str, said: str, *, page: int = 1) -> Citation:
    document = next(one for one in docent.store.documents(Scope()) if one.name == file)
    there = docent.store.page(document.id, page, Scope())
    start = there.text.index(said)
    return Citation(
        n=1, chunk_id="c" * 32, document_id=document.id, file=file, library="kitchen", page=page,
        page_label="", place=there.where, start=start, end=start + len(said), quote=said,
    )  # fmt: skip


def kept(citation: Citation, docent: Docent) -> Kept:
    text = docent.store.page(citation.document_id, citation.page, Scope()).text
    metadata = keep("?", Answer("!", (citation,), (), Receipt("?", "?")))
    metadata["docent"]["extracts"] = {citation.chunk_id: (0, len(text), "")}
    found = recall(metadata)
    assert found is not None
    return found


def shown(citation: Citation, docent: Docent) -> list[tuple[str, str]]:
    found = sheets([citation], "/cited/x/1", docent=docent, signer=SIGNER, reader=READER)
    return [(one.kind, one.url.split("/")[1]) for one in found]


def said(citation: Citation, docent: Docent) -> str:
    return words(kept(citation, docent), 1, docent=docent, signer=SIGNER, reader=READER, language="en")


@pytest.mark.parametrize(
    ("file", "quote", "expected"),
    [
        pytest.param("hours.pdf", "closes at ten", [("pdf", "source")], id="a PDF, its words marked"),
        pytest.param("scan.png", "Friday", [("image", "picture")], id="a scan, its words boxed"),
        pytest.param("wine.csv", "Barolo", [], id="a table has its words only"),
        pytest.param("notes.md", "at five", [], id="prose has its words only"),
    ],
)
def test_what_is_shown(file, quote, expected, docent):
    """Paper is shown as paper, everything else as its own words."""
    assert shown(cite(docent, file, quote), docent) == expected


def test_the_words_name_file_page_and_quote_and_lead_to_the_original(docent):
    """Of a PDF the quote stands above the page; the link opens the file itself at that page."""
    text = said(cite(docent, "hours.pdf", "closes at ten", page=2), docent)
    assert text.startswith("**hours\\.pdf, p\\. 2**")
    assert "> closes at ten" in text
    link = re.search(r"\[Open the original\]\((/original/[^)]+)\)", text)
    assert link is not None and link[1].endswith("/hours.pdf#page=2")


def test_a_table_is_a_table(docent):
    """Rows of a sheet stand in columns, the cell quoted in bold."""
    text = said(cite(docent, "wine.csv", "Soave"), docent)
    assert "| Wine | Year | Price |" in text
    assert "| **Soave** | 2022 | 21 |" in text


def test_prose_is_shown_in_its_context(docent):
    """The passage with the quote in bold."""
    assert "The baker comes **at five**\\. Nobody else does\\." in said(
        cite(docent, "notes.md", "at five"), docent
    )


def test_what_cannot_be_marked_is_shown_as_it_is(docent):
    """A file that is damaged by now: a sentence, and the original at its page."""
    citation = cite(docent, "broken.pdf", "Cash")
    docent.store.original(citation.document_id, Scope()).write_bytes(b"%PDF-1.4 nothing of use")
    assert shown(citation, docent) == [("text", "cited"), ("pdf", "original")]


@pytest.mark.parametrize(
    ("file", "quote", "way", "media_type"),
    [
        pytest.param("hours.pdf", "closes", "source", "application/pdf", id="marked"),
        pytest.param("hours.pdf", "closes", "original", "application/pdf", id="the file"),
        pytest.param("scan.png", "Friday", "picture", "image/png", id="boxed"),
        pytest.param("notes.md", "five", "source", "text/plain; charset=utf-8", id="the page's text"),
        pytest.param("notes.md", "five", "original", "text/plain; charset=utf-8", id="text is never run"),
    ],
)
def test_links_open_what_they_say(file, quote, way, media_type, docent):
    """Each way to a source gives its own type; the original is the very file."""
    citation = cite(docent, file, quote)
    found = opened(docent, place_of([citation], reader=READER), way)
    assert found.media_type == media_type
    if way == "original":
        assert found.path == docent.store.original(citation.document_id, Scope())


@pytest.mark.parametrize("way", ["source", "original", "picture"])
def test_anothers_document_does_not_open(way, docent, tmp_path):
    """A private document opens for its owner; for anybody else it does not exist."""
    path = tmp_path / "diary.pdf"
    path.write_bytes(makers.pdf(lambda sheet, n: makers.write(sheet, [f"Dear diary, {way} it rained."])))
    ticket = docent.take_in(path, name="diary.pdf", owner="ann")
    while not docent.standing(ticket).pages or docent.standing(ticket).state in ("queued", "loading"):
        time.sleep(0.02)
    assert opened(docent, Place(ticket.document_id, 1, ((0, 4),), "ann"), way).path is not None
    for reader in ("ben", None):
        with pytest.raises(UnknownDocument):
            opened(docent, Place(ticket.document_id, 1, ((0, 4),), reader), way)
    docent.store.delete(ticket.document_id, Scope(reader="ann"))


def test_the_copy_of_a_deleted_document_is_gone(docent, tmp_path):
    """Nothing that was made to show a document outlives it."""
    path = tmp_path / "leaflet.pdf"
    path.write_bytes(makers.pdf(lambda sheet, n: makers.write(sheet, ["The leaflet is blue."])))
    ticket = docent.take_in(path, name="leaflet.pdf", owner="ann")
    while docent.standing(ticket).state in ("queued", "loading"):
        time.sleep(0.02)
    copy = opened(docent, Place(ticket.document_id, 1, ((0, 4),), "ann"), "source").path
    assert copy is not None and copy.exists()
    receipt = docent.store.delete(ticket.document_id, Scope(reader="ann"))
    assert (receipt.found["copies"], receipt.left["copies"]) == (1, 0)
    assert not copy.exists()
