"""The page asks nothing of any other origin."""

from __future__ import annotations

import re
from pathlib import Path

import chainlit
import pytest

from docent.web.index_page import about, without_foreign_links


def test_no_link_leads_elsewhere():
    """Chainlit's own page, as packaged, loses its foreign fonts and styles and keeps the rest."""
    html = (Path(chainlit.__file__).parent / "frontend/dist/index.html").read_text()
    assert re.search(r"<link[^>]*https://", html), "nothing left to remove: this module may go"
    cleaned = without_foreign_links(html)
    assert not re.search(r"""(?:href|src)=["'](?:https?:)?//""", cleaned)
    for kept in re.findall(r"""(?:href|src)="(/[^"/][^"]*)\"""", html):
        assert kept in cleaned


@pytest.mark.parametrize(
    ("language", "begins"),
    [("en-US", "Ask a question"), ("de", "Ask a question"), ("fr-FR", "Posez une"), ("fr-CA", "Posez une")],
)
def test_what_the_page_says_about_docent(language, begins):
    """It is French for whoever speaks French, and English for all others."""
    said = about(str(Path(__file__).resolve().parents[2]), language)
    assert begins in said
