"""The source panel shows the quoted words, and their page as its format allows."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from PIL import Image, ImageDraw
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from docent.app import Docent, open_docent
from docent.errors import LoadError, UnknownDocument
from docent.settings import Settings
from docent.types import Answer, Citation, Receipt, Scope
from docent.web.chat.cited_sources import (
    CitedPlace,
    LinkSigner,
    cited_place,
    open_link,
)
from docent.web.chat.page_session import escape_markdown
from docent.web.chat.saved_answer import SavedAnswer, answer_metadata, load_answer
from docent.web.sources.page_view import TextTable, marked_text, search_pages, text_table
from docent.web.sources.source_routes import open_source, source_panel, view_page
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
    (data / "markup.md").write_text("A page may say <script>alert(1)</script> and <b>more</b>.\n")
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


def panel_of(citation: Citation, docent: Docent, *more: Citation, language: str = "en") -> HTMLParser:
    answer = saved(citation, docent)
    answer = replace(answer, citations=(citation, *more))
    return HTMLParser(source_panel(answer, 1, docent=docent, signer=SIGNER, reader=READER, language=language))


def texts(panel: HTMLParser, selector: str) -> list[str]:
    return [" ".join(node.text().split()) for node in panel.css(selector)]


@pytest.mark.parametrize(
    ("file", "quote"),
    [pytest.param("hours.pdf", "closes at ten", id="a PDF"), pytest.param("scan.png", "Friday", id="a scan")],
)
def test_paper_is_shown_as_a_picture_with_its_text_on_top(file, quote, docent):
    """The picture opens by its link, its text can be selected, and the quoted words have a place on it."""
    panel = panel_of(cite(docent, file, quote), docent)
    picture = panel.css_first("img").attributes["src"]
    place = SIGNER.verify(picture.split("/")[2])
    data = open_link(docent, place, "picture").path.read_bytes()
    assert Image.open(io.BytesIO(data)).format == "PNG"
    assert any(quote in line for line in texts(panel, ".source-line"))
    assert len(panel.css(".source-mark")) == 1


def test_another_page_is_shown_without_marks_of_the_citation(docent):
    """Its picture opens for the reader of the citation, and the words of a search are marked on it."""
    quotes = [cite(docent, "hours.pdf", "closes at ten", page=2)]
    opened = open_source(quotes, docent, READER)
    text = docent.store.page(quotes[0].document_id, 3, Scope()).text
    start = text.index("Cash")
    view = view_page(opened, 3, [(start, start + 4)], docent=docent, signer=SIGNER, reader=READER)
    assert (view.page.number, view.total, view.cited) == (3, 3, ())
    (hit,) = view.found
    line = next(line for line in view.lines if line.text == "Cash is welcome.")
    assert hit.text == "Cash"
    assert (hit.left, hit.top, hit.height) == (line.left, line.top, line.height)
    assert 0 < hit.width < line.width / 2
    assert open_link(docent, SIGNER.verify(view.picture.split("/")[2]), "picture").path is not None


@pytest.mark.parametrize("number", [0, 4, 10**30])
def test_a_page_that_does_not_exist_is_unknown(number, docent):
    """A number beyond the document opens nothing."""
    opened = open_source([cite(docent, "hours.pdf", "closes at ten")], docent, READER)
    with pytest.raises(UnknownDocument):
        view_page(opened, number, (), docent=docent, signer=SIGNER, reader=READER)


def test_the_panel_names_file_page_and_quote_and_links_to_the_original(docent):
    """The quote stands above the page; links open the file itself and a marked copy, at that page."""
    panel = panel_of(cite(docent, "hours.pdf", "closes at ten", page=2), docent)
    assert texts(panel, ".source-place strong") == ["hours.pdf, p. 2"]
    assert texts(panel, "blockquote") == ["closes at ten"]
    assert texts(panel, ".source-count") == ["2 / 3"]
    links = {node.text(): node.attributes["href"] for node in panel.css(".source-place a")}
    assert links["Open the original"].startswith("/original/")
    assert links["Open a marked copy"].startswith("/source/")
    assert all(link.endswith("/hours.pdf#page=2") for link in links.values())


def test_the_panel_leads_to_the_sources_beside_it(docent):
    """Previous and next are the numbers that the answer cites; beyond the last there is none."""
    first = cite(docent, "hours.pdf", "closes at ten")
    panel = panel_of(first, docent, replace(cite(docent, "notes.md", "at five"), n=4))
    previous, following = panel.css("[data-does=source]")
    assert "disabled" in previous.attributes
    assert (following.attributes["value"], "disabled" in following.attributes) == ("4", False)


def test_rows_of_a_table_are_shown_as_a_table(docent):
    """Rows are shown in columns, the quoted cell marked."""
    panel = panel_of(cite(docent, "wine.csv", "Soave"), docent)
    assert texts(panel, "th") == ["Wine", "Year", "Price"]
    assert texts(panel, "td mark") == ["Soave"]
    assert panel.css_first("img") is None


def test_prose_is_shown_in_its_context(docent):
    """The page's text is shown with the quote marked."""
    panel = panel_of(cite(docent, "notes.md", "at five"), docent)
    assert "The baker comes at five. Nobody else does." in texts(panel, ".source-text")[0]
    assert texts(panel, "mark") == ["at five"]


def test_markup_in_a_document_is_text(docent):
    """Nothing in a document becomes an element of the page."""
    panel = panel_of(cite(docent, "markup.md", "script"), docent)
    assert panel.css_first(".source-view script") is None
    assert "<script>alert(1)</script>" in panel.css_first(".source-text").text()


def test_a_page_that_cannot_be_drawn_has_its_text(docent):
    """For a file damaged since, the picture is refused, and the text that is shown instead is there."""
    citation = cite(docent, "broken.pdf", "Cash")
    docent.store.original(citation.document_id, Scope()).write_bytes(b"%PDF-1.4 nothing of use")
    panel = panel_of(citation, docent)
    with pytest.raises(LoadError):
        open_link(docent, SIGNER.verify(panel.css_first("img").attributes["src"].split("/")[2]), "picture")
    assert texts(panel, ".source-undrawn mark") == ["Cash"]


def test_a_deleted_source_leaves_its_quote(docent):
    """The panel says that the file was deleted, and shows what was quoted, in the reader's language."""
    citation = cite(docent, "notes.md", "at five")
    answer = saved(citation, docent)
    answer = replace(answer, citations=(replace(citation, document_id="0" * 32, file="gone.md"),))
    text = source_panel(answer, 1, docent=docent, signer=SIGNER, reader=READER, language="fr")
    panel = HTMLParser(text)
    assert texts(panel, "blockquote") == ["at five"]
    assert "supprimé" in texts(panel, ".source-note")[0]
    assert panel.css_first(".source-view") is None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param("KITCHEN closes", ["kitchen closes"] * 3, id="case does not count"),
        pytest.param("Sundays. Cash", ["Sundays.\nCash"] * 3, id="across lines"),
        pytest.param("s.c", [], id="a point is a point"),
        pytest.param("  ", [], id="nothing"),
    ],
)
def test_search_in_a_document(words, expected, docent):
    """Every place is found, in order, to the letter and across the ends of lines."""
    document = next(d for d in docent.store.documents(Scope()) if d.name == "hours.pdf")
    pages = docent.store.pages(document.id, Scope())
    hits = search_pages(pages, words)
    assert [pages[number - 1].text[start:end] for number, start, end in hits] == expected


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
        pytest.param("one two three", [(4, 7)], "one [two] three", id="one quote"),
        pytest.param("one two three", [(0, 3), (8, 13)], "[one] two [three]", id="two quotes"),
        pytest.param("one two three", [(0, 7), (4, 13)], "[one two][ three]", id="overlapping"),
        pytest.param("one", [(0, 99)], "[one]", id="beyond the page"),
        pytest.param("one", [], "one", id="no quote"),
        pytest.param("", [(0, 2)], "", id="an empty page"),
    ],
)
def test_marked_text(text, spans, expected):
    """Quoted characters are marked, and no character is lost."""
    pieces = list(marked_text(text, spans))
    assert "".join(f"[{piece}]" if marked else piece for piece, marked in pieces) == expected
    assert "".join(piece for piece, _ in pieces) == text


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
        pytest.param(WINE, [(6, 12)], "Wine Price / [Barolo] 48 / Soave 21", id="a cell"),
        pytest.param(
            f"Our cellar\n{WINE}",
            [(36, 59)],
            "Our cellar / Wine Price / Barolo 48 / [Soave] [21]",
            id="below a title, a row",
        ),
        pytest.param("A: 1 | B: 2\nA: 3 | C: 4", [], "A B C / 1 2 - / 3 - 4", id="empty cells keep a column"),
        pytest.param("One. Two: three.", [], None, id="prose"),
        pytest.param(f"{WINE}\nProse stands below.", [], None, id="a table and prose"),
    ],
)
def test_text_table(text, spans, expected):
    """Rows that name their columns become a table; other text does not."""
    table = text_table(text, spans)
    assert (table and written(table)) == expected


def written(table: TextTable) -> str:
    rows = [" ".join(f"[{text}]" if marked else text or "-" for text, marked in row) for row in table.rows]
    return " / ".join([*table.above, " ".join(table.columns), *rows])
