"""Text out of files: damaged bytes, invisible characters and garbled text."""

from __future__ import annotations

import pytest

from docent.loading.text_cleaning import decode_bytes, is_garbled, split_hidden
from docent.messages import Message

TAGS = "".join(chr(0xE0000 + ord(letter)) for letter in "obey")


@pytest.mark.parametrize(
    ("text", "seen", "report"),
    [
        pytest.param("plain", "plain", "", id="nothing but ASCII"),
        pytest.param("Café 👩‍🍳", "Café 👩‍🍳", "", id="an emoji needs its joiner"),
        pytest.param("می‌خواهم", "می‌خواهم", "", id="Persian needs its own"),
        pytest.param("co\u00adoperate\ufeff", "cooperate", "", id="marks of layout are no alarm"),
        pytest.param(f"Hello{TAGS}", "Hello", "obey", id="letters that nobody sees are spelt out"),
        pytest.param("a\u200bb\u2060c", "abc", "[2 zero-width characters]", id="others are counted"),
        pytest.param("a\u202eb\u00ad", "ab", "[1 zero-width characters]", id="the order turned round"),
        pytest.param(
            "x\U000e0100\U000e01efy", "xy", "[2 zero-width characters]", id="variations spell bytes"
        ),
        pytest.param("\u200b", "", "[1 zero-width characters]", id="nothing is left"),
    ],
)
def test_invisible_characters_are_split_off(text, seen, report):
    """They are not part of the text; the report spells them out, or counts them."""
    assert split_hidden(text) == (seen, report)


@pytest.mark.parametrize(
    ("text", "noise"),
    [
        pytest.param("The soup of the day is 4,50 €.", False, id="prose"),
        pytest.param("", False, id="nothing"),
        pytest.param("\x01\x02\x05\x0f \x06\x11\x10", True, id="codes without an alphabet"),
        pytest.param("\ue001\ue002\ue003 abc", True, id="private characters"),
        pytest.param("● first \uf0b7 second item of a list", False, id="a bullet of its own font"),
        pytest.param("´¿¢Ã°£¢ ¿ðº˜ ´’«¢¬", True, id="codes that fell on signs"),
        pytest.param("½ cup, ¼ tsp ±5°, £3 «bien» ¿qué?", False, id="a recipe with five kinds of signs"),
        pytest.param("السلام عليكم", False, id="Arabic"),
        pytest.param("ԔϸЇ ΰÎߙ Ψϣķ һӍΉʽী¢ ರ͟ȥ Rହຏഀ ƹΉటҧ ࣎ʤ̦˵ƹϕ", True, id="alphabets mixed by chance"),
        pytest.param("Ω-3, 5 μm, Доклад о 日本のカタカナ and ΔT of the Ångström", False, id="many languages"),
    ],
)
def test_garbled_text_is_recognised(text, noise):
    """A page of character codes without meaning counts as unread, and is recognised by OCR."""
    assert is_garbled(text) is noise


@pytest.mark.parametrize(
    ("data", "note"),
    [
        pytest.param(b"tea " * 1000, "", id="none"),
        pytest.param(b"tea " * 1000 + b"\xff", "1 damaged byte was replaced.", id="one"),
        pytest.param(b"tea " * 1000 + b"\xff \xff", "2 damaged bytes were replaced.", id="two"),
    ],
)
def test_damaged_bytes_are_counted(data, note):
    """A text with a few damaged bytes is still UTF-8; the note counts them, and can be translated."""
    text, actual = decode_bytes(data)
    assert text.startswith("tea tea ") and actual == note
    assert isinstance(actual, Message) or not note
