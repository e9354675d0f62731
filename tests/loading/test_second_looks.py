"""What is looked at twice: characters that take no room, and PDFs that the first engine cannot read."""

from __future__ import annotations

import io
import re

import pytest
from pypdf import PdfWriter

from docent.loading.formats.pdf import PypdfFallback
from docent.loading.text_cleaning import split_hidden
from tests.loading import makers

SAID = "The kitchen closes at ten on Sundays."
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
def test_characters_without_width_are_kept_apart(text, seen, report):
    """What a reader does not see is no text; the owner is told what it spells, or how much there is."""
    assert split_hidden(text) == (seen, report)


WHOLE = makers.pdf(lambda sheet, number: makers.write(sheet, [SAID]))
ROOTLESS = re.sub(rb"/Root \d+ 0 R", b"/Rood 1 0 R", WHOLE)


def locked(password):
    writer = PdfWriter()
    writer.append(io.BytesIO(WHOLE))
    writer.encrypt(user_password=password, algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "password", "text"),
    [
        pytest.param(WHOLE, None, SAID, id="a whole file"),
        pytest.param(ROOTLESS, None, SAID, id="a file whose root is lost"),
        pytest.param(locked("sesame"), "sesame", SAID, id="a locked file with its password"),
        pytest.param(locked("sesame"), "a guess", "", id="a wrong password"),
        pytest.param(locked("sesame"), None, "", id="no password"),
        pytest.param(b"%PDF-1.4 nothing", None, "", id="no PDF inside"),
        pytest.param(WHOLE[:-200], None, "", id="a file cut short"),
        pytest.param(WHOLE.replace(b"/Type /Pages", b"/Type /Pagez"), None, "", id="no page tree"),
    ],
)
def test_a_second_opinion_is_a_text_or_nothing(data, password, text):
    """Whatever pypdf meets, it costs no file; what it can read it can write anew."""
    second = PypdfFallback(lambda: data, password)
    assert second.text(1).strip() == text
    assert second.text(2) == ""
    copy = second.repaired_copy()
    assert (copy is not None) == bool(text)
    if copy is not None:
        assert PypdfFallback(lambda: copy, None).text(1).strip() == text


def test_a_damaged_pdf_is_read_from_a_repaired_copy(read):
    """Where the first engine finds no pages the second writes them anew, and the first page says so."""
    (page,) = read("old.pdf", ROOTLESS).pages
    assert (page.text, page.note) == (SAID, "The file is damaged; a repaired copy was read.")
