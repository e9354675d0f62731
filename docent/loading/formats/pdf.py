"""PDF: read by PDFium; by pypdf where PDFium finds nothing, and by OCR where a page has no text."""

from __future__ import annotations

import io
import logging
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from docent.errors import EncryptedFile, HarmfulFile, UnreadableFile
from docent.loading.job import Contents, InputFile, Job, NeighbourExchange, StepReporter
from docent.loading.ocr import OcrQueue
from docent.loading.pdf.page_context import NEIGHBOURS, HeaderSignatures, PageContext
from docent.loading.pdf.page_draft import (
    NOTHING,
    SCAN_COVER,
    OutlineTitles,
    PageDraft,
    finish_page,
    read_page,
)
from docent.loading.pdf.pdfium_file import PdfFile, PdfOpenError, PdfPage, PdfPasswordError
from docent.loading.text_cleaning import is_garbled, split_hidden
from docent.messages import Message, joined
from docent.types import Page, ReadBy

if TYPE_CHECKING:  # takes 0.1 s of a worker's start, and few files need it
    from pypdf import PdfReader

SCAN_CHARS = 60  # a scan often carries a stamp or a page number as real text
FEW_CHARS = 20  # with fewer than this, pypdf is tried
GARBLED = Message(
    "The fonts of this page do not say which characters they draw, so its text cannot be extracted."
)


def read(source: InputFile, *, job: Job, report_step: StepReporter) -> Contents:
    pdf, note = open_pdf(source, job)
    if len(pdf) > job.limits.pages:
        raise HarmfulFile(
            "{name} says it has {pages:,} pages; at most {most:,} are read. Split it.",
            name=source.name,
            pages=len(pdf),
            most=job.limits.pages,
        )
    if len(pdf) == 0:
        raise UnreadableFile("{name} has no pages. Export it again from its own program.", name=source.name)
    title = pdf.metadata("Title")
    created = re.match(r"(?:D:)?(\d{4})(\d\d)(\d\d)", pdf.metadata("CreationDate"))
    reader = _PdfReader(pdf, job, report_step, PypdfFallback(source.read_all, job.password))
    return Contents(
        pages=reader.pages(),
        title="" if re.search(r"\.\w{2,4}$|^untitled|^microsoft word", title, re.IGNORECASE) else title,
        created="-".join(created.groups()) if created else "",
        note=note,
        expected_pages=len(pdf),
        read_range=reader.read_range,
    )


def open_pdf(source: InputFile, job: Job) -> tuple[PdfFile, str]:
    """Open a file, repaired where it is damaged; return it and a note on the repair. Raises LoadError."""
    try:
        return PdfFile(source, job.password), ""
    except PdfPasswordError as error:
        if job.password:
            raise EncryptedFile(
                "{name} is locked and the password given does not open it. Check it and try again.",
                name=source.name,
            ) from error
        raise EncryptedFile(
            "{name} is locked with a password. Run: python -m docent ingest --password (it asks for the "
            "password, uses it once and does not store it).",
            name=source.name,
        ) from error
    except PdfOpenError as error:
        copy = PypdfFallback(source.read_all, job.password).repaired_copy()
        if copy is not None:
            try:
                return PdfFile(copy, None), Message("The file is damaged; a repaired copy was read.")
            except PdfOpenError:
                pass
        raise UnreadableFile(
            "{name} is too damaged to open as a PDF ({why}). Open it in a PDF program, save it "
            "again, or download it anew.",
            name=source.name,
            why=error.reason,
        ) from error


@dataclass
class _PdfReader:
    """Reads all pages of a PDF, or ranges of them with the same result."""

    pdf: PdfFile
    job: Job
    report_step: StepReporter
    pypdf: PypdfFallback
    drafts_ahead: dict[int, PageDraft] = field(default_factory=dict)
    """Pages that were read as neighbours of one range, and are not read again for the next."""

    @cached_property
    def outline(self) -> dict[int, OutlineTitles]:
        """The titles of the document's outline, by page."""
        titles: dict[int, OutlineTitles] = {}
        for page, title, level in self.pdf.outline():
            titles.setdefault(page, []).append((title, level))
        return titles

    def pages(self) -> Iterator[Page]:
        """Yield the pages in order; each is finished once the pages around it are known."""
        context = PageContext()
        before: deque[HeaderSignatures] = deque(maxlen=NEIGHBOURS)
        ahead: deque[PageDraft] = deque()
        with OcrQueue(job=self.job, report_step=self.report_step) as ocr_queue:
            # When resuming after the last page, that one is read again: a mail numbers its parts on from it.
            for number in range(min(self.job.first, len(self.pdf)), len(self.pdf) + 1):
                draft = self._draft(number, ocr_queue)
                context.add_lines(draft.lines)
                ahead.append(draft)
                if len(ahead) > NEIGHBOURS:
                    yield ocr_queue.finish(self._finish_next(ahead, before, context))
            while ahead:
                yield ocr_queue.finish(self._finish_next(ahead, before, context))

    def _finish_next(
        self, ahead: deque[PageDraft], before: deque[HeaderSignatures], context: PageContext
    ) -> Page:
        draft = ahead.popleft()
        page = self._finish(draft, before, [later.signatures for later in ahead], context)
        before.append(draft.signatures)
        return page

    def read_range(self, first: int, last: int, neighbours: NeighbourExchange) -> Iterator[Page]:
        """Yield the pages of a range as `pages` does; the contexts of other pages come from `neighbours`."""
        # One page of OCR at a time: the other cores read other ranges.
        job = replace(self.job, ocr=replace(self.job.ocr, parallel=1))
        with OcrQueue(job=job, report_step=self.report_step) as ocr_queue:
            drafts, contexts = [], []
            for number in range(first, last + 1):
                drafts.append(self._draft(number, ocr_queue))
                contexts.append(PageContext.of_page(drafts[-1].lines, drafts[-1].signatures))
                if len(drafts) == min(NEIGHBOURS, last + 1 - first):
                    neighbours.send_head(contexts)
            own = PageContext()
            for context in contexts:
                own.add(context)
            so_far, after = neighbours.exchange(own)
            if after is None:
                after = self._read_ahead(range(last + 1, min(last + NEIGHBOURS, len(self.pdf)) + 1))
            before, around = so_far.signatures.copy(), [*contexts, *after]
            for context in around[:NEIGHBOURS]:
                so_far.add(context)
            for index, draft in enumerate(drafts):
                for context in around[index + NEIGHBOURS : index + NEIGHBOURS + 1]:
                    so_far.add(context)
                following = [
                    signatures
                    for context in around[index + 1 : index + 1 + NEIGHBOURS]
                    for signatures in context.signatures
                ]
                yield ocr_queue.finish(self._finish(draft, before, following, so_far))
                before.append(draft.signatures)

    def _read_ahead(self, numbers: Iterable[int]) -> list[PageContext]:
        """Return the contexts of pages that no other worker reads; scans among them have no text."""
        job = replace(self.job, ocr=replace(self.job.ocr, engine="off"))
        with OcrQueue(job=job, report_step=self.report_step) as no_ocr:
            drafts = [self._draft(number, no_ocr) for number in numbers]
        self.drafts_ahead = {
            draft.page.number: draft for draft in drafts if draft.page.read_by is ReadBy.TEXT
        }
        return [PageContext.of_page(draft.lines, draft.signatures) for draft in drafts]

    def _finish(
        self,
        draft: PageDraft,
        before: Sequence[HeaderSignatures],
        after: Sequence[HeaderSignatures],
        context: PageContext,
    ) -> Page:
        return finish_page(draft, before, after, context, self.outline.get(draft.page.number, []))

    def _draft(self, number: int, ocr_queue: OcrQueue) -> PageDraft:
        if (draft := self.drafts_ahead.pop(number, None)) is not None:
            return draft
        self.report_step(number, "text")
        label = self.pdf.label(number)
        label = label if label != str(number) else ""
        if number in self.job.skip:
            reason = self.job.skip[number]
            return PageDraft(Page(number, "", label=label, read_by=ReadBy.FAILED, note=reason))
        try:
            pdf_page = self.pdf.page(number)
        except PdfOpenError as error:
            return self._draft_by_pypdf(
                number, label, Message("The page is damaged ({why}).", why=error.reason)
            )
        try:
            draft = read_page(pdf_page, number, label)
            garbled = is_garbled(draft.page.text)
            if garbled:
                draft = PageDraft(replace(draft.page, text="", read_by=ReadBy.FAILED, note=GARBLED, lines=()))
            if len(draft.page.text) >= SCAN_CHARS:
                return draft
            text_count, other_count, image_cover = pdf_page.count_objects()
            is_scan = image_cover >= SCAN_COVER
            if not is_scan and len(draft.page.text) >= FEW_CHARS:
                return draft
            if len(draft.page.text) < FEW_CHARS and (text_count or not other_count) and not draft.page.hidden:
                by_pypdf = self._draft_by_pypdf(number, label, "")
                if len(by_pypdf.page.text) > len(draft.page.text) + 2:
                    return replace(by_pypdf, page=replace(by_pypdf.page, size=pdf_page.size))
            if garbled or other_count and (is_scan or not draft.page.text):
                kind = Message("The page is a scan.") if is_scan else Message("The page is a drawing.")
                return replace(
                    draft, page=ocr_queue.begin(pdf_page, draft.page, GARBLED if garbled else kind)
                )
            if draft.page.note == NOTHING and (note := annotation_note(pdf_page)):
                return replace(draft, page=replace(draft.page, note=note))
            return draft
        finally:
            pdf_page.close()

    def _draft_by_pypdf(self, number: int, label: str, reason: str) -> PageDraft:
        """Return a page as pypdf reads it: text without geometry, or the reason why there is none."""
        text = ""
        if number not in self.job.plain:
            self.report_step(number, "second")
            text = split_hidden(re.sub(r"[ \t]+\n", "\n", self.pypdf.text(number)).strip())[0]
            text = "" if is_garbled(text) else text
            self.report_step(number, "text")
        if text:
            note = joined((reason, Message("Read by a second program (pypdf).")), " ")
            return PageDraft(Page(number, text, label=label, note=note))
        read_by = ReadBy.FAILED if reason else ReadBy.EMPTY
        return PageDraft(Page(number, "", label=label, read_by=read_by, note=reason or NOTHING))


def annotation_note(pdf_page: PdfPage) -> str:
    """Return a note on the form fields or annotations of a page without text, else ""."""
    fields, others = pdf_page.count_annotations()
    if fields:
        return Message(
            "The page holds only form fields, which are not read. Once filled in, print it to a PDF."
        )
    return Message("The page holds only annotations, which are not read.") if others else ""


def _pypdf_errors() -> tuple[type[Exception], ...]:
    """Return the errors that pypdf raises on damaged files."""
    from pypdf.errors import DependencyError, DeprecationError, PyPdfError

    return (
        PyPdfError, DependencyError, DeprecationError, ValueError, LookupError, TypeError, AttributeError,
        AssertionError, OSError, ArithmeticError, RuntimeError,
    )  # fmt: skip


class PypdfFallback:
    """A file read by pypdf; opened when it is first needed."""

    def __init__(self, read_all: Callable[[], bytes], password: str | None) -> None:
        logging.getLogger("pypdf").setLevel(logging.CRITICAL)
        self._read_all = read_all
        self._password = password

    @cached_property
    def _reader(self) -> PdfReader | None:
        from pypdf import PdfReader

        try:
            reader = PdfReader(io.BytesIO(self._read_all()), strict=False)
            if reader.is_encrypted and not reader.decrypt(self._password or ""):
                return None
            return reader
        except _pypdf_errors():
            return None

    @cached_property
    def pages(self) -> int:
        try:
            return len(self._reader.pages) if self._reader else 0
        except _pypdf_errors():
            return 0

    def text(self, number: int) -> str:
        """Return the text of one page; "" where pypdf cannot read it either."""
        if number > self.pages or self._reader is None:
            return ""
        try:
            return self._reader.pages[number - 1].extract_text() or ""
        except _pypdf_errors():
            return ""

    def repaired_copy(self) -> bytes | None:
        """Return a copy that PDFium may open when it could not open the original, or None."""
        if not self.pages or self._reader is None:
            return None
        from pypdf import PdfWriter

        try:
            writer = PdfWriter()
            for page in self._reader.pages:
                writer.add_page(page)
            out = io.BytesIO()
            writer.write(out)
        except _pypdf_errors():
            return None
        return out.getvalue()
