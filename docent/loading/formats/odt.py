"""OpenDocument texts (LibreOffice): sections under their headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from docent.loading.formats.section_pages import Block, clean_blocks, main_heading, split_into_pages
from docent.loading.formats.table_rows import table_lines
from docent.loading.formats.zip_container import (
    malformed_xml,
    open_zip,
    parse_xml,
    read_zip_entry,
    refuse_entities,
)
from docent.loading.job import Contents, InputFile, Job, StepReporter
from docent.messages import Message

OASIS = "{urn:oasis:names:tc:opendocument:xmlns:"
TEXT, TABLE, OFFICE, STYLE, FO = (
    f"{OASIS}{name}:1.0}}" for name in ("text", "table", "office", "style", "xsl-fo-compatible")
)
META = f"{OASIS}meta:1.0}}"
DC = "{http://purl.org/dc/elements/1.1/}"
SKIPPED_TAGS = frozenset({
    f"{TEXT}tracked-changes", f"{TEXT}sequence-decls", f"{OFFICE}annotation", f"{OFFICE}annotation-end",
    f"{OFFICE}forms", f"{TEXT}table-of-content", f"{TEXT}bookmark", f"{OFFICE}event-listeners",
})  # fmt: skip
HIDDEN = frozenset({f"{TEXT}hidden-text", f"{TEXT}hidden-paragraph"})
MAX_REPEATS = 64  # a cell may claim to be repeated up to the last column


@dataclass(slots=True)
class OdtParagraph:
    """The text of one paragraph, as it is collected."""

    visible: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    boxes: list[Any] = field(default_factory=list)


def read(source: InputFile, *, job: Job, report_step: StepReporter) -> Contents:
    with open_zip(source.stream, source.name, job.limits) as archive:
        refuse_entities(archive, source.name)
        content = parse_xml(read_zip_entry(archive, "content.xml", source.name), source.name)
        has_meta = "meta.xml" in archive.namelist()
        meta = parse_xml(read_zip_entry(archive, "meta.xml", source.name), source.name) if has_meta else None
    body = content.find(f"{OFFICE}body/{OFFICE}text")
    if body is None:
        raise malformed_xml(source.name, Message("it holds no text"))
    blocks = clean_blocks(OdtBody(content).blocks(body))
    properties = {tag: (meta.findtext(f".//{tag}") or "" if meta is not None else "") for tag in
            (f"{DC}title", f"{META}creation-date")}  # fmt: skip
    created = re.match(r"\d{4}-\d{2}-\d{2}", properties[f"{META}creation-date"])
    return Contents(
        pages=split_into_pages(blocks, first=1),
        title=properties[f"{DC}title"] or main_heading(blocks),
        created=created[0] if created else "",
    )


class OdtBody:
    """The document's text, from its XML."""

    def __init__(self, content: Any) -> None:
        self._invisible_styles = frozenset(
            style.get(f"{STYLE}name", "") for style in content.iter(f"{STYLE}style") if _is_invisible(style)
        )
        self._note_count = 0

    def blocks(self, parent: Any, *, item: bool = False) -> Iterator[Block]:
        for child in parent:
            tag = child.tag
            if tag in SKIPPED_TAGS or not isinstance(tag, str):
                continue
            if child.get(f"{TEXT}display") == "none":  # a hidden section
                yield Block("", hidden=" ".join("".join(child.itertext()).split()))
            elif tag in (f"{TEXT}h", f"{TEXT}p"):
                yield from self._paragraph(child, item)
            elif tag == f"{TABLE}table":
                yield from self._table(child)
            else:
                yield from self.blocks(child, item=item or tag == f"{TEXT}list-item")

    def _paragraph(self, paragraph: Any, item: bool) -> Iterator[Block]:
        content = OdtParagraph()
        self._gather(paragraph, content, paragraph.get(f"{TEXT}style-name") in self._invisible_styles)
        level = 0
        if paragraph.tag == f"{TEXT}h":
            outline = paragraph.get(f"{TEXT}outline-level", "1")
            level = int(outline) if outline.isdigit() else 1
        text = "".join(content.visible).strip()
        mark = "• " if item and text and not level else ""
        yield Block(mark + text, level=level, tight=item, hidden="".join(content.hidden))
        for box in content.boxes:
            yield from self.blocks(box)
        for note in content.notes:
            yield Block(note, tight=True)

    def _gather(self, element: Any, content: OdtParagraph, hidden: bool) -> None:
        target = content.hidden if hidden else content.visible
        target.append(_collapse_spaces(element.text))
        for child in element:
            tag = child.tag
            if tag == f"{TEXT}s":
                count = child.get(f"{TEXT}c", "1")
                target.append(" " * min(int(count) if count.isdigit() else 1, 80))
            elif tag in (f"{TEXT}tab", f"{TEXT}line-break"):
                target.append("\t" if tag == f"{TEXT}tab" else "\n")
            elif tag == f"{TEXT}note":
                self._note(child, content)
            elif tag.endswith("}text-box"):
                content.boxes.append(child)
            elif tag not in SKIPPED_TAGS:
                style = child.get(f"{TEXT}style-name")
                self._gather(child, content, hidden or tag in HIDDEN or style in self._invisible_styles)
            target.append(_collapse_spaces(child.tail))

    def _note(self, note: Any, content: OdtParagraph) -> None:
        self._note_count += 1
        content.visible.append(f"[note {self._note_count}]")
        body = note.find(f"{TEXT}note-body")
        text = " ".join(block.text for block in self.blocks(body)) if body is not None else ""
        content.notes.append(f"[note {self._note_count}] {text}")

    def _table(self, table: Any) -> Iterator[Block]:
        rows: list[list[str]] = []
        hidden: list[str] = []
        for row in table.iter(f"{TABLE}table-row"):
            if next(row.iterancestors(f"{TABLE}table")) is not table:
                continue  # of a table inside a cell, which is read with its cell
            cells: list[str] = []
            for cell in row.iterchildren(f"{TABLE}table-cell", f"{TABLE}covered-table-cell"):
                blocks = list(self.blocks(cell))
                hidden += [block.hidden for block in blocks if block.hidden]
                repeated = cell.get(f"{TABLE}number-columns-repeated", "1")
                text = " ".join(block.text for block in blocks if block.text)
                cells += [text] * min(int(repeated) if repeated.isdigit() else 1, MAX_REPEATS)
            rows.append(cells)
        for text in table_lines(rows):
            yield Block(text, tight=True)
        if hidden:
            yield Block("", hidden=" ".join(hidden))


def _collapse_spaces(text: str | None) -> str:
    return re.sub(r"[ \t\r\n]+", " ", text or "")


def _is_invisible(style: Any) -> bool:
    """Return whether a style hides its text, makes it white on white, or too small to see."""
    settings = style.find(f"{STYLE}text-properties")
    if settings is None:
        return False
    if settings.get(f"{TEXT}display") == "none":
        return True
    background = settings.get(f"{FO}background-color", "transparent")
    white = settings.get(f"{FO}color", "").lower() == "#ffffff" and background == "transparent"
    size = re.fullmatch(r"(\d*\.?\d+)pt", settings.get(f"{FO}font-size", ""))
    return white or bool(size and float(size[1]) < 2)
