"""Find what a document states of a known field without a label: in a sentence, or in its first lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from docent.answering.citing.quantities import quantities_of
from docent.answering.citing.text_units import text_units
from docent.answering.citing.vocabulary import content_words, fold
from docent.research.cell_values import DATE, MONEY, ReadValue, dates_of, has_date, read_value, times_of
from docent.research.known_fields import KnownField
from docent.types import CellValue, Page, TableColumn

OTHER_PAY = re.compile(
    r"\b(?:rooms?|rent|flat|house|hostel|deposit|insurance|fare|ticket|allowance|meals?|costs?|fees?|budget"
    r"|then|afterwards?|technicians?|starting (?:pay|salary)|chambres?|loyer|repas|caution|frais|ensuite)\b"
)
"""Sentences about another amount than the pay: a room, a later job."""
AMOUNT = re.compile(r"[€£$¥₹]|\b(?:[A-Z]{3}|kr)\b|\b(?:euros?|dollars?|pounds?|francs?|yen)\b")
"""A sign, a code or a name of a currency."""
WORKED = re.compile(r"\b\d+(?:[.,]\d+)? ?(?:hours?|heures?|h)\b[^.]{0,12}\b(?:week|semaine)\b")
CLOSES = re.compile(
    r"\b(?:appl(?:y|ications?|icants?|ying)|candidatures?|postul\w+|closing|closes?|deadline|submi(?:t|ssion)\w*)"
    r"\b[^.;\n]{0,60}?\b(?:by|before|until|close|closes|on|reach|due|avant|jusqu|au plus tard|le)\b"
)
NO_APPLICATION = re.compile(r"\b(?:answer|reply|interview|decision|offers?|reponse|entretien)\b")
BEGINS = re.compile(
    r"\b(?:from|starts?|begins?|starting|beginning|a partir du|des le|du|commence|debute)\s+"
    r"(?:on\s+)?(?:the\s+)?"
    r"(?:monday |tuesday |wednesday |thursday |friday |saturday |sunday |lundi |mardi |mercredi |jeudi "
    r"|vendredi |samedi |dimanche )?(?=\d)"
)
LASTS = re.compile(
    r"\b(?:lasts?|lasting|for|over|dure|durera|pendant|duree)\b|^\W*(?=[\w-]+ (?:weeks|months))"
)
REMOTE_YES = re.compile(
    r"\b(?:fully|entirely|completely|100 ?%) remote\b|\bremote interns?\b|\bwork(?:ing)? from anywhere\b"
    r"|\bor wherever you are\b|\bentierement a distance\b|\b(?:100 ?%|tout) (?:en )?teletravail\b"
    r"|\bat home, anywhere\b"
)
REMOTE_PARTLY = re.compile(
    r"\b(?:up to )?(?:\w+) days? (?:a|per) week (?:from|at) home\b|\bone day a\s+week\s+from home\b"
    r"|\bhybrid\b|\bjours? (?:de teletravail|a distance)\b|\bhybride\b"
)
REMOTE_NO = re.compile(
    r"\bcannot be done from home\b|\bno (?:working|work) from home\b|\bon[ -]site(?: only)?\b"
    r"|\bnot (?:possible|done) (?:from home|remotely)\b|\bsur place(?: uniquement)?\b|\bpas de teletravail\b"
)
HEAD = 700
"""Characters at the beginning of a document in which it says where and by whom it is."""
COUNTRIES = """\
Argentina|Australia|Austria|Bangladesh|Belgium|Bolivia|Brazil|Bulgaria|Canada|Chile|China
|Colombia|Costa Rica|Croatia|Cyprus|Czechia|Denmark|Ecuador|Egypt|England|Estonia|Ethiopia
|Finland|France|Georgia|Germany|Ghana|Greece|Hungary|Iceland|India|Indonesia|Ireland
|Israel|Italy|Jamaica|Japan|Jordan|Kenya|Latvia|Lebanon|Lithuania|Luxembourg|Malaysia
|Malta|Mexico|Morocco|Nepal|Netherlands|New Zealand|Nigeria|Northern Ireland|Norway
|Pakistan|Peru|Philippines|Poland|Portugal|Qatar|Romania|Rwanda|Scotland|Senegal|Serbia
|Slovakia|Slovenia|South Africa|South Korea|Spain|Sri Lanka|Sweden|Switzerland|Taiwan
|Tanzania|Thailand|Tunisia|Turkey|Uganda|Ukraine|United Arab Emirates|United Kingdom
|United States|Uruguay|Vietnam|Wales|Zambia|UK|USA|Allemagne|Angleterre|Autriche|Belgique
|Brésil|Chili|Chine|Danemark|Espagne|Finlande|Grèce|Irlande|Italie|Japon|Maroc|Norvège
|Pays-Bas|Pologne|Québec|Suède|Suisse|Tunisie"""
CITY = r"[A-ZÀ-Þ][\w'’.-]+(?: (?:[A-ZÀ-Þ][\w'’-]+|de|la|le|les|upon|sur|am|im)){0,3}"
CITY_AND_COUNTRY = re.compile(rf"(?P<place>{CITY}, (?:{COUNTRIES.replace(chr(10), '')}))\b")
CITY_STATE = re.compile(r"(?<=· )(?P<place>Singapore|Singapour|Monaco|Luxembourg|Hong Kong)\b")
ADDRESS = re.compile(
    r"(?:^|· )(?P<place>(?:\d{1,4},? [\w'’ -]{3,40}|[A-ZÀ-Þ][\w'’ -]{2,40} \d{1,4})(?:,| ·) "
    rf"{CITY})(?=\s*(?:·|$|\.))",
    re.MULTILINE,
)
"""A street with its number, and a city, as a footer or a head has them."""


@dataclass(frozen=True, slots=True)
class FoundSpan:
    """Characters `start:end` of a page that state something; the value may be a part of them."""

    start: int
    end: int
    value_start: int
    value_end: int
    read: ReadValue


def sentences_about(page: Page, column: TableColumn, known: KnownField | None) -> Iterator[FoundSpan]:
    """Yield the sentences and rows of a page that state something of a column, in reading order."""
    if known is not None and known.figure:
        return
    for unit in text_units(page.text):
        text = page.text[unit.start : unit.end]
        read = _read_sentence(text, column, known)
        if read is not None:
            yield FoundSpan(unit.start, unit.end, unit.start, unit.end, read)


def _read_sentence(text: str, column: TableColumn, known: KnownField | None) -> ReadValue | None:
    folded = fold(text)
    match known.key if known is not None else "":
        case "pay":
            return _pay(text, folded, known)
        case "deadline":
            if CLOSES.search(folded) and not NO_APPLICATION.search(folded) and has_date(text):
                return ReadValue(CellValue(date=next(dates_of(text[_first(CLOSES, folded) :]), "")))
        case "start":
            if (begins := BEGINS.search(folded)) and DATE.match(text, begins.end()):
                return ReadValue(CellValue(date=next(dates_of(text[begins.start() :]), "")))
        case "duration":
            if (BEGINS.search(folded) or LASTS.search(folded)) and (time := next(times_of(text), None)):
                if WORKED.search(folded) or has_date(text):
                    return ReadValue(CellValue(*time))
        case "hours":
            if WORKED.search(folded):
                return read_value(text, "number", known)
        case "remote":
            return remote_answer(text)
        case "place" | "language" | "contact" | "price":
            return None
        case _:
            return _of_any_field(text, column)
    return None


def _first(pattern: re.Pattern[str], text: str) -> int:
    found = pattern.search(text)
    return found.start() if found else 0


def _pay(text: str, folded: str, known: KnownField | None) -> ReadValue | None:
    """Return an amount of money for a time that a sentence gives as pay."""
    if OTHER_PAY.search(folded) or not AMOUNT.search(text):
        return None
    said = re.search(
        r"\b(?:pay|pays|paid|salary|wages?|stipend|earn|salaire|remuner\w+|gratification)\b", folded
    )
    if not said and not WORKED.search(folded):
        return None
    paid = any(one.unit in MONEY and one.period for one in quantities_of(text).quantities)
    return read_value(text, "number", known) if paid else None


def remote_answer(text: str) -> ReadValue | None:
    """Return whether a text lets people work from home: yes, no, or unclear where it does in part."""
    folded = fold(text)
    if REMOTE_YES.search(folded):
        return ReadValue(CellValue(yes=True))
    if REMOTE_PARTLY.search(folded):
        return ReadValue(CellValue(), "unclear")
    return ReadValue(CellValue(yes=False)) if REMOTE_NO.search(folded) else None


def _of_any_field(text: str, column: TableColumn) -> ReadValue | None:
    """Return the value of a sentence that has every word of the column's name, and a value of its kind."""
    wanted = content_words(column.terms[0])
    if not wanted or not wanted <= content_words(text) or column.kind == "yes_no":
        return None
    return read_value(text, column.kind)


def place_in_head(page: Page) -> FoundSpan | None:
    """Return the city with its country that the first lines name, else an address with its city."""
    head = page.text[:HEAD]
    for pattern, text in ((CITY_AND_COUNTRY, head), (CITY_STATE, head), (ADDRESS, page.text)):
        if found := pattern.search(text):
            return FoundSpan(*found.span("place"), *found.span("place"), ReadValue(CellValue()))
    return None
