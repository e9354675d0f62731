"""Read one document for a table: what it states of each column, checked against its own quote."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol

from docent.answering.citing.claims import LEAST_SUPPORT, support_of
from docent.answering.citing.text_units import sentence_spans
from docent.answering.citing.vocabulary import fold
from docent.messages import Message, joined
from docent.research.cell_values import ReadValue, read_value
from docent.research.item_counts import CountedItem, ItemCount, count_items
from docent.research.known_fields import KnownField, field_of
from docent.research.labelled_fields import LabelledField, label_rank, labelled_fields, plain, shown_value
from docent.research.sentence_rules import place_in_head, remote_answer, sentences_about
from docent.research.statement_rows import statement_figures
from docent.types import (
    NO_VALUE,
    NOT_STATED,
    CellValue,
    Chunk,
    Citation,
    Page,
    StoredDocument,
    TableCell,
    TableColumn,
    TableRow,
)

EXACT_LABEL, WIDER_LABEL, SECTION, WIDER_SECTION, SENTENCE = range(5)
"""How surely a statement is about a column: lower is surer."""
MOST_CITED = 40
"""Items of a count that are cited."""
YEAR = re.compile(r"\b(?:19|20)\d\d\b")


class PageReader(Protocol):
    """Reads the pages and chunks of one document."""

    def pages(self) -> Iterator[Page]: ...

    def chunks(self) -> Sequence[Chunk]: ...


@dataclass(frozen=True, slots=True)
class Statement:
    """Characters of a page that state something of a column."""

    rank: tuple[int, int]
    page: Page
    start: int
    end: int
    text: str
    """The value as it is shown."""
    claim: str
    """What the quote must support."""
    read: ReadValue
    about: str = ""
    """What stands elsewhere on the page and belongs to the quote: the years above a row."""


def read_row(document: StoredDocument, columns: Sequence[TableColumn], reader: PageReader) -> TableRow:
    """Return the row of a document: each cell stated by it, or empty."""
    statements: list[list[Statement]] = [[] for _ in columns]
    counted = [column for column in columns if column.kind == "count"]
    kept: list[Page] = []
    head: Page | None = None
    for page in reader.pages():
        head = head or page
        kept += [page] if counted else []
        fields = list(labelled_fields(page)) if any(not _is_figure(column) for column in columns) else []
        for found, column in zip(statements, columns, strict=True):
            if column.kind != "count":
                found += _labelled(page, column, fields)
                if all(statement.rank[0] > WIDER_LABEL for statement in found):
                    found += _in_sentences(page, column)
    chunks = reader.chunks()
    cells = []
    for found, column in zip(statements, columns, strict=True):
        if column.kind == "count":
            noun, adjective = column.terms[0], column.terms[1]
            cells.append(_count_cell(count_items(kept, adjective, noun), document, chunks))
        else:
            cells.append(_cell(column, found, head, document, chunks))
    return TableRow(document.id, document.name, document.library, row_title(document), tuple(cells))


def row_title(document: StoredDocument) -> str:
    """Return a document's own name for itself, else its file's."""
    return document.title.strip() or document.name


def _is_figure(column: TableColumn) -> bool:
    known = field_of(column.field)
    return known is not None and known.figure


def _labelled(page: Page, column: TableColumn, fields: Sequence[LabelledField]) -> Iterator[Statement]:
    """Yield what a page states of a column in rows of statements and in labelled fields."""
    known = field_of(column.field)
    if known is not None and known.figure:
        yield from _figures(page, column, known)
    for field in fields:
        if statement := _of_field(page, column, known, field):
            yield statement
    if known is not None and known.key == "remote":
        for field in fields:
            value = page.text[field.value_start : field.end]
            if field.form == "label" and (read := remote_answer(value)):
                yield _statement(page, (WIDER_LABEL, 1), field, shown_value(value), read)


def _in_sentences(page: Page, column: TableColumn) -> Iterator[Statement]:
    """Yield what the sentences of a page state of a column."""
    for span in sentences_about(page, column, field_of(column.field)):
        quote = page.text[span.start : span.end]
        yield Statement(
            (SENTENCE, 0), page, span.start, span.end, shown_value(quote), plain(quote), span.read
        )


def _of_field(
    page: Page, column: TableColumn, known: KnownField | None, field: LabelledField
) -> Statement | None:
    """Return the statement of a field whose label names the column and whose value is of its kind."""
    label, year = field.label, ""
    if column.year or (known is not None and known.figure):
        year = next(iter(YEAR.findall(label)), "")
        label = YEAR.sub("", label).strip(" ()")
        if (
            column.year
            and column.year != year
            and column.year not in page.text[field.value_start : field.end]
        ):
            return None
    rank = label_rank(label, known.terms if known is not None else column.terms)
    if rank is None or (known is not None and known.figure and rank[0]):
        return None
    value = page.text[field.value_start : field.end]
    if column.kind == "text" and not re.search(r"[^\W\d_]{2}", value):
        return None  # "Places: 3" is no place
    read = remote_answer(value) if known is not None and known.key == "remote" else None
    read = read or read_value(value, column.kind, known)
    if read is None:
        return None
    if known is not None and known.key == "hours" and not read.value.period and "week" in fold(field.label):
        read = replace(read, value=replace(read.value, period="week"))
    wider = rank[0] == 1
    form = (
        (WIDER_SECTION if wider else SECTION)
        if field.form == "section"
        else WIDER_LABEL
        if wider
        else EXACT_LABEL
    )
    if field.form == "section":
        return _of_section(page, (form, rank[1]), field, column, known)
    return _statement(page, (form, rank[1]), field, shown_value(value), read)


def _of_section(
    page: Page, rank: tuple[int, int], field: LabelledField, column: TableColumn, known: KnownField | None
) -> Statement | None:
    """Return the first sentence or list item of a section that has a value of the column's kind."""
    section = page.text[field.value_start : field.end]
    for start, end in sentence_spans(section):
        sentence = section[start:end]
        if (read := read_value(sentence, column.kind, known)) is not None:
            begin = field.value_start + start
            finish = field.value_start + end
            return Statement(
                rank, page, begin, finish, shown_value(sentence), plain(sentence), read, field.label
            )
    return None


def _statement(
    page: Page, rank: tuple[int, int], field: LabelledField, text: str, read: ReadValue
) -> Statement:
    value = plain(page.text[field.value_start : field.end])
    return Statement(rank, page, field.start, field.end, text, f"{field.label}: {value}", read)


def _figures(page: Page, column: TableColumn, known: KnownField) -> Iterator[Statement]:
    for figure in statement_figures(page, known.terms, column.year):
        start, end = figure.start, figure.end
        text = f"{figure.unit} {figure.shown}".strip()
        about = page.text[figure.head[0] : figure.head[1]]
        name = re.split(r"[\d$€£¥(]", page.text[start:end])[0].strip()
        value = CellValue(figure.number, figure.unit)
        rank = (EXACT_LABEL + figure.rank[0], figure.rank[1])
        yield Statement(
            rank, page, start, end, text, f"{name} {figure.shown.split()[0]}", ReadValue(value), about
        )


def _cell(
    column: TableColumn,
    found: Sequence[Statement],
    head: Page | None,
    document: StoredDocument,
    chunks: Sequence[Chunk],
) -> TableCell:
    """Return the cell of the surest statement that its own quote supports."""
    best = _surest([statement for statement in found if _is_supported(statement)], column)
    if column.field == "place":
        return _place_cell(best, head, document, chunks)
    if best is None:
        return NOT_STATED
    citations = [_citation(document, chunks, best.page, best.start, best.end)]
    note, state = best.read.note, best.read.state
    if rival := _contradicting(best, found, column):
        citations.append(_citation(document, chunks, rival.page, rival.start, rival.end))
        note, state = Message("also stated: {other}", other=rival.text), "unclear"
    return TableCell(state, best.text, best.read.value, tuple(citations), note=note)


def _is_supported(statement: Statement) -> bool:
    """Tell whether the claims check supports a statement by its own quote."""
    quote = plain(statement.page.text[statement.start : statement.end])
    return support_of(statement.claim, quote, statement.about) >= LEAST_SUPPORT


def _surest(statements: Sequence[Statement], column: TableColumn) -> Statement | None:
    if not statements:
        return None
    least = min(statement.rank for statement in statements)
    best = [statement for statement in statements if statement.rank == least]
    if _is_figure(column):
        return _of_the_whole([one for one in statements if one.rank[0] <= max(least[0], WIDER_LABEL)], least)
    if column.field == "remote":  # a plain yes or no before "up to one day"
        return min(best, key=lambda statement: statement.read.value.yes is None)
    return best[0]


def _of_the_whole(statements: Sequence[Statement], least: tuple[int, int]) -> Statement:
    """Return the figure of the whole company; rows of the same name may be about a part of it.

    It is the one that stands on most pages, and of equals the largest: no part is larger than the whole.
    """
    pages = Counter(one.read.value.number for one in statements)
    surest = {one.read.value.number for one in statements if one.rank == least}
    (number, count), *_ = pages.most_common(1)
    if count == 1:
        number = max((one.read.value.number for one in statements), key=lambda each: each or 0)
    elif surest and max(pages[each] for each in surest) == count:
        number = next(each for each in surest if pages[each] == count)
    return next(one for one in statements if one.read.value.number == number)


def _contradicting(best: Statement, found: Sequence[Statement], column: TableColumn) -> Statement | None:
    """Return a statement that is as sure and says another number or date."""
    if column.kind not in ("number", "date") or best.rank[0] > WIDER_LABEL or _is_figure(column):
        return None
    rivals = (one for one in found if one.rank == best.rank and one.read.value != best.read.value)
    return next(rivals, None)


def _place_cell(
    best: Statement | None, head: Page | None, document: StoredDocument, chunks: Sequence[Chunk]
) -> TableCell:
    """Return the place as it is stated, with the city and country of the first lines if it lacks the city."""
    span = place_in_head(head) if head is not None else None
    parts, citations = [], []
    if best is not None:
        parts.append(best.text)
        citations.append(_citation(document, chunks, best.page, best.start, best.end))
    if span is not None and head is not None:
        place = plain(head.text[span.start : span.end])
        city = place.split(",")[0].split()[-1]
        if best is None or fold(city) not in fold(best.text):
            parts.insert(0, place)
            citations.insert(0, _citation(document, chunks, head, span.start, span.end))
    if not parts:
        return NOT_STATED
    return TableCell("stated", "; ".join(parts), NO_VALUE, tuple(citations))


def _count_cell(count: ItemCount, document: StoredDocument, chunks: Sequence[Chunk]) -> TableCell:
    """Return the number of items, each of them cited."""
    if not count.items and not count.on_condition:
        return NOT_STATED
    cited: list[CountedItem] = [count.everything] if count.everything is not None else []
    cited += count.items or count.on_condition
    citations = [
        _citation(document, chunks, item.page, item.start, item.end)
        for item in dict.fromkeys(cited[:MOST_CITED])
    ]
    notes = []
    if count.everything is not None:
        quote = plain(count.everything.page.text[count.everything.start : count.everything.end])
        notes.append(Message("“{sentence}”: every priced item counts", sentence=shown_value(quote)))
    if count.on_condition:
        names = ", ".join(_item_name(item) for item in count.on_condition[:3])
        notes.append(Message("on a condition only, not counted: {names}", names=names))
    if count.drinks:
        notes.append(Message("drinks, not counted: {n}", n=len(count.drinks)))
    text = str(len(count.items))
    value = replace(NO_VALUE, number=Decimal(len(count.items)))
    unique = tuple(dict.fromkeys(citations))
    return TableCell("stated", text, value, unique, note=joined(notes, "; ") if notes else "")


def _item_name(item: CountedItem) -> str:
    return plain(item.name)


def _citation(
    document: StoredDocument, chunks: Sequence[Chunk], page: Page, start: int, end: int
) -> Citation:
    """Return the citation of characters of a page, in the chunk that holds their beginning."""
    on_page = [chunk for chunk in chunks if chunk.page == page.number]
    holding = (chunk.id for chunk in on_page if chunk.start <= start < chunk.end)
    chunk_id = next(holding, on_page[0].id if on_page else "")
    return Citation(
        n=0,
        chunk_id=chunk_id,
        document_id=document.id,
        file=document.name,
        library=document.library,
        page=page.number,
        page_label=page.label,
        place=page.at(start, end),
        start=start,
        end=end,
        quote=page.text[start:end],
    )
