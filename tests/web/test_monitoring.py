"""The metrics count what happened."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from docent.errors import InputError
from docent.types import Answer, Answered, Event, Receipt, Token
from docent.web.monitoring import Metrics


async def events(last: Event | Exception | None) -> AsyncGenerator[Event, None]:
    yield Token("So")
    if isinstance(last, Exception):
        raise last
    if last is not None:
        yield last


def answered(model: str) -> Event:
    return Answered(Answer("So.", (), (), Receipt("?", "?", model=model)))


@pytest.mark.parametrize(
    ("last", "end"),
    [
        pytest.param(answered("mistral"), "answered", id="answered"),
        pytest.param(answered(""), "without_model", id="without a model"),
        pytest.param(InputError("No."), "failed", id="failed, in a sentence"),
        pytest.param(ZeroDivisionError(), "failed", id="a mistake of ours"),
        pytest.param(None, "stopped", id="broken off"),
    ],
)
async def test_how_an_answer_ended(last, end):
    """Each question is counted once, by how its answer ended."""
    metrics = Metrics()
    try:
        async with aclosing(metrics.observe(events(last), "chat")) as each:
            async for _ in each:
                pass
    except Exception as error:
        assert error is last
    counted = {
        sample.labels["end"]: sample.value
        for family in metrics.questions.collect()
        for sample in family.samples
        if sample.name.endswith("_total")
    }
    assert counted == {end: 1}
