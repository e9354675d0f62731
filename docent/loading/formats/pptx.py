"""PowerPoint: a page for each slide, with its tables, charts, diagrams and speaker notes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from pptx.enum.shapes import PP_PLACEHOLDER
from pptx.opc.package import PartFactory
from pptx.oxml import parse_xml
from pptx.oxml.ns import qn
from pptx.package import Package
from pptx.parts.presentation import PresentationPart

from docent.errors import UnreadableFile
from docent.loading.formats.table_rows import table_lines
from docent.loading.formats.zip_container import open_zip, refuse_entities
from docent.loading.job import Contents, InputFile, Job, StepReporter, pictures_not_read
from docent.loading.text_cleaning import split_hidden
from docent.messages import Message
from docent.types import Heading, Page, ReadBy

POWERPOINT = "application/vnd."
for content_type in (
    f"{POWERPOINT}openxmlformats-officedocument.presentationml.slideshow.main+xml",
    f"{POWERPOINT}openxmlformats-officedocument.presentationml.template.main+xml",
    f"{POWERPOINT}ms-powerpoint.slideshow.macroEnabled.main+xml",
    f"{POWERPOINT}ms-powerpoint.template.macroEnabled.main+xml",
):  # shows and templates are presentations like any other
    PartFactory.part_type_for[content_type] = PresentationPart

FOOTERS = frozenset(
    {PP_PLACEHOLDER.FOOTER, PP_PLACEHOLDER.SLIDE_NUMBER, PP_PLACEHOLDER.DATE, PP_PLACEHOLDER.HEADER}
)
TITLES = frozenset({PP_PLACEHOLDER.TITLE, PP_PLACEHOLDER.CENTER_TITLE, PP_PLACEHOLDER.VERTICAL_TITLE})
ROWS_PER_SLIDE = 12  # shapes whose tops differ by less than a twelfth of the slide are side by side
COMPATIBILITY = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
SHAPES = frozenset(qn(f"p:{tag}") for tag in ("sp", "grpSp", "graphicFrame", "pic", "cxnSp"))
DIAGRAM = "http://schemas.openxmlformats.org/drawingml/2006/diagram"
NOTES = "Speaker notes"


def read(source: InputFile, *, job: Job, report_step: StepReporter) -> Contents:
    with open_zip(source.stream, source.name, job.limits) as archive:
        refuse_entities(archive, source.name)
    source.stream.seek(0)
    part = Package.open(source.stream).main_document_part
    if not isinstance(part, PresentationPart):
        raise UnreadableFile(
            "{name} is a presentation of a kind that is not read ({why}). Open it in PowerPoint or "
            "LibreOffice and save it as an ordinary PPTX.",
            name=source.name,
            why=part.content_type,
        )
    core = part.core_properties
    return Contents(
        pages=_pages(part.presentation),
        title=core.title if core.title != "PowerPoint Presentation" else "",
        created=core.created.date().isoformat() if core.created else "",
    )


def _pages(presentation: Any) -> Iterator[Page]:
    size = (presentation.slide_width or 1, presentation.slide_height or 1)
    number = 0
    for number, slide in enumerate(presentation.slides, 1):
        yield _page(number, slide, size)
    if number == 0:
        yield Page(
            1, "", place="presentation", read_by=ReadBy.EMPTY, note=Message("There is no slide in it.")
        )


def _unwrap_alternatives(slide: Any) -> None:
    """Replace shapes that PowerPoint writes in two versions, such as formulas, by the current version.

    The other one is a picture for older programs, and python-pptx skips both. Ink drawings are removed:
    python-pptx fails on them, and they hold no text.
    """
    for ink in list(slide.element.iter(qn("p:contentPart"))):
        ink.getparent().remove(ink)
    for alternatives in list(slide.element.iter(f"{COMPATIBILITY}AlternateContent")):
        choice = alternatives.find(f"{COMPATIBILITY}Choice")
        for shape in list(choice) if choice is not None else []:
            if shape.tag in SHAPES:
                alternatives.addprevious(shape)


def _page(number: int, slide: Any, size: tuple[int, int]) -> Page:
    _unwrap_alternatives(slide)
    title = slide.shapes.title
    shapes = sorted(
        (shape for shape in slide.shapes if title is None or shape.shape_id != title.shape_id),
        key=lambda shape: ((shape.top or 0) * ROWS_PER_SLIDE // size[1], shape.left or 0),
    )
    visible: list[str] = []
    hidden: list[str] = []
    headings: list[Heading] = []
    if title is not None and (title_text := _collapse_spaces(title.text_frame.text)):
        headings.append(Heading(0, split_hidden(title_text)[0]))
        visible.append(title_text)
    for shape in shapes:
        text = "\n".join(_shape_lines(shape, slide.part))
        (hidden if _is_invisible(shape, size) else visible).append(text)
    if slide.has_notes_slide and (frame := slide.notes_slide.notes_text_frame) is not None:
        if notes := "\n".join(
            filter(None, (_collapse_spaces(paragraph.text) for paragraph in frame.paragraphs))
        ):
            visible.append(f"{NOTES}\n{notes}")
    text, invisible = split_hidden("\n\n".join(filter(None, visible)))
    hidden.append(invisible)
    pictures = sum(shape.shape_type is not None and shape.shape_type.name == "PICTURE" for shape in shapes)
    note = pictures_not_read(pictures) if pictures else Message("")
    if slide.element.get("show") == "0":
        text, headings, hidden = "", [], [text, *hidden]
        note = Message("The slide is hidden.")
    return Page(
        number=number,
        text=text,
        place=f"slide {number}",
        read_by=ReadBy.TEXT if text else ReadBy.EMPTY,
        note=note or ("" if text else Message("There is no text on this slide.")),
        hidden="\n".join(filter(None, hidden)),
        headings=tuple(headings),
    )


def _is_invisible(shape: Any, size: tuple[int, int]) -> bool:
    """Return whether the shape is hidden, or stands beside the slide."""
    properties = next(iter(shape.element.iter(qn("p:cNvPr"))), None)
    if properties is not None and properties.get("hidden") in ("1", "true"):
        return True
    if None in (shape.left, shape.top, shape.width, shape.height):
        return False
    right, bottom = shape.left + shape.width, shape.top + shape.height
    return bool(right <= 0 or bottom <= 0 or shape.left >= size[0] or shape.top >= size[1])


def _shape_lines(shape: Any, part: Any) -> Iterator[str]:
    """Yield the lines of a shape's text."""
    placeholder = shape.placeholder_format.type if shape.is_placeholder else None
    if placeholder in FOOTERS:
        return
    if hasattr(shape, "shapes"):
        for inner in shape.shapes:
            yield from _shape_lines(inner, part)
    elif shape.has_text_frame:
        paragraphs = (_collapse_spaces(paragraph.text) for paragraph in shape.text_frame.paragraphs)
        lines = list(filter(None, paragraphs))
        bullet = "• " if len(lines) > 1 and placeholder is not None and placeholder not in TITLES else ""
        yield from (bullet + line for line in lines)
    elif getattr(shape, "has_table", False) and shape.has_table:
        yield from table_lines([[cell.text for cell in row.cells] for row in shape.table.rows])
    elif getattr(shape, "has_chart", False) and shape.has_chart:
        yield from _chart(shape.chart._chartSpace)
    else:
        yield from _diagram(shape, part)


def _collapse_spaces(text: str) -> str:
    return " ".join(text.split())


def _chart(root: Any) -> list[str]:
    """Return a chart as the table that it was drawn from."""
    title = root.find(f".//{qn('c:title')}")
    series = list(root.iter(qn("c:ser")))
    names = [_collapse_spaces(" ".join(_points(element, "c:tx"))) for element in series]
    labels = max(
        (_points(element, "c:cat") or _points(element, "c:xVal") for element in series), key=len, default=[]
    )
    values = [_points(element, "c:val") or _points(element, "c:yVal") for element in series]
    rows = [list(row) for row in zip_longest(labels, *values, fillvalue="")]
    caption = _collapse_spaces(" ".join(title.itertext())) if title is not None else ""
    return [*([caption] if caption else []), *table_lines([["", *names], *rows] if any(names) else rows)]


def _points(series: Any, tag: str) -> list[str]:
    holder = series.find(qn(tag))
    return [(value.text or "").strip() for value in holder.iter(qn("c:v"))] if holder is not None else []


def _diagram(shape: Any, part: Any) -> Iterator[str]:
    """Yield the texts of a SmartArt drawing, which PowerPoint keeps in a separate part."""
    for reference in shape.element.iter(f"{{{DIAGRAM}}}relIds"):
        name = reference.get(qn("r:dm"))
        if name not in part.rels:
            continue
        root = parse_xml(part.related_part(name).blob)
        for paragraph in root.iter(qn("a:p")):
            if text := _collapse_spaces("".join(run.text or "" for run in paragraph.iter(qn("a:t")))):
                yield f"• {text}"
