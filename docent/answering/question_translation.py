"""Translate a question into the language of the documents: by the model, else by dictionaries.

Only a question in another language than most documents in scope waits for the model, which is asked once;
what it writes is dropped where it is no translation. For a few documents in other languages dictionaries do.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from docent.answering.answer_context import AnswerServices, Draft
from docent.answering.generation import complete
from docent.answering.models.client import GenerationOptions, ModelClient
from docent.answering.output_filter import display_name
from docent.answering.prompt import templates
from docent.errors import ModelError
from docent.messages import Message, joined
from docent.retrieving.translation import Translation
from docent.text_language import detect_question_language
from docent.types import Notice, Scope

TRANSLATION = GenerationOptions(answer_tokens=128, temperature=0.0, think=False)
SECONDS = 20.0
"""For one translation. A model that has to be loaded first takes longer; then dictionaries translate."""
LEAST_WORDS = 0.4
"""Of those of the question: a translation with fewer has lost something."""
FIGURE = re.compile(r"\d+")
NAMES = {
    "en": Message("English"),
    "fr": Message("French"),
    "de": Message("German"),
    "es": Message("Spanish"),
    "it": Message("Italian"),
    "pt": Message("Portuguese"),
    "nl": Message("Dutch"),
}
IN_ENGLISH = {language: str(name) for language, name in NAMES.items()}


async def translate_searched(
    scope: Scope, services: AnswerServices, draft: Draft
) -> tuple[Sequence[Translation], Sequence[Notice]]:
    """Return what is searched in each other language of the documents, and a notice that says so."""
    translations = list(await asyncio.to_thread(services.translate, draft.searched, scope))
    first = translations[0] if translations else None
    # A small model answers when it should translate, and what it writes then would be searched.
    if first is not None and _waits_for_model(first) and services.model is not None and not draft.small:
        if written := await _ask_model(draft.searched, first, services.model):
            translations[0] = translated_by_model(first, written)
        draft.lap("translate")
    draft.translations = tuple(translations)
    noted = [one for one in translations if one.is_main and not (one.understood and one.by == "nothing")]
    return translations, [draft.notice(_notice(translation)) for translation in noted]


def _waits_for_model(translation: Translation) -> bool:
    """Tell whether a translation is worth a call: not for a few documents, nor where none is needed."""
    return translation.is_main and not translation.understood


def translated_by_model(translation: Translation, written: str) -> Translation:
    """Return the translation that a model wrote; the dictionaries' words are alternatives to its own."""
    return replace(
        translation, text=written, meaning=written, by="model", alternatives=translation.words,
        unknown=frozenset(), coverage=1.0,
    )  # fmt: skip


async def _ask_model(question: str, translation: Translation, model: ModelClient) -> str:
    """Return the model's translation; empty where it wrote none, or took too long."""
    request = templates.translating(question, IN_ENGLISH[translation.target])
    try:
        async with asyncio.timeout(SECONDS):
            written = await complete(request, model, TRANSLATION)
    except (ModelError, TimeoutError):
        return ""  # the same server is asked for the answer next, and its error is reported there
    lines = [line for line in written.splitlines() if line.strip()]
    line = display_name(templates.MARK.sub("", lines[0]).strip(' "“”«»')) if len(lines) == 1 else ""
    return line if is_translation(line, question, translation) else ""


def is_translation(line: str, question: str, translation: Translation) -> bool:
    """Tell a translation from an answer, an echo, a repetition, and from what lost a figure or a name."""
    if not 0 < len(line) <= 2 * len(question) + 60 or line.casefold() == question.casefold():
        return False
    if detect_question_language(line) not in ("", translation.target):
        return False
    if Counter(FIGURE.findall(question)) - Counter(FIGURE.findall(line)):
        return False
    words = re.findall(r"\w+", line.casefold())
    if len(words) < LEAST_WORDS * len(question.split()) or any(
        name.casefold() not in words for name in translation.names
    ):
        return False
    return _most_repeated(words) <= max(_most_repeated(re.findall(r"\w+", question.casefold())), 1)


def _most_repeated(words: Sequence[str]) -> int:
    """Return how often the commonest pair of neighbouring words stands there."""
    return max(Counter(pairwise(words)).values(), default=0)


def _notice(translation: Translation) -> Message:
    languages = {
        "source": NAMES[translation.source],
        "target": NAMES[translation.target],
        "text": display_name(joined((translation.text, translation.alternatives), " ")),
    }
    if translation.by == "model":
        return Message(
            "Documents in {target} were searched for a translation of the {source} question by the language "
            "model: {text}",
            **languages | {"text": display_name(translation.text)},
        )
    if translation.by == "dictionary":
        return Message(
            "Documents in {target} were searched for the words of the {source} question, translated by "
            "dictionaries: {text}",
            **languages,
        )
    return Message(
        "Documents in {target} were searched for the words of the {source} question as they are: neither a "
        "language model nor a dictionary translated them. Answers may be missed.",
        **languages,
    )
