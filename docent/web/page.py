"""Chainlit's page, asking nothing of any other origin."""

from __future__ import annotations

import re

FOREIGN_LINK = re.compile(r"""<link\b[^>]*\bhref=["'](?:https?:)?//[^>]*>\s*""", re.IGNORECASE)
NO_STATEMENT = re.compile(r"^undefined$", re.MULTILINE)


def without_foreign_links(html: str) -> str:
    """The page without fonts and styles of other origins (the page's own theme brings its fonts)."""
    return NO_STATEMENT.sub("", FOREIGN_LINK.sub("", html))
