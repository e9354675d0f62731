"""The chat's page before its script has run: what is seen at once, and files that are sent ready-made."""

from __future__ import annotations

import gzip
import re
from functools import lru_cache
from pathlib import Path

import chainlit.server
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from docent.web.i18n import speaks
from docent.web.templates import render
from docent.web.thread_pool import run_in_small_pool

ROOT = '<div id="root"></div>'
"""The element of Chainlit's page that its script fills."""
FOREIGN_LINK = re.compile(r"""<link\b[^>]*\bhref=["'](?:https?:)?//[^>]*>\s*""", re.IGNORECASE)
SOURCES_OF_A_CONVERSATION = """
<link rel="stylesheet" href="/public/conversation.css"><script defer src="/public/conversation.js"></script>
"""
NO_STATEMENT = re.compile(r"^undefined$", re.MULTILINE)
COMPRESSED = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}
"""Media types of the files that are sent in gzip."""
FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
"""The names of these files change with their content."""


def with_shell(html: str) -> str:
    """Return the page with its frame drawn: the script of 4.6 MB takes a second to draw the same."""
    return html.replace(ROOT, f'<div id="root">{render("shell.html", "en")}</div>')


def without_foreign_links(html: str) -> str:
    """Return the page without fonts and styles of other origins; our theme brings its own fonts."""
    return NO_STATEMENT.sub("", FOREIGN_LINK.sub("", html))


def with_sources(html: str) -> str:
    """Return the page with the script and styles of the sources above the question.

    Chainlit's settings have room for one script and one style sheet.
    """
    return html.replace("</head>", f"{SOURCES_OF_A_CONVERSATION}</head>", 1)


def about(root: str, language: str) -> str | None:
    """Return the text about Docent. Chainlit looks for a file of the whole language tag, and logs misses."""
    translated = Path(root).glob(f"chainlit_{speaks(language)}-*.md")
    path = next(translated, Path(root) / "chainlit.md")
    return path.read_text(encoding="utf-8") if path.is_file() else None


def routes() -> list[Route]:
    return [Route("/assets/{name}", asset)]


async def asset(request: Request) -> Response:
    """Return a file of Chainlit's page, compressed once instead of for each request."""
    folder = Path(chainlit.server.build_dir) / "assets"
    path = folder / request.path_params["name"]
    if path.parent != folder or not path.is_file():
        return Response(status_code=404)
    accepts = "gzip" in request.headers.get("accept-encoding", "")
    if path.suffix not in COMPRESSED or not accepts:
        return FileResponse(path, headers=FOREVER)
    body = await run_in_small_pool(compressed, path, path.stat().st_mtime_ns)
    headers = {**FOREVER, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(body, media_type=COMPRESSED[path.suffix], headers=headers)


@lru_cache(maxsize=16)
def compressed(path: Path, changed: int) -> bytes:
    """Return the content of a file in gzip; `changed` is its time, so that a new one is read again."""
    return gzip.compress(path.read_bytes(), 9)
