"""Word documents: sections under their headings, with lists numbered as Word shows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from docx.opc.constants import RELATIONSHIP_TYPE as RELATION
from docx.opc.part import PartFactory
from docx.oxml import parse_xml
from docx.package import Package
from docx.parts.document import DocumentPart

from docent.errors import UnreadableFile
from docent.loading.formats.docx_styles import BULLET, Numbering, W, WordStyle, flag, read_styles, value
from docent.loading.formats.section_pages import Block, clean_blocks, main_heading, split_into_pages
from docent.loading.formats.table_rows import table_lines
from docent.loading.formats.zip_container import open_zip, refuse_entities
from docent.loading.job import Contents, InputFile, Job, StepReporter, pictures_not_read
from docent.messages import Message, joined
from docent.types import Page, ReadBy

COMPATIBILITY = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
PICTURES = (
    "{http://schemas.openxmlformats.org/drawingml/2006/picture}pic",
    "{urn:schemas-microsoft-com:vml}imagedata",  # written by older programs, and again by newer ones
)
CHARTS = (
    "{http://schemas.openxmlformats.org/drawingml/2006/chart}chart",
    "{http://schemas.openxmlformats.org/drawingml/2006/diagram}relIds",
)
MATH_TEXT = "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"
WORD = "application/vnd."
OTHER_CONTENT_TYPES = (
    f"{WORD}ms-word.document.macroEnabled.main+xml",
    f"{WORD}ms-word.template.macroEnabledTemplate.main+xml",
    f"{WORD}openxmlformats-officedocument.wordprocessingml.template.main+xml",
)
for content_type in OTHER_CONTENT_TYPES:  # templates, and documents with macros, which are never run
    PartFactory.part_type_for[content_type] = DocumentPart

SKIPPED_TAGS = frozenset(
    f"{W}{tag}" for tag in ("del", "moveFrom", "instrText", "delText", "rPr", "pPr", "sdtPr")
) | {f"{COMPATIBILITY}Fallback"}
MIN_HALF_POINTS = 4  # type below 2 pt is meant not to be seen
MAX_CELL_CHARS = 600  # a table with longer cells lays out a page and holds no rows


@dataclass(slots=True)
class ParagraphText:
    """The text of one paragraph, as it is collected."""

    visible: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    boxes: list[Any] = field(default_factory=list)
    """Text boxes anchored in the paragraph; their text follows it."""
    notes: list[str] = field(default_factory=list)
    bold: int = 0
    plain: int = 0


def read(source: InputFile, *, job: Job, report_step: StepReporter) -> Contents:
    with open_zip(source.stream, source.name, job.limits) as archive:
        refuse_entities(archive, source.name)
    source.stream.seek(0)
    try:
        part = Package.open(source.stream).main_document_part
    except KeyError as error:
        raise UnreadableFile(
            "{name} is a Word document of a kind that is not read ({why}). Open it in Word or "
            "LibreOffice and save it as an ordinary DOCX.",
            name=source.name,
            why=error,
        ) from error
    blocks = clean_blocks(WordBody(part).blocks())
    core = part.package.core_properties
    return Contents(
        pages=_with_unread_parts(split_into_pages(blocks, first=1), part),
        title=core.title or main_heading(blocks),
        created=core.created.date().isoformat() if core.created else "",
    )


def _with_unread_parts(pages: Iterator[Page], part: Any) -> Iterator[Page]:
    """Note on the first page what was not read: pictures, charts, headers and footers."""
    first = next(pages)
    notes: list[str] = [first.note]
    if pictures := max(sum(1 for _ in part.element.body.iter(content_type)) for content_type in PICTURES):
        notes.append(pictures_not_read(pictures))
        if not first.text:
            notes.append(Message("Save it as a PDF: its pages are then read like scans."))
            first = replace(first, read_by=ReadBy.FAILED)
    if next(part.element.body.iter(*CHARTS), None) is not None:
        notes.append(Message("Charts and diagrams were not read."))
    margins = [*_all_related(part, RELATION.HEADER), *_all_related(part, RELATION.FOOTER)]
    if any(any(map(str.isalpha, text.text or "")) for root in margins for text in root.iter(f"{W}t")):
        notes.append(Message("Headers and footers were not read."))
    yield replace(first, note=joined(notes, " "))
    yield from pages


class WordBody:
    """The document's text, from its XML: python-docx itself skips insertions, boxes and fields."""

    def __init__(self, part: Any) -> None:
        self._root = part.element.body
        self._styles = read_styles(_related(part, RELATION.STYLES))
        self._numbering = Numbering(_related(part, RELATION.NUMBERING))
        self._notes = {
            (tag, note.get(f"{W}id", "")): note
            for tag, relation in (("footnote", RELATION.FOOTNOTES), ("endnote", RELATION.ENDNOTES))
            if (root := _related(part, relation)) is not None
            for note in root.findall(f"{W}{tag}")
        }
        self._comments = _related(part, RELATION.COMMENTS)
        self._note_count = 0

    def blocks(self) -> Iterator[Block]:
        yield from self._children(self._root)
        comments = self._comments.findall(f"{W}comment") if self._comments is not None else []
        if comments:
            yield Block("Comments", level=1)
        for comment in comments:
            text = " ".join(block.text for block in self._children(comment))
            yield Block(f"{comment.get(f'{W}author', '')}: {text}".removeprefix(": "))

    def _children(self, parent: Any) -> Iterator[Block]:
        for child in parent:
            match child.tag:
                case tag if tag == f"{W}p":
                    yield from self._paragraph(child)
                case tag if tag == f"{W}tbl":
                    yield from self._table(child)
                case tag if tag in SKIPPED_TAGS or not isinstance(tag, str):
                    continue
                case _:  # content controls, insertions, custom XML: read their contents
                    yield from self._children(child)

    def _paragraph(self, paragraph: Any) -> Iterator[Block]:
        settings = paragraph.find(f"{W}pPr")
        style = self._style(settings, "pStyle")
        outline = value(settings, "outlineLvl")
        level = int(outline) + 1 if outline.isdigit() and int(outline) < 9 else style.level
        content = ParagraphText()
        self._gather(paragraph, content, style)
        text = "".join(content.visible)
        number = self._number(settings, style) if text.strip() else ""
        item = number == BULLET or bool(number and not level)
        yield Block(
            number + text.strip() if number else text,
            level=level,
            tight=item,
            hidden="".join(content.hidden),
            bold=content.bold > 0 and not content.plain,
        )
        for box in content.boxes:
            yield from self._children(box)
        for note in content.notes:
            yield Block(note, tight=True)

    def _number(self, settings: Any, style: WordStyle) -> str:
        own = settings.find(f"{W}numPr") if settings is not None else None
        number = value(own, "numId") or style.list_id
        level = value(own, "ilvl") or str(style.list_level)
        return self._numbering.next_number(number, int(level)) if number and level.isdigit() else ""

    def _gather(self, element: Any, content: ParagraphText, style: WordStyle) -> None:
        for child in element:
            tag = child.tag
            if tag == f"{W}r":
                self._run(child, content, style)
            elif tag == MATH_TEXT:
                content.visible.append(child.text or "")
            elif tag not in SKIPPED_TAGS and isinstance(tag, str):
                self._gather(child, content, style)

    def _run(self, run: Any, content: ParagraphText, style: WordStyle) -> None:
        settings = run.find(f"{W}rPr")
        own = self._style(settings, "rStyle")
        hidden = flag(settings, "vanish", own.hidden or style.hidden) or _is_invisible(settings)
        bold = flag(settings, "b", own.bold or style.bold)
        self._content(run, content, content.hidden if hidden else content.visible, bold)

    def _content(self, run: Any, content: ParagraphText, target: list[str], bold: bool) -> None:
        for child in run:
            match child.tag:
                case tag if tag == f"{W}t":
                    text = child.text or ""
                    target.append(text)
                    content.bold += bold and bool(text.strip())
                    content.plain += not bold and bool(text.strip())
                case tag if tag == f"{W}tab":
                    target.append("\t")
                case tag if tag in (f"{W}br", f"{W}cr"):
                    target.append("\n")
                case tag if tag == f"{W}noBreakHyphen":
                    target.append("-")
                case tag if tag in (f"{W}footnoteReference", f"{W}endnoteReference"):
                    self._note(child, content)
                case tag if tag == f"{W}txbxContent":
                    content.boxes.append(child)
                case tag if tag in SKIPPED_TAGS or not isinstance(tag, str):
                    continue
                case _:  # drawings and the like: there may be a text box deep inside
                    self._content(child, content, target, bold)

    def _note(self, reference: Any, content: ParagraphText) -> None:
        kind = reference.tag.removeprefix(W).removesuffix("Reference")
        note = self._notes.pop((kind, reference.get(f"{W}id", "")), None)
        if note is not None:
            self._note_count += 1
            content.visible.append(f"[note {self._note_count}]")
            text = " ".join(block.text.strip() for block in self._children(note))
            content.notes.append(f"[note {self._note_count}] {text.strip()}")

    def _table(self, table: Any) -> Iterator[Block]:
        """Yield the rows of a table as lines; of one that lays out the page, the contents of its cells."""
        rows = [self._row(row) for row in table.iter(f"{W}tr") if _table_of(row) is table]
        longest = max((len(text) for row in rows for text, _ in row), default=0)
        column_count = max(map(len, rows), default=0)
        if longest > MAX_CELL_CHARS or column_count < 2 or table.find(f".//{W}tc//{W}tbl") is not None:
            for cell in table.iter(f"{W}tc"):
                if _table_of(cell) is table:
                    yield from self._children(cell)
            return
        for line in table_lines([[text for text, _ in row] for row in rows]):
            yield Block(line, tight=True)
        if hidden := " ".join(unseen for row in rows for _, unseen in row if unseen):
            yield Block("", hidden=hidden)

    def _row(self, row: Any) -> list[tuple[str, str]]:
        cells: list[tuple[str, str]] = []
        for cell in row.iter(f"{W}tc"):
            if _table_of(cell) is not _table_of(row):
                continue
            settings = cell.find(f"{W}tcPr")
            blocks = list(self._children(cell))
            cells.append(
                (
                    " ".join(block.text for block in blocks if block.text),
                    " ".join(block.hidden for block in blocks),
                )
            )
            span = value(settings, "gridSpan")
            cells += [("", "")] * (min(int(span), 64) - 1 if span.isdigit() else 0)
        return cells

    def _style(self, settings: Any, tag: str) -> WordStyle:
        return self._styles.get(value(settings, tag), WordStyle())


def _table_of(element: Any) -> Any:
    above = element.getparent()
    while above is not None and above.tag != f"{W}tbl":
        above = above.getparent()
    return above


def _related(part: Any, relation: str) -> Any:
    """Return the root of the first related part, or None."""
    return next(_all_related(part, relation), None)


def _all_related(part: Any, relation: str) -> Iterator[Any]:
    for related in part.rels.values():
        if related.reltype == relation and not related.is_external:
            target = related.target_part
            yield target.element if hasattr(target, "element") else parse_xml(target.blob)


def _is_invisible(settings: Any) -> bool:
    """Return whether the text is white on white, or too small to see."""
    if settings is None:
        return False
    size = value(settings, "sz")
    if size.isdigit() and int(size) < MIN_HALF_POINTS:
        return True
    painted = settings.find(f"{W}shd") is not None or settings.find(f"{W}highlight") is not None
    return value(settings, "color").upper() == "FFFFFF" and not painted
