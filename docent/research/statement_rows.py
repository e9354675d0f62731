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

FIGURE = re.compile(r"(?P<open>\()?\s?[$€£¥]?\s?(?P<open2>\()?(?P<figure>\d[\d,.]*\d|\d)(?![\d,.]*\s?%)\)?")
YEAR = re.compile(r"\b(?:19|20)\d\d\b")
STATEMENT = re.compile(
    r"\bstatements? of (?:consolidated )?(?:\w+ )?"
    r"(?:income|operations|earnings|profit|comprehensive|cash flows?|financial)"
    r"|\bstatements? of consolidated\b|\bbalance sheets?\b|\bincome statements?\b"
    r"|\bcompte de resultat\b|\bbilan\b"
)
SCALE = re.compile(r"(?:\b(?:in|en) |\(|[$€£] ?)(?P<scale>thousand|million|billion|millier|milliard)s?\b")
SCALES = {"thousand": 3, "millier": 3, "million": 6, "billion": 9, "milliard": 9}
CURRENCY = re.compile(r"\b(?P<code>usd|eur|gbp|chf|us dollars|dollars|euros)\b|(?P<sign>[$€£¥])")
PERIOD = re.compile(
    r"\b(?:(?P<part>three|six|nine|3|6|9|13|14|26|27|39|40)[ -](?:months?|weeks?)(?:[ -]periods?)?|quarters?)"
    r"\s+ended\b"
    r"|\b(?:(?:twelve|12) months|(?:52|53|fifty-two) weeks?|(?:fiscal )?years?)\s+ended\b"
)
"""The time that columns are about; without `part` it is a year."""
PRO_FORMA = re.compile(r"\bpro[ -]?forma\b")
"""Figures as if another company had been bought before."""
ABOVE_HEAD = 400
"""Characters above the years of a table in which it is introduced."""
LINES_OF_PERIOD = 4
"""Lines above the years in which it stands."""
LINES_ABOVE = 30
"""Lines above a row in which the years of its columns stand."""
MOST_OTHERS = 2
"""Figures of a row beside those of the years, such as changes."""
LONGEST_CAPTION = 4
"""Words of a line above a row that is a caption of several rows."""
GAP = 2
"""Lines without a year between two that belong to the same head."""
LONGEST_TITLE = 12
"""Words of a line that is a title."""
TOP = 700
"""Characters at the top of a page that say which statement it is."""


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
    is_statement = any(
        STATEMENT.search(line) for line in folded[:TOP].split("\n") if len(line.split()) <= LONGEST_TITLE
    )
    for at, (start, end) in enumerate(lines):
        row = folded[start:end]
        named = _name_of(row, ordered)
        if named is None or _goes_on(text, lines, at):
            continue
        position, name_end = named
        figures = list(_figures(text[start + name_end : end]))
        years, head = _years_above(text, lines, at)
        if len(years) < 2 or len(figures) not in range(len(years), len(years) + MOST_OTHERS + 1):
            continue  # the figures of one year alone are often those of a part of the company
        if PRO_FORMA.search(folded[max(0, head[0] - ABOVE_HEAD) : start]):
            continue
        column = _column(years, folded[head[0] : start], year)
        if column is None:
            continue
        number, written = figures[column]
        scale = _scale(folded, start)
        zeros = SCALES[scale["scale"]] if scale else 0
        unit = _currency(text[start:end]) or _currency(text[max(0, head[0] - 300) : end]) or _currency(text)
        rank = 0 if is_statement and scale else 1 if scale else 2
        shown = f"{written} {scale['scale']}" if scale else written
        yield StatementFigure((rank, position), number * Decimal(10) ** zeros, unit, shown, start, end, head)


def _by_priority(terms: Sequence[str]) -> list[str]:
    """Return the terms folded, those first that name a total."""
    folded = list(dict.fromkeys(map(fold, terms)))
    return sorted(folded, key=lambda term: (not term.startswith("total"), not term.startswith("net")))


def _name_of(row: str, terms: Sequence[str]) -> tuple[int, int] | None:
    """Return which term a row is named by, and where its name ends; None for another row.

    The name is all that stands before the first figure, but for a note's number and a remark in brackets.
    """
    for position, term in enumerate(terms):
        found = re.match(
            rf"\W*{re.escape(term)}(?:\s*\([^)\d]*\))?(?:,? net)?[\s.:$€£|]*(?=\d|\(\s?[$€£]?\s?\d)", row
        )
        if found:
            return position, found.end()
    return None


def _figures(text: str) -> Iterator[tuple[Decimal, str]]:
    for found in FIGURE.finditer(text):
        number = decimal_of(normal_figure(found["figure"]))
        if number is not None:
            loss = bool(found["open"] or found["open2"])
            yield (-number if loss else number), found[0].strip() if loss else found["figure"]


def _years_above(text: str, lines: Sequence[tuple[int, int]], at: int) -> tuple[list[str], tuple[int, int]]:
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
    nearest = YEAR.findall(text[found[0][0] : found[0][1]])
    if len(nearest) > 1:  # a title above names the years as well as the columns do
        found, years = found[:1], nearest
    else:
        years = [year for start, end in reversed(found) for year in YEAR.findall(text[start:end])]
    above = [start for start, _ in lines if start < found[-1][0]][-LINES_OF_PERIOD:]
    return years, (above[0] if above else found[-1][0], found[0][1])


def _column(years: Sequence[str], head: str, year: str) -> int | None:
    """Return the column of a year, or of the latest; None where the columns are about parts of years."""
    periods = [found["part"] or found[0].startswith("quarter") for found in PERIOD.finditer(head)]
    first, last = 0, len(years)
    if any(periods):
        if all(periods) or not years or len(years) % len(periods):
            return None
        size = len(years) // len(periods)
        first = size * periods.index(next(part for part in periods if not part))
        last = first + size
    among = list(years[first:last])
    if len(set(among)) < len(among):
        return None
    if year:
        return first + among.index(year) if year in among else None
    return first + among.index(max(among)) if among else None


def _goes_on(text: str, lines: Sequence[tuple[int, int]], at: int) -> bool:
    """Tell whether the name of a row may begin in the line above, which has words and no figure."""
    if not at:
        return False
    above = text[slice(*lines[at - 1])].strip()
    return (
        len(above.split()) > LONGEST_CAPTION
        and not re.search(r"\d", above)
        and not above.endswith((":", ")"))
    )


def _scale(text: str, end: int) -> re.Match[str] | None:
    """Return the nearest scale above a row, else the first of the page."""
    above = list(SCALE.finditer(text, 0, end))
    return above[-1] if above else SCALE.search(text)


def _currency(text: str) -> str:
    found = CURRENCY.search(text.lower())
    if found is None:
        return ""
    word = found["sign"] or found["code"].removeprefix("us ")
    return {"$": "USD", "dollars": "USD"}.get(word, CURRENCIES.get(word, ""))
