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
class PolicyCategory:
    name: str
    pattern: re.Pattern[str]
    says: str
    """The sentence that the reader is shown."""
    applies_to: tuple[str, ...] = BOTH


@dataclass(frozen=True, slots=True)
class ContentPolicy:
    action: Action
    categories: tuple[PolicyCategory, ...] = ()

    def breach(self, text: str, *, of: Literal["question", "answer"]) -> PolicyCategory | None:
        """Return the first category that a text falls into."""
        if self.action == "off":
            return None
        breached = (
            category
            for category in self.categories
            if of in category.applies_to and category.pattern.search(text)
        )
        return next(breached, None)

    @property
    def refuses(self) -> bool:
        return self.action == "refuse"


NO_POLICY = ContentPolicy("off")


def read_policy(path: Path, *, action: Action) -> ContentPolicy:
    """Read the categories of a file; with the policy off, the file need not exist."""
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
    return ContentPolicy(action, tuple(_category(path, name, table) for name, table in tables.items()))


def _category(path: Path, name: str, table: Any) -> PolicyCategory:
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
    parts = [rf"(?<!\w){re.escape(word)}(?!\w)" for word in words] + [
        f"(?:{pattern})" for pattern in patterns
    ]
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
    return PolicyCategory(name, pattern, says, tuple(applies_to))


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) and text.strip() for text in value)
