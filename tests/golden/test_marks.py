"""What is highlighted in the page of a citation is what the citation quotes, for every golden question."""

from __future__ import annotations

import asyncio
import ctypes
import json
from collections.abc import Iterator
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium
import pytest

from docent.app import Docent, open_docent
from docent.settings import Settings
from docent.types import Answered, AnswerRequest, Citation, ReadBy, Scope
from docent.web.chat.cited_sources import CitedPlace, highlighted_pdf

pytestmark = pytest.mark.slow

GOLDEN = Path(__file__).parent
DATA = GOLDEN.parents[1] / "data"
LIBRARIES = ["internships", "restaurants"]


@pytest.fixture(scope="module")
def docent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docent]:
    storage = tmp_path_factory.mktemp("marks") / "storage"
    with open_docent(Settings(storage=storage, data=DATA)) as docent:
        paths = [DATA / library for library in LIBRARIES]
        docent.ingest(paths, retry_failed=False, password=None, on_progress=lambda _: None)
        yield docent


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_highlight_is_the_quote(library: str, docent: Docent):
    """Under the highlights of the copy that is served stand the words quoted, all of them and no others."""
    lines = (GOLDEN / f"{library}.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [row["question"] for row in map(json.loads, lines) if row["answerable"]]
    citations = {
        citation
        for question in questions
        for citation in asyncio.run(cited(docent, question, library))
        if citation.file.endswith(".pdf")
    }
    assert len(citations) >= 30
    wrong = [
        f"{one.where}: {one.quote!r} is marked as {found!r}"
        for one in sorted(citations, key=lambda one: (one.file, one.page, one.start))
        if sorted(letters(found := highlighted(docent, one))) != sorted(letters(one.quote))
    ]
    assert wrong == [], "\n".join(wrong)


async def cited(docent: Docent, question: str, library: str) -> tuple[Citation, ...]:
    """The citations of the answer that is made without a model."""
    scope = Scope(libraries=(library,))
    async for event in docent.answer(AnswerRequest(question=question, scope=scope, use_model=False)):
        if isinstance(event, Answered):
            return event.answer.citations
    raise AssertionError("no answer")


def highlighted(docent: Docent, citation: Citation) -> str:
    """The text under the highlights of the page cited, in the copy that is served."""
    page = docent.store.page(citation.document_id, citation.page, Scope())
    assert page.read_by is ReadBy.TEXT
    place = CitedPlace(citation.document_id, citation.page, ((citation.start, citation.end),), None)
    with pypdfium2.PdfDocument(highlighted_pdf(docent, place)) as pdf:
        sheet = pdf[citation.page - 1]
        boxes = list(quads(sheet))
        text = sheet.get_textpage()
        said = ""
        for index in range(text.count_chars()):
            left, bottom, right, top = text.get_charbox(index)
            x, y = (left + right) / 2, (bottom + top) / 2
            if any(a <= x <= c and b <= y <= d for a, b, c, d in boxes):
                said += text.get_text_range(index, 1)
        return said


def quads(sheet: pypdfium2.PdfPage) -> Iterator[tuple[float, float, float, float]]:
    """The boxes of all highlight annotations: left, bottom, right, top."""
    for at in range(pdfium.FPDFPage_GetAnnotCount(sheet.raw)):
        annotation = pdfium.FPDFPage_GetAnnot(sheet.raw, at)
        if pdfium.FPDFAnnot_GetSubtype(annotation) == pdfium.FPDF_ANNOT_HIGHLIGHT:
            for n in range(pdfium.FPDFAnnot_CountAttachmentPoints(annotation)):
                quad = pdfium.FS_QUADPOINTSF()
                pdfium.FPDFAnnot_GetAttachmentPoints(annotation, n, ctypes.byref(quad))
                xs = (quad.x1, quad.x2, quad.x3, quad.x4)
                ys = (quad.y1, quad.y2, quad.y3, quad.y4)
                yield min(xs), min(ys), max(xs), max(ys)
        pdfium.FPDFPage_CloseAnnot(annotation)


def letters(text: str) -> str:
    """Without white space and hyphens, which the page and its text may set differently."""
    return "".join(sign for sign in text if not sign.isspace() and sign not in "-\u00ad\ufffe\x02\x00")
