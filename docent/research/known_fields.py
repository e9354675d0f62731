"""Things that many documents state, with the words of questions and of documents for them, in two languages.

Whatever a question asks for beside these is looked for by its own words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from docent.answering.citing.vocabulary import content_words, fold
from docent.types import ColumnKind


@dataclass(frozen=True, slots=True)
class KnownField:
    """A thing that documents state: its key, its kind, and the words for it."""

    key: str
    kind: ColumnKind
    asked: tuple[str, ...]
    """Names in questions, the usual one first."""
    labels: tuple[str, ...] = ()
    """Further labels in documents; a label is also every name in questions."""
    money: bool = False
    """Its numbers have a currency."""
    units: frozenset[str] = frozenset()
    """Of its other numbers; empty: any, or none."""
    figure: bool = False
    """A row of a statement, with a column for each year."""
    most: tuple[str, ...] = field(default=())
    """Words that ask for the highest: "pays best"; folded."""
    least: tuple[str, ...] = field(default=())
    """Words that ask for the lowest: "cheapest"."""

    @property
    def terms(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.asked, *self.labels)))


def _words(text: str) -> tuple[str, ...]:
    return tuple(" ".join(term.split()) for term in text.split(",") if term.strip())


KNOWN_FIELDS = (
    KnownField(
        "pay",
        "number",
        _words(
            """pay, salary, wage, stipend, remuneration, compensation, salaire, rémunération,
            gratification"""
        ),
        _words(
            """salaries, wages, paid, allowance, monthly allowance, how much, grant, gross pay, gross
            salary, base salary, monthly pay, hourly pay, hourly rate, indemnité, paie, traitement,
            bezahlung, vergütung, gehalt"""
        ),
        money=True,
        most=_words(
            """pays best, pays most, pays the best, pays the most, pay best, pay most, pay the best, pay
            the most, best paid, highest paid, best-paid, highest-paid, best paying, highest paying,
            paie le mieux, paie le plus, paient le mieux, paient le plus, mieux paye, mieux payee,
            mieux payes, mieux payees, mieux remunere, mieux remuneree, mieux remuneres, mieux
            remunerees"""
        ),
        least=_words(
            """pays least, pays the least, pays worst, pays the worst, worst paid, paie le moins, moins
            paye"""
        ),
    ),
    KnownField(
        "place",
        "text",
        _words("place, location, city, where, lieu, ville, endroit"),
        _words(
            """office, address, site, town, venue, located in, workplace, adresse, où, localisation, ort,
            standort"""
        ),
    ),
    KnownField(
        "deadline",
        "date",
        _words(
            """deadline, closing date, application deadline, due date, date limite, date de clôture,
            échéance, dernier délai"""
        ),
        _words(
            """apply by, apply before, closing date for applications, applications close, deadline for
            applications, application date, date limite de candidature, candidatures avant,
            candidature avant, submission deadline, payment due, due, bewerbungsschluss, frist"""
        ),
    ),
    KnownField(
        "start",
        "date",
        _words("start date, start, starting date, beginning, date de début, début, commencement"),
        _words("starts, begins, when, period, from, starting, commence, effective date, période, beginn"),
        least=_words(
            "starts first, starts earliest, starts soonest, commence le plus tot, commence en premier"
        ),
        most=_words("starts last, starts latest, commence le plus tard"),
    ),
    KnownField(
        "duration",
        "number",
        _words("duration, length, durée"),
        _words("lasts, period, contract period, dauer"),
        units=frozenset({"day", "week", "month", "year"}),
        most=_words("lasts longest, lasts the longest, dure le plus longtemps"),
        least=_words("lasts shortest, lasts the shortest, dure le moins longtemps"),
    ),
    KnownField(
        "hours",
        "number",
        _words(
            """hours, weekly hours, working hours, working time, heures, temps de travail, horaire
            hebdomadaire"""
        ),
        _words("working week, hours per week, how long a day, arbeitszeit"),
        units=frozenset({"hour"}),
    ),
    KnownField(
        "remote",
        "yes_no",
        _words(
            """remote work, remote, work from home, working from home, home office, télétravail, à
            distance"""
        ),
        _words("from home, home working, remote working, distance, travail à distance"),
    ),
    KnownField(
        "language",
        "text",
        _words("language, languages, working language, langue, langues, langue de travail"),
        _words("sprache"),
    ),
    KnownField(
        "price",
        "number",
        _words("price, cost, rent, fee, prix, coût, tarif, loyer"),
        _words(
            """total price, total, amount, amount due, total amount, costs, rate, montant, montant total,
            preis, miete"""
        ),
        money=True,
        most=_words(
            "most expensive, dearest, costs most, costs the most, plus cher, plus chere, coute le plus"
        ),
        least=_words(
            """cheapest, least expensive, costs least, costs the least, moins cher, moins chere, moins
            chers, moins cheres, coute le moins"""
        ),
    ),
    KnownField(
        "contact",
        "text",
        _words("contact, email, e-mail, contact address, courriel"),
        _words("write to, apply to, where to write, kontakt"),
    ),
    KnownField(
        "revenue",
        "number",
        _words("revenue, revenues, turnover, net sales, sales, chiffre d'affaires, chiffre d’affaires"),
        _words(
            """total revenues, total revenue, total net revenue, total net revenues, net revenue, net
            revenues, total operating revenues, operating revenues, total net sales, total sales,
            ventes nettes"""
        ),
        money=True,
        figure=True,
    ),
    KnownField(
        "net income",
        "number",
        _words("net income, net profit, profit, net earnings, résultat net, bénéfice, bénéfice net"),
        _words(
            """net income (loss), consolidated net income, net loss, net earnings (loss), net income
            including noncontrolling interests, net income including noncontrolling interest"""
        ),
        money=True,
        figure=True,
        most=_words("most profitable, plus rentable"),
    ),
    KnownField(
        "operating income",
        "number",
        _words("operating income, operating profit, résultat d'exploitation, résultat opérationnel"),
        _words("operating income (loss), income from operations, operating earnings"),
        money=True,
        figure=True,
    ),
    KnownField(
        "gross profit",
        "number",
        _words("gross profit, marge brute"),
        _words("gross margin"),
        money=True,
        figure=True,
    ),
    KnownField(
        "total assets",
        "number",
        _words("total assets, assets, total de l'actif, total actif"),
        money=True,
        figure=True,
    ),
    KnownField(
        "capital expenditure",
        "number",
        _words("capital expenditure, capital expenditures, capex, dépenses d'investissement"),
        _words("purchases of property, plant and equipment, additions to property, payments for property"),
        money=True,
        figure=True,
    ),
    KnownField(
        "employees",
        "number",
        _words("employees, number of employees, headcount, effectifs, effectif, salariés"),
    ),
)

ADJECTIVES = {
    "longest": ("duration", True),
    "shortest": ("duration", False),
    "earliest": ("deadline", False),
    "soonest": ("deadline", False),
    "latest": ("deadline", True),
}
"""Superlatives that ask for a field where the question names none."""


@cache
def _by_words() -> dict[frozenset[str], KnownField]:
    fields: dict[frozenset[str], KnownField] = {}
    for known in KNOWN_FIELDS:
        for name in known.asked:
            fields.setdefault(_stems(name), known)
    return fields


def _stems(text: str) -> frozenset[str]:
    return frozenset(content_words(fold(text))) or frozenset(re.findall(r"\w+", fold(text)))


def field_named(words: str) -> KnownField | None:
    """Return the field that words name, whatever their inflection; None for any other thing."""
    return _by_words().get(_stems(words))


def field_of(key: str) -> KnownField | None:
    return next((known for known in KNOWN_FIELDS if known.key == key), None)


@cache
def superlatives() -> tuple[tuple[re.Pattern[str], KnownField, bool], ...]:
    """Return each superlative that names a field by itself, and whether it asks for the highest."""

    def each() -> Iterator[tuple[re.Pattern[str], KnownField, bool]]:
        for known in KNOWN_FIELDS:
            for phrases, descending in ((known.most, True), (known.least, False)):
                if phrases:
                    longest = sorted(phrases, key=len, reverse=True)
                    yield re.compile(rf"\b(?:{'|'.join(map(re.escape, longest))})\b"), known, descending

    return tuple(each())
