"""Plan the hops of a question: by the language model where the question looks like several, else by patterns.

The model is asked once, and what it writes is dropped unless each line is a search in the words of the
question, the last one asks what was asked, and each but the first needs what an earlier one finds.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from docent.answering.answer_context import AnswerServices, Draft
from docent.answering.citing.vocabulary import content_words
from docent.answering.generation import complete
from docent.answering.models.client import GenerationOptions, ModelClient
from docent.answering.multi_hop.hop_patterns import (
    MOST_HOPS,
    NOUNS,
    PLACEHOLDER,
    SMALL,
    SPEAKERS,
    SUPERLATIVE,
    Kind,
    PlannedHop,
    plan_by_patterns,
)
from docent.answering.prompt import templates
from docent.errors import InputError, ModelError
from docent.retrieving.query import parse, shorten_question
from docent.types import AnswerRequest

DESCRIBES = re.compile(
    rf"\b(?:the|that) (?:(?!{SMALL})[\w'-]+ ){{1,3}}?"
    r"(?:(?:in|on|at|for|from|with|of|by) which|that|which|who|whose|where)\b"
    r"|\b(?:le|la|du|au|des|aux) [\w'-]+ (?:qui|que|où|dont)\b|\bl['’][\w'-]+ (?:qui|que|où|dont)\b"
    r"|\b(?:der|die|das|dem|den|im|am) \w+, (?:(?:in|an|bei) )?(?:der|die|das|dem|den|deren|dessen|wo)\b",
    re.IGNORECASE,
)
"""A thing that is described instead of named, whatever its noun: for these the model is asked."""
OPTIONS = GenerationOptions(answer_tokens=160, temperature=0.0, think=False)
SECONDS = 20.0
"""For one plan; a model that has to be loaded first takes longer, and patterns plan instead."""
REFERS_BACK = re.compile(
    r"\b(?:it|its|they|them|their|he|him|his|she|her|these|those|same|former|latter|cela|celui|celle|ceux|leur"
    r"|ihn|ihm|dort|dessen|deren)\b|\bthere\b(?! (?:is|are|was|were)\b)",
    re.IGNORECASE,
)
"""Words that may mean something of an earlier turn: such a question is rewritten and searched as a whole."""
LINE = re.compile(r"\s*\d\s*[.):]\s*(?P<question>\S.*)")
LEAST_KEPT = 0.6
"""Share of the words of a question that the hops together must have."""
MOST_ADDED = 2
"""Words that a hop may have beside those of the question, such as "company" for "who"."""


def looks_like_hops(question: str) -> bool:
    """Tell whether a question may need a fact from one document to search another; takes microseconds."""
    described = DESCRIBES.search(question)
    return described is not None and not SPEAKERS.match(question[described.end() :].lstrip())


async def plan_hops(request: AnswerRequest, services: AnswerServices, draft: Draft) -> tuple[PlannedHop, ...]:
    """Return the hops of a question; none where one search is enough, as nearly always."""
    question = shorten_question(request.question)
    planned = plan_by_patterns(question)
    if not planned and not looks_like_hops(question):
        return ()
    # A pronoun within a description means something in it: "the company that tells ships how long they wait".
    rest = planned[-1].question if planned else question
    if request.history and REFERS_BACK.search(rest):
        return ()
    try:
        if parse(question).text != " ".join(question.split()):
            return ()  # conditions, such as file:handbook.pdf, hold for the question as a whole
    except InputError:
        return ()  # the search of the whole question says what is wrong with them
    # A small model cannot plan: it answers, or repeats the example.
    if services.model is not None and not draft.small:
        planned = await _ask_model(question, services.model) or planned
        draft.lap("plan")
    return planned


async def _ask_model(question: str, model: ModelClient) -> tuple[PlannedHop, ...]:
    """Return the model's plan; none where it wrote none, took too long, or sees one search."""
    try:
        async with asyncio.timeout(SECONDS):
            written = await complete(templates.planning(question, MOST_HOPS), model, OPTIONS)
    except (ModelError, TimeoutError):
        return ()  # the same server is asked for the answer next, and its error is reported there
    return read_plan(written, question)


def read_plan(written: str, question: str) -> tuple[PlannedHop, ...]:
    """Return the hops that a model wrote; none where they are no plan of this question."""
    lines = [match["question"].strip() for line in written.splitlines() if (match := LINE.fullmatch(line))]
    hops = tuple(PlannedHop(line, *_kind_and_noun(line)) for line in lines)
    if not 2 <= len(hops) <= MOST_HOPS:
        return ()
    asked = content_words(question)
    said: set[str] = set()
    for at, hop in enumerate(hops):
        words = content_words(PLACEHOLDER.sub(" ", hop.question))
        refers = hop.needs
        if any(not 0 <= position < at for position in refers) or (at and not refers) or not words:
            return ()
        if len(words - asked) > MOST_ADDED or len(hop.question) > 2 * len(question):
            return ()
        if at < len(hops) - 1 and SUPERLATIVE.search(hop.question.rstrip("?. ")):
            return ()  # a comparison of all documents, which no search makes
        said |= words
    return hops if len(said & asked) >= LEAST_KEPT * len(asked) and _differ(hops, asked) else ()


def _differ(hops: Sequence[PlannedHop], asked: frozenset[str]) -> bool:
    """Tell whether no hop repeats another one or the whole question."""
    words = [content_words(PLACEHOLDER.sub(" ", hop.question)) for hop in hops]
    return len(set(words)) == len(words) and all(not asked <= one for one in words)


def _kind_and_noun(question: str) -> tuple[Kind, str]:
    """Return what a question asks for, by the first noun in it whose kind is known."""
    for word in re.findall(r"\w+", question.lower()):
        for nouns in NOUNS.values():
            if (kind := nouns.get(word) or nouns.get(word.removesuffix("s"))) is not None:
                return kind, word
    return "name", ""
