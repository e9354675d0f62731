"""Measure Docent's own time before the first token, without the model, in a store of many chunks.

    nice python -m bench.overhead --store FOLDER [--questions 200]

FOLDER is one of the stores that `python -m bench.latency --cache …` builds, such as …/100000; if it is
missing, it is built. A fake model answers at once, so only Docent is measured: the question is rewritten
(half of them are follow-ups in a conversation of six turns), passages are retrieved, the budget is counted in
Mistral's tokens, the prompt is written, and the first word of the answer passes the output filter. Processor
time of all threads is given as well, because other work on the machine hardly changes it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.latency import build, open_built, warm_up
from docent.answering.answer_context import AnswerServices
from docent.answering.answer_limits import AnswerLimits
from docent.answering.answer_pipeline import answer
from docent.answering.content_policy import NO_POLICY
from docent.answering.models.client import (
    DEFAULT_OPTIONS,
    ChatMessage,
    GenerationOptions,
    ModelStatus,
    Piece,
    ServedModel,
)
from docent.answering.prompt.personas import PLAIN
from docent.answering.prompt.token_budget import LearningCounter, counter_for
from docent.app import Docent
from docent.types import Answered, AnswerRequest, Passage, Scope, StepProgress, Token, Turn

STEPS = ("condense", "retrieve", "budget", "first_token")
HISTORY = tuple(
    Turn(f"What does part {n} say of the matter, and since when?", f"Part {n} says that it holds. " * 12)
    for n in range(6)
)


class InstantModel:
    """A model without latency, which repeats the last line of its prompt."""

    name = "mistral"

    async def stream(
        self, messages: Sequence[ChatMessage], options: GenerationOptions = DEFAULT_OPTIONS
    ) -> AsyncGenerator[Piece, None]:
        yield Piece(str(messages[-1]["content"]).rsplit(": ", 1)[-1] + " ")
        yield Piece("", prompt_tokens=1, answer_tokens=1)

    async def check(self) -> ModelStatus:
        return ModelStatus(True, "instant")

    async def models(self) -> tuple[str, ...]:
        return (self.name,)

    async def describe(self) -> tuple[ServedModel, ...]:
        return (ServedModel(self.name),)

    async def pull(self) -> AsyncGenerator[StepProgress, None]:
        yield StepProgress("", 1, 1)

    async def parameters(self) -> int | None:
        return None

    async def warm(self) -> None: ...


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--store", type=Path, required=True, help="a folder that bench.latency built")
    parser.add_argument("--questions", type=int, default=200, help="number of timed questions")
    args = parser.parse_args()
    if not (args.store / "questions.json").exists():
        build(args.store, int(args.store.name))
    questions = json.loads((args.store / "questions.json").read_text())
    with open_built(args.store) as docent:
        warm_up(docent, questions[:5])
        measured = asyncio.run(measure(docent, questions, args.questions))
    print("| step | p50, ms | p95, ms | processor p50, ms | processor p95, ms |\n|---|---|---|---|---|")
    for step, milliseconds in measured.clock.items():
        cells = [*np.percentile(milliseconds, [50, 95])]
        cells += [*np.percentile(measured.processor[step], [50, 95])] if step in measured.processor else []
        print(f"| {step} | {' | '.join(f'{cell:.1f}' for cell in cells)} |{' |' * (4 - len(cells))}")


@dataclass
class Measured:
    """Milliseconds by step, and in all before the first token."""

    clock: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    processor: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


async def measure(docent: Docent, questions: Sequence[str], count: int) -> Measured:
    measured = Measured()
    retrieval = 0.0

    def retrieve(question: str, scope: Scope) -> Sequence[Passage]:
        nonlocal retrieval
        began = time.process_time()
        passages = docent.retrieve(question, scope)
        retrieval = (time.process_time() - began) * 1000
        return passages

    services = AnswerServices(
        retrieve=retrieve,
        store=docent.store,
        model=InstantModel(),
        persona=PLAIN,
        limits=AnswerLimits(context_tokens=8192, answer_tokens=1024, passages=8),
        counter=LearningCounter(counter_for("mistral")),
        policy=NO_POLICY,
    )
    for at in range(count + 5):
        question = questions[at % len(questions)]
        began, busy_since = time.perf_counter(), time.process_time()
        first = busy = 0.0
        asked = f"And {question}" if at % 2 else question
        request = AnswerRequest(question=asked, history=HISTORY if at % 2 else (), scope=Scope())
        events = answer(request, services)
        async for event in events:
            if isinstance(event, Token) and not first:
                first = (time.perf_counter() - began) * 1000
                busy = (time.process_time() - busy_since) * 1000
            if isinstance(event, Answered) and first and at >= 5:  # the first five load models and index
                seconds = event.answer.receipt.seconds
                for step in STEPS:
                    measured.clock[step].append(seconds.get(step, 0.0) * 1000)
                measured.clock["Docent without retrieval"].append(first - seconds.get("retrieve", 0.0) * 1000)
                measured.clock["all before the first token"].append(first)
                measured.processor["retrieve"].append(retrieval)
                measured.processor["Docent without retrieval"].append(busy - retrieval)
                measured.processor["all before the first token"].append(busy)
    return measured


if __name__ == "__main__":
    main()
