"""A cell's value as its spreadsheet shows it: 0.25 as "25 %" is 25 %, 46082 as a date is that day."""

from __future__ import annotations

import datetime as dt
import re

MONTHS = "January February March April May June July August September October November December".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
NOT_SHOWN = re.compile(r"\\(.)|\"([^\"]*)\"|_.|\*.|\[\$([^\]-]*)(?:-[^\]]*)?\]|\[[^\]]*\]")
DATE_PART = re.compile(r"\\(.)|\"([^\"]*)\"|\[[^\]]*\]|y+|m+|d+|h+|s+(?:\.0+)?|am/pm|a/p|.", re.IGNORECASE)
FIGURE = re.compile(r"[#0?][#0?,.]*(?:E[+-]0+)?", re.IGNORECASE)
ISO = ("mm-dd-yy", "m/d/yy", "m/d/yy h:mm", "m/d/yyyy", "mm/dd/yyyy")
"""Formats that every country's Excel shows in its own order; ISO is the one that all can read."""


def shown(value: object, code: str) -> str:
    """The value in words and figures; `code` is the cell's number format."""
    match value:
        case None:
            return ""
        case bool():
            return "TRUE" if value else "FALSE"
        case dt.datetime() | dt.date() | dt.time():
            return _moment(value, code)
        case dt.timedelta():
            return _duration(value)
        case int() | float():
            return _number(value, code)
        case _:
            return str(value)


def _number(value: float, code: str) -> str:
    sections = _sections(code)
    section = sections[0]
    if value < 0 and len(sections) > 1:
        section, value = sections[1], -value
    elif value == 0 and len(sections) > 2:
        section = sections[2]
    bare = NOT_SHOWN.sub("", section)
    if "general" in bare.lower() or "@" in bare or "/" in bare:
        return _plain(value)
    match = FIGURE.search(bare)
    if match is None:
        return _literal(section) or _plain(value)
    figure = match[0]
    percent = bare.count("%")
    number = value * 100**percent
    if "e" in figure.lower():
        return f"{number:.{_decimals(figure.lower().split('e')[0])}E}"
    thousands = figure.rstrip(",")
    number /= 1000 ** (len(figure) - len(thousands))
    text = f"{number:{',' if ',' in thousands else ''}.{_decimals(thousands)}f}"
    if "." in thousands and thousands.endswith(("#", "?")) and "." in text:
        least = thousands.split(".")[1].count("0")
        whole, fraction = text.split(".")
        fraction = fraction[:least] + fraction[least:].rstrip("0")
        text = f"{whole}.{fraction}" if fraction else whole
    return _around(section, text)


def _sections(code: str) -> list[str]:
    """Positive; negative; zero; text: cut at semicolons outside quotes."""
    return re.findall(r'(?:"[^"]*"|\\.|[^;"\\])+', code) or ["General"]


def _decimals(figure: str) -> int:
    return len(re.sub(r"[^#0?]", "", figure.split(".", 1)[1])) if "." in figure else 0


def _plain(value: float) -> str:
    """As the General format does: eleven figures at most, no trailing zeros."""
    if isinstance(value, int):
        return str(value)
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.11g}"


def _around(section: str, figure: str) -> str:
    """The figure among the signs and words that the format puts around it: "€ ", " %"."""
    placed = False

    def put(match: re.Match[str]) -> str:
        nonlocal placed
        if match[0][0] in "#0?":
            first, placed = not placed, True
            return figure if first else ""
        return _unquoted(match)

    pattern = re.compile(NOT_SHOWN.pattern + "|" + FIGURE.pattern, re.IGNORECASE)
    return " ".join(pattern.sub(put, section).split())


def _unquoted(match: re.Match[str]) -> str:
    return next((part for part in match.groups() if part), "")


def _literal(section: str) -> str:
    return NOT_SHOWN.sub(_unquoted, section).strip()


def _moment(value: dt.datetime | dt.date | dt.time, code: str) -> str:
    bare = re.sub(r"\[[^\]]*\]|[_*].", "", code.split(";")[0]).strip()
    if bare.lower() in ISO or not re.search(r"[dmyhs]", bare, re.IGNORECASE) or "general" in bare.lower():
        return _iso(value)
    moment = value if isinstance(value, dt.datetime) else _whole(value)
    half_day = bool(re.search(r"am/pm|a/p", bare, re.IGNORECASE))
    parts: list[str] = []
    last = ""
    found = list(DATE_PART.finditer(bare))
    for index, match in enumerate(found):
        token = match[0].lower()
        after = next((one[0].lower() for one in found[index + 1 :] if one[0][0].isalpha()), "")
        minutes = token[0] == "m" and len(token) <= 2 and (last == "h" or after[:1] == "s")
        parts.append(_unquoted(match) or _date_part(token, match[0], moment, minutes, half_day))
        if token[0].isalpha():
            last = token[0]
    return "".join(parts).strip()


def _date_part(token: str, written: str, at: dt.datetime, minutes: bool, half_day: bool) -> str:
    if minutes:
        return f"{at.minute:0{len(token)}d}"
    match token[0], len(token):
        case "y", length:
            return f"{at.year:04d}" if length > 2 else f"{at.year % 100:02d}"
        case "m", 1 | 2 as length:
            return f"{at.month:0{length}d}"
        case "m", length:
            return MONTHS[at.month - 1] if length == 4 else MONTHS[at.month - 1][: 1 if length > 4 else 3]
        case "d", 1 | 2 as length:
            return f"{at.day:0{length}d}"
        case "d", length:
            return DAYS[at.weekday()] if length > 3 else DAYS[at.weekday()][:3]
        case "h", length:
            return f"{(at.hour % 12 or 12) if half_day else at.hour:0{min(length, 2)}d}"
        case "s", length:
            return f"{at.second:0{min(length, 2)}d}"
        case "a", _ if token in ("am/pm", "a/p"):
            return "AM" if at.hour < 12 else "PM"
        case _:
            return "" if written.startswith("[") else written


def _whole(value: dt.date | dt.time) -> dt.datetime:
    if isinstance(value, dt.time):
        return dt.datetime.combine(dt.date(1900, 1, 1), value)
    return dt.datetime.combine(value, dt.time())


def _iso(value: dt.datetime | dt.date | dt.time) -> str:
    if isinstance(value, dt.datetime):
        if (value.hour, value.minute, value.second) == (0, 0, 0):
            return value.date().isoformat()
        return value.replace(microsecond=0).isoformat(" ").removesuffix(":00")
    return value.isoformat()


def _duration(value: dt.timedelta) -> str:
    seconds = round(value.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    hours, rest = divmod(seconds, 3600)
    return f"{sign}{hours}:{rest // 60:02d}:{rest % 60:02d}"
