"""An easier task for small models: less to read, one thing to do, and the best sentences beside their answer.

A model of 135 million parameters copies a sentence well and reasons badly. Measured in docs/performance.md,
"Small models".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from docent.answering.answer_context import AnswerServices
from docent.answering.citing.citations import MARK, CitedAnswer
from docent.answering.citing.vocabulary import content_words
from docent.answering.models.client import ModelClient
from docent.answering.replies_without_model import find_best_sentences
from docent.errors import ModelError
from docent.messages import Message, joined
from docent.types import Passage

SMALL_PARAMETERS = 1_500_000_000
"""Below this many, a model gets the easier task, unless DOCENT_SMALL_MODEL says otherwise."""
PASSAGES = 2
ANSWER_TOKENS = 96
SENTENCES = 3
"""Of each passage: those that match the question best, in their order."""
RULES = """\
You answer a question from the text that you are given. Copy the words of the text that answer it, with their
figures and names, into one short sentence. Then stop.
"""

BESIDE = Message("The best sentences found:")
INSTEAD = Message(
    "What this small model wrote could not be confirmed, so the best sentences found are shown instead."
)


async def is_small(services: AnswerServices) -> bool:
    """Tell whether the model gets the easier task; without a model there is none."""
    if services.model is None:
        return False
    return await is_small_model(services.model, setting=services.limits.small_model, sizes=services.sizes)


async def is_cited_closely(services: AnswerServices) -> bool:
    """Tell whether only near copies are cited: also of a small model that is to get no easier task."""
    if services.model is None:
        return False
    return services.limits.small_model == "on" or await has_few_parameters(services.model, services.sizes)


async def is_small_model(model: ModelClient, *, setting: str, sizes: dict[str, int | None]) -> bool:
    """Tell whether a model gets the easier task: by the setting, or by its number of parameters."""
    return setting == "on" if setting != "auto" else await has_few_parameters(model, sizes)


async def has_few_parameters(model: ModelClient, sizes: dict[str, int | None]) -> bool:
    """Tell whether the model is known to have few parameters; its server is asked once."""
    if model.name not in sizes:
        try:
            sizes[model.name] = await model.parameters()
        except ModelError:
            return False  # the same server is asked for the answer next, and its error is reported there
    size = sizes[model.name]
    return size is not None and size < SMALL_PARAMETERS


def with_easier_task(services: AnswerServices) -> AnswerServices:
    """Return the services with a short prompt, few passages and a short answer."""
    limits = services.limits
    return replace(
        services,
        persona=replace(services.persona, rules=RULES),
        limits=replace(
            limits,
            passages=min(limits.passages, PASSAGES),
            answer_tokens=min(limits.answer_tokens, ANSWER_TOKENS),
            tool_steps=0,
        ),
    )


def shortened(question: str, passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """Return the passages with only those of their sentences that match the question best."""
    return tuple(replace(passage, text=_best_part(question, passage)) for passage in passages)


def _best_part(question: str, passage: Passage) -> str:
    best = find_best_sentences(question, [passage], most=SENTENCES)
    spans = sorted(
        (citation.start - passage.start, citation.end - passage.start) for citation in best.citations
    )
    return "\n".join(passage.text[start:end].strip() for start, end in spans) or passage.text


def with_best_sentences(question: str, cited: CitedAnswer, best: CitedAnswer) -> CitedAnswer:
    """Return what the model wrote and the best sentences; only these, if no passage supports some of it."""
    if not is_supported(question, cited):
        return best
    said = _said(cited.text)
    lines = [line for line in best.text.splitlines() if not line or _said(line) not in said]
    more = "\n".join(lines).strip("\n")
    if not more:
        return cited
    return replace(
        cited,
        text=joined((cited.text, BESIDE, more), "\n\n"),
        citations=tuple(dict.fromkeys((*cited.citations, *best.citations))),
    )


def is_supported(question: str, cited: CitedAnswer) -> bool:
    """Tell whether the passages support every sentence of an answer, and it adds to the question."""
    text = MARK.sub("", cited.text).strip()
    says_something = content_words(text) - content_words(question) and not text.endswith("?")
    flawed = cited.unsupported or cited.doubtful or cited.unfinished
    return bool(cited.citations and says_something and not flawed)


def _said(text: str) -> str:
    return " ".join(MARK.sub("", text).strip("-*•. ").casefold().split())
