"""The side panel of a citation shows the quoted words, and the page as its format allows."""

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
from docent.web.chat.cited_sources import (
    CitedPlace,
    LinkSigner,
    bold_spans,
    cited_place,
    open_link,
    page_views,
    panel_text,
    table_markdown,
)
from docent.web.chat.page_session import escape_markdown
from docent.web.chat.saved_answer import SavedAnswer, answer_metadata, load_answer
from tests.loading import makers

SIGNER = LinkSigner(b"secret")
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


def cite(docent: Docent, file: str, quote: str, *, page: int = 1) -> Citation:
    document = next(document for document in docent.store.documents(Scope()) if document.name == file)
    stored = docent.store.page(document.id, page, Scope())
    start = stored.text.index(quote)
    return Citation(
        n=1, chunk_id="c" * 32, document_id=document.id, file=file, library="kitchen", page=page,
        page_label="", place=stored.where, start=start, end=start + len(quote), quote=quote,
    )  # fmt: skip


def saved(citation: Citation, docent: Docent) -> SavedAnswer:
    text = docent.store.page(citation.document_id, citation.page, Scope()).text
    metadata = answer_metadata("?", Answer("!", (citation,), (), Receipt("?", "?")))
    metadata["docent"]["extracts"] = {citation.chunk_id: (0, len(text), "")}
    answer = load_answer(metadata)
    assert answer is not None
    return answer


def shown(citation: Citation, docent: Docent) -> list[tuple[str, str]]:
    views = page_views([citation], "/cited/x/1", docent=docent, signer=SIGNER, reader=READER)
    return [(view.kind, view.url.split("/")[1]) for view in views]


def text_of(citation: Citation, docent: Docent) -> str:
    return panel_text(saved(citation, docent), 1, docent=docent, signer=SIGNER, reader=READER, language="en")


@pytest.mark.parametrize(
    ("file", "quote", "expected"),
    [
        pytest.param("hours.pdf", "closes at ten", [("pdf", "source")], id="a PDF, its words marked"),
        pytest.param("scan.png", "Friday", [("image", "picture")], id="a scan, its words boxed"),
        pytest.param("wine.csv", "Barolo", [], id="a table has its words only"),
        pytest.param("notes.md", "at five", [], id="prose has its words only"),
    ],
)
def test_the_page_is_shown_as_its_format_allows(file, quote, expected, docent):
    """Paper is shown as paper; other formats show their words only."""
    assert shown(cite(docent, file, quote), docent) == expected


def test_the_text_names_file_page_and_quote_and_links_to_the_original(docent):
    """Of a PDF the quote is shown above the page; the link opens the file itself at that page."""
    text = text_of(cite(docent, "hours.pdf", "closes at ten", page=2), docent)
    assert text.startswith("**hours\\.pdf, p\\. 2**")
    assert "> closes at ten" in text
    link = re.search(r"\[Open the original\]\((/original/[^)]+)\)", text)
    assert link is not None and link[1].endswith("/hours.pdf#page=2")


def test_rows_of_a_table_are_shown_as_a_table(docent):
    """Rows are shown in columns, the quoted cell in bold."""
    text = text_of(cite(docent, "wine.csv", "Soave"), docent)
    assert "| Wine | Year | Price |" in text
    assert "| **Soave** | 2022 | 21 |" in text


def test_prose_is_shown_in_its_context(docent):
    """The passage is shown with the quote in bold."""
    assert "The baker comes **at five**\\. Nobody else does\\." in text_of(
        cite(docent, "notes.md", "at five"), docent
    )


def test_a_page_that_cannot_be_highlighted_is_shown_as_it_is(docent):
    """For a file damaged since, a sentence and the original at its page are shown."""
    citation = cite(docent, "broken.pdf", "Cash")
    docent.store.original(citation.document_id, Scope()).write_bytes(b"%PDF-1.4 nothing of use")
    assert shown(citation, docent) == [("text", "cited"), ("pdf", "original")]


@pytest.mark.parametrize(
    ("file", "quote", "target", "media_type"),
    [
        pytest.param("hours.pdf", "closes", "source", "application/pdf", id="marked"),
        pytest.param("hours.pdf", "closes", "original", "application/pdf", id="the file"),
        pytest.param("scan.png", "Friday", "picture", "image/png", id="boxed"),
        pytest.param("notes.md", "five", "source", "text/plain; charset=utf-8", id="the page's text"),
        pytest.param("notes.md", "five", "original", "text/plain; charset=utf-8", id="text is never run"),
    ],
)
def test_a_link_opens_its_target(file, quote, target, media_type, docent):
    """Each target has its own media type; the original is the stored file."""
    citation = cite(docent, file, quote)
    source = open_link(docent, cited_place([citation], reader=READER), target)
    assert source.media_type == media_type
    if target == "original":
        assert source.path == docent.store.original(citation.document_id, Scope())


@pytest.mark.parametrize("target", ["source", "original", "picture"])
def test_a_private_document_opens_for_its_owner_only(target, docent, tmp_path):
    """For anybody else the document does not exist."""
    path = tmp_path / "diary.pdf"
    path.write_bytes(makers.pdf(lambda sheet, n: makers.write(sheet, [f"Dear diary, {target} it rained."])))
    ticket = docent.add_upload(path, name="diary.pdf", owner="ann")
    while not docent.upload_status(ticket).pages or docent.upload_status(ticket).state in (
        "queued",
        "loading",
    ):
        time.sleep(0.02)
    assert open_link(docent, CitedPlace(ticket.document_id, 1, ((0, 4),), "ann"), target).path is not None
    for reader in ("ben", None):
        with pytest.raises(UnknownDocument):
            open_link(docent, CitedPlace(ticket.document_id, 1, ((0, 4),), reader), target)
    docent.store.delete(ticket.document_id, Scope(reader="ann"))


def test_the_copies_of_a_deleted_document_are_deleted(docent, tmp_path):
    """A copy that was made to highlight a quote does not outlive its document."""
    path = tmp_path / "leaflet.pdf"
    path.write_bytes(makers.pdf(lambda sheet, n: makers.write(sheet, ["The leaflet is blue."])))
    ticket = docent.add_upload(path, name="leaflet.pdf", owner="ann")
    while docent.upload_status(ticket).state in ("queued", "loading"):
        time.sleep(0.02)
    copy = open_link(docent, CitedPlace(ticket.document_id, 1, ((0, 4),), "ann"), "source").path
    assert copy is not None and copy.exists()
    receipt = docent.store.delete(ticket.document_id, Scope(reader="ann"))
    assert (receipt.found["copies"], receipt.left["copies"]) == (1, 0)
    assert not copy.exists()


@pytest.mark.parametrize(
    ("text", "spans", "expected"),
    [
        pytest.param("one two three", [(4, 7)], "one **two** three", id="one quote"),
        pytest.param("one two three", [(0, 3), (8, 13)], "**one** two **three**", id="two quotes"),
        pytest.param("one two three", [(0, 7), (4, 13)], "**one two** **three**", id="overlapping"),
        pytest.param("one", [(0, 99)], "**one**", id="beyond the passage"),
        pytest.param("one\ntwo", [(0, 7)], "**one**\n**two**", id="across lines"),
        pytest.param("a b ", [(0, 4)], "**a b** ", id="trailing space stays outside"),
        pytest.param("one", [], "one", id="no quote"),
    ],
)
def test_bold_spans(text, spans, expected):
    """Quoted characters are bold, every other character is shown as it is."""
    assert bold_spans(text, spans) == expected


@pytest.mark.parametrize(
    "text",
    [
        "# Not a heading",
        "![x](http://elsewhere/x.png)",
        "<img src=x>",
        "[click](http://x)",
        "*a* `b` | c",
        "1. one",
    ],
)
def test_markup_in_documents_is_escaped(text):
    """No text of a document becomes a heading, a link, an image or other markup."""
    shown = escape_markdown(text)
    assert shown.replace("\\", "") == text
    for sign in "![]()<>#`|*":
        assert all(shown[i - 1] == "\\" for i, character in enumerate(shown) if character == sign)


WINE = "Wine: Barolo | Price: 48\nWine: Soave | Price: 21"


@pytest.mark.parametrize(
    ("text", "spans", "expected"),
    [
        pytest.param(
            WINE,
            [(6, 12)],
            "| Wine | Price |\n| --- | --- |\n| **Barolo** | 48 |\n| Soave | 21 |",
            id="a cell is marked",
        ),
        pytest.param(
            f"Our cellar\n{WINE}",
            [(36, 59)],
            "Our cellar\n\n| Wine | Price |\n| --- | --- |\n| Barolo | 48 |\n| **Soave** | **21** |",
            id="below a title, a row is marked",
        ),
        pytest.param(
            "A: 1 | B: 2\nA: 3 | C: 4",
            [],
            "| A | B | C |\n| --- | --- | --- |\n| 1 | 2 |  |\n| 3 |  | 4 |",
            id="empty cells keep their column",
        ),
        pytest.param("A: *1* | B: <b>", [], "| A | B |\n| --- | --- |\n| \\*1\\* | \\<b\\> |", id="escaped"),
        pytest.param("One. Two: three.", [], "", id="prose"),
        pytest.param(f"{WINE}\nProse stands below.", [], "", id="a table and prose"),
    ],
)
def test_table_markdown(text, spans, expected):
    """Rows that name their columns become a table; other text is left to the caller."""
    assert table_markdown(text, spans) == expected
