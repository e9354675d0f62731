"""The corridor from a question to its answer.

What is wanted is decided by words, and each way has a module: a question (condensed, searched,
budgeted, streamed and cited), documents read whole, the model's own knowledge; listing and the
small talk need no model and are said by the generating room.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from docent.answering import canned_replies, intents, list_mentions, scoped_documents
from docent.answering.citing.citations import Cited
from docent.answering.finish import NO_MODEL
from docent.answering.models.client import ModelClient
from docent.answering.own_knowledge import answer_anyway
from docent.answering.pipeline import answer_question
from docent.answering.policy import NO_POLICY, Policy
from docent.answering.prompt.personas import PLAIN, Persona
from docent.answering.prompt.tokens import LearningCounter
from docent.answering.receipt import Record
from docent.answering.request import AnswerLimits, Asking, Retrieve, asked, unfollowed
from docent.answering.search_threads import search_in_thread
from docent.answering.whole_documents import answer_from_whole
from docent.retrieving.question_limits import LONGEST as LONGEST_QUESTION
from docent.retrieving.question_limits import left_out, searched
from docent.store.protocols import Reader
from docent.types import NO_PREFERENCES, Event, Preferences, Scope, StoredDocument, Turn


async def answer(
    question: str,
    *,
    history: Sequence[Turn],
    scope: Scope,
    retrieve: Retrieve,
    model: ModelClient | None,
    bounds: AnswerLimits,
    reader: Reader | None = None,
    persona: Persona = PLAIN,
    preferences: Preferences = NO_PREFERENCES,
    counter: LearningCounter | None = None,
    policy: Policy = NO_POLICY,
    anyway: bool = False,
) -> AsyncGenerator[Event, None]:
    """Everything that happens from the question to its answer; the last event is `Answered`.

    Without a reader, every request is taken as a question. `counter` carries what the server's
    counts have taught from one answer to the next. `anyway` lets the model answer what the
    documents do not. What the person prefers goes before the persona, and that before the bounds.
    """
    short = searched(question)
    asking = asked(
        history=history, scope=scope, retrieve=retrieve, model=model, bounds=bounds, reader=reader,
        persona=persona, preferences=preferences, counter=counter, policy=policy,
    )  # fmt: skip
    record = Record(question)
    documents: list[StoredDocument] = []
    if asking.shelf is not None and intents.needs_documents(short):
        documents = await asyncio.to_thread(asking.shelf.documents)
        record.not_ready = scoped_documents.not_ready(documents)
    if breach := await asyncio.to_thread(policy.breach, question, of="question"):
        if policy.refuses:
            yield record.answered(canned_replies.plain(breach.says), ())
            return
        yield record.notice(breach.says)
    if said := unfollowed(preferences, bounds):
        yield record.notice(said)
    async with aclosing(_wanted(question, documents, asking, record, anyway=anyway)) as events:
        async for event in events:
            yield event


def _wanted(
    question: str, documents: list[StoredDocument], asking: Asking, record: Record, *, anyway: bool
) -> AsyncGenerator[Event, None]:
    """The way that leads to what is wanted."""
    intent = intents.intent_of(searched(question), scoped_documents.answering(documents))
    if asking.model is not None and (anyway or intent.kind == "anyway"):
        meant = intent.term or intents.last_question(asking.history) if intent.kind == "anyway" else question
        if not meant:
            return _told(canned_replies.plain(canned_replies.NO_QUESTION), record)
        return answer_anyway(meant, asking.model, asking, record)
    match intent.kind:
        case "greeting":
            return _told(canned_replies.plain(asking.persona.greeting or canned_replies.HELLO), record)
        case "thanks":
            return _told(canned_replies.plain(canned_replies.WELCOME), record)
        case "about" if asking.shelf is not None:
            return _told(canned_replies.about(documents), record)
        case "which":
            return _told(canned_replies.which(scoped_documents.answering(documents)), record)
        case "mentions" if asking.shelf is not None:
            return list_mentions.list_mentions(intent.term, documents, asking.shelf, record)
        case "whole" if asking.shelf is not None:
            return answer_from_whole(question, intent.documents, asking.shelf, asking, record)
        case _:
            return answer_question(question, asking, record)


async def _told(cited: Cited, record: Record) -> AsyncGenerator[Event, None]:
    yield record.answered(cited, ())


__all__ = [
    "LONGEST_QUESTION",
    "NO_MODEL",
    "AnswerLimits",
    "Retrieve",
    "answer",
    "left_out",
    "search_in_thread",
]
