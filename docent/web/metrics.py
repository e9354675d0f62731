"""What is counted while the chat and the API answer: never a word of a document or a question."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from docent.app import Docent
from docent.errors import DocentError
from docent.types import Answered, Event, Receipt, Scope
from docent.web import logs

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)

Way = Literal["chat", "api"]


class Metrics:
    """The counters of one process; `text` is what a Prometheus server reads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.questions = Counter(
            "docent_questions", "Questions by where they came from and how they ended.", ["way", "end"],
            registry=self.registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "docent_answer_seconds", "Time of each step of an answer.", ["step"],
            buckets=SECONDS, registry=self.registry,
        )  # fmt: skip
        self.tokens = Counter(
            "docent_tokens", "Tokens by the model server's own count.", ["kind"], registry=self.registry
        )
        self.requests = Counter(
            "docent_http_requests", "Requests to the API by route and status.", ["route", "status"],
            registry=self.registry,
        )  # fmt: skip
        self.errors = Counter("docent_errors", "What went wrong, by kind.", ["kind"], registry=self.registry)

    async def observed(
        self, events: AsyncGenerator[Event, None], way: Way, *, identity: str = ""
    ) -> AsyncGenerator[Event, None]:
        """The same events; how the answer ended is counted and noted, also when nobody waits for its end."""
        end = "stopped"
        receipt = Receipt("", "")
        watch = Stopwatch()
        try:
            async with aclosing(events) as each:
                async for event in each:
                    if isinstance(event, Answered):
                        receipt = event.answer.receipt
                        self._count(receipt)
                        end = "answered" if receipt.model else "without_model"
                        end = "failed" if receipt.broken_off else end
                    yield event
        except Exception as error:
            end = "failed"
            if isinstance(error, DocentError):  # others are counted where they are told
                self.errors.labels(type(error).__name__).inc()
            raise
        finally:
            self.questions.labels(way, end).inc()
            logs.line(
                "question",
                id=identity or uuid.uuid4().hex,
                way=way,
                end=end,
                ms=watch.milliseconds,
                **_noted(receipt),
            )

    def _count(self, receipt: Receipt) -> None:
        for step, seconds in receipt.seconds.items():
            self.seconds.labels(step).observe(seconds)
        self.tokens.labels("prompt").inc(receipt.tokens_counted)
        self.tokens.labels("answer").inc(receipt.tokens_answered)

    def text(self, docent: Docent) -> bytes:
        registry = CollectorRegistry()
        registry.register(_Shelves(docent))
        return generate_latest(self.registry) + generate_latest(registry)


def _noted(receipt: Receipt) -> dict[str, object]:
    """What a log may say of an answer: figures only."""
    return {
        "seconds": dict(receipt.seconds),
        "found": receipt.found,
        "sent": len(receipt.sent),
        "prompt_tokens": receipt.tokens_counted,
        "answer_tokens": receipt.tokens_answered,
        "cut_short": receipt.cut_short,
    }


class _Shelves(Collector):
    """How much is stored, looked up when it is asked for."""

    def __init__(self, docent: Docent) -> None:
        self._docent = docent

    def collect(self) -> Iterator[Metric]:
        documents = self._docent.store.documents(Scope())
        by_state = GaugeMetricFamily("docent_documents", "Shared documents by state.", labels=["state"])
        for state in sorted({document.state for document in documents}):
            by_state.add_metric([state], sum(document.state is state for document in documents))
        yield by_state
        yield GaugeMetricFamily(
            "docent_pages", "Pages of shared documents.", value=sum(one.pages for one in documents)
        )
        yield GaugeMetricFamily(
            "docent_chunks", "Chunks of shared documents.", value=sum(one.chunks for one in documents)
        )
        yield GaugeMetricFamily(
            "docent_chunks_without_vector",
            "Chunks that are found by their words only, so far.",
            value=self._docent.store.lacking(),
        )
        yield GaugeMetricFamily(
            "docent_queue", "Documents that wait to be read, or are being read.",
            value=len(self._docent.uploads.waiting()),
        )  # fmt: skip
        yield CounterMetricFamily(
            "docent_ingest_pages", "Pages read since the start.", value=self._docent.intake.tally.pages
        )


class Stopwatch:
    """Milliseconds since it was made."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    @property
    def milliseconds(self) -> float:
        return round((time.perf_counter() - self._began) * 1000, 1)
