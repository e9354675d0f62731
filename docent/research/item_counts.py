"""Count the items of a menu or a price list that are described so: the dishes that are vegan."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from docent.answering.citing.text_units import sentence_spans
from docent.answering.citing.vocabulary import fold
from docent.types import Page

PRICED = re.compile(
    r"^(?P<name>\S.*?)(?:\s{2,}|\s*\.{3,}\s*|\s)"
    r"(?P<price>(?:[€£$¥₹]|kr|CHF|EUR|USD)\s?\d[\d.,]*|\d+[.,]\d\d\s?€)\s*$",
    re.MULTILINE,
)
"""A line with a name and one price at its end."""
CODES = re.compile(r"\((?P<codes>[^()]{1,30})\)\s*$")
CONDITION = re.compile(
    r"\b(?:without|if|on request|when|say so|ask|instead|can be|available|also|sans|si|sur demande|possible"
    r"|option)\b"
)
"""Words that make a description hold on a condition only: "vegan without the cheese"."""
DENIAL = re.compile(r"\b(?:not|no|non|pas|never)\s+(?:\w+\s+)?$")
DRINKS = re.compile(
    r"^(?:(?:wines?|beers?|ciders?|drinks?|teas?|coffees?|sake|spirits?|cocktails?|beverages?|white|red|pink"
    r"|ros[eé]|sparkling|sweet|other|no|alcohol|hot|cold|soft|and|after|by|the|to|vins?|bi[eè]res?|boissons?"
    r"|caf[eé]s?|th[eé]s?|boire|aussi|[aà]|les|et)\b\W*)+(?:\d.*|ml|flask)?$",
    re.IGNORECASE,
)
"""A heading whose every word is about drinks."""
DRINK_WORD = re.compile(
    r"\b(?:wines?|beers?|ciders?|drinks?|teas?|coffees?|sake|spirits?|cocktails?|beverages?|alcohol|vins?"
    r"|bi[eè]res?|boissons?|boire)\b",
    re.IGNORECASE,
)
SYNONYMS = {
    "vegan": "vegan|vegane?s?|vegetalien(?:ne)?s?",
    "vegetarian": "vegetarian|vegetarien(?:ne)?s?|veggie",
    "gluten-free": "gluten[- ]free|no gluten|sans gluten",
}
EVERYTHING = re.compile(
    r"\b(?:everything|all (?:our |the )?(?:dishes|food|plates)|tout|tous (?:nos|les) plats)\b"
    r"[^.]{0,30}?\b(?:is|are|est|sont) "
)
FOOD = frozenset(
    "dish dishes meal meals plat plats food starter starters main mains dessert desserts".split()
)
"""Nouns of items that are not drinks."""
MOST_LISTED = 12


@dataclass(frozen=True, slots=True)
class CountedItem:
    """An item with the characters that describe it."""

    name: str
    page: Page
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ItemCount:
    """The items that are described so; those on a condition, and drinks among dishes, are counted apart."""

    items: tuple[CountedItem, ...] = ()
    on_condition: tuple[CountedItem, ...] = ()
    drinks: tuple[CountedItem, ...] = ()
    everything: CountedItem | None = None
    """The sentence that says so of all items."""


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    codes: frozenset[str]
    description: str
    start: int
    end: int
    is_drink: bool


def pattern_of(adjective: str) -> re.Pattern[str]:
    """Return a pattern for an adjective in folded text, with its usual synonyms."""
    word = fold(adjective)
    for forms in SYNONYMS.values():
        if re.fullmatch(forms, word):
            return re.compile(rf"\b(?:{forms})\b")
    return re.compile(rf"\b{re.escape(word)}s?\b")


def count_items(pages: Sequence[Page], adjective: str, noun: str) -> ItemCount:
    """Count the priced items of a document that an adjective describes: by a word, a code, or a sentence."""
    described = pattern_of(adjective)
    codes = {code for page in pages for code in _codes_of(page, described)}
    only_food = fold(noun) in FOOD
    items: list[CountedItem] = []
    conditional: list[CountedItem] = []
    drinks: list[CountedItem] = []
    everything: CountedItem | None = None
    for page in pages:
        rows = list(_rows(page))
        for sentence in _sentences(page):
            if blanket := _of_everything(page, *sentence, described):
                everything = blanket
            elif listed := list(_listed(page, *sentence, described)):
                items += listed
        for row in rows:
            item = CountedItem(row.name, page, row.start, row.end)
            verdict = _describes(row, described, codes)
            if verdict == "yes":
                (drinks if row.is_drink and only_food else items).append(item)
            elif verdict == "on condition":
                conditional.append(item)
    if everything is not None:
        named = {item.name for item in items}
        for page in pages:
            for row in _rows(page):
                item = CountedItem(row.name, page, row.start, row.end)
                if row.is_drink and only_food:
                    drinks.append(item)
                elif row.name not in named:
                    items.append(item)
    unique = {fold(item.name): item for item in items}
    return ItemCount(tuple(unique.values()), tuple(conditional), tuple(drinks), everything)


def _codes_of(page: Page, described: re.Pattern[str]) -> Iterator[str]:
    """Yield the codes that a legend explains by the adjective: "VG vegan"."""
    for found in re.finditer(r"\b(?P<code>[A-Z]{1,3})\b[ :=]+", page.text):
        if described.match(fold(page.text[found.end() : found.end() + 30])):
            yield found["code"]


def _rows(page: Page) -> Iterator[_Row]:
    """Yield the priced lines of a page, each with the description below it and its section."""
    text = page.text
    headings = sorted(page.headings, key=lambda heading: heading.start)
    found = list(PRICED.finditer(text))
    for at, row in enumerate(found):
        until = found[at + 1].start() if at + 1 < len(found) else len(text)
        until = min((until, *(one.start for one in headings if one.start > row.start())))
        description, end = _description(text, row.end(), until)
        codes = CODES.search(row["name"])
        section = next((one.text for one in reversed(headings) if one.start <= row.start()), "")
        yield _Row(
            CODES.sub("", row["name"]).strip(),
            frozenset(re.findall(r"\w+", codes["codes"])) if codes else frozenset(),
            f"{row['name']}\n{description}",
            row.start(),
            end,
            bool(DRINKS.match(section) and DRINK_WORD.search(section)),
        )


def _description(text: str, start: int, until: int) -> tuple[str, int]:
    """Return the lines below a row that describe it: those in small letters, up to the next row."""
    end = start
    for line in re.finditer(r"[^\n]+", text[start:until]):
        if not line[0].strip()[:1].islower():
            break
        end = start + line.end()
    return text[start:end].strip(), end


def _describes(row: _Row, described: re.Pattern[str], codes: set[str]) -> str:
    """Tell whether a row is described so: "yes", "on condition", or nothing."""
    if row.codes & codes:
        return "yes"
    verdict = ""
    for clause in re.split(r"[;\n]", fold(row.description)):
        found = described.search(clause)
        if found is None or DENIAL.search(clause[: found.start()]):
            continue
        if not CONDITION.search(clause):
            return "yes"
        verdict = "on condition"
    return verdict


def _sentences(page: Page) -> Iterator[tuple[int, int]]:
    for start, end in sentence_spans(page.text):
        if not PRICED.search(page.text[start:end]):
            yield start, end


def _of_everything(page: Page, start: int, end: int, described: re.Pattern[str]) -> CountedItem | None:
    sentence = fold(page.text[start:end])
    found = EVERYTHING.search(sentence)
    if found and described.match(sentence, found.end()):
        return CountedItem("", page, start, end)
    return None


def _listed(page: Page, start: int, end: int, described: re.Pattern[str]) -> Iterator[CountedItem]:
    """Yield what a sentence lists before "are vegan"."""
    sentence = page.text[start:end]
    folded = fold(sentence)
    found = re.match(r"(?P<list>[^.;:]+?)\s+(?:are|is|sont|est)\s+(?:all\s+|tous\s+)?", folded)
    if not found or not described.match(folded, found.end()):
        return
    names = re.split(r",\s+(?:and\s+|et\s+)?|\s+(?:and|et)\s+", sentence[: found.end("list")])
    if 1 < len(names) <= MOST_LISTED and not CONDITION.search(found["list"]):
        for name in names:
            yield CountedItem(" ".join(name.split()), page, start, end)
