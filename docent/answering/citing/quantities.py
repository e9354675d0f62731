"""Quantities and dates in a text: a figure with its unit, scale, period and bound, whatever the notation.

A figure alone is not enough for a citation: "900 euros" is not "DKK 900", "1,180 kilograms" is not "€1,180 a
month", "up to 10 days" is not "at least 10 days", and "1 June" is not "28 June … 1 July".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from docent.answering.citing.vocabulary import NUMBERS

SPACED = re.compile(r"(?<![\d.,])\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?![\d]|[.,:]\d{3}|[ \u00a0\u202f]\d)")
"""A figure with spaces between its thousands: 21 400."""
CLOCK = re.compile(
    r"\b(\d{1,2})(?:[:.](\d\d))? ?([ap])\.?m\b\.?|\b(\d{1,2}) ?(?:h|Uhr)(?![^\W\d_]) ?(\d\d)?\b", re.I
)
_NAMED_TIMES = {
    "noon": "12:00",
    "midday": "12:00",
    "midi": "12:00",
    "midnight": "0:00",
    "minuit": "0:00",
    "mitternacht": "0:00",
}
NOON = re.compile(rf"\b(?:{'|'.join(_NAMED_TIMES)})\b", re.I)
FIGURE = r"\d+(?:[.,:]\d+)*"

_CURRENCIES = {
    "EUR": "€ eur euro euros",
    "GBP": "£ gbp pound pounds sterling livres",
    "dollar": "$ dollar dollars us$",
    "USD": "usd us-dollar us-dollars",
    "AUD": "aud a$",
    "CAD": "cad c$",
    "SGD": "sgd s$",
    "HKD": "hkd hk$",
    "krone": "kr krone kroner kronen kronor couronnes",
    "DKK": "dkk",
    "NOK": "nok",
    "SEK": "sek",
    "CHF": "chf franken franc francs",
    "JPY": "¥ jpy yen yens",
    "CNY": "cny yuan rmb",
    "INR": "₹ inr rupee rupees rupien roupies",
    "KES": "kes ksh",
    "BRL": "brl",
    "MXN": "mxn peso pesos",
    "PLN": "pln zloty złoty",
}
_UNITS = {
    "%": "% percent pct prozent pourcent",
    "second": "second seconds sec sekunde sekunden seconde secondes",
    "minute": "minute minutes min mins minuten",
    "hour": "hour hours hr hrs stunde stunden heure heures",
    "day": "day days tag tage tagen jour jours",
    "week": "week weeks woche wochen semaine semaines",
    "month": "month months monat monate monaten mois",
    "year": "year years jahr jahre jahren ans année années",
    "mm": "mm millimetre millimetres millimeter millimeters millimètres",
    "cm": "cm centimetre centimetres centimeter centimeters zentimeter centimètres",
    "m": "m metre metres meter meters mètre mètres",
    "km": "km kilometre kilometres kilometer kilometers kilomètre kilomètres",
    "mile": "mile miles",
    "foot": "foot feet",
    "inch": "inch inches zoll",
    "hectare": "ha hectare hectares hektar",
    "g": "g gram grams gramme grammes gramm",
    "kg": "kg kilo kilos kilogram kilograms kilogramme kilogrammes kilogramm",
    "tonne": "tonne tonnes tons",
    "ml": "ml millilitre millilitres milliliter milliliters",
    "cl": "cl centilitre centilitres",
    "litre": "litre litres liter liters",
    "kB": "kb kilobyte kilobytes",
    "MB": "mb megabyte megabytes",
    "GB": "gb gigabyte gigabytes",
    "TB": "tb terabyte terabytes",
    "degree": "° °c degree degrees grad degré degrés",
}
_SCALES = {
    "3": "thousand thousands tausend mille milliers k",
    "6": "million millions mio mn millionen",
    "9": "billion billions bn milliarde milliarden milliard milliards",
    "12": "trillion trillions",
}
_PERIODS = {
    "hour": "hour hourly stunde stündlich heure",
    "day": "day daily night tag täglich jour nuit nacht",
    "week": "week weekly woche wöchentlich semaine",
    "month": "month monthly monat monatlich mois mensuel mensuelle",
    "year": "year yearly annum annual annually jahr jährlich an année annuel annuelle calendar-year",
}
_MONTHS = """january januar janvier jan|february februar février feb|march märz mars mar|april avril apr
may mai|june juni juin jun|july juli juillet jul|august août aug|september septembre sep sept
october oktober octobre oct|november novembre nov|december dezember décembre dec"""


def _by_word(words: dict[str, str]) -> dict[str, str]:
    return {word: name for name, forms in words.items() for word in forms.split()}


CURRENCIES, SCALES, PERIODS = _by_word(_CURRENCIES), _by_word(_SCALES), _by_word(_PERIODS)
UNITS = CURRENCIES | _by_word(_UNITS)
MONTHS = {
    word: number for number, forms in enumerate(re.split(r"[|\n]", _MONTHS), 1) for word in forms.split()
}
GENERIC = {name: "dollar" for name in ("USD", "AUD", "CAD", "SGD", "HKD")} | {
    name: "krone" for name in ("DKK", "NOK", "SEK")
}
"""A currency that "$" or "kr" may mean."""

LEAST = re.compile(
    r"\b(?:at least|minimum(?: of)?|(?:not?|never) (?:less|fewer) than|(?<!no )(?<!not )more than|over|above|"
    r"exceed(?:s|ing)?|mindestens|wenigstens|mehr als|über|au moins|minimum de|plus de)\W+(?:\w{1,3}\W+)?$",
    re.I,
)
MOST = re.compile(
    r"\b(?:at most|up to|maximum(?: of)?|(?:not?|never) (?:more|longer|later) than|(?<!no )(?<!not )"
    r"(?:less|fewer) than|under|below|höchstens|maximal|bis zu|weniger als|unter|au plus|jusqu['’]à|"
    r"maximum de|moins de)\W+(?:\w{1,3}\W+)?$",
    re.I,
)
LEAST_AFTER = re.compile(
    r"\s+(?:\w+\s+)?(?:or|oder|ou|and|und|et) (?:more|newer|older|mehr|plus)\b|\s?\+|,?\s+(?:\w+\s+)?"
    r"(?:at least|mindestens|au moins)\b",
    re.I,
)
MOST_AFTER = re.compile(
    r",?\s+(?:\w+\s+)?(?:(?:or|oder|ou) (?:less|fewer|weniger|moins)|at most|höchstens|au plus)\b", re.I
)
EXTREME = {
    "most?": re.compile(
        r"\b(?:largest|longest|highest|biggest|latest|limit|größte\w?|längste\w?)\b[^.;:\d]*$", re.I
    ),
    "least?": re.compile(
        r"\b(?:smallest|shortest|lowest|earliest|kleinste\w?|kürzeste\w?)\b[^.;:\d]*$", re.I
    ),
}
"""A source that says so may be put as a bound: "the largest file is 200 MB" is "up to 200 MB"."""
DURING = re.compile(r"\b(?:over|über)\W+$", re.I)
"""With a time, "over 12 months" is no bound."""
TIMES = frozenset("second minute hour day week month year".split())
PERIOD = re.compile(
    r"(?:(?:\b(?:an?|per|each|every|pro|im|in der|am|par|de l|à l|l)\b|/)['’]?\s?"
    r"(?:(?:calendar|full|single)\s)?(\w+)|\b(hourly|daily|weekly|monthly|yearly|annually|stündlich|täglich|wöchentlich|monatlich|jährlich)\b)",
    re.I,
)
PERIOD_BEFORE = re.compile(
    r"\b(hourly|daily|weekly|monthly|yearly|annual|monatliche\w?|jährliche\w?|mensuel\w*|annuel\w*)\b", re.I
)
TOKEN = re.compile(rf"{FIGURE}|°C|°|(?:us|hk|[acs])\$|[€£$¥₹%]|[^\W\d_]+(?:-[^\W\d_]+)?", re.I)
DAY_OF_MONTH = re.compile(
    r"\b(\d{1,2})(?:st|nd|rd|th|er|\.)?(?:\s?(?:to|and|or|until|bis|und|au|et|–|—|-|/|,)\s?"
    r"(\d{1,2})(?:st|nd|rd|th|\.)?)?\s+(?:of\s+)?([^\W\d_]{3,9})\b\.?(?:,?\s+(\d{4}))?",
    re.I,
)
MONTH_AND_DAY = re.compile(r"\b([^\W\d_]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?\b(?!:)(?:,? (\d{4}))?", re.I)
ISO = re.compile(r"\b(\d{4})-(\d\d)-(\d\d)\b")
WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
RANGE = re.compile(rf"\b(?:between|zwischen|entre)\s+({FIGURE})\s+(?:and|und|et)\s+({FIGURE})", re.I)
"""Limits between which something is: neither says when it was."""
_CARDINALS = {
    word: figure for word, figure in NUMBERS.items() if not word.endswith(("third", "th")) and word != "neuf"
}
BETWEEN = frozenset("a an per each every and or to in of und oder je pro et ou par la le les de".split())
"""Words that no unit follows, unlike "20 working days"."""
ONE = frozenset("a an one per each every ein eine einer einen un une".split())
"""With these, a unit is that of one thing only: "lasts an hour and has three parts" is not "three hours"."""
NEAR = 40
"""Characters before and after a figure in which its bound and its period are looked for."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A figure as it is meant: 2,1 million is 2100000."""

    value: str
    written: str
    """The figure without its scale, for tables "in millions"."""
    unit: str = ""
    scale: str = ""
    """The number of zeros that a word such as "million" stands for."""
    period: str = ""
    bound: str = ""


@dataclass(frozen=True, slots=True)
class Quantities:
    """The quantities and dates of a text, and the units that it names."""

    quantities: tuple[Quantity, ...]
    dates: frozenset[tuple[int, int, int]]
    """Day, month and year; 0 for a year that is not given."""
    units: frozenset[str]
    """Units, scales and periods that the text names elsewhere than beside a figure."""


def plain_figures(text: str) -> str:
    """Write times of day as 17:00, and thousands without spaces."""
    text = NOON.sub(lambda word: _NAMED_TIMES[word[0].lower()], text)
    if not any(char.isdigit() for char in text):
        return text
    return CLOCK.sub(_clock, SPACED.sub(lambda match: re.sub(r"\s", "", match[0]), text))


def _with_figures(text: str) -> str:
    """Write number words as figures, but no ordinals: they count nothing."""
    return WORD.sub(lambda word: _CARDINALS.get(word[0].lower(), word[0]), plain_figures(text))


def _clock(match: re.Match[str]) -> str:
    hour, minutes = int(match[1] or match[4]), match[2] or match[5] or "00"
    if match[3]:
        hour = hour % 12 + (12 if match[3].lower() == "p" else 0)
    return f"{hour}:{minutes}" if hour < 25 else match[0]


def normal_figure(text: str) -> str:
    """Return a figure in one form, however its thousands and cents are written: 1,284.60 is 1284.6."""
    parts = re.split(r"[.,]", text)
    if len(parts) > 1 and all(len(part) == 3 for part in parts[1:]) and 0 < len(parts[0]) <= 3:
        return "".join(parts)
    if len(parts) > 1:
        whole, cents = "".join(parts[:-1]), parts[-1].rstrip("0")
        return f"{whole}.{cents}" if cents else whole
    return text.lstrip("0") or "0"


def scaled(figure: str, zeros: str) -> str:
    """Return a figure times a power of ten, in its normal form: 2.1 and 6 zeros are 2100000."""
    whole, _, cents = figure.partition(".")
    return (
        f"{whole}{cents.ljust(int(zeros), '0')}".lstrip("0") if zeros and len(cents) <= int(zeros) else figure
    )


@lru_cache(maxsize=2048)
def quantities_of(text: str) -> Quantities:
    """Read every quantity and date of a text."""
    text = _with_figures(text)
    tokens = list(TOKEN.finditer(text))
    words = [token[0].lower() for token in tokens]
    dates = list(_dates(text))
    in_dates = {at for start, end, _ in dates for at in range(start, end)}
    found = tuple(
        _quantity(text, tokens, words, at)
        for at, token in enumerate(tokens)
        if token[0][0].isdigit() and token.start() not in in_dates
    )
    named = {
        table[word]
        for before, word in zip(["", *words], words, strict=False)
        for table in (UNITS, SCALES, PERIODS)
        if word in table and before not in ONE
    }
    named -= {name for one in found for name in (one.unit, one.scale, one.period)}
    return Quantities(found, frozenset(date for *_, date in dates), frozenset(named))


def _quantity(text: str, tokens: list[re.Match[str]], words: list[str], at: int) -> Quantity:
    """Read what stands around the figure: "at least €2.1 million a year"."""
    written = normal_figure(tokens[at][0])
    start, after = tokens[at].start(), at + 1
    unit = ""
    if at and _are_joined(text, tokens, at):
        unit = CURRENCIES.get(words[at - 1], "")
        start = tokens[at - 1].start() if unit else start
    scale = ""
    if after < len(words) and _are_joined(text, tokens, after):
        scale = SCALES.get(words[after], "")
        after += bool(scale)
    if not unit:
        unit, after = _unit_behind(text, tokens, words, after)
    end = tokens[after - 1].end()
    lead = text[max(start - NEAR, 0) : start]
    return Quantity(
        value=scaled(written, scale),
        written=written,
        unit=unit,
        scale=scale,
        period=_period(lead, text[end : end + NEAR]),
        bound=_bound(lead, text[end:], unit),
    )


def _unit_behind(text: str, tokens: list[re.Match[str]], words: list[str], after: int) -> tuple[str, int]:
    """Return the unit from token `after` on, and the token behind it; one word may come before a time."""
    following = []
    for at in range(after, min(after + 3, len(words))):
        if not _are_joined(text, tokens, at) or words[at][0].isdigit():
            break
        following.append(words[at])
    if following[:2] in (["per", "cent"], ["pour", "cent"]):
        return "%", after + 2
    if following and following[0] in UNITS:
        # A sign that a figure follows at once is the next figure's: "2 €4.60".
        next_start = tokens[after + 1].start() if after + 1 < len(tokens) else -1
        is_of_next = not words[after].isalpha() and text[next_start : next_start + 1].isdigit()
        if not (is_of_next and next_start == tokens[after].end()):
            return UNITS[following[0]], after + 1
    elif len(following) > 1 and following[0] not in BETWEEN and UNITS.get(following[1]) in TIMES:
        return UNITS[following[1]], after + 2
    return "", after


def _are_joined(text: str, tokens: list[re.Match[str]], at: int) -> bool:
    """Tell whether one space or a hyphen at most is between this token and the one before it."""
    gap = text[tokens[at - 1].end() : tokens[at].start()]
    return len(gap) <= 1 and gap in ("", " ", "\u00a0", "\u202f", "-", "‑", "\n")


def _period(lead: str, tail: str) -> str:
    """Return the period after the figure, or the one before it: "€210 a month", "a monthly rent of €210"."""
    tail = re.split(r"[.;,:|\n](?:\s|$)|\d", tail)[0]
    for match in PERIOD.finditer(tail):
        if period := PERIODS.get((match[1] or match[2]).lower(), ""):
            return period
    adjective = PERIOD_BEFORE.search(re.split(r"[.;,|\n]\s|\d", lead)[-1])
    if adjective is None:
        return ""
    return next((name for name, forms in _PERIODS.items() if adjective[1].lower()[:5] in forms), "")


def _bound(lead: str, tail: str, unit: str) -> str:
    if unit in TIMES and DURING.search(lead):
        return ""
    if LEAST.search(lead) or LEAST_AFTER.match(tail):
        return "least"
    if MOST.search(lead) or MOST_AFTER.match(tail):
        return "most"
    return next((bound for bound, words in EXTREME.items() if words.search(lead)), "")


def _dates(text: str) -> Iterator[tuple[int, int, tuple[int, int, int]]]:
    """Yield start and end of each date, with its day, month and year."""
    for match in DAY_OF_MONTH.finditer(text):
        if month := _month(match[3]):
            for day in filter(None, (match[1], match[2])):
                yield *match.span(), (int(day), month, int(match[4] or 0))
    for match in MONTH_AND_DAY.finditer(text):
        if month := _month(match[1]):
            yield *match.span(), (int(match[2]), month, int(match[3] or 0))
    for match in ISO.finditer(text):
        yield *match.span(), (int(match[3]), int(match[2]), int(match[1]))


def _month(word: str) -> int:
    """Return the number of a month; "may" and "march" in small letters are verbs."""
    return 0 if word in ("may", "march") else MONTHS.get(word.lower(), 0)


def agree(claim: str, source: str, about: str) -> bool:
    """Tell whether every quantity and date of a claim is meant so in its source.

    A unit, scale or period that the source does not write beside the figure may be in `about`, in a table's
    column or elsewhere in the source. Figures that the source does not have are not judged here.
    """
    claimed, given, context = quantities_of(claim), quantities_of(source), quantities_of(about)
    named = given.units | context.units
    for quantity in claimed.quantities:
        candidates = [
            one
            for one in given.quantities + context.quantities
            if quantity.value == one.value or quantity.written == one.written
        ]
        if (candidates or quantity.unit or quantity.period) and not any(
            _is_meant(quantity, one, named) for one in candidates
        ):
            return False
    periods, given_periods = set(_named_periods(claim)), set(_named_periods(source))
    if periods - given_periods - context.units and given_periods - periods:
        return False
    for limits in RANGE.findall(source):
        given_limits = [limit for limit in limits if re.search(rf"(?<![\d.,]){re.escape(limit)}\b", claim)]
        if len(given_limits) == 1 and re.search(
            rf"\b(?:in|on|at|en|am|um)\s+{re.escape(given_limits[0])}\b", claim
        ):
            return False
    dates = given.dates | context.dates
    return all(
        any(day == d and month == m and (not year or not y or year == y) for d, m, y in dates)
        for day, month, year in claimed.dates
    )


def _named_periods(text: str) -> Iterator[str]:
    """Yield every "a week", "per month" and "daily" of a text, also without a figure: "twice a week"."""
    for match in PERIOD.finditer(text):
        if period := PERIODS.get((match[1] or match[2]).lower()):
            yield period


def _is_meant(claimed: Quantity, given: Quantity, named: frozenset[str]) -> bool:
    if claimed.value != given.value and not (claimed.scale in named and not given.scale):
        return False
    units = (given.unit, GENERIC.get(given.unit, given.unit))
    if (
        claimed.unit
        and claimed.unit not in units
        and (given.unit not in ("", GENERIC.get(claimed.unit)) or claimed.unit not in named)
    ):
        return False
    if claimed.period and claimed.period != given.period and (given.period or claimed.period not in named):
        return False
    return claimed.bound in ("", "most?", "least?") or claimed.bound == given.bound.rstrip("?")
