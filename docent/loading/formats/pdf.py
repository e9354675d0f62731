"""PDF: read by PDFium, with pypdf's second opinion and OCR for pages that say nothing."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial

from docent.errors import EncryptedFile, HarmfulFile, UnreadableFile
from docent.glossary import Heading, Line, Page, ReadBy
from docent.loading.gist import Gist
from docent.loading.headings import Titles, levels_of
from docent.loading.hidden import split_hidden
from docent.loading.hyphens import Hyphens, hyphens_in, hyphens_of, joined
from docent.loading.layout import TextLine
from docent.loading.margins import NEIGHBOURS, Marks, margin_lines, marks_of
from docent.loading.noise import is_noise
from docent.loading.pdfium import WIDEST, NeedsPassword, Pdf, PdfPage, Unopened
from docent.loading.pypdf_reader import SecondOpinion
from docent.loading.reading import Contents, Job, Meeting, Watch
from docent.loading.recognising import Recogniser
from docent.loading.source import Source
from docent.loading.turning import upright_lines
from docent.loading.visible import SCAN_COVER, visible_words

NOTHING = "There is nothing on this page."
SCAN_CHARS = 60  # a scan often carries a stamp or a page number as real text
FEW_CHARS = 20  # fewer than this, and the second engine is asked
NOISE = "The file draws letters here and does not say which they are."

Entries = dict[int, Titles]
"""Of a document's outline, by page."""
Outline = Callable[[], Entries]


@dataclass(frozen=True, slots=True)
class Draft:
    """A page that was read, before its neighbours tell what is a running header."""

    page: Page
    lines: tuple[TextLine, ...] = ()
    bold: frozenset[int] = frozenset()
    marks: Marks = frozenset()


def read(source: Source, *, job: Job, watch: Watch) -> Contents:
    pdf, note = open_pdf(source, job)
    if len(pdf) > job.limits.pages:
        raise HarmfulFile(
            f"{source.name} says it has {len(pdf):,} pages; at most {job.limits.pages:,} are read. Split it."
        )
    if len(pdf) == 0:
        raise UnreadableFile(f"{source.name} has no pages. Export it again from its own program.")
    title = pdf.metadata("Title")
    second, outline = SecondOpinion(source.whole, job.password), cache(partial(_outline, pdf))
    return Contents(
        pages=_pages(pdf, job=job, watch=watch, second=second, outline=outline),
        title="" if re.search(r"\.\w{2,4}$|^untitled|^microsoft word", title, re.IGNORECASE) else title,
        created=_iso(pdf.metadata("CreationDate")),
        note=note,
        expected=len(pdf),
        part=_Ranges(pdf, job, watch, second, outline),
    )


def open_pdf(source: Source, job: Job) -> tuple[Pdf, str]:
    """The file, opened or mended, and a note on what was done. Raises LoadError with a sentence."""
    try:
        return Pdf(source, job.password), ""
    except NeedsPassword as error:
        if job.password:
            raise EncryptedFile(
                f"{source.name} is locked and the password given does not open it. Check it and try again."
            ) from error
        raise EncryptedFile(
            f"{source.name} is locked with a password. Run: python ingest.py --password (it asks "
            "for the password, uses it once and does not store it)."
        ) from error
    except Unopened as error:
        copy = SecondOpinion(source.whole, job.password).rewritten()
        if copy is not None:
            try:
                return Pdf(copy, None), "The file is damaged; a repaired copy was read."
            except Unopened:
                pass
        raise UnreadableFile(
            f"{source.name} is too damaged to open as a PDF ({error}). "
            "Open it in a PDF program, save it again, or download it anew."
        ) from error


def _pages(pdf: Pdf, *, job: Job, watch: Watch, second: SecondOpinion, outline: Outline) -> Iterator[Page]:
    """Pages in order; each is finished once the pages around it are known."""
    so_far = Gist()
    before: deque[Marks] = deque(maxlen=NEIGHBOURS)
    ahead: deque[Draft] = deque()
    with Recogniser(job=job, watch=watch) as recogniser:
        # Of a file that was read to its end the last page, since a mail counts on from it.
        for number in range(min(job.first, len(pdf)), len(pdf) + 1):
            draft = _draft(pdf, number, job, watch, second, recogniser)
            so_far.see(draft.lines)
            ahead.append(draft)
            if len(ahead) > NEIGHBOURS:
                yield recogniser.finish(_next(ahead, before, so_far, outline()))
        while ahead:
            yield recogniser.finish(_next(ahead, before, so_far, outline()))


def _next(ahead: deque[Draft], before: deque[Marks], so_far: Gist, outline: Entries) -> Page:
    draft = ahead.popleft()
    page = _finish(draft, before, [other.marks for other in ahead], so_far, outline)
    before.append(draft.marks)
    return page


@dataclass(slots=True)
class _Ranges:
    """Reads ranges of pages as `_pages` reads them all: what is not in a range, others tell."""

    pdf: Pdf
    job: Job
    watch: Watch
    second: SecondOpinion
    outline: Outline
    ahead: dict[int, Draft] = field(default_factory=dict)
    """Pages that were looked at for the range before them, and need not be read again for their own."""

    def __call__(self, first: int, last: int, meeting: Meeting) -> Iterator[Page]:
        alone = replace(self.job, ocr=replace(self.job.ocr, parallel=1))  # the other cores read other ranges
        with Recogniser(job=alone, watch=self.watch) as recogniser:
            drafts, gists = [], []
            for number in range(first, last + 1):
                drafts.append(self._draft(number, recogniser))
                gists.append(Gist.of(drafts[-1].lines, drafts[-1].marks))
                if len(drafts) == min(NEIGHBOURS, last + 1 - first):
                    meeting.tell_head(gists)
            own = Gist()
            for gist in gists:
                own.add(gist)
            so_far, after = meeting.around(own)
            if after is None:
                after = self._looked_at(range(last + 1, min(last + NEIGHBOURS, len(self.pdf)) + 1))
            before, around = so_far.marks.copy(), [*gists, *after]
            for gist in around[:NEIGHBOURS]:
                so_far.add(gist)
            for index, draft in enumerate(drafts):
                for gist in around[index + NEIGHBOURS : index + NEIGHBOURS + 1]:
                    so_far.add(gist)
                following = [
                    mark for gist in around[index + 1 : index + 1 + NEIGHBOURS] for mark in gist.marks
                ]
                yield recogniser.finish(_finish(draft, before, following, so_far, self.outline()))
                before.append(draft.marks)

    def _looked_at(self, numbers: Iterable[int]) -> list[Gist]:
        """What pages say that nobody has read yet; scans among them say nothing."""
        with Recogniser(
            job=replace(self.job, ocr=replace(self.job.ocr, engine="off")), watch=self.watch
        ) as nobody:
            drafts = [self._draft(number, nobody) for number in numbers]
        self.ahead = {draft.page.number: draft for draft in drafts if draft.page.read_by is ReadBy.TEXT}
        return [Gist.of(draft.lines, draft.marks) for draft in drafts]

    def _draft(self, number: int, recogniser: Recogniser) -> Draft:
        if (draft := self.ahead.pop(number, None)) is not None:
            return draft
        return _draft(self.pdf, number, self.job, self.watch, self.second, recogniser)


def _draft(
    pdf: Pdf, number: int, job: Job, watch: Watch, second: SecondOpinion, recogniser: Recogniser
) -> Draft:
    watch(number, "text")
    label = pdf.label(number)
    label = label if label != str(number) else ""
    if number in job.skip:
        return Draft(Page(number, "", label=label, read_by=ReadBy.FAILED, note=job.skip[number]))
    try:
        sheet = pdf.page(number)
    except Unopened as error:
        return _by_second(number, label, job, watch, second, f"The page is damaged ({error}).")
    try:
        draft = read_page(sheet, number, label)
        noise = is_noise(draft.page.text)
        if noise:
            draft = Draft(replace(draft.page, text="", read_by=ReadBy.FAILED, note=NOISE, lines=()))
        if len(draft.page.text) >= SCAN_CHARS:
            return draft
        texts, others, cover = sheet.objects()
        if cover < SCAN_COVER and len(draft.page.text) >= FEW_CHARS:
            return draft
        if len(draft.page.text) < FEW_CHARS and (texts or not others) and not draft.page.hidden:
            other = _by_second(number, label, job, watch, second, "")
            if len(other.page.text) > len(draft.page.text) + 2:
                return replace(other, page=replace(other.page, size=sheet.size))
        if noise or others and (cover >= SCAN_COVER or not draft.page.text):
            picture = "The page is a scan." if cover >= SCAN_COVER else "The page is a drawing."
            return replace(draft, page=recogniser.begin(sheet, draft.page, NOISE if noise else picture))
        if draft.page.note == NOTHING and (note := _note_of_annotations(sheet)):
            return replace(draft, page=replace(draft.page, note=note))
        return draft
    finally:
        sheet.close()


def _note_of_annotations(sheet: PdfPage) -> str:
    """Return what a page without text shows all the same, or nothing."""
    fields, others = sheet.annotations()
    if fields:
        return "The page holds only form fields, which are not read. Once filled in, print it to a PDF."
    return "The page holds only annotations, which are not read." if others else ""


def _by_second(number: int, label: str, job: Job, watch: Watch, second: SecondOpinion, why: str) -> Draft:
    """A page as pypdf reads it: text without geometry, or the reason why there is none."""
    text = ""
    if number not in job.plain:
        watch(number, "second")
        text = split_hidden(re.sub(r"[ \t]+\n", "\n", second.text(number)).strip())[0]
        text = "" if is_noise(text) else text
        watch(number, "text")
    if text:
        return Draft(Page(number, text, label=label, note=f"{why} Read by the second engine.".strip()))
    read_by = ReadBy.FAILED if why else ReadBy.EMPTY
    return Draft(Page(number, "", label=label, read_by=read_by, note=why or NOTHING))


def read_page(sheet: PdfPage, number: int, label: str, stored: Page | None = None) -> Draft:
    """What a page says; with `stored`, its hyphens are as they were decided then."""
    if max(sheet.size) > WIDEST:
        note = f"The page is {max(sheet.size) / 2835:.0f} m wide; it was read but is never drawn."
    else:
        note = ""
    words, hidden, layer = visible_words(sheet)
    lines = tuple(line for line in upright_lines(words, sheet.size) if line.text.strip())
    text, spans = joined(lines, hyphens_in(stored, lines) if stored else {})
    if layer:
        note = f"{note} Text layer of a scan, as another program recognised it.".strip()
    empty = not text
    page = Page(
        number=number,
        text=text,
        label=label,
        read_by=ReadBy.EMPTY if empty else ReadBy.TEXT,
        note=note or (NOTHING if empty else ""),
        hidden=hidden,
        size=sheet.size,
        lines=tuple(Line(start, end, line.box) for (start, end), line in zip(spans, lines, strict=True)),
    )
    bold = frozenset(
        index
        for index, line in enumerate(lines)
        if sheet.is_bold(line.words[0].first) and sheet.is_bold(line.words[-1].last)
    )
    return Draft(page, lines, bold, marks_of(lines, sheet.height))


def _finish(
    draft: Draft,
    before: Sequence[Marks],
    after: Sequence[Marks],
    so_far: Gist,
    outline: Entries,
) -> Page:
    """Give each line its role, now that the pages around are known."""
    page = draft.page
    if not draft.lines:
        return page
    margins = margin_lines(draft.lines, page.size[1], before, after, page.label or str(page.number))
    if hyphens := hyphens_of(draft.lines, so_far.known, margins):
        page = _rejoined(page, draft.lines, hyphens)
    levels = levels_of(
        draft.lines,
        bold=draft.bold,
        body=so_far.body,
        width=page.size[0],
        outline=outline.get(page.number, []),
        margins=margins,
    )
    lines = tuple(
        replace(line, role="margin" if index in margins else "heading")
        if index in margins or index in levels
        else line
        for index, line in enumerate(page.lines)
    )
    headings = tuple(
        Heading(page.lines[index].start, " ".join(draft.lines[index].text.split()), level)
        for index, level in sorted(levels.items())
    )
    return replace(page, lines=lines, headings=headings)


def _rejoined(page: Page, lines: Sequence[TextLine], hyphens: Hyphens) -> Page:
    text, spans = joined(lines, hyphens)
    return replace(
        page,
        text=text,
        lines=tuple(Line(*span, line.box) for span, line in zip(spans, page.lines, strict=True)),
    )


def _outline(pdf: Pdf) -> Entries:
    found: Entries = {}
    for page, title, level in pdf.outline():
        found.setdefault(page, []).append((title, level))
    return found


def _iso(date: str) -> str:
    match = re.match(r"(?:D:)?(\d{4})(\d\d)(\d\d)", date)
    return "-".join(match.groups()) if match else ""
