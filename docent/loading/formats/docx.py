"""Word documents: sections under their headings, with lists numbered as Word shows them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from docx.opc.constants import RELATIONSHIP_TYPE as RELATION
from docx.opc.part import PartFactory
from docx.oxml import parse_xml
from docx.oxml.ns import nsmap
from docx.package import Package
from docx.parts.document import DocumentPart

from docent.errors import UnreadableFile
from docent.glossary import Page, ReadBy
from docent.loading.formats.docx_numbering import BULLET, Numbering
from docent.loading.formats.section_pages import Block, pages, tidy, title_of
from docent.loading.formats.table_rows import as_lines
from docent.loading.formats.zip_container import check_entities, open_package
from docent.loading.input_file import Source
from docent.loading.job import Contents, Job, Watch, unread_pictures

W = f"{{{nsmap['w']}}}"
COMPATIBILITY = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
PICTURES = (
    "{http://schemas.openxmlformats.org/drawingml/2006/picture}pic",
    "{urn:schemas-microsoft-com:vml}imagedata",  # as older programs write them, and newer ones once more
)
CHARTS = (
    "{http://schemas.openxmlformats.org/drawingml/2006/chart}chart",
    "{http://schemas.openxmlformats.org/drawingml/2006/diagram}relIds",
)
MATH_TEXT = "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"
WORD = "application/vnd."
OTHER_SORTS = (
    f"{WORD}ms-word.document.macroEnabled.main+xml",
    f"{WORD}ms-word.template.macroEnabledTemplate.main+xml",
    f"{WORD}openxmlformats-officedocument.wordprocessingml.template.main+xml",
)
for sort in OTHER_SORTS:  # templates, and documents with macros, which are never run
    PartFactory.part_type_for[sort] = DocumentPart

GONE = frozenset(f"{W}{tag}" for tag in ("del", "moveFrom", "instrText", "delText", "rPr", "pPr", "sdtPr"))
TINY = 4  # half-points; type under 2 pt is there to be overlooked
LAYOUT_CELL = 600  # characters; a table with longer cells lays out a page and holds no rows


@dataclass(frozen=True, slots=True)
class Style:
    """What a paragraph or character style decides, its ancestors' decisions included."""

    name: str = ""
    level: int = 0
    hidden: bool = False
    bold: bool = False
    list_id: str = ""
    list_level: int = 0


@dataclass(slots=True)
class Said:
    """One paragraph's text as it is put together."""

    seen: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    boxes: list[Any] = field(default_factory=list)
    """Text boxes anchored in the paragraph; they follow it."""
    notes: list[str] = field(default_factory=list)
    bold: int = 0
    plain: int = 0


def read(source: Source, *, job: Job, watch: Watch) -> Contents:
    with open_package(source.stream, source.name, job.limits) as archive:
        check_entities(archive, source.name)
    source.stream.seek(0)
    try:
        part = Package.open(source.stream).main_document_part
    except KeyError as error:
        raise UnreadableFile(
            f"{source.name} is a Word document of a kind that is not read ({error}). "
            "Open it in Word or LibreOffice and save it as an ordinary DOCX."
        ) from error
    blocks = tidy(Body(part).blocks())
    core = part.package.core_properties
    return Contents(
        pages=_told(pages(blocks, first=1), part),
        title=core.title or title_of(blocks),
        created=core.created.date().isoformat() if core.created else "",
    )


def _told(found: Iterator[Page], part: Any) -> Iterator[Page]:
    """The first page says what was not read: pictures, charts, and what stands above and below each page."""
    first = next(found)
    said = [first.note]
    if pictures := max(sum(1 for _ in part.element.body.iter(sort)) for sort in PICTURES):
        said.append(unread_pictures(pictures))
        if not first.text:
            said.append("Save it as a PDF: its pages are then read like scans.")
            first = replace(first, read_by=ReadBy.FAILED)
    if next(part.element.body.iter(*CHARTS), None) is not None:
        said.append("Charts and diagrams were not read.")
    if any(_has_words(part, relation) for relation in (RELATION.HEADER, RELATION.FOOTER)):
        said.append("Headers and footers were not read.")
    yield replace(first, note=" ".join(filter(None, said)))
    yield from found


def _has_words(part: Any, relation: str) -> bool:
    roots = _all_related(part, relation)
    return any(any(map(str.isalpha, text.text or "")) for root in roots for text in root.iter(f"{W}t"))


class Body:
    """The document's text, from its XML: python-docx itself passes over insertions, boxes and fields."""

    def __init__(self, part: Any) -> None:
        self._root = part.element.body
        self._styles = _styles(_related(part, RELATION.STYLES))
        self._numbering = Numbering(_related(part, RELATION.NUMBERING), W)
        self._notes = {
            (tag, note.get(f"{W}id", "")): note
            for tag, relation in (("footnote", RELATION.FOOTNOTES), ("endnote", RELATION.ENDNOTES))
            if (root := _related(part, relation)) is not None
            for note in root.findall(f"{W}{tag}")
        }
        self._comments = _related(part, RELATION.COMMENTS)
        self._counted = 0

    def blocks(self) -> Iterator[Block]:
        yield from self._children(self._root)
        remarks = self._comments.findall(f"{W}comment") if self._comments is not None else []
        if remarks:
            yield Block("Comments", level=1)
        for remark in remarks:
            text = " ".join(block.text for block in self._children(remark))
            yield Block(f"{remark.get(f'{W}author', '')}: {text}".removeprefix(": "))

    def _children(self, parent: Any) -> Iterator[Block]:
        for child in parent:
            match child.tag:
                case tag if tag == f"{W}p":
                    yield from self._paragraph(child)
                case tag if tag == f"{W}tbl":
                    yield from self._table(child)
                case tag if tag in GONE or not isinstance(tag, str):
                    continue
                case tag if tag == f"{COMPATIBILITY}Fallback":
                    continue
                case _:  # content controls, insertions, custom XML: what is inside counts
                    yield from self._children(child)

    def _paragraph(self, paragraph: Any) -> Iterator[Block]:
        settings = paragraph.find(f"{W}pPr")
        style = self._style(settings, "pStyle")
        outline = _value(settings, "outlineLvl")
        level = int(outline) + 1 if outline.isdigit() and int(outline) < 9 else style.level
        said = Said()
        self._gather(paragraph, said, style)
        text = "".join(said.seen)
        number = self._number(settings, style) if text.strip() else ""
        item = number == BULLET or bool(number and not level)
        yield Block(
            number + text.strip() if number else text,
            level=level,
            tight=item,
            hidden="".join(said.hidden),
            bold=said.bold > 0 and not said.plain,
        )
        for box in said.boxes:
            yield from self._children(box)
        for note in said.notes:
            yield Block(note, tight=True)

    def _number(self, settings: Any, style: Style) -> str:
        own = settings.find(f"{W}numPr") if settings is not None else None
        number = _value(own, "numId") or style.list_id
        level = _value(own, "ilvl") or str(style.list_level)
        return self._numbering.next(number, int(level)) if number and level.isdigit() else ""

    def _gather(self, element: Any, said: Said, style: Style) -> None:
        for child in element:
            tag = child.tag
            if tag == f"{W}r":
                self._run(child, said, style)
            elif tag == MATH_TEXT:
                said.seen.append(child.text or "")
            elif tag not in GONE and tag != f"{COMPATIBILITY}Fallback" and isinstance(tag, str):
                self._gather(child, said, style)

    def _run(self, run: Any, said: Said, style: Style) -> None:
        settings = run.find(f"{W}rPr")
        own = self._style(settings, "rStyle")
        hidden = _flag(settings, "vanish", own.hidden or style.hidden) or _unseen(settings)
        bold = _flag(settings, "b", own.bold or style.bold)
        self._content(run, said, said.hidden if hidden else said.seen, bold)

    def _content(self, run: Any, said: Said, to: list[str], bold: bool) -> None:
        for child in run:
            match child.tag:
                case tag if tag == f"{W}t":
                    text = child.text or ""
                    to.append(text)
                    said.bold += bold and bool(text.strip())
                    said.plain += not bold and bool(text.strip())
                case tag if tag == f"{W}tab":
                    to.append("\t")
                case tag if tag in (f"{W}br", f"{W}cr"):
                    to.append("\n")
                case tag if tag == f"{W}noBreakHyphen":
                    to.append("-")
                case tag if tag in (f"{W}footnoteReference", f"{W}endnoteReference"):
                    self._note(child, said)
                case tag if tag == f"{W}txbxContent":
                    said.boxes.append(child)
                case tag if tag in GONE or tag == f"{COMPATIBILITY}Fallback" or not isinstance(tag, str):
                    continue
                case _:  # drawings and their like: there may be a text box deep inside
                    self._content(child, said, to, bold)

    def _note(self, reference: Any, said: Said) -> None:
        kind = reference.tag.removeprefix(W).removesuffix("Reference")
        note = self._notes.pop((kind, reference.get(f"{W}id", "")), None)
        if note is not None:
            self._counted += 1
            said.seen.append(f"[note {self._counted}]")
            text = " ".join(block.text.strip() for block in self._children(note))
            said.notes.append(f"[note {self._counted}] {text.strip()}")

    def _table(self, table: Any) -> Iterator[Block]:
        """Rows of values as lines; a table that only arranges the page, as what stands in it."""
        rows = [self._row(row) for row in table.iter(f"{W}tr") if _table_of(row) is table]
        longest = max((len(text) for row in rows for text, _ in row), default=0)
        wide = max(map(len, rows), default=0)
        if longest > LAYOUT_CELL or wide < 2 or table.find(f".//{W}tc//{W}tbl") is not None:
            for cell in table.iter(f"{W}tc"):
                if _table_of(cell) is table:
                    yield from self._children(cell)
            return
        for line in as_lines([[text for text, _ in row] for row in rows]):
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
                (" ".join(one.text for one in blocks if one.text), " ".join(one.hidden for one in blocks))
            )
            span = _value(settings, "gridSpan")
            cells += [("", "")] * (min(int(span), 64) - 1 if span.isdigit() else 0)
        return cells

    def _style(self, settings: Any, tag: str) -> Style:
        return self._styles.get(_value(settings, tag), Style())


def _table_of(element: Any) -> Any:
    above = element.getparent()
    while above is not None and above.tag != f"{W}tbl":
        above = above.getparent()
    return above


def _related(part: Any, relation: str) -> Any:
    """The root of a part that belongs to the document, or nothing."""
    return next(_all_related(part, relation), None)


def _all_related(part: Any, relation: str) -> Iterator[Any]:
    for one in part.rels.values():
        if one.reltype == relation and not one.is_external:
            target = one.target_part
            yield target.element if hasattr(target, "element") else parse_xml(target.blob)


def _styles(root: Any) -> dict[str, Style]:
    """Every style with what it inherits; a circle of ancestors ends where it began."""
    elements = (
        {one.get(f"{W}styleId", ""): one for one in root.findall(f"{W}style")} if root is not None else {}
    )
    known: dict[str, Style] = {}

    def resolve(name: str, above: frozenset[str]) -> Style:
        if name in known:
            return known[name]
        element = elements.get(name)
        if element is None or name in above or len(above) > 30:
            return Style()
        known[name] = _styled(element, resolve(_value(element, "basedOn"), above | {name}))
        return known[name]

    for name in elements:
        resolve(name, frozenset())
    return known


def _styled(element: Any, base: Style) -> Style:
    paragraph, run = element.find(f"{W}pPr"), element.find(f"{W}rPr")
    name = _value(element, "name").lower()
    level = base.level
    if match := re.fullmatch(r"heading (\d)", name):
        level = int(match[1]) + 1
    elif name == "title":
        level = 1
    elif (outline := _value(paragraph, "outlineLvl")).isdigit():
        level = int(outline) + 2 if int(outline) < 9 else 0
    numbered = paragraph.find(f"{W}numPr") if paragraph is not None else None
    list_level = _value(numbered, "ilvl")
    return replace(
        base,
        name=name,
        level=level,
        hidden=_flag(run, "vanish", base.hidden),
        bold=_flag(run, "b", base.bold),
        list_id=_value(numbered, "numId") or base.list_id,
        list_level=int(list_level) if list_level.isdigit() else base.list_level,
    )


def _value(parent: Any, tag: str) -> str:
    child = parent.find(f"{W}{tag}") if parent is not None else None
    return str(child.get(f"{W}val", "")) if child is not None else ""


def _flag(settings: Any, tag: str, inherited: bool) -> bool:
    child = settings.find(f"{W}{tag}") if settings is not None else None
    return inherited if child is None else child.get(f"{W}val", "1") not in ("0", "false", "off")


def _unseen(settings: Any) -> bool:
    """White on white, or too small to see."""
    if settings is None:
        return False
    size = _value(settings, "sz")
    if size.isdigit() and int(size) < TINY:
        return True
    painted = settings.find(f"{W}shd") is not None or settings.find(f"{W}highlight") is not None
    return _value(settings, "color").upper() == "FFFFFF" and not painted
