"""Word's styles with what they inherit, and its automatic list numbers ("3.2", "(a)").

Readers cite such numbers, but no paragraph holds them as text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
         (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip
MAX_ROMAN = 4_000  # beyond it, Roman numerals are no help
BULLET = "• "


@dataclass(frozen=True, slots=True)
class WordStyle:
    """The settings of a paragraph or character style, with those it inherits."""

    name: str = ""
    level: int = 0
    hidden: bool = False
    bold: bool = False
    list_id: str = ""
    list_level: int = 0


def read_styles(root: Any) -> dict[str, WordStyle]:
    """Return every style with what it inherits; circular inheritance is cut."""
    elements = (
        {style.get(f"{W}styleId", ""): style for style in root.findall(f"{W}style")}
        if root is not None
        else {}
    )
    known: dict[str, WordStyle] = {}

    def resolve(name: str, above: frozenset[str]) -> WordStyle:
        if name in known:
            return known[name]
        element = elements.get(name)
        if element is None or name in above or len(above) > 30:
            return WordStyle()
        known[name] = _read_style(element, resolve(value(element, "basedOn"), above | {name}))
        return known[name]

    for name in elements:
        resolve(name, frozenset())
    return known


def _read_style(element: Any, base: WordStyle) -> WordStyle:
    paragraph, run = element.find(f"{W}pPr"), element.find(f"{W}rPr")
    name = value(element, "name").lower()
    level = base.level
    if match := re.fullmatch(r"heading (\d)", name):
        level = int(match[1]) + 1
    elif name == "title":
        level = 1
    elif (outline := value(paragraph, "outlineLvl")).isdigit():
        level = int(outline) + 2 if int(outline) < 9 else 0
    numbered = paragraph.find(f"{W}numPr") if paragraph is not None else None
    list_level = value(numbered, "ilvl")
    return replace(
        base,
        name=name,
        level=level,
        hidden=flag(run, "vanish", base.hidden),
        bold=flag(run, "b", base.bold),
        list_id=value(numbered, "numId") or base.list_id,
        list_level=int(list_level) if list_level.isdigit() else base.list_level,
    )


class Numbering:
    """Counts the items of every list as Word does; ask for the numbers in the order of the paragraphs."""

    def __init__(self, root: Any) -> None:
        self._levels: dict[str, dict[int, Any]] = {}
        self._counts: dict[str, list[int | None]] = {}
        self._counter_keys: dict[str, str] = {}
        """The counter of each number id; several may share one."""
        if root is None:
            return
        definitions = {
            definition.get(f"{W}abstractNumId"): {
                int(level.get(f"{W}ilvl", "0")): level for level in definition.findall(f"{W}lvl")
            }
            for definition in root.findall(f"{W}abstractNum")
        }
        for num in root.findall(f"{W}num"):
            number_id = num.get(f"{W}numId", "")
            definition_id = value(num, "abstractNumId")
            self._levels[number_id] = definitions.get(definition_id, {})
            # A number id that overrides the start has a counter of its own.
            overrides_start = num.find(f"{W}lvlOverride/{W}startOverride") is not None
            self._counter_keys[number_id] = f"own {number_id}" if overrides_start else definition_id

    def next_number(self, number_id: str, level: int) -> str:
        """Return the number or bullet before the next item of a list, with a space after it."""
        levels = self._levels.get(number_id, {})
        if level not in levels or not 0 <= level <= 8:
            return ""
        number_format, text = _number_format(levels[level])
        if number_format == "none" or not text:
            return ""
        if number_format == "bullet":
            return BULLET
        counts = self._counts.setdefault(self._counter_keys[number_id], [None] * 9)
        before = counts[level]
        counts[level] = _number_start(levels[level]) if before is None else before + 1
        counts[level + 1 :] = [None] * (8 - level)

        def insert_count(match: re.Match[str]) -> str:
            level_index = int(match[1]) - 1
            if level_index not in levels or level_index > level:
                return ""
            count = counts[level_index]
            return numeral(
                _number_start(levels[level_index]) if count is None else count,
                _number_format(levels[level_index])[0],
            )

        return re.sub(r"%([1-9])", insert_count, text) + " "


def _number_format(level: Any) -> tuple[str, str]:
    """Return the format of a list level's numbers, and the text around them ("%1.%2")."""
    return value(level, "numFmt") or "decimal", value(level, "lvlText")


def _number_start(level: Any) -> int:
    start = value(level, "start")
    return int(start) if start.isdigit() else 1


def numeral(count: int, number_format: str) -> str:
    """Return a count as Word writes it: 3, c, C, iii, III, 03."""
    if number_format in ("lowerLetter", "upperLetter") and count > 0:
        letter = (
            chr(ord("a") + (count - 1) % 26) * ((count - 1) // 26 + 1) if count < MAX_ROMAN else str(count)
        )
        return letter.upper() if number_format == "upperLetter" else letter
    if number_format in ("lowerRoman", "upperRoman") and 0 < count < MAX_ROMAN:
        roman = ""
        for unit, sign in ROMAN:
            roman += sign * (count // unit)
            count %= unit
        return roman.upper() if number_format == "upperRoman" else roman
    return f"{count:02d}" if number_format == "decimalZero" else str(count)


def value(parent: Any, tag: str) -> str:
    """Return the value of a setting, or "" where it is not set."""
    child = parent.find(f"{W}{tag}") if parent is not None else None
    return str(child.get(f"{W}val", "")) if child is not None else ""


def flag(settings: Any, tag: str, inherited: bool) -> bool:
    """Return whether a setting is on, as inherited where it is not set."""
    child = settings.find(f"{W}{tag}") if settings is not None else None
    return inherited if child is None else child.get(f"{W}val", "1") not in ("0", "false", "off")
