"""Docent in the reader's language, by gettext: a catalogue NAME.po for each language beside English."""

from __future__ import annotations

import gettext
import io
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import polib

from docent.messages import NUMBER, Message, localised
from docent.types import Answer

FOLDER = Path(__file__).parent


def say(message: str, language: str | None, /, **values: Any) -> str:
    """Return a message in a reader's language; in English where there is no translation of it."""
    return Message(message, **values).translated(catalogues(FOLDER)[speaks(language)].gettext)


def say_number(value: float, language: str | None, form: str = ",") -> str:
    """Return a number with the separators of a reader's language."""
    return localised(format(value, form), say(NUMBER, language))


def answer_text(answer: Answer, language: str | None) -> str:
    """Return the text of an answer in a reader's language, where it is Docent's own and not a model's."""
    own = isinstance(answer.text, Message) or not answer.receipt.model
    return say(answer.text, language) if own else answer.text


def speaks(language: str | None) -> str:
    """Return the language of ours that is nearest to a browser's language tag, such as fr-CA."""
    first = (language or "").lower().replace("_", "-").partition("-")[0]
    return first if first in catalogues(FOLDER) else "en"


@cache
def catalogues(folder: Path) -> Mapping[str, gettext.NullTranslations]:
    """Return the translations by language; the messages themselves are English."""
    return {
        "en": gettext.NullTranslations(),
        **{
            path.stem: gettext.GNUTranslations(io.BytesIO(polib.pofile(str(path)).to_binary()))
            for path in sorted(folder.glob("*.po"))
        },
    }
