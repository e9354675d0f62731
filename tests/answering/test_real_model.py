"""Answers of a real language model, directly and behind Ollama's protocol: nothing of them is scripted."""

from __future__ import annotations

import re
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from docent.answering.models.ollama_client import OllamaClient
from docent.answering.prompt.token_budget import EstimatedTokens, LearningCounter
from docent.errors import ModelOverflow
from docent.types import Token, Turn
from tests.answering.build import LIMITS, answer_of, answering, events, notices, passage
from tests.fakes.real_model import CONTEXT_TOKENS, PATIENCE, client_of

QUESTION = "When does the museum open?"
SHORT = replace(LIMITS, context_tokens=CONTEXT_TOKENS, answer_tokens=32, passages=2)
LONG = "The museum opens at 9:30 and closes at 18:00, except on public holidays. "


def behind_ollama(ollama: Any, **changes: Any) -> OllamaClient:
    values: dict[str, Any] = {
        "name": "smollm2:135m", "url": ollama.url, "key": "", "context_tokens": CONTEXT_TOKENS,
        "answer_tokens": 32, "temperature": 0.0, "keep_alive": "5m", "timeouts": PATIENCE,
    }  # fmt: skip
    return OllamaClient(**values | changes)


@pytest.fixture(params=["llamacpp", "ollama"])
def model(request: Any, real_model: Any, real_ollama: Any) -> Any:
    return client_of(real_model) if request.param == "llamacpp" else behind_ollama(real_ollama)


async def test_an_answer_is_cited_or_marked(model):
    """Tokens come one by one; each sentence has a citation of a real place, or a notice."""
    found = await events(QUESTION, model, limits=SHORT)
    answer = answer_of(found)
    assert sum(isinstance(event, Token) for event in found) > 3
    assert answer.citations or notices(found)
    for citation in answer.citations:
        (source,) = [each for each in answer.passages if each.chunk_id == citation.chunk_id]
        assert citation.quote == source.text[citation.start - source.start : citation.end - source.start]
    assert set(re.findall(r"\[(\d)\]", answer.text)) == {str(citation.n) for citation in answer.citations}


async def test_the_receipt_has_the_models_own_counts(model):
    """What was budgeted is never less than what the model's own vocabulary and template take."""
    receipt = answer_of(await events(QUESTION, model, limits=SHORT)).receipt
    assert receipt.model == model.name
    assert 100 < receipt.tokens_counted <= receipt.tokens_budgeted
    assert 0 < receipt.tokens_answered <= 32


async def test_the_counter_learns_from_a_real_model(model):
    """After one answer the estimate of the next prompt is nearer to the truth, and still not below it."""
    counter = LearningCounter(EstimatedTokens())
    changes: dict[str, Any] = {"limits": SHORT, "counter": counter}
    first = answer_of(await events(QUESTION, model, **changes)).receipt
    second = answer_of(await events("When does the café close?", model, **changes)).receipt
    assert counter.factor < 1
    assert second.tokens_counted <= second.tokens_budgeted < first.tokens_budgeted


async def test_a_conversation(model):
    """A follow-up is rewritten by the model, or led in by the question before it, and answered."""
    history = [Turn("How much is admission to the museum?", "Admission is 12.50 euro [1].")]
    receipt = answer_of(await events("And for children?", model, limits=SHORT, history=history)).receipt
    assert receipt.history_turns == 1
    assert "admission" in receipt.searched.lower() or "museum" in receipt.searched.lower()
    assert receipt.tokens_counted <= receipt.tokens_budgeted


async def test_stop(real_ollama):
    """A reader who leaves ends the answer at the server, after a few of its tokens."""
    model = behind_ollama(real_ollama, answer_tokens=1000)
    limits = replace(SHORT, answer_tokens=1000)
    async with aclosing(answering(QUESTION, model, limits=limits)) as stream:
        async for event in stream:
            if isinstance(event, Token):
                break
    await real_ollama.until(lambda: real_ollama.requests_to("/api/chat")[-1].disconnected, within=60)
    assert real_ollama.requests_to("/api/chat")[-1].tokens_sent < 100


async def test_an_overflow_leaves_out_passages(model):
    """The server counts more tokens than its window holds: half of the passages are sent, and answered."""
    passages = [passage(LONG * 32, n=n) for n in (1, 2, 3)]  # each 700 real tokens
    limits = replace(SHORT, context_tokens=8 * CONTEXT_TOKENS, passages=3)
    found = await events(QUESTION, model, limits=limits, retrieve=lambda question, scope: passages)
    receipt = answer_of(found).receipt
    assert len(receipt.sent) == 1
    assert 600 < receipt.tokens_counted < CONTEXT_TOKENS
    assert receipt.tokens_answered


async def test_a_question_that_cannot_fit_is_an_overflow(model):
    """Where no passage is left to drop, the sentence says so."""
    with pytest.raises(ModelOverflow, match="do not fit"):
        async with aclosing(model.stream([{"role": "user", "content": LONG * 120}])) as pieces:
            await anext(pieces)


async def test_tools_are_offered_to_a_model_that_cannot_use_them(model):
    """A small model may ask for a tool, or write anything else: there is an answer in the end."""
    limits = replace(SHORT, answer_tokens=48, tool_steps=1, context_tokens=4 * CONTEXT_TOKENS)
    found = await events(QUESTION, model, limits=limits)
    assert answer_of(found).text
    assert len(answer_of(found).receipt.steps) <= 4
