"""Columns and conditions as a question names them: "pay, place and deadline", "pay more than 1,000 euros"."""

from __future__ import annotations

import re

from docent.answering.citing.quantities import quantities_of
from docent.answering.citing.vocabulary import fold
from docent.research.cell_values import dates_of
from docent.research.item_counts import FOOD
from docent.research.known_fields import KnownField, field_named, field_of
from docent.types import ColumnKind, TableColumn, TableFilter

WORD_OF_DOCUMENTS = re.compile(
    r"(?:documents?|files?|pdfs?|papers?|reports?|annual reports?|filings?|contracts?|agreements?|offers?"
    r"|invoices?|letters?|cvs?|resumes?|applications?|quotes?|fichiers?|rapports?(?: annuels?)?|contrats?"
    r"|factures?|offres?|lettres?|devis|dossiers?)"
)
"""Nouns for documents of any content."""
AND = re.compile(r"\s*[,;/&]\s*(?:and\s+|et\s+)?|\s+(?:and|et|plus|as well as|ainsi que)\s+", re.IGNORECASE)
LEADING = re.compile(
    r"^(?:the number of|number of|le nombre de|nombre de|the|their|its|a|an|our|le|la|les|l['’]|leurs?|son|sa"
    r"|ses|du|de la|des|d['’]|respective|total)\s*\b(?=\w)",
    re.IGNORECASE,
)
YEARS = re.compile(
    r"[\s(]*\b(?:(?:for|in|of|en|pour|de)\s+)?(?:the\s+(?:fiscal\s+)?year\s+|fiscal\s+|fy\s?|l['’]annee\s+)?"
    r"(?P<year>(?:19|20)\d\d)\)?\s*$",
    re.IGNORECASE,
)
MOST_COLUMNS = 12
LONGEST_NAME = 48
MOST_WORDS = 5
COUNTED = re.compile(
    r"(?P<adjective>[^\W\d_][\w-]*) "
    r"(?P<noun>dishes|meals|plates|starters|mains|desserts|items|products|pizzas|options)"
    r"|(?P<noun_fr>plats|mets|entrees|desserts|produits|options|articles) (?P<adjective_fr>[^\W\d_][\w-]*)"
)
"""Items of a list and what is said of them; only these are counted."""
PAYS = re.compile(r"\b(?:pay|pays|paid|paient|paie|remuner\w+)\b")
COSTS = re.compile(r"\b(?:cost|costs|coute|coutent)\b")
STARTS = re.compile(r"\b(?:start|starts|begin|begins|commencent|commence|debutent)\b")
LASTS = re.compile(r"\b(?:last|lasts|durent|dure)\b")
MORE = re.compile(r"\b(?:more than|over|above|at least|or more|plus de|au moins|minimum)\b")
LESS = re.compile(r"\b(?:less than|under|below|at most|or less|up to|moins de|au plus|maximum)\b")
BEFORE, AFTER = re.compile(r"\b(?:before|by|avant)\b"), re.compile(r"\b(?:after|from|apres)\b")
REMOTE = re.compile(r"\b(?:remote(?:ly)?|from home|home ?office|teletravail|a distance)\b")


def columns_named(names: str, *, year: str = "", known_only: bool) -> tuple[TableColumn, ...]:
    """Return the columns of a list of names; none if one of them is too long to be a name.

    With `known_only`, one at least must be a known field, for other words may ask for anything.
    """
    columns: list[TableColumn] = []
    parts = [part.strip(' .:?!"“”') for part in AND.split(names.strip()) if part.strip()]
    for part in parts:
        own_year = year
        if found := YEARS.search(part):
            own_year, part = found["year"], part[: found.start()].strip()
            if not part and columns:  # "revenue for 2020 and 2021"
                columns.append(_with_year(columns[-1], own_year))
                continue
        part = LEADING.sub("", LEADING.sub("", part)).strip()
        if not part or len(part) > LONGEST_NAME or len(part.split()) > MOST_WORDS:
            return ()
        columns.append(_column(part, own_year))
    columns = [_sharing_year(column, columns) for column in columns]
    known = any(column.field or column.kind == "count" for column in columns)
    if not columns or len(columns) > MOST_COLUMNS or (known_only and not known):
        return ()
    return tuple(dict.fromkeys(columns))


def _column(name: str, year: str) -> TableColumn:
    shown = name[0].upper() + name[1:]
    known = field_named(name)
    if known is None and (found := COUNTED.fullmatch(fold(name))):
        noun = found["noun"] or found["noun_fr"]
        return TableColumn(shown, "count", (noun, found["adjective"] or found["adjective_fr"]))
    if known is None:
        return TableColumn(shown, _kind_of(fold(name)), (name,))
    if known.figure and year:
        return TableColumn(f"{shown} {year}", known.kind, known.terms, year, known.key)
    return TableColumn(shown, known.kind, known.terms, "", known.key)


def _kind_of(name: str) -> ColumnKind:
    if re.search(r"\b(?:date|day|jour)\b", name):
        return "date"
    if re.search(r"\b(?:number|count|amount|nombre|montant|size|surface|weight|age|rate|taux)\b", name):
        return "number"
    return "text"


def _with_year(column: TableColumn, year: str) -> TableColumn:
    name = re.sub(r" (?:19|20)\d\d$", "", column.name)
    return TableColumn(f"{name} {year}", column.kind, column.terms, year, column.field)


def _sharing_year(column: TableColumn, columns: list[TableColumn]) -> TableColumn:
    """Return a figure's column with the year behind the last one: "revenue and profit for 2021"."""
    known = field_of(column.field)
    years = {other.year for other in columns if other.year}
    if known is not None and known.figure and not column.year and len(years) == 1:
        return _with_year(column, years.pop())
    return column


def condition_of(text: str) -> tuple[TableColumn, tuple[TableFilter, ...]] | None:
    """Return the column and the filters of a condition; None for one that is about anything else."""
    folded = fold(text)
    if REMOTE.search(folded) and not re.search(r"\b(?:not|no|pas|interview)\b", folded):
        return _column_of("remote"), (TableFilter(0, "is", "yes"),)
    if found := COUNTED.search(folded):
        noun = found["noun"] or found["noun_fr"]
        name = found[0]
        if fold(noun) in FOOD and found.end() == len(folded):
            column = TableColumn(
                name[0].upper() + name[1:], "count", (noun, found["adjective"] or found["adjective_fr"])
            )
            return column, (TableFilter(0, "at_least", "1"),)
        return None
    for pattern, key in ((PAYS, "pay"), (COSTS, "price"), (LASTS, "duration")):
        if pattern.search(folded) and (met := _bound(text, folded, key)):
            return met
    if STARTS.search(folded) and (date := next(dates_of(text), "")):
        if BEFORE.search(folded):
            return _column_of("start"), (TableFilter(0, "at_most", date),)
        if AFTER.search(folded):
            return _column_of("start"), (TableFilter(0, "at_least", date),)
    return None


def _bound(text: str, folded: str, key: str) -> tuple[TableColumn, tuple[TableFilter, ...]] | None:
    quantity = next((one for one in quantities_of(text).quantities if one.unit), None)
    more = MORE.search(folded)
    if quantity is None or not (more or LESS.search(folded)):
        return None
    unit = f"{quantity.unit}/{quantity.period}" if quantity.period else quantity.unit
    return _column_of(key), (TableFilter(0, "at_least" if more else "at_most", quantity.value, unit),)


def _column_of(key: str) -> TableColumn:
    known = field_of(key)
    assert known is not None
    return TableColumn(_capital(known), known.kind, known.terms, "", known.key)


def _capital(known: KnownField) -> str:
    return known.asked[0][0].upper() + known.asked[0][1:]
