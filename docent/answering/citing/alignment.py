"""Find the text units of a passage that support a sentence: one, two neighbours, several rows or fields."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from docent.answering.citing.claims import (
    CLAUSE_BREAK,
    LEAST_SUPPORT,
    claim_of,
    has_word,
    support_of,
    word_share,
)
from docent.answering.citing.list_fields import (
    fields_below_labels,
    is_of_another_field,
    is_of_unnamed_field,
    joined_fields,
    list_fields,
    list_subject,
)
from docent.answering.citing.quantities import agree, normal_figure
from docent.answering.citing.text_units import FIGURE, TextUnit, cells, row_name, text_units

LEAST_GAIN = 0.2
"""Share that each of two neighbouring units must add to the other's, for both to be cited."""
LEAST_COPIED_WORDS = 4
UNITS_OF_TABLES = re.compile(
    r"\([^()\n]{0,20}\b(?:in|en) (?:thousands|millions|billions|milliers|millions|milliards)\b[^()\n]{0,40}\)"
    r"|\b(?:prices|amounts|prix|preise)\b[^.\n]{0,20}\b(?:in|en)\b [^.,\n]{3,30}",
    re.IGNORECASE,
)
"""What a passage says of all its figures: "(dollars in millions)", "All prices in Australian dollars"."""
VALUE_END = re.compile(r"[,;]\s")
AMOUNT = re.compile(r"[€£$¥₹]\s?\d[\d.,]*|\d[\d.,]*\s?[€£%]|\b\d+[.,]\d+")
"""Amounts in the heading above a passage, such as a menu's first row, which are no amounts of its rows."""
MOST_ROWS = 12
"""Rows that one sentence may go through."""


@dataclass(frozen=True, slots=True)
class Support:
    """Spans of a passage, and the share of a sentence's words that they have; 0 if they do not support it."""

    share: float
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class _NamedRow:
    """A table row whose name stands in the sentence from `start` to `end`."""

    start: int
    end: int
    unit: TextUnit


def find_support(sentence: str, text: str, about: str) -> Support:
    """Return the best support for a sentence in a passage's text; `about` says what the passage is about.

    Tried in this order: one unit or two neighbours; whole units copied word for word; table rows of
    which each says its part; fields of a list that the sentence puts together.
    """
    units = text_units(text)
    about = "\n".join((AMOUNT.sub(" ", list_subject(text, about)), *UNITS_OF_TABLES.findall(text)))
    nearest = _one_unit_or_two(sentence, text, about, units)
    if nearest.share >= LEAST_SUPPORT:
        return nearest
    if copied := _copied_units(sentence, text, units):
        return copied
    if rows := _several_rows(sentence, text, about, [unit for unit in units if unit.is_row]):
        return rows
    if fields := joined_fields(sentence, text, about):
        return Support(LEAST_SUPPORT, tuple((field.start, field.end) for field in fields))
    return nearest


def _one_unit_or_two(sentence: str, text: str, about: str, units: Sequence[TextUnit]) -> Support:
    """Return the unit that supports the sentence best, or two neighbours that both add to it."""
    best_share, best_span, best_own_share = 0.0, (0, 0), 0.0
    for unit in (*units, *(TextUnit(*span, is_row=False) for span in fields_below_labels(text))):
        unit_text = text[unit.start : unit.end]
        share = support_of(sentence, unit_text, _with_columns(about, unit))
        if not share or share < best_share or _is_of_another_column(sentence, unit_text, unit):
            continue
        if unit.is_row and _is_of_another_figure(sentence, unit_text):
            continue
        if is_of_another_field(sentence, text, unit.start, unit.end):
            continue
        if is_of_unnamed_field(sentence, text, unit.start, unit.end):
            continue
        own_share = word_share(sentence, unit_text, "")
        if share > best_share or own_share > best_own_share:  # of equals, the one that needs its columns less
            best_share, best_span, best_own_share = share, (unit.start, unit.end), own_share
    if not CLAUSE_BREAK.search(sentence.strip()):
        return Support(best_share, (best_span,))  # it says one thing, which takes no two sentences
    fields = {field.start for field in list_fields(text) if field.label}
    for unit, neighbour in zip(units, units[1:], strict=False):
        if unit.is_row or neighbour.is_row or "\n\n" in text[unit.end : neighbour.start]:
            continue  # a row says nothing about the next one, nor does a paragraph
        if unit.start in fields and neighbour.start in fields:
            continue  # each is cited for itself
        share = support_of(sentence, text[unit.start : neighbour.end], about)
        if share <= best_share + LEAST_GAIN / 2:
            continue
        parts = (text[unit.start : unit.end], text[unit.end : neighbour.end])
        if share >= max(word_share(sentence, part, about) for part in parts) + LEAST_GAIN:
            best_share, best_span = share, (unit.start, neighbour.end)
    return Support(best_share, (best_span,))


def _with_columns(about: str, unit: TextUnit) -> str:
    return f"{about}\n{unit.columns}" if unit.columns else about


def _is_of_another_column(sentence: str, row: str, unit: TextUnit) -> bool:
    """Tell whether the sentence gives a column, such as "2 days", a figure that its cell does not have."""
    names, values = cells(unit.columns), cells(row)
    if len(names) < 2 or len(names) != len(values):
        return False
    for name, value in zip(names, values, strict=True):
        given = re.search(rf"({FIGURE.pattern})\s+{re.escape(name)}\b", sentence, re.I)
        if given and normal_figure(given[1]) not in claim_of(value).exact:
            return True
    return False


def _is_of_another_figure(sentence: str, row: str) -> bool:
    """Tell whether the sentence has a word that only another figure of the row stands behind.

    "Lobster, half 32.00, whole 59.00" does not say that a whole lobster costs 32.00. The words of the row's
    name stand for all of its figures.
    """
    figures = list(FIGURE.finditer(row))
    starts = [0, *(figure.end() for figure in figures)]
    before = (row[at : figure.start()] for at, figure in zip(starts, figures, strict=False))
    labels = [claim_of(VALUE_END.split(text)[-1]).words for text in before]
    claim, name = claim_of(sentence), claim_of(row_name(row)).words
    given = [normal_figure(one[0]) in claim.exact for one in figures]
    if not all(label for label, is_given in zip(labels, given, strict=True) if is_given):
        return False
    return any(given) and any(
        word not in name and word in claim.words and sum(word in other for other in labels) == 1
        for label, is_given in zip(labels, given, strict=True)
        if not is_given
        for word in label
    )


def _copied_units(sentence: str, text: str, units: Sequence[TextUnit]) -> Support | None:
    """Return the whole units that the sentence repeats word for word, with any signs between the words."""
    words = re.findall(r"\w+", sentence)
    if len(words) < LEAST_COPIED_WORDS:
        return None
    copy = re.search(r"\b" + r"\W+".join(map(re.escape, words)) + r"\b", text, re.I)
    if copy is None or not agree(sentence, copy[0], ""):  # signs of currencies count
        return None
    # Signs at either end of a unit may be missing from the sentence.
    first = len(re.sub(r"\W+\Z", "", text[: copy.start()]))
    last = len(text) - len(re.sub(r"\A\W+", "", text[copy.end() :]))
    starts = {unit.start for unit in units}.intersection(range(first, copy.start() + 1))
    ends = {unit.end for unit in units}.intersection(range(copy.end(), last + 1))
    return Support(1.0, ((min(starts), min(ends)),)) if starts and ends else None


def _several_rows(sentence: str, text: str, about: str, rows: Sequence[TextUnit]) -> Support | None:
    """Return the rows that a sentence goes through, if each of them says the sentence's part about it."""
    named = _named_rows(sentence, text, rows)
    if not 2 <= len(named) <= MOST_ROWS:
        return None
    row_texts = [text[row.unit.start : row.unit.end] for row in named]
    shares = []
    for row, row_text, statement in zip(named, row_texts, _statements(sentence, named), strict=True):
        context = _with_columns(about, row.unit)
        if any(
            has_word(other, word) and not has_word(f"{row_text} {context}", word)
            for word in claim_of(statement).words
            for other in row_texts
        ):
            return None  # it says about this row what another row has
        shares.append(support_of(statement, row_text, context))
    if min(shares) < LEAST_SUPPORT:
        return None
    return Support(min(shares), tuple((row.unit.start, row.unit.end) for row in named))


def _named_rows(sentence: str, text: str, rows: Sequence[TextUnit]) -> list[_NamedRow]:
    """Return the rows that the sentence names, in its order; of names that begin alike, the longest."""
    named: dict[int, _NamedRow] = {}
    for row in rows:
        name = row_name(text[row.start : row.end])
        words = re.findall(r"\w+", name)
        if not words or name.isdigit():
            continue
        match = re.search(r"\b" + r"\W+".join(map(re.escape, words)) + r"(?:e?s|n)?\b", sentence, re.I)
        if match and (match.start() not in named or match.end() > named[match.start()].end):
            named[match.start()] = _NamedRow(match.start(), match.end(), row)
    return [named[start] for start in sorted(named)]


def _statements(sentence: str, rows: Sequence[_NamedRow]) -> list[str]:
    """Return what the sentence says of each row: the words before all names, its name, the words after it.

    A bare name in a list ("soup and bread cost 5") takes the words that follow the next name.
    """
    lead = sentence[: rows[0].start]
    ends = [*(row.start for row in rows[1:]), len(sentence)]
    statements = []
    following = ""
    for row, end in zip(reversed(rows), reversed(ends), strict=True):
        after_name = sentence[row.end : end]
        if claim_of(after_name).words:
            following = after_name
        statements.append(f"{lead}{sentence[row.start : row.end]} {following}")
    return statements[::-1]
