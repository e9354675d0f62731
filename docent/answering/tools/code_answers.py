"""Answers that code works out before any model: from tables, by arithmetic, by the calendar.

A question has one only if code is sure of every word of it (docs/decisions/0030-tools-are-on.md).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator

from docent.answering.answer_context import AnswerServices, Draft, ScopedDocuments, search_in_thread
from docent.answering.citing.citations import CitedAnswer
from docent.answering.output_filter import display_name
from docent.answering.tools.calculated_answers import answer_by_arithmetic
from docent.answering.tools.dated_answers import answer_by_calendar
from docent.answering.tools.table_answers import answer_from_tables, is_about_a_table
from docent.answering.tools.worked_out import WorkedOut
from docent.retrieving.query import shorten_question
from docent.types import AnswerRequest, Event, Passage, PassagesFound, StepProgress

ARITHMETIC = re.compile(
    r"\d\s*(?:[×÷*^+]|%|percent|per cent|pour cent)|\b(?:percentage|pourcentage|divided|multiplied"
    r"|divisé|multiplié|twice"
    r"|le double|la moitié|ratio|per day|per hour)\b",
    re.IGNORECASE,
)
DAYS = re.compile(
    r"\b(?:how (?:many (?:days|weeks|months|working days)|long) .*\b(?:until|till|between|since|from"
    r"|before|left)|weekday"
    r"|day of the week|jour de la semaine|combien de (?:jours|semaines|mois) .*(?:avant|jusqu|entre"
    r"|depuis|d.ici))\b",
    re.IGNORECASE,
)
LONGEST = 300
"""Characters of a question that code may answer."""


async def work_out(
    request: AnswerRequest, documents: ScopedDocuments, services: AnswerServices
) -> WorkedOut | None:
    """Return the answer that code alone can give; None for a question that is read and answered as ever."""
    question = shorten_question(request.question)
    if services.limits.tools == "off" or len(question) > LONGEST:
        return None
    if request.json_format is not None or request.client_tools is not None or request.anyway:
        return None

    def search(words: str) -> tuple[Passage, ...]:
        return tuple(services.retrieve(words, request.scope))

    def choose() -> WorkedOut | None:
        return (
            answer_by_arithmetic(question, documents, search)
            or answer_by_calendar(question, documents, search, today=services.today())
            or answer_from_tables(question, documents, search)
        )

    return await search_in_thread(question, choose)


def tools_needed(question: str, documents: ScopedDocuments, services: AnswerServices) -> frozenset[str]:
    """Return the tools that a question needs which code cannot answer alone, for the model to use."""
    if services.limits.tools != "auto" or not services.limits.tool_steps or services.model is None:
        return frozenset()
    needed: set[str] = set()
    if len(question) <= LONGEST:
        needed |= {"calculate"} if ARITHMETIC.search(question) else set()
        needed |= {"count_days"} if DAYS.search(question) else set()
        if is_about_a_table(question, documents, lambda words: services.retrieve(words, documents.scope)):
            needed |= {"query_table", "calculate"}
    return frozenset(needed)


async def tell(worked_out: WorkedOut, draft: Draft) -> AsyncGenerator[Event, None]:
    """Show the steps, and end with the answer."""
    draft.found = len(worked_out.passages)
    draft.lap("retrieve")
    yield PassagesFound(worked_out.passages)
    for at, step in enumerate(worked_out.steps, 1):
        draft.steps.append(display_name(step))
        yield StepProgress(display_name(step), at, len(worked_out.steps))
        await asyncio.sleep(0)
    yield draft.answered(CitedAnswer(worked_out.text, worked_out.citations), worked_out.passages)
