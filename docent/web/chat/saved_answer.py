"""Answers as they are saved: with citations and receipt, checked against their sources when read again.

The passages behind an answer are not saved. They are read from the store again, within what the
reader may see, and compared with what was quoted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any, Literal, Protocol

import chainlit as cl
from chainlit.context import init_ws_context

from docent.app import Docent
from docent.conversations import ANSWER_KEY, TABLE_KEY
from docent.errors import UnknownDocument
from docent.messages import Message
from docent.store.protocols import Reader
from docent.types import Answer, Citation, Receipt, Scope, Turn
from docent.web.chat.history import History
from docent.web.chat.page_session import escape_markdown, session_of
from docent.web.i18n import say

SAVE_QUESTION = "keep_golden"
"""Name of the button below a liked answer."""

SourceState = Literal["same", "changed", "deleted"]


class PageMessage(Protocol):
    """The part of Chainlit's messages that is read here."""

    type: Any
    content: str
    metadata: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class SavedAnswer:
    """An answer with its question, as it was saved."""

    question: str
    text: str
    citations: tuple[Citation, ...]
    extracts: Mapping[str, tuple[int, int, str]]
    """By chunk id: start and end of the cited passage in its page, and its heading."""
    receipt: Mapping[str, Any]

    def citations_numbered(self, n: int) -> list[Citation]:
        """Return the quotes that stand under one citation number."""
        return [citation for citation in self.citations if citation.n == n]


@dataclass(frozen=True, slots=True)
class Extract:
    """A piece of a page's text, and the position in the page where it begins."""

    text: str
    start: int
    heading: str = ""


def answer_metadata(question: str, answer: Answer) -> dict[str, Any]:
    """Return the metadata under which an answer is saved with its message."""
    cited = {citation.chunk_id for citation in answer.citations}
    extracts = {p.chunk_id: (p.start, p.end, p.heading) for p in answer.passages if p.chunk_id in cited}
    saved = SavedAnswer(question, answer.text, answer.citations, extracts, asdict(answer.receipt))
    return {ANSWER_KEY: asdict(saved)}


def load_answer(metadata: Mapping[str, Any] | None) -> SavedAnswer | None:
    """Return the answer in a message's metadata; None where there is none, or one that is not ours."""
    saved: Any = (metadata or {}).get(ANSWER_KEY)
    try:
        return SavedAnswer(
            question=saved["question"],
            text=saved["text"],
            citations=tuple(Citation(**citation) for citation in saved["citations"]),
            extracts={chunk: (int(s), int(e), str(h)) for chunk, (s, e, h) in saved["extracts"].items()},
            receipt=dict(saved["receipt"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):  # metadata may have come from a browser
        return None


def previous_turns(messages: Iterable[PageMessage]) -> list[Turn]:
    """Return the questions and answers of the messages that are still on the page."""
    answers = (load_answer(message.metadata) for message in messages if message.type == "assistant_message")
    return [Turn(answer.question, answer.text) for answer in answers if answer is not None]


def previous_table(messages: Sequence[PageMessage]) -> str:
    """Return the id of the research table that the last answer shows; empty for another answer."""
    answers = (message for message in reversed(messages) if message.type == "assistant_message")
    last = next(answers, None)
    return str((last.metadata or {}).get(TABLE_KEY) or "") if last is not None else ""


def load_extract(
    citation: Citation, answer: SavedAnswer, *, reader: Reader, scope: Scope
) -> tuple[Extract, SourceState]:
    """Return the passage around a citation, read again; of a source that has gone, the quote alone."""
    if not citation.quote:  # blanked when the document was deleted; the same file may be here again
        return Extract("", citation.start), "deleted"
    start, end, heading = answer.extracts.get(citation.chunk_id, (citation.start, citation.end, ""))
    quote = Extract(citation.quote, citation.start, heading)
    try:
        text = reader.page(citation.document_id, citation.page, scope).text
    except UnknownDocument:
        replaced = any(
            document.library == citation.library and document.name == citation.file
            for document in reader.documents(scope)
        )
        return quote, "changed" if replaced else "deleted"
    if text[citation.start : citation.end] != citation.quote:
        return quote, "changed"
    return Extract(text[start:end], start, heading), "same"


def changed_sources(answer: SavedAnswer, *, reader: Reader, scope: Scope) -> dict[str, SourceState]:
    """Return, by file name, the sources of an answer that have changed or were deleted."""
    changed: dict[str, SourceState] = {}
    for citation in {citation.document_id: citation for citation in answer.citations}.values():
        state = load_extract(citation, answer, reader=reader, scope=scope)[1]
        if state != "same":
            changed[citation.file] = state
    return changed


def conversation_markdown(thread: Mapping[str, Any], *, language: str | None) -> str:
    """Return a conversation as Markdown: questions and answers in order, each answer with its sources."""
    title = " ".join(str(thread.get("name") or "Docent").split())
    you = say("You", language)
    parts = [f"# {escape_markdown(title)}", str(thread.get("createdAt") or "")[:10]]
    for step in thread.get("steps") or ():
        if step["type"] == "user_message":
            parts.append(f"## {you}\n\n{step['output'].strip()}")
        elif step["type"] == "assistant_message" and (answer := load_answer(step.get("metadata"))):
            own = not answer.receipt.get("model")  # Docent's own text, saved in English
            text = say(answer.text, language) if own else answer.text
            parts += ["## Docent", text.strip(), _sources(answer, language)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _sources(answer: SavedAnswer, language: str | None) -> str:
    lines = []
    for n, group in groupby(sorted(answer.citations, key=lambda c: (c.n, c.start)), key=lambda c: c.n):
        citations = list(group)
        quotes = " … ".join(" ".join(citation.quote.split()) for citation in citations if citation.quote)
        quoted = f": “{escape_markdown(quotes)}”" if quotes else ""
        lines.append(f"- \\[{n}\\] {escape_markdown(citations[0].where)}{quoted}")
    heading = say("Sources", language)
    return f"**{heading}**\n\n" + "\n".join(lines) if lines else ""


# --- a liked answer as a test question ------------------------------------------------------


async def offer_test_question(step_id: str, *, session_id: str, history: History, reader: str) -> None:
    """Show the button below a liked answer that cites something, in the page where it was liked."""
    session = session_of(session_id, reader)
    rated = await rated_answer(history, step_id, reader=reader) if session is not None else None
    if session is None or rated is None or not rated[1].citations:
        return
    init_ws_context(session)
    message_id = rated[0]
    label = say("Save as a test question", session.language)
    action = cl.Action(name=SAVE_QUESTION, payload={"step": message_id}, label=label, icon="list-checks")
    await action.send(message_id)


async def save_test_question(
    action: cl.Action, *, docent: Docent, history: History, reader: str, language: str
) -> None:
    """Save the question with the pages that answer it, if everybody may see their documents."""
    rated = await rated_answer(history, str(action.payload.get("step")), reader=reader)
    if rated is None:
        return
    question = await asyncio.to_thread(docent.keep_golden, as_answer(rated[1]))
    await action.remove()
    text = (
        Message("Not saved: a test question needs an answer from documents that everybody may see.")
        if question is None
        else Message("Saved. `docent eval` asks it from now on.")
    )
    await cl.context.emitter.send_toast(say(text, language), "warning" if question is None else "success")


def as_answer(saved: SavedAnswer) -> Answer:
    """Return a saved answer as it was given, without its passages, which were not saved."""
    searched = str(saved.receipt.get("searched") or saved.question)
    return Answer(saved.text, saved.citations, (), Receipt(question=saved.question, searched=searched))


async def rated_answer(history: History, step_id: str, *, reader: str) -> tuple[str, SavedAnswer] | None:
    """Return message id and answer for a rating, which Chainlit gives to the run that holds the answer."""
    for message, author in await history.answers_and_authors(step_id):
        answer = load_answer(message["metadata"])
        if answer is not None and author == reader:
            return str(message["id"]), answer
    return None
