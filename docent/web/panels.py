"""What stands in the side panel of a citation, as Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from docent.glossary import Citation

MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$])")

Link = Callable[[Citation], str]


@dataclass(frozen=True, slots=True)
class Extract:
    """A piece of a page's text and where in it the piece begins."""

    text: str
    start: int
    heading: str = ""


def panel(quotes: Sequence[Citation], extract: Extract, *, below: str) -> str:
    """File, place and passage of one citation number, the quoted characters in bold."""
    spans = [(max(quote.start - extract.start, 0), quote.end - extract.start) for quote in quotes]
    heading = f" · {escaped(extract.heading)}" if extract.heading else ""
    return "\n\n".join((f"**{escaped(quotes[0].where)}**{heading}", emphasised(extract.text, spans), below))


def emphasised(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """A document's own text, to the letter, with the spans in bold."""
    parts: list[str] = []
    at = 0
    for start, end in sorted(spans):
        start, end = max(start, at), min(end, len(text))
        if start >= end:
            continue
        parts += [escaped(text[at:start]), _bold(text[start:end])]
        at = end
    return "".join([*parts, escaped(text[at:])])


def _bold(text: str) -> str:
    """Bold line by line: Markdown's bold may neither cross a blank line nor end in a space."""
    return re.sub(r"[^\s](?:[^\n]*[^\s])?", lambda line: f"**{escaped(line[0])}**", text)


def escaped(text: str) -> str:
    """Text that Markdown shows as it is written: documents are shown, never obeyed."""
    return MARKDOWN.sub(r"\\\1", text)
