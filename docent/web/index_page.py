"""Chainlit's page, asking nothing of any other origin, and what it says about Docent."""

from __future__ import annotations

import re
from pathlib import Path

from docent.web.i18n import speaks

FOREIGN_LINK = re.compile(r"""<link\b[^>]*\bhref=["'](?:https?:)?//[^>]*>\s*""", re.IGNORECASE)
ABOUT = {"en": "chainlit.md", "fr": "chainlit_fr-FR.md"}
NO_STATEMENT = re.compile(r"^undefined$", re.MULTILINE)


def without_foreign_links(html: str) -> str:
    """The page without fonts and styles of other origins (the page's own theme brings its fonts)."""
    return NO_STATEMENT.sub("", FOREIGN_LINK.sub("", html))


def about(root: str, language: str) -> str | None:
    """What stands on the page about Docent. Chainlit goes by whole tags, and logs each without a file."""
    path = Path(root) / ABOUT[speaks(language)]
    return path.read_text(encoding="utf-8") if path.is_file() else None
