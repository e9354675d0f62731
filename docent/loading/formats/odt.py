"""OpenDocument texts (LibreOffice): sections under their headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from docent.loading.formats.section_pages import Block, pages, tidy, title_of
from docent.loading.formats.table_rows import as_lines
from docent.loading.formats.zip_container import broken, check_entities, open_package, parse_xml, read_part
from docent.loading.input_file import Source
from docent.loading.job import Contents, Job, Watch

OASIS = "{urn:oasis:names:tc:opendocument:xmlns:"
TEXT, TABLE, OFFICE, STYLE, FO = (
    f"{OASIS}{name}:1.0}}" for name in ("text", "table", "office", "style", "xsl-fo-compatible")
)
META = f"{OASIS}meta:1.0}}"
DC = "{http://purl.org/dc/elements/1.1/}"
GONE = frozenset({
    f"{TEXT}tracked-changes", f"{TEXT}sequence-decls", f"{OFFICE}annotation", f"{OFFICE}annotation-end",
    f"{OFFICE}forms", f"{TEXT}table-of-content", f"{TEXT}bookmark", f"{OFFICE}event-listeners",
})  # fmt: skip
HIDDEN = frozenset({f"{TEXT}hidden-text", f"{TEXT}hidden-paragraph"})
MOST_REPEATS = 64  # a cell may say that it is repeated to the edge of the sheet


@dataclass(slots=True)
class Said:
    seen: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    boxes: list[Any] = field(default_factory=list)


def read(source: Source, *, job: Job, watch: Watch) -> Contents:
    with open_package(source.stream, source.name, job.limits) as archive:
        check_entities(archive, source.name)
        content = parse_xml(read_part(archive, "content.xml", source.name), source.name)
        has_meta = "meta.xml" in archive.namelist()
        meta = parse_xml(read_part(archive, "meta.xml", source.name), source.name) if has_meta else None
    body = content.find(f"{OFFICE}body/{OFFICE}text")
    if body is None:
        raise broken(source.name, "it holds no text")
    blocks = tidy(Body(content).blocks(body))
    said = {tag: (meta.findtext(f".//{tag}") or "" if meta is not None else "") for tag in
            (f"{DC}title", f"{META}creation-date")}  # fmt: skip
    created = re.match(r"\d{4}-\d{2}-\d{2}", said[f"{META}creation-date"])
    return Contents(
        pages=pages(blocks, first=1),
        title=said[f"{DC}title"] or title_of(blocks),
        created=created[0] if created else "",
    )


class Body:
    def __init__(self, content: Any) -> None:
        self._unseen = frozenset(
            style.get(f"{STYLE}name", "") for style in content.iter(f"{STYLE}style") if _hides(style)
        )
        self._counted = 0

    def blocks(self, parent: Any, *, item: bool = False) -> Iterator[Block]:
        for child in parent:
            tag = child.tag
            if tag in GONE or not isinstance(tag, str):
                continue
            if child.get(f"{TEXT}display") == "none":  # a section that is switched off
                yield Block("", hidden=" ".join("".join(child.itertext()).split()))
            elif tag in (f"{TEXT}h", f"{TEXT}p"):
                yield from self._paragraph(child, item)
            elif tag == f"{TABLE}table":
                yield from self._table(child)
            else:
                yield from self.blocks(child, item=item or tag == f"{TEXT}list-item")

    def _paragraph(self, paragraph: Any, item: bool) -> Iterator[Block]:
        said = Said()
        self._gather(paragraph, said, paragraph.get(f"{TEXT}style-name") in self._unseen)
        level = 0
        if paragraph.tag == f"{TEXT}h":
            outline = paragraph.get(f"{TEXT}outline-level", "1")
            level = int(outline) if outline.isdigit() else 1
        text = "".join(said.seen).strip()
        mark = "• " if item and text and not level else ""
        yield Block(mark + text, level=level, tight=item, hidden="".join(said.hidden))
        for box in said.boxes:
            yield from self.blocks(box)
        for note in said.notes:
            yield Block(note, tight=True)

    def _gather(self, element: Any, said: Said, hidden: bool) -> None:
        to = said.hidden if hidden else said.seen
        to.append(_collapsed(element.text))
        for child in element:
            tag = child.tag
            if tag == f"{TEXT}s":
                count = child.get(f"{TEXT}c", "1")
                to.append(" " * min(int(count) if count.isdigit() else 1, 80))
            elif tag in (f"{TEXT}tab", f"{TEXT}line-break"):
                to.append("\t" if tag == f"{TEXT}tab" else "\n")
            elif tag == f"{TEXT}note":
                self._note(child, said)
            elif tag.endswith("}text-box"):
                said.boxes.append(child)
            elif tag not in GONE:
                style = child.get(f"{TEXT}style-name")
                self._gather(child, said, hidden or tag in HIDDEN or style in self._unseen)
            to.append(_collapsed(child.tail))

    def _note(self, note: Any, said: Said) -> None:
        self._counted += 1
        said.seen.append(f"[note {self._counted}]")
        body = note.find(f"{TEXT}note-body")
        text = " ".join(block.text for block in self.blocks(body)) if body is not None else ""
        said.notes.append(f"[note {self._counted}] {text}")

    def _table(self, table: Any) -> Iterator[Block]:
        rows: list[list[str]] = []
        hidden: list[str] = []
        for line in table.iter(f"{TABLE}table-row"):
            if next(line.iterancestors(f"{TABLE}table")) is not table:
                continue  # of a table inside a cell, which speaks for itself
            cells: list[str] = []
            for cell in line.iterchildren(f"{TABLE}table-cell", f"{TABLE}covered-table-cell"):
                blocks = list(self.blocks(cell))
                hidden += [block.hidden for block in blocks if block.hidden]
                repeated = cell.get(f"{TABLE}number-columns-repeated", "1")
                text = " ".join(block.text for block in blocks if block.text)
                cells += [text] * min(int(repeated) if repeated.isdigit() else 1, MOST_REPEATS)
            rows.append(cells)
        for said in as_lines(rows):
            yield Block(said, tight=True)
        if hidden:
            yield Block("", hidden=" ".join(hidden))


def _collapsed(text: str | None) -> str:
    return re.sub(r"[ \t\r\n]+", " ", text or "")


def _hides(style: Any) -> bool:
    """Hidden characters, white ones without anything behind, and ones too small to see."""
    settings = style.find(f"{STYLE}text-properties")
    if settings is None:
        return False
    if settings.get(f"{TEXT}display") == "none":
        return True
    behind = settings.get(f"{FO}background-color", "transparent")
    white = settings.get(f"{FO}color", "").lower() == "#ffffff" and behind == "transparent"
    size = re.fullmatch(r"(\d*\.?\d+)pt", settings.get(f"{FO}font-size", ""))
    return white or bool(size and float(size[1]) < 2)
