"""What the chat says exists in every language it speaks."""

from __future__ import annotations

import json
import string
from functools import reduce
from operator import getitem
from pathlib import Path

import chainlit
import pytest
from docent.web.i18n.texts import TEXTS, say, speaks

DEFAULTS = Path(chainlit.__file__).parent / "translations"
TRANSLATIONS = Path(__file__).resolve().parents[2] / ".chainlit" / "translations"


@pytest.mark.parametrize("key", TEXTS)
def test_both_languages_say_the_same(key):
    """Each text is there twice, with the same gaps to fill."""
    gaps = [{field for _, field, _, _ in string.Formatter().parse(text) if field} for text in TEXTS[key]]
    assert all(TEXTS[key])
    assert gaps[0] == gaps[1]


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        pytest.param("fr-CA", "fr", id="a country's"),
        pytest.param("FR", "fr", id="in capitals"),
        pytest.param("en-GB", "en", id="English"),
        pytest.param("de-DE", "en", id="one we do not speak"),
        pytest.param("", "en", id="none"),
        pytest.param(None, "en", id="unknown"),
    ],
)
def test_the_nearest_language_is_spoken(tag, language):
    """A browser's language tag leads to one of ours."""
    assert speaks(tag) == language


def test_a_text_is_said_with_its_values():
    """The gaps are filled."""
    assert say("Searched for: {searched}", "fr", searched="la soupe") == "Recherché : la soupe"


def keys(tree, path=()):
    if isinstance(tree, dict):
        return {key for name, branch in tree.items() for key in keys(branch, (*path, name))}
    return {path}


def test_the_page_is_translated_wholly():
    """The French page has every text that the English one has."""
    english, french = (
        json.loads((TRANSLATIONS / f"{name}.json").read_text(encoding="utf-8")) for name in ("en-US", "fr-FR")
    )
    assert keys(french) == keys(english)


@pytest.mark.parametrize("language", ["en-US", "fr-FR"])
def test_the_page_speaks_our_words(language):
    """No text of Chainlit's own is left where ours differs: it writes its own back where it finds none."""
    said = [
        json.loads((folder / f"{language}.json").read_text("utf-8")) for folder in (DEFAULTS, TRANSLATIONS)
    ]
    asking, deleting = (
        ("chat", "input", "placeholder"),
        ("threadHistory", "thread", "actions", "delete", "title"),
    )
    for path in (asking, deleting):
        default, ours = (reduce(getitem, path, one) for one in said)
        assert ours != default
