"""A conversation as one Markdown file, with the sources of each answer below it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from docent.web.chat.saved_answer import Kept, recall
from docent.web.chat.side_panel import escaped
from docent.web.i18n import say


def markdown(thread: Mapping[str, Any], *, language: str | None) -> str:
    """Questions and answers in order; steps and whatever else was shown are left out."""
    title = " ".join(str(thread.get("name") or "Docent").split())
    parts = [f"# {escaped(title)}", str(thread.get("createdAt") or "")[:10]]
    for step in thread.get("steps") or ():
        if step["type"] == "user_message":
            parts.append(f"## {say('You', language)}\n\n{step['output'].strip()}")
        elif step["type"] == "assistant_message" and (kept := recall(step.get("metadata"))) is not None:
            parts.append(
                "\n\n".join(filter(None, ("## Docent", kept.text.strip(), _sources(kept, language))))
            )
    return "\n\n".join(filter(None, parts)) + "\n"


def _sources(kept: Kept, language: str | None) -> str:
    lines = []
    for n, group in groupby(sorted(kept.citations, key=lambda c: (c.n, c.start)), key=lambda c: c.n):
        quotes = list(group)
        said = " … ".join(" ".join(quote.quote.split()) for quote in quotes if quote.quote)
        quoted = f": “{escaped(said)}”" if said else ""
        lines.append(f"- \\[{n}\\] {escaped(quotes[0].where)}{quoted}")
    return f"**{say('Sources', language)}**\n\n" + "\n".join(lines) if lines else ""
