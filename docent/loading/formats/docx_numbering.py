"""Word's automatic numbers ("3.2", "(a)"): readers cite them, but no paragraph holds them as text."""

from __future__ import annotations

import re
from typing import Any

ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
         (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip
MAX_ROMAN = 4_000  # beyond it, Roman numerals are no help
BULLET = "• "


class Numbering:
    """Counts the items of every list as Word does; ask for the numbers in the order of the paragraphs."""

    def __init__(self, root: Any, w: str) -> None:
        self._w = w
        self._levels: dict[str, dict[int, Any]] = {}
        self._counts: dict[str, list[int | None]] = {}
        self._counter_keys: dict[str, str] = {}
        """The counter of each number id; several may share one."""
        if root is None:
            return
        definitions = {
            definition.get(f"{w}abstractNumId"): {
                int(level.get(f"{w}ilvl", "0")): level for level in definition.findall(f"{w}lvl")
            }
            for definition in root.findall(f"{w}abstractNum")
        }
        for num in root.findall(f"{w}num"):
            number_id = num.get(f"{w}numId", "")
            reference = num.find(f"{w}abstractNumId")
            definition_id = reference.get(f"{w}val") if reference is not None else ""
            self._levels[number_id] = definitions.get(definition_id, {})
            # A number id that overrides the start has a counter of its own.
            overrides_start = num.find(f"{w}lvlOverride/{w}startOverride") is not None
            self._counter_keys[number_id] = f"own {number_id}" if overrides_start else str(definition_id)

    def next_number(self, number_id: str, level: int) -> str:
        """Return the number or bullet before the next item of a list, with a space after it."""
        levels = self._levels.get(number_id, {})
        if level not in levels or not 0 <= level <= 8:
            return ""
        number_format, text = self._format_and_text(levels[level])
        if number_format == "none" or not text:
            return ""
        if number_format == "bullet":
            return BULLET
        counts = self._counts.setdefault(self._counter_keys[number_id], [None] * 9)
        before = counts[level]
        counts[level] = self._start(levels[level]) if before is None else before + 1
        counts[level + 1 :] = [None] * (8 - level)

        def insert_count(match: re.Match[str]) -> str:
            level_index = int(match[1]) - 1
            if level_index not in levels or level_index > level:
                return ""
            count = counts[level_index]
            return numeral(
                self._start(levels[level_index]) if count is None else count,
                self._format_and_text(levels[level_index])[0],
            )

        return re.sub(r"%([1-9])", insert_count, text) + " "

    def _format_and_text(self, level: Any) -> tuple[str, str]:
        number_format, text = level.find(f"{self._w}numFmt"), level.find(f"{self._w}lvlText")
        return (
            number_format.get(f"{self._w}val", "decimal") if number_format is not None else "decimal",
            text.get(f"{self._w}val", "") if text is not None else "",
        )

    def _start(self, level: Any) -> int:
        start = level.find(f"{self._w}start")
        value = start.get(f"{self._w}val", "1") if start is not None else "1"
        return int(value) if value.isdigit() else 1


def numeral(count: int, number_format: str) -> str:
    """Return a count as Word writes it: 3, c, C, iii, III, 03."""
    if number_format in ("lowerLetter", "upperLetter") and count > 0:
        letter = (
            chr(ord("a") + (count - 1) % 26) * ((count - 1) // 26 + 1) if count < MAX_ROMAN else str(count)
        )
        return letter.upper() if number_format == "upperLetter" else letter
    if number_format in ("lowerRoman", "upperRoman") and 0 < count < MAX_ROMAN:
        roman = ""
        for value, sign in ROMAN:
            roman += sign * (count // value)
            count %= value
        return roman.upper() if number_format == "upperRoman" else roman
    return f"{count:02d}" if number_format == "decimalZero" else str(count)
