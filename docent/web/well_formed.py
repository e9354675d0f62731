"""Whether what a browser sent has a shape that our page would send."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from docent.messages import Message

DEEPEST = 20
LARGEST_INTEGER = 2**63 - 1
"""SQLite's; a larger one cannot be stored or compared."""
HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")

NOT_OUR_PAGE = Message("This was not sent by Docent's own page. Go back to it and try again.")
NO_SESSION = Message("This page is no longer connected. Reload it and try again.")


def is_plain_json(body: bytes) -> bool:
    """Whether a body is JSON of values that can be stored and written again."""
    try:
        return is_plain(json.loads(body))
    except (ValueError, RecursionError):
        return False


def is_plain(value: Any) -> bool:
    """Whether a value is neither nested deeply nor holds what no database, text or JSON can hold."""
    level = [value]
    for _ in range(DEEPEST):
        if not all(map(_is_plain_alone, level)):
            return False
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return True
    return False


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else []


def _is_plain_alone(value: Any) -> bool:
    match value:
        case str():
            return HALF_A_CHARACTER.search(value) is None
        case float():
            return math.isfinite(value)
        case int():
            return abs(value) <= LARGEST_INTEGER
        case None | dict() | list():
            return True
    return False
