"""What is kept with each answer, and what it says when it is opened again.

An answer is kept as text, with its citations and receipt. The passages behind it are not: they are
read from the store again, within what the reader may see, and compared with what was quoted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from docent.errors import UnknownDocument
from docent.store import ANSWER_KEY
from docent.store.protocols import Reader
from docent.types import Answer, Citation, Scope, StoredDocument, Turn
from docent.web.chat.side_panel import Extract

KEY = ANSWER_KEY

Fate = Literal["same", "changed", "deleted"]


class Said(Protocol):
    """A message of Chainlit's, as far as it matters here."""

    type: Any
    content: str
    metadata: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Kept:
    """One answer of an earlier moment."""

    question: str
    text: str
    citations: tuple[Citation, ...]
    extracts: Mapping[str, tuple[int, int, str]]
    """By chunk: where the cited passage stood in its page, and its heading."""
    receipt: Mapping[str, Any]

    def cited(self, n: int) -> list[Citation]:
        return [citation for citation in self.citations if citation.n == n]


def keep(question: str, answer: Answer) -> dict[str, Any]:
    """The metadata of the answer's message."""
    cited = {citation.chunk_id for citation in answer.citations}
    extracts = {p.chunk_id: (p.start, p.end, p.heading) for p in answer.passages if p.chunk_id in cited}
    kept = Kept(question, answer.text, answer.citations, extracts, asdict(answer.receipt))
    return {KEY: asdict(kept)}


def recall(metadata: Mapping[str, Any] | None) -> Kept | None:
    """What was kept, None for a message that is no answer of ours."""
    there: Any = (metadata or {}).get(KEY)
    try:
        return Kept(
            question=there["question"],
            text=there["text"],
            citations=tuple(Citation(**citation) for citation in there["citations"]),
            extracts={chunk: (int(s), int(e), str(h)) for chunk, (s, e, h) in there["extracts"].items()},
            receipt=there["receipt"],
        )
    except (KeyError, TypeError, ValueError, AttributeError):  # metadata may have come from a browser
        return None


def turns(messages: Iterable[Said]) -> list[Turn]:
    """What was asked and answered so far, from the messages that are still on the page."""
    kept = (recall(message.metadata) for message in messages if message.type == "assistant_message")
    return [Turn(one.question, one.text) for one in kept if one is not None]


def extract(citation: Citation, kept: Kept, *, reader: Reader, scope: Scope) -> tuple[Extract, Fate]:
    """The passage a citation stands in, read again; of a source that is gone, the quote alone."""
    if not citation.quote:  # blanked when the document was deleted; the same file may be here again
        return Extract("", citation.start), "deleted"
    start, end, heading = kept.extracts.get(citation.chunk_id, (citation.start, citation.end, ""))
    try:
        text = reader.page(citation.document_id, citation.page, scope).text
    except UnknownDocument:
        there = reader.documents(scope)
        gone = Extract(citation.quote, citation.start, heading)
        return gone, "changed" if _has_successor(citation, there) else "deleted"
    if text[citation.start : citation.end] != citation.quote:
        return Extract(citation.quote, citation.start, heading), "changed"
    return Extract(text[start:end], start, heading), "same"


def fates(kept: Kept, *, reader: Reader, scope: Scope) -> dict[str, Fate]:
    """By file name: the sources of an answer that are no longer what they were."""
    found: dict[str, Fate] = {}
    for citation in {citation.document_id: citation for citation in kept.citations}.values():
        fate = extract(citation, kept, reader=reader, scope=scope)[1]
        if fate != "same":
            found[citation.file] = fate
    return found


def _has_successor(citation: Citation, documents: Iterable[StoredDocument]) -> bool:
    return any(
        document.library == citation.library and document.name == citation.file for document in documents
    )
