"""The trace of an answer: its steps with their times, from the receipt."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from docent.tracing import Tracer, TraceSpan
from docent.types import Answered, Event, Receipt


async def traced_answer(events: AsyncGenerator[Event, None], tracer: Tracer) -> AsyncGenerator[Event, None]:
    """Yield the events of an answer, and record it once it is complete, has failed or was stopped."""
    began_ns, parent = time.time_ns(), tracer.current()
    span = TraceSpan("question", {"docent.end": "stopped"})
    steps: Mapping[str, float] = {}
    try:
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Answered):
                    receipt = event.answer.receipt
                    span.attributes = _figures(receipt)
                    steps = {step: seconds for step, seconds in receipt.seconds.items() if step != "total"}
                yield event
    except Exception as error:
        span.error, span.attributes["docent.end"] = type(error).__name__, "failed"
        raise
    finally:
        tracer.record(span, began_ns=began_ns, steps=steps, parent=parent)


def _figures(receipt: Receipt) -> dict[str, str | int | float | bool]:
    """Return what a trace holds of a receipt: figures and the model's name."""
    end = "answered" if receipt.model else "without_model"
    return {
        "docent.end": "failed" if receipt.broken_off else end,
        "docent.found": receipt.found,
        "docent.sent": len(receipt.sent),
        "docent.hops": len(receipt.hops),
        "docent.unsupported": len(receipt.unsupported),
        "gen_ai.request.model": receipt.model,
        "gen_ai.usage.input_tokens": receipt.tokens_counted,
        "gen_ai.usage.output_tokens": receipt.tokens_answered,
    }
