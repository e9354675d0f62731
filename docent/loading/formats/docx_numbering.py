"""Word's automatic numbers ("3.2", "(a)"): they stand in no paragraph, and readers cite them."""

from __future__ import annotations

import re
from typing import Any

ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
         (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip
MOST = 4_000  # beyond it, Roman numerals are no help
BULLET = "• "


class Numbering:
    """Counts the items of every list as Word does while the paragraphs go by."""

    def __init__(self, root: Any, w: str) -> None:
        self._w = w
        self._levels: dict[str, dict[int, Any]] = {}
        self._counts: dict[str, list[int | None]] = {}
        self._lists: dict[str, str] = {}
        """Which list each number id counts in: several may share one."""
        if root is None:
            return
        kinds = {
            one.get(f"{w}abstractNumId"): {
                int(level.get(f"{w}ilvl", "0")): level for level in one.findall(f"{w}lvl")
            }
            for one in root.findall(f"{w}abstractNum")
        }
        for num in root.findall(f"{w}num"):
            number = num.get(f"{w}numId", "")
            kind = num.find(f"{w}abstractNumId")
            name = kind.get(f"{w}val") if kind is not None else ""
            self._levels[number] = kinds.get(name, {})
            # A number id that overrides the start is a list of its own.
            own = num.find(f"{w}lvlOverride/{w}startOverride") is not None
            self._lists[number] = f"own {number}" if own else str(name)

    def next(self, number: str, level: int) -> str:
        """What stands before the next item of a list, with a space after it."""
        levels = self._levels.get(number, {})
        if level not in levels or not 0 <= level <= 8:
            return ""
        form, text = self._form(levels[level])
        if form == "none" or not text:
            return ""
        if form == "bullet":
            return BULLET
        counts = self._counts.setdefault(self._lists[number], [None] * 9)
        before = counts[level]
        counts[level] = self._start(levels[level]) if before is None else before + 1
        counts[level + 1 :] = [None] * (8 - level)

        def put(match: re.Match[str]) -> str:
            at = int(match[1]) - 1
            if at not in levels or at > level:
                return ""
            count = counts[at]
            return numeral(self._start(levels[at]) if count is None else count, self._form(levels[at])[0])

        return re.sub(r"%([1-9])", put, text) + " "

    def _form(self, level: Any) -> tuple[str, str]:
        form, text = level.find(f"{self._w}numFmt"), level.find(f"{self._w}lvlText")
        return (
            form.get(f"{self._w}val", "decimal") if form is not None else "decimal",
            text.get(f"{self._w}val", "") if text is not None else "",
        )

    def _start(self, level: Any) -> int:
        start = level.find(f"{self._w}start")
        said = start.get(f"{self._w}val", "1") if start is not None else "1"
        return int(said) if said.isdigit() else 1


def numeral(count: int, form: str) -> str:
    """A count as Word writes it: 3, c, C, iii, III, 03."""
    if form in ("lowerLetter", "upperLetter") and count > 0:
        letter = chr(ord("a") + (count - 1) % 26) * ((count - 1) // 26 + 1) if count < MOST else str(count)
        return letter.upper() if form == "upperLetter" else letter
    if form in ("lowerRoman", "upperRoman") and 0 < count < MOST:
        roman = ""
        for value, sign in ROMAN:
            roman += sign * (count // value)
            count %= value
        return roman.upper() if form == "upperRoman" else roman
    return f"{count:02d}" if form == "decimalZero" else str(count)
