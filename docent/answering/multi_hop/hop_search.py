"""Search hop by hop: each search is made with what the one before it found.

The passages that say a bridging fact stay with those of the last search, so that the answer cites both.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from docent.answering.answer_context import AnswerServices, Draft, ScopedDocuments
from docent.answering.citing.vocabulary import content_words
from docent.answering.generation import complete
from docent.answering.models.client import GenerationOptions, ModelClient
from docent.answering.multi_hop.bridging_facts import BridgingFact, fact_at, find_fact
from docent.answering.multi_hop.hop_patterns import PlannedHop
from docent.answering.passage_steps import find_passages, is_relevant
from docent.answering.prompt import templates
from docent.errors import ModelError
from docent.messages import Message
from docent.types import AnswerRequest, Event, Hop, LeadingRows, Passage, PassagesFound

FACT = GenerationOptions(answer_tokens=32, temperature=0.0, think=False)
FACT_SECONDS = 20.0
FACT_PASSAGES = 4
"""Passages from which the model takes a fact: the prompt is read while the person waits."""
MOST_FACT_WORDS = 8
BEST_OF_EARLIER = 1


async def find_in_hops(
    plan: Sequence[PlannedHop],
    request: AnswerRequest,
    documents: ScopedDocuments,
    services: AnswerServices,
    draft: Draft,
) -> AsyncGenerator[Event, None]:
    """Search each hop of a plan; the last event has the passages of the last one and the bridging ones.

    Where a hop finds nothing, a notice names it, and the question is searched as a whole instead.
    """
    titles = {one.id: one.title or one.name for one in await asyncio.to_thread(documents.all)}
    facts: list[BridgingFact] = []
    earlier: list[tuple[Passage, ...]] = []
    for number, hop in enumerate(plan, 1):
        asked = hop.filled([fact.searched for fact in facts])
        found: tuple[Passage, ...] = ()
        if hop.kind == "first":
            leading = await _compare(hop, request, services)
            if leading is None or len(leading.rows) != 1:
                if leading is not None:
                    yield draft.notice(_several(number, asked, leading))
                break
            first = await asyncio.to_thread(_fact_of_row, hop, leading, request, services)
            facts.append(first)
            earlier.append((first.passage,))
            yield _note(asked, first, draft)
            continue
        async with aclosing(_search(hop, asked, facts, request, services, draft)) as searching:
            async for event in searching:
                if isinstance(event, PassagesFound):
                    found = event.passages
                else:
                    yield event
        if number == len(plan):
            async for event in _end(found, earlier, facts, number, asked, services, draft):
                yield event
            return
        fact = await _fact_of(replace(hop, question=asked), found, titles, services, draft)
        if fact is None or fact.text in [earlier.text for earlier in facts]:
            yield draft.notice(
                Message(
                    "Step {number} found nothing: {question}. The whole question was searched instead.",
                    number=number,
                    question=asked.rstrip(" ?"),
                )
            )
            break
        facts.append(fact)
        earlier.append(found)
        yield _note(asked, fact, draft)
    async with aclosing(find_passages(request, services, draft)) as finding:
        async for event in finding:
            yield event


def _note(asked: str, fact: BridgingFact, draft: Draft) -> Hop:
    hop = Hop(asked, fact.text, fact.citation)
    draft.hops.append(hop)
    draft.lap("hops")
    return hop


async def _end(
    found: tuple[Passage, ...],
    earlier: Sequence[Sequence[Passage]],
    facts: Sequence[BridgingFact],
    number: int,
    asked: str,
    services: AnswerServices,
    draft: Draft,
) -> AsyncGenerator[Event, None]:
    """Yield the passages of all hops, or say that the last one found nothing."""
    if not is_relevant(found, services):
        yield draft.notice(
            Message("Step {number} found nothing: {question}.", number=number, question=asked.rstrip(" ?"))
        )
    else:
        found = _together(found, earlier, [fact.passage for fact in facts], services.limits.passages)
    draft.found = len(found)
    yield PassagesFound(found)


# --- the first of all documents ---------------------------------------------------------------


async def _compare(hop: PlannedHop, request: AnswerRequest, services: AnswerServices) -> LeadingRows | None:
    """Return the documents that come first by what a hop compares; None where no table tells that."""
    if services.tables is None:
        return None
    return await asyncio.to_thread(services.tables.leading, hop.compares, request.scope)


def _several(number: int, asked: str, leading: LeadingRows) -> Message:
    return Message(
        "Step {number} found no single answer: {question}. {why} The whole question was searched instead.",
        number=number,
        question=asked,
        why=leading.conclusion,
    )


def _fact_of_row(
    hop: PlannedHop, leading: LeadingRows, request: AnswerRequest, services: AnswerServices
) -> BridgingFact:
    """Return the document of a row as a fact, with the passage that states the value that was compared."""
    row = leading.rows[0]
    (citation, *_) = row.cells[leading.column].citations
    scope = replace(request.scope, documents=(row.document_id,))
    passages = services.retrieve(f"{row.title} {citation.quote}", scope)
    stating = (one for one in passages if one.page == citation.page and one.start <= citation.start < one.end)
    passage = next(stating, passages[0])
    return BridgingFact(row.title, passage, citation, row.document_id, hop.noun)


def _together(
    last: Sequence[Passage], earlier: Sequence[Sequence[Passage]], bridging: Sequence[Passage], most: int
) -> tuple[Passage, ...]:
    """Return the passages of the last hop and of those before it, as many as the model is shown.

    Those that say the bridging facts always have a place, and the best of each earlier search, since a fact
    may have been taken from the wrong one of them.
    """
    kept = {
        one.chunk_id: one
        for one in (*bridging, *(one for found in earlier for one in found[:BEST_OF_EARLIER]))
    }
    others = [one for one in last if one.chunk_id not in kept]
    return (*others[: max(most - len(kept), 1)], *kept.values())


async def _search(
    hop: PlannedHop,
    asked: str,
    facts: Sequence[BridgingFact],
    request: AnswerRequest,
    services: AnswerServices,
    draft: Draft,
) -> AsyncGenerator[Event, None]:
    """Search a hop within the document that an earlier hop found, and everywhere if it says nothing there."""
    inside = [facts[position] for position in hop.needs if facts[position].document]
    if inside:
        # The document's title stands in every header of it, and would only lead to its first page.
        words = hop.filled([f"the {fact.noun}" if fact.noun else "it" for fact in facts])
        scope = replace(request.scope, documents=tuple(fact.document for fact in inside))
        found: tuple[Passage, ...] = ()
        async for event in find_passages(
            replace(request, question=words, history=(), scope=scope), services, draft
        ):
            found = event.passages if isinstance(event, PassagesFound) else found
            yield event
        if is_relevant(found, services):
            return
    async for event in find_passages(replace(request, question=asked, history=()), services, draft):
        yield event


async def _fact_of(
    hop: PlannedHop,
    passages: Sequence[Passage],
    titles: Mapping[str, str],
    services: AnswerServices,
    draft: Draft,
) -> BridgingFact | None:
    """Return the fact that a hop found: a model's, if a passage has its very words, else that of patterns."""
    asked = [hop.question, *(translation.words for translation in draft.translations)]
    if not is_relevant(passages, services):
        return None
    model = None if draft.small else services.model
    if hop.kind in ("name", "place") and model is not None:
        fact = await _ask_model(hop, passages[:FACT_PASSAGES], model)
        if fact is not None:
            return fact
    return await asyncio.to_thread(find_fact, hop, passages, titles, asked=asked)


async def _ask_model(hop: PlannedHop, passages: Sequence[Passage], model: ModelClient) -> BridgingFact | None:
    """Return the words of a passage that a model names as the fact; None where no passage has them."""
    try:
        async with asyncio.timeout(FACT_SECONDS):
            written = await complete(templates.naming(hop.question, passages), model, FACT)
    except (ModelError, TimeoutError):
        return None  # the same server is asked for the answer next, and its error is reported there
    lines = [line for line in templates.MARK.sub("", written).splitlines() if line.strip()]
    named = lines[0].strip(" \"'“”.*") if len(lines) == 1 else ""
    if not 0 < len(named.split()) <= MOST_FACT_WORDS or content_words(named) <= content_words(hop.question):
        return None
    return fact_at(named, hop, passages)
