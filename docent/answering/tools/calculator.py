"""Arithmetic as people write it, with units and percentages: 21,400 × 12; 3 km + 200 m; 15 % of 340."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from docent.answering.citing.vocabulary import fold

_UNITS = {
    "length": "mm 1/1000|cm 1/100|m metre meter 1|km kilometre kilometer 1000|mile miles 1609.344|ft "
    "foot feet 0.3048"
    "|inch inches 0.0254|yard yards 0.9144",
    "mass": "mg 1/1000000|g gram grams gramme grammes 1/1000|kg kilo kilos kilogram kilograms "
    "kilogramme kilogrammes 1"
    "|t tonne tonnes 1000|lb lbs pound-mass 0.45359237|oz ounce ounces 0.028349523125",
    "volume": "ml 1/1000|cl 1/100|dl 1/10|l litre litres liter liters 1|m3 1000",
    "time": "s sec second seconds seconde secondes 1|min minute minutes 60|h hour hours heure heures 3600"
    "|day days jour jours 86400|week weeks semaine semaines 604800",
    "area": "m2 1|ha hectare hectares 10000|km2 1000000",
    "data": "kb 1000|mb 1000000|gb 1000000000|tb 1000000000000",
    "€": "€ eur euro euros 1",
    "$": "$ usd dollar dollars 1",
    "£": "£ gbp pound pounds 1",
    "CHF": "chf franc francs 1",
    "DKK": "dkk 1",
    "SEK": "sek 1",
    "NOK": "nok 1",
    "kWh": "kwh 1",
}


@dataclass(frozen=True, slots=True)
class MeasureUnit:
    """A unit: its dimension, its size in the dimension's base unit, and its name as it is written."""

    dimension: str
    size: Fraction
    name: str


UNITS = {
    name: MeasureUnit(dimension, Fraction(names[-1]), names[0] if len(dimension) > 3 else dimension)
    for dimension, lines in _UNITS.items()
    for line in lines.split("|")
    if (names := line.split())
    for name in names[:-1]
}
WORDS = {
    "plus": "+", "minus": "-", "moins": "-", "times": "*", "fois": "*", "x": "*", "multiplied by": "*",
    "multiplie par": "*", "divided by": "/", "divise par": "/", "×": "*", "÷": "/", "·": "*", "−": "-",
    "–": "-",
    "percent of": "% of", "per cent of": "% of", "pour cent de": "% of", "% de": "% of", "% du": "% of",
    "% des": "% of", "% d": "% of", "percent": "%", "per cent": "%", "pour cent": "%",
}  # fmt: skip
FRENCH = re.compile(
    r"\b(combien|quel|quelle|calcule\w*|fois|moins|divise|multiplie|pour cent|font|fait|vaut|de|du|en)\b"
)
FIGURE = r"\d{1,3}(?:[ \u00a0\u202f'’]\d{3})+(?:[.,]\d+)?|\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:[.,]\d+)?"
TOKEN = re.compile(
    rf"\s*(?:(?P<number>{FIGURE})|(?P<of>% of)|(?P<sign>[-+*/^()%])|(?P<unit>[€$£]|[a-z]+[23]?))"
)
LARGEST_POWER = 64
LONGEST_NUMBER = 30
MOST_TOKENS = 60


@dataclass(frozen=True, slots=True)
class Measure:
    """A number with or without a unit."""

    value: Fraction
    unit: MeasureUnit | None = None
    percent: bool = False


class NoArithmetic(ValueError):
    """A text is no arithmetic, or one that has no value."""


def evaluate(text: str) -> Measure:
    """Return the value of arithmetic. Raises NoArithmetic for anything else."""
    folded = fold(text)
    french = bool(FRENCH.search(folded))
    for words, sign in sorted(WORDS.items(), key=lambda pair: -len(pair[0])):
        pattern = rf"(?<![a-z]){re.escape(words)}(?![a-z])" if words[0].isalpha() else re.escape(words)
        folded = re.sub(pattern, f" {sign} ", folded)
    folded = re.sub(r"%\s+of\b", "% of", folded)
    folded = re.sub(r"% of\s+(the|la|le|les)\b", "% of", folded)
    parser = _Parser(_tokens(folded), french)
    value = parser.sum()
    if not parser.ended:
        raise NoArithmetic(text)
    return value


def convert(value: Measure, unit: str) -> Measure:
    """Return a measure in another unit of its dimension. Raises NoArithmetic if there is none."""
    wanted = UNITS.get(fold(unit)) or UNITS.get(fold(unit).rstrip("s"))
    if wanted is None or value.unit is None or wanted.dimension != value.unit.dimension:
        raise NoArithmetic(unit)
    return Measure(value.value * value.unit.size / wanted.size, wanted)


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    at = 0
    while text[at:].strip():
        match = TOKEN.match(text, at)
        if match is None or len(tokens) == MOST_TOKENS:
            raise NoArithmetic(text)
        tokens.append((str(match.lastgroup), match[match.lastgroup or 0]))
        at = match.end()
    return tokens


class _Parser:
    """Reads a sum of products of powers, left to right."""

    def __init__(self, tokens: Sequence[tuple[str, str]], french: bool) -> None:
        self._tokens = tokens
        self._french = french
        self._at = 0

    @property
    def ended(self) -> bool:
        return self._at == len(self._tokens)

    def _next(self, *signs: str) -> str:
        """Return the next sign and go past it, if it is one of these; else nothing."""
        if not self.ended and self._tokens[self._at][1] in signs and self._tokens[self._at][0] != "number":
            self._at += 1
            return self._tokens[self._at - 1][1]
        return ""

    def sum(self) -> Measure:
        left = self._product()
        while sign := self._next("+", "-"):
            right = self._product()
            factor = 1 if sign == "+" else -1
            if right.percent and not left.percent:
                left = Measure(left.value * (1 + factor * right.value), left.unit)
            else:
                left = _add(left, right, factor)
        return left

    def _product(self) -> Measure:
        left = self._power()
        while sign := self._next("*", "/", "% of"):
            right = self._power()
            if sign == "% of":
                if left.unit is not None:
                    raise NoArithmetic("% of")
                left = Measure(left.value / 100 * right.value, right.unit)
            else:
                left = _times(left, right) if sign == "*" else _over(left, right)
        return left

    def _power(self) -> Measure:
        base = self._signed()
        if self._next("^"):
            power = self._signed()
            if power.unit or base.unit or power.value.denominator != 1 or abs(power.value) > LARGEST_POWER:
                raise NoArithmetic("^")
            if not base.value and power.value < 0:
                raise NoArithmetic("/ 0")
            return Measure(base.value ** int(power.value))
        return base

    def _signed(self) -> Measure:
        if sign := self._next("-", "+"):
            value = self._signed()
            return Measure(-value.value if sign == "-" else value.value, value.unit, value.percent)
        return self._single()

    def _single(self) -> Measure:
        if self._next("("):
            value = self.sum()
            if not self._next(")"):
                raise NoArithmetic("(")
            return value
        before = self._unit()
        if self.ended or self._tokens[self._at][0] != "number":
            raise NoArithmetic("")
        number = self._number(self._tokens[self._at][1])
        self._at += 1
        if before is None and self._next("%"):
            return Measure(number / 100, percent=True)
        unit = before or self._unit()
        return Measure(number, unit)

    def _unit(self) -> MeasureUnit | None:
        if self.ended or self._tokens[self._at][0] != "unit":
            return None
        unit = UNITS.get(self._tokens[self._at][1])
        if unit is None:
            raise NoArithmetic(self._tokens[self._at][1])
        self._at += 1
        return unit

    def _number(self, text: str) -> Fraction:
        """Read a figure: 1,234.5 in English, 1234,5 in French; 1,234 in French has two readings."""
        text = re.sub(r"[ \u00a0\u202f'’]", "", text)
        if len(text) > LONGEST_NUMBER:
            raise NoArithmetic(text)
        grouped = re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", text)
        if grouped and not (self._french and text.count(",") == 1 and "." not in text):
            return Fraction(text.replace(",", ""))
        if grouped:
            raise NoArithmetic(text)
        return Fraction(text.replace(",", "."))


def _add(left: Measure, right: Measure, factor: int) -> Measure:
    if left.unit is None and right.unit is None:
        return Measure(left.value + factor * right.value, percent=left.percent)
    if left.unit is None or right.unit is None or left.unit.dimension != right.unit.dimension:
        raise NoArithmetic("units")
    return Measure(left.value + factor * right.value * right.unit.size / left.unit.size, left.unit)


def _times(left: Measure, right: Measure) -> Measure:
    if left.unit is not None and right.unit is not None:
        raise NoArithmetic("units")
    return Measure(left.value * right.value, left.unit or right.unit)


def _over(left: Measure, right: Measure) -> Measure:
    if not right.value:
        raise NoArithmetic("/ 0")
    if right.unit is None:
        return Measure(left.value / right.value, left.unit)
    if left.unit is None or left.unit.dimension != right.unit.dimension:
        raise NoArithmetic("units")
    return Measure(left.value * left.unit.size / (right.value * right.unit.size))
