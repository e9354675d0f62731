"""What stands in the side panel of a citation, as Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from docent.glossary import Citation, Passage

MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$])")

Link = Callable[[Citation], str]


def panel(quotes: Sequence[Citation], passages: Mapping[str, Passage], link: Link) -> str:
    """File, place and passage of one citation number, the quoted characters in bold."""
    first = quotes[0]
    passage = passages[first.chunk_id]
    spans = [(max(q.start - passage.start, 0), q.end - passage.start) for q in quotes]
    heading = f" · {escaped(passage.heading)}" if passage.heading else ""
    return "\n\n".join(
        (
            f"**{escaped(first.where)}**{heading}",
            emphasised(passage.text, spans),
            f"[Open this page]({link(first)})",
        )
    )


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
