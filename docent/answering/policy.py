"""An optional content policy: categories of words that questions and answers are checked for.

Off unless the settings say "warn" or "refuse". The categories are a file, so that whoever runs
Docent decides what they are; a mistake in it is refused with the category's name.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from docent.errors import SettingsError
from docent.messages import Message

Action = Literal["off", "warn", "refuse"]
FIELDS = {"words", "patterns", "says", "applies_to"}
BOTH = ("question", "answer")


@dataclass(frozen=True, slots=True)
class Category:
    name: str
    pattern: re.Pattern[str]
    says: str
    """What the reader is told."""
    applies_to: tuple[str, ...] = BOTH


@dataclass(frozen=True, slots=True)
class Policy:
    action: Action
    categories: tuple[Category, ...] = ()

    def breach(self, text: str, *, of: Literal["question", "answer"]) -> Category | None:
        """The first category that a text falls into."""
        if self.action == "off":
            return None
        found = (one for one in self.categories if of in one.applies_to and one.pattern.search(text))
        return next(found, None)

    @property
    def refuses(self) -> bool:
        return self.action == "refuse"


NO_POLICY = Policy("off")


def read(path: Path, *, action: Action) -> Policy:
    """The categories of a file; with the policy off, the file need not exist."""
    if action == "off":
        return NO_POLICY
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(
            "The content policy {path} cannot be read: {error}. Mend it, or set "
            "DOCENT_CONTENT_POLICY to off.",
            path=path,
            error=error,
        ) from error
    return Policy(action, tuple(_category(path, name, table) for name, table in tables.items()))


def _category(path: Path, name: str, table: Any) -> Category:
    if not isinstance(table, dict) or not set(table) <= FIELDS:
        raise SettingsError(
            "{path}: [{name}] may have {fields}, and nothing else. Correct it.",
            path=path,
            name=name,
            fields=", ".join(sorted(FIELDS)),
        )
    words, patterns = table.get("words", []), table.get("patterns", [])
    applies_to = table.get("applies_to", list(BOTH))
    if not _texts(words) or not _texts(patterns) or not words and not patterns:
        raise SettingsError(
            "{path}: [{name}] needs a list of words or of patterns, each a text. Add one.",
            path=path,
            name=name,
        )
    if not isinstance(applies_to, list) or not set(applies_to) <= set(BOTH):
        raise SettingsError(
            '{path}: applies_to of [{name}] may list "question" and "answer". Correct it.',
            path=path,
            name=name,
        )
    parts = [rf"(?<!\w){re.escape(word)}(?!\w)" for word in words] + [f"(?:{one})" for one in patterns]
    try:
        pattern = re.compile("|".join(parts), re.IGNORECASE)
    except re.error as error:
        raise SettingsError(
            "{path}: a pattern of [{name}] cannot be read: {error}. Correct it.",
            path=path,
            name=name,
            error=error,
        ) from error
    says = (
        str(table["says"])
        if table.get("says")
        else Message("This falls under “{name}”, which the content policy here excludes.", name=name)
    )
    return Category(name, pattern, says, tuple(applies_to))


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) and one.strip() for one in value)
