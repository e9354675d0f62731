"""What a question asks for: its parts, its years, and whether it wants figures."""

from __future__ import annotations

import re

MOST_PARTS = 4  # each costs an embedding
SHORTEST_PART = 3  # words; less says nothing by itself
YEAR = re.compile(r"(?:19|20)\d\d")
FISCAL = re.compile(r"\b(?:FY|CY)\s?'?(\d{4}|\d{2})\b", re.IGNORECASE)
QUARTERS = {"q1": "first quarter", "q2": "second quarter", "q3": "third quarter", "q4": "fourth quarter"}
PART_ENDS = re.compile(
    r"(?<=[.?!;:])\s+"
    r"|,\s+(?=(?:what|how|which|who|when|where|why|is|are|does|did|has|have|was|were)\b)",
    re.IGNORECASE,
)
FIGURES = re.compile(
    r"how (?:much|many|long|old|far|large|big|high)|amount|ratio|margin|\brates?\b|percent|%|average|total"
    r"|number|\bwhen\b|what year|\bdates?\b|increas|decreas|highe[rs]|lowe[rs]|larg|small|growth|grew|chang"
    r"|declin|improv|most|least|\bcosts?\b|price|\bpays?\b|paid|\b(?:USD|EUR|GBP)\b|[€$£]"
    r"|combien|quand|\bprix|coût|montant|taux|wie (?:viel|hoch|lang|oft|alt)|\bwann|preis|kosten|betrag"
    r"|anteil|cuánt|cuándo|precio|importe|\bquant[oaie]|quando|prezzo|\bcosto|preço|\bvalor|hoeveel|wanneer"
    r"|prijs|bedrag",
    re.IGNORECASE,
)
DATA = re.compile(
    r"\b(?:data|figures|statistics|donn[ée]es|chiffres|statistiques|daten|zahlen|statistik|datos|cifras|dati|cifre"
    r"|dados|gegevens|cijfers)\b",
    re.IGNORECASE,
)


def parts(question: str) -> list[str]:
    """The sentences and clauses of a compound question; none for a simple one."""
    found = [part.strip() for part in PART_ENDS.split(question)]
    telling = [part for part in found if len(part.split()) >= SHORTEST_PART]
    return telling[:MOST_PARTS] if len(telling) > 1 else []


def with_years(question: str) -> str:
    """The question with its fiscal years and quarters also written out: "FY18" is 2018."""
    years = [digits if len(digits) == 4 else f"20{digits}" for digits in FISCAL.findall(question)]
    words = set(re.findall(r"\w+", question.lower()))
    more = [*years, *(said for quarter, said in QUARTERS.items() if quarter in words)]
    return " ".join([question, *dict.fromkeys(more)])


def wants_figures(question: str) -> bool:
    """Whether a number, an amount or a date would answer, or a comparison that rests on one.

    The data of a year are figures; personal data are none.
    """
    return bool(FIGURES.search(question) or (DATA.search(question) and YEAR.search(with_years(question))))
