"""Docent in the reader's language, by gettext: a catalogue NAME.po for each language beside English."""

from __future__ import annotations

import gettext
import io
from functools import cache
from pathlib import Path
from typing import Any

import polib

from docent.messages import Message

FOLDER = Path(__file__).parent


def say(message: str, language: str | None, /, **values: Any) -> str:
    """Return a message in a reader's language; in English where there is no translation of it."""
    return Message(message, **values).translated(_translations(speaks(language)).gettext)


@cache
def languages() -> tuple[str, ...]:
    """Return the languages there are texts in: English, of the code itself, and that of every catalogue."""
    return ("en", *sorted(path.stem for path in FOLDER.glob("*.po")))


def speaks(language: str | None) -> str:
    """Return the language of ours that is nearest to a browser's language tag, such as fr-CA."""
    first = (language or "").lower().replace("_", "-").partition("-")[0]
    return first if first in languages() else "en"


@cache
def _translations(language: str) -> gettext.NullTranslations:
    path = FOLDER / f"{language}.po"
    if not path.exists():
        return gettext.NullTranslations()
    return gettext.GNUTranslations(io.BytesIO(polib.pofile(str(path)).to_binary()))
