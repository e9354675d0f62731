"""Read a figure from a financial statement: the row that names it, the column of its year, its unit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from docent.answering.citing.quantities import CURRENCIES, normal_figure
from docent.answering.citing.vocabulary import fold
from docent.research.cell_values import decimal_of
from docent.types import Page

FIGURE = re.compile(r"(?P<open>\()?\s?[$€£¥]?\s?(?P<open2>\()?(?P<figure>\d[\d,.]*\d|\d)(?!\s?%)\)?")
YEAR = re.compile(r"\b(?:19|20)\d\d\b")
STATEMENT = re.compile(
    r"\bstatements? of (?:consolidated )?(?:\w+ )?(?:income|operations|earnings|profit|comprehensive|cash flows?|financial)"
    r"|\bstatements? of consolidated\b|\bbalance sheets?\b|\bincome statements?\b|\bcompte de resultat\b|\bbilan\b"
)
SCALE = re.compile(r"\b(?:in|en) (?P<scale>thousands|millions|billions|milliers|milliards)\b")
SCALES = {"thousands": 3, "milliers": 3, "millions": 6, "billions": 9, "milliards": 9}
CURRENCY = re.compile(r"\b(?P<code>usd|eur|gbp|chf|us dollars|dollars|euros)\b|(?P<sign>[$€£¥])")
LINES_ABOVE = 30
"""Lines above a row in which the years of its columns stand."""
GAP = 2
"""Lines without a year between two that belong to the same head."""
TOP = 700
"""Characters at the top of a page that say which statement it is, and its unit."""


@dataclass(frozen=True, slots=True)
class StatementFigure:
    """A figure of a row, with its place and how surely it is the one that was asked for; lower is surer."""

    rank: tuple[int, int]
    number: Decimal
    unit: str
    shown: str
    start: int
    end: int
    head: tuple[int, int]
    """The characters of the lines that name the years."""


def statement_figures(page: Page, terms: Sequence[str], year: str) -> Iterator[StatementFigure]:
    """Yield the figures of the rows of a page that one of the terms names, of one year or of the latest."""
    text = page.text
    lines = [(found.start(), found.end()) for found in re.finditer(r"[^\n]+", text)]
    ordered = _by_priority(terms)
    folded = fold(text)
    if not any(term in folded for term in ordered):
        return
    top = folded[:TOP]
    for at, (start, end) in enumerate(lines):
        row = folded[start:end]
        named = _name_of(row, ordered)
        if named is None:
            continue
        position, name_end = named
        figures = list(_figures(text[start + name_end : end]))
        years, head = _years_above(text, lines, at)
        if not figures or not years or len(figures) < len(years):
            continue
        column = years.index(year) if year in years else None if year else years.index(max(years))
        if column is None:
            continue
        number, written = figures[column]
        scale = SCALE.search(folded[: start]) or SCALE.search(folded)
        zeros = SCALES[scale["scale"]] if scale else 0
        unit = _currency(text[start:end]) or _currency(text[max(0, head[0] - 300) : end]) or _currency(top)
        rank = 0 if STATEMENT.search(top) and scale else 1 if scale else 2
        shown = f"{written} {scale['scale']}" if scale else written
        yield StatementFigure(
            (rank, position), number * Decimal(10) ** zeros, unit, shown, start, end, head
        )


def _by_priority(terms: Sequence[str]) -> list[str]:
    """Return the terms folded, those first that name a total."""
    folded = list(dict.fromkeys(map(fold, terms)))
    return sorted(folded, key=lambda term: (not term.startswith("total"), not term.startswith("net")))


def _name_of(row: str, terms: Sequence[str]) -> tuple[int, int] | None:
    """Return which term a row is named by, and where its name ends; None for another row.

    The name is all that stands before the first figure, but for a note's number and a remark in brackets.
    """
    for position, term in enumerate(terms):
        found = re.match(rf"\W*{re.escape(term)}(?:\s*\([^)\d]*\))?(?:,? net)?[\s.:$€£|]*(?=[\d(])", row)
        if found:
            return position, found.end()
    return None


def _figures(text: str) -> Iterator[tuple[Decimal, str]]:
    for found in FIGURE.finditer(text):
        number = decimal_of(normal_figure(found["figure"]))
        if number is not None:
            loss = bool(found["open"] or found["open2"])
            yield (-number if loss else number), found[0].strip() if loss else found["figure"]


def _years_above(
    text: str, lines: Sequence[tuple[int, int]], at: int
) -> tuple[list[str], tuple[int, int]]:
    """Return the years of the columns, from the lines above that name them, and those lines' characters."""
    found: list[tuple[int, int]] = []
    gap = 0
    for start, end in reversed(lines[max(0, at - LINES_ABOVE) : at]):
        has_year = YEAR.search(text, start, end) and not re.search(r"\d{1,3},\d{3}", text[start:end])
        if has_year:
            found.append((start, end))
            gap = 0
        elif found and (gap := gap + 1) > GAP:
            break
    if not found:
        return [], (0, 0)
    first, last = found[-1][0], found[0][1]
    years = [year for start, end in reversed(found) for year in YEAR.findall(text[start:end])]
    if len(set(years)) < len(years):  # a title names the years as well as the columns do
        years = YEAR.findall(text[found[0][0] : found[0][1]])
        first = found[0][0]
    return years, (first, last)


def _currency(text: str) -> str:
    found = CURRENCY.search(text.lower())
    if found is None:
        return ""
    word = found["sign"] or found["code"].removeprefix("us ")
    return {"$": "USD", "dollars": "USD"}.get(word, CURRENCIES.get(word, ""))
