"""Questions about fields, prices and cells: what forms, menus and tables state in a line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from docent.answering.citing.list_fields import list_fields
from docent.answering.citing.vocabulary import content_words
from docent.answering.quoted_units import QuotedUnit, quoted_units, row_cells
from docent.questions.question_candidates import (
    Candidate,
    DocumentName,
    is_plural,
    is_subject,
    lowered,
)
from docent.questions.sentence_forms import MONTH
from docent.types import Passage

FORMS_EN = {
    "start": ("When does the {thing} start{where}?", "What is the start date{where}?"),
    "end": ("When does the {thing} end{where}?", "What is the end date{where}?"),
    "duration": ("How long does the {thing} last{where}?", "What is the duration{where}?"),
    "length": ("How long does the {thing} last{where}?", "What is the length of the {thing}{where}?",
               "What is the length{where}?"),
    "pay": ("What is the pay{where}?", "How much does the {thing} pay{where}?", "How much is paid{where}?"),
    "salary": ("What is the salary{where}?",),
    "wage": ("What is the wage{where}?",),
    "stipend": ("What is the stipend{where}?",),
    "apply": ("What is the application deadline{where}?", "By when do I have to apply{where}?"),
    "deadline": ("What is the deadline{where}?",),
    "closing": ("What is the closing date{where}?",),
    "where": ("Where is the {thing}{where}?", "What is the location{where}?"),
    "place": ("Where is the {thing}{where}?", "What is the place of work{where}?"),
    "location": ("What is the location{where}?",),
    "address": ("What is the address{where}?",),
    "office": ("Where is the office{where}?", "What is the address of the office{where}?"),
    "hours": ("What are the hours{where}?",),
    "contact": ("What is the contact address{where}?",),
    "write": ("Where do I write to{where}?",),
    "phone": ("What is the phone number{where}?",),
    "notice": ("What is the notice period{where}?",),
    "home": ("What is the rule on working from home{where}?", "Can I work from home{where}?"),
}  # fmt: skip
"""Questions about a field; one with {thing} is left out where nobody knows the sort of document."""
LABELS_EN = {
    "start": "start starts starting begins begin start_date starting_date",
    "end": "end ends end_date",
    "duration": "lasts duration",
    "length": "length",
    "pay": "pay paid",
    "salary": "salary",
    "wage": "wage wages",
    "stipend": "stipend",
    "apply": "apply_by apply_before apply_until deadline_for_applications applications_by",
    "deadline": "deadline due due_date due_by",
    "closing": "closing_date closes_on",
    "where": "where",
    "place": "place",
    "location": "location",
    "address": "address",
    "office": "office",
    "hours": "hours working_hours",
    "contact": "contact e-mail email",
    "write": "write_to send_to apply_to",
    "phone": "phone tel telephone tel.",
    "notice": "notice notice_period",
    "home": "from_home home_office",
}
LABELS_FR = {
    "la date de début": "début date_de_début commence",
    "la durée": "durée",
    "la rémunération": "rémunération gratification",
    "le salaire": "salaire",
    "l’indemnité": "indemnité",
    "la date limite": "date_limite date_limite_de_candidature",
    "l’échéance": "échéance",
    "le lieu": "lieu",
    "l’adresse": "adresse",
    "l’horaire": "horaire horaires",
    "le téléphone": "téléphone tél tél.",
    "le prix": "prix",
    "le tarif": "tarif",
    "le loyer": "loyer",
    "le préavis": "préavis",
    "le montant": "montant montant_total",
    "la fermeture": "fermeture fermé",
}
NAMES_EN, NAMES_FR = (
    {label.replace("_", " "): name for name, labels in table.items() for label in labels.split()}
    for table in (LABELS_EN, LABELS_FR)
)
LEAST_KNOWN = 2
"""Known labels in a list; then its others are labels, too."""
NO_LABEL = re.compile(
    r"\b(?:e\.?g|i\.?e|example|note|notes|warning|tip|caution|nb|remark|total|source|sources|see|http|https|re"
    r"|subject|from|to|cc|date|dated|by|name|title|signed|signature|page|figure|table|chart|note|tableau|exemple|attention|remarque|voir|objet|de)\b",
    re.IGNORECASE,
)
LABEL_WORD = re.compile(r"[^\W\d_][\w’'/&-]*")
CURRENCIES = "EUR|USD|GBP|CHF|CAD|SGD|DKK|NOK|SEK|kr"
PRICE = re.compile(
    r"(?<![\w.,])(?:(?:[$€£¥]|\b(?:" + CURRENCIES + r")) ?\d(?:[\d.,’]*\d)?"
    r"|\d[\d.,’ ]* ?(?:€|£|" + CURRENCIES + r")(?!\w))"
)
IN_BRACKETS = re.compile(r"\s*\([^()]*\)")
YEAR = re.compile(
    rf"(?:(?:FY|fiscal|year|exercice) ?)?(?:{MONTH} \d{{1,2}}, |\d{{1,2}} {MONTH} )?(?:19|20)\d\d",
    re.IGNORECASE,
)
NO_COLUMN = re.compile(
    r"additional|other|total|net|gross|average|accumulated|current|change|amount|and|non-\w+"
)
"""A column of this name alone: the rest of its name stands in another line."""
QUARTERS = ("Q1", "Q2", "Q3", "Q4")
ENDED = re.compile(
    r"\b(?:(?:Three|Six|Nine|Twelve) Months|(?:Fiscal )?Years?|Quarters?|\d\d Weeks) Ended"
    rf"(?:\s+{MONTH} \d{{1,2}},)?",
    re.IGNORECASE,
)
PERIOD_ABOVE = 120
"""Characters between a period and the years below it."""
RULE = re.compile(r"[|\s:=-]*-{2,}[|\s:=-]*")
OWN_PROPERTIES = frozenset(
    "price taste year size colour color weight age height length cost effect type kind capacity origin heat "
    "address date name title population area owner author".split()
)
"""Columns that a thing has itself: the taste of a sake, but the days for a course."""
COMPANY = re.compile(r"\b(?:plc|Inc|Ltd|LLC|Pty|GmbH|S\.?A\.?|B\.?V\.?|Corp)\b")
SIZES = frozenset("short long small large medium half full single double big".split())
MEANINGS = frozenset(("meaning", "means", "description", "definition"))
EMPTY_CELL = re.compile(r"[-–—.\s$€£%]*|n/?a|none|nil", re.IGNORECASE)
LEAST_PRICES = 3
"""Priced lines on a page that is a menu or a price list."""
MOST_NAME_WORDS = 8


def field_questions(passage: Passage, name: DocumentName, language: str) -> Iterator[Candidate]:
    """Yield questions for each labelled line of a list: "Pay: €850 a month"."""
    text = passage.text
    known = NAMES_FR if language == "fr" else NAMES_EN
    fields = [field for field in list_fields(text) if field.label]
    labels = [" ".join(field.label.strip(" *_#").split()) for field in fields]
    is_form = sum(label.casefold() in known for label in labels) >= LEAST_KNOWN
    for field, label in zip(fields, labels, strict=True):
        line = text[field.start : field.end]
        value = line[line.find(field.label) + len(field.label) :].strip("*_: |\n\t·•.")
        has_colon = line[line.find(field.label) + len(field.label) :].lstrip("*_ ").startswith(":")
        if (
            not re.search(r"\w", value)
            or label.casefold() not in known
            and (not (has_colon or is_form) or PRICE.match(value) or not _is_label(label, name))
        ):
            continue
        asked = _asked_of_label(label, text, name, language)
        for wording, question in enumerate(asked):
            yield Candidate(
                "field", question, value, f"{label}: {value}", passage, field.start, field.end,
                label=label[:1].upper() + label[1:], wording=wording,
            )  # fmt: skip


def _is_label(label: str, name: DocumentName) -> bool:
    """Tell whether a label that is not known may be the noun that a question asks for."""
    words = label.split()
    if NO_LABEL.search(label) or not 1 <= len(words) <= 5 or not is_subject(words):
        return False
    if len(words) > 1 and all(word[:1].isupper() for word in words) or words[0].casefold() in ("a", "an"):
        return False  # a name
    if content_words(label) <= content_words(name.text) or label.isupper() and len(label) < 6:
        return False
    return all(LABEL_WORD.fullmatch(word) or word in ("&", "/") for word in words)


def _asked_of_label(label: str, text: str, name: DocumentName, language: str) -> list[str]:
    """Return the questions that ask for the value of a label, the most natural first."""
    where = name.where(language)
    if language == "fr":
        noun = NAMES_FR.get(label.casefold(), "")
        if not noun and (
            found := re.search(rf"\b(les? |la |l[’'])({re.escape(label.lower())})\b", text.lower())
        ):
            noun = found[0]  # the text says of which gender it is
        if not noun:
            return []
        is_feminine = noun.startswith("la ") or noun in ("l’adresse", "l’indemnité", "l’échéance")
        verb = "Quels sont" if noun.startswith("les ") else f"Quel{'le' if is_feminine else ''} est"
        return [f"{verb} {noun}{where} ?"]
    if forms := FORMS_EN.get(NAMES_EN.get(label.casefold(), "")):
        return [
            form.format(thing=name.thing, where=where)
            for form in forms
            if name.thing or "{thing}" not in form
        ]
    noun = lowered(label, text)
    return [f"What {'are' if is_plural(noun) else 'is'} the {noun}{where}?"]


def price_questions(passage: Passage, name: DocumentName, language: str) -> Iterator[Candidate]:
    """Yield a question for each line that names a thing and its price, where a page has several."""
    text = passage.text
    found: list[Candidate] = []
    for unit in quoted_units(text):
        line = text[unit.start : unit.end].split("\n")[0]
        prices = list(PRICE.finditer(line))
        if len(prices) != 1 or unit.columns:
            continue
        before = line[: prices[0].start()]
        if re.search(r"[.!?]\s", before.strip(" .·|:\t")) or len(line[prices[0].end() :].split()) > 4:
            continue  # prose
        what = IN_BRACKETS.sub("", before).strip(" .·|:-–\t…*")
        words = what.split()
        if not 1 <= len(words) <= MOST_NAME_WORDS or not is_subject(words) or len(content_words(what)) < 1:
            continue
        if re.search(r"\d|[;:?!|]|\.\.|\bof\b.*,", what) or len(what) < 4 or re.search(r"\S {2,}\S", what):
            continue
        if language == "fr":
            question = f"Combien coûte « {what} »{name.where('fr')} ?"
        else:
            question = f"What is the price of {lowered(what.partition(', ')[0], text)}{name.where('en')}?"
        found.append(
            Candidate(
                "price", question, prices[0][0], f"{what}: {prices[0][0]}", passage,
                unit.start, unit.start + len(line), label=what,
            )
        )  # fmt: skip
    if len(found) >= LEAST_PRICES:
        yield from found


def cell_questions(passage: Passage, name: DocumentName, language: str) -> Iterator[Candidate]:
    """Yield a question for each cell of a table whose row and column have names."""
    text = passage.text
    rows = list(_rows_of_tables(text))
    names = Counter(unit.row[0].casefold() for unit, _ in rows)
    for unit, period in rows:
        row = IN_BRACKETS.sub("", unit.row[0]).strip(" :*_.`")
        words = row.split()
        if names[unit.row[0].casefold()] > 1 or not 1 <= len(words) <= MOST_NAME_WORDS:
            continue
        if not row[:1].isalpha() or not is_subject(words) or re.search(r"[|;?!$€£]| [-–—] |\d{3,}", row):
            continue
        for column, cell in _named_cells(unit):
            is_year = re.fullmatch(r"\d{4}", column)
            if is_year and not period and name.text.rpartition(" ")[0].endswith(QUARTERS):
                continue  # of the year, or of its last quarter: the table does not say
            dated = f"{period} {column}" if period and is_year else column
            if question := _asked_of_cell(row, dated, cell, text, name, language):
                # The check of claims takes a line with figures for no names of columns.
                stated = f"{row}: {cell}" if YEAR.fullmatch(column) else f"{row}: {column} {cell}"
                yield Candidate(
                    "cell", question, cell, stated, passage, unit.start, unit.end, label=f"{row}, {column}"
                )


def _rows_of_tables(text: str) -> Iterator[tuple[QuotedUnit, str]]:
    """Yield the rows below a single line of names; the names of two lines are parts of names.

    With each row comes the period that stands above years: "three months ended December 31,".
    """
    names, period, is_below_names, in_parts = tuple[str, ...](), "", False, False
    for unit in quoted_units(text):
        lines = text[unit.start : unit.end].splitlines()
        if RULE.fullmatch(lines[-1]):
            if len(lines) > 1:  # in Markdown, the names and the line below them may be one unit
                names, is_below_names, in_parts = row_cells(lines[-2]), True, False
            continue
        dates = unit.row[-sum(bool(YEAR.fullmatch(cell)) for cell in unit.row) :]
        is_dated = len(dates) > 1 and len(unit.row) - len(dates) < 2 and all(map(YEAR.fullmatch, dates))
        if unit.row and (is_dated or not unit.says):
            in_parts = is_below_names
            names, is_below_names = (dates if is_dated else unit.row), True
            periods = {" ".join(found[0].split()) for found in ENDED.finditer(text, 0, unit.start)
                       if unit.start - found.end() < PERIOD_ABOVE}  # fmt: skip
            period = min(periods, default="")
            in_parts = in_parts and not periods or len(periods) > 1
            continue
        is_below_names = False
        if len(unit.row) < 2:
            if len(unit.row or lines[0].split()) > MOST_NAME_WORDS:
                names = ()  # prose ends a table
        elif names and not in_parts and not COMPANY.search(" ".join(names)):
            yield replace(unit, columns=names), period


def _named_cells(unit: QuotedUnit) -> Iterator[tuple[str, str]]:
    """Yield the name of the column and the text of each cell beside the first."""
    cells = unit.row[1:]
    columns = unit.columns[1:] if len(unit.columns) == len(unit.row) else unit.columns
    years = [column for column in columns if YEAR.fullmatch(column)]
    if years and len(years) < len(columns):
        return  # a name of a column stands in two lines
    if len(columns) != len(cells) or len({column.casefold() for column in columns}) < len(columns):
        return
    for column, cell in zip(columns, cells, strict=True):
        if not EMPTY_CELL.fullmatch(cell) and len(cell) <= 80:
            yield " ".join(column.strip(" *_").split()), cell.strip()


def _asked_of_cell(row: str, column: str, cell: str, text: str, name: DocumentName, language: str) -> str:
    """Return the question for a cell; empty where the column's name is no noun."""
    where = name.where(language)
    year = YEAR.fullmatch(column)
    if language == "fr":
        if not year and not re.search(
            rf"\b(?:les? |la |l[’']|une? |du |des ){re.escape(column)}", text, re.I
        ):
            return ""
        of = (
            f"{'au' if column[:1].isdigit() and ' ' in column else 'en'} {column}"
            if year
            else f"sous « {column} »"
        )
        return f"Quelle valeur est indiquée {of} pour « {row} »{where} ?"
    if year or ENDED.match(column):
        asked = lowered(row, text)
        when = f"as of {column}" if re.match(r"\d{1,2} |[^\W\d]+ \d", column) else f"in {column}"
        if ended := ENDED.match(column):
            words = ended[0].split(" ", 2)
            when = f"for the {' '.join(words[:2]).lower()} {' '.join(words[2:])}".replace("Ended", "ended")
            when += column[ended.end() :]
        return f"What {'were' if is_plural(asked) else 'was'} {asked} {when}{where}?"
    words = column.casefold().split()
    if not 1 <= len(words) <= 5 or re.search(r"[\d|?]", column):
        return ""
    if column.casefold() in MEANINGS:
        return f"What does “{row}” mean{where}?"
    if words[-1] in ("of", "from", "with", "for", "by") and re.search(r"(?:ed|en|made)$", words[0]):
        return f"What is {row} {column.casefold()}{where}?"
    if not is_subject(words) or len(words) == 1 and NO_COLUMN.fullmatch(words[0]):
        return ""
    asked = lowered(column, text)
    if PRICE.fullmatch(cell) and len(words) == 1 and words[0] in SIZES:
        return f"What is the price of {row} ({column.casefold()}){where}?"
    if PRICE.fullmatch(cell) and not re.search(r"price|cost|fee|pay|rent|total|amount", asked, re.I):
        asked = f"{asked} price"
    of = lowered(row, text) if row.startswith(("A ", "An ", "The ")) else row
    link = "of" if asked.split()[-1] in OWN_PROPERTIES else "for"
    return f"What {'are' if is_plural(asked) else 'is'} the {asked} {link} {of}{where}?"
