"""Metrics and log lines of the chat and the API: figures only, never a word of a document or a question."""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
import uuid
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, Literal

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from docent.app import Docent
from docent.errors import DocentError
from docent.types import Answered, Event, Receipt, Scope
from docent.web.audit.audit_log import AuditLog

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)

LOGGER = logging.getLogger("docent.requests")
REFUSED_LOGIN = "Exception authenticating connection"

LogForm = Literal["text", "json", "off"]


class Metrics:
    """The counters of one process, in the text format that a Prometheus server reads."""

    def __init__(self, audit: AuditLog | None = None) -> None:
        self.audit = audit or AuditLog()
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

    async def observe(
        self,
        events: AsyncGenerator[Event, None],
        way: Literal["chat", "api", "mcp"],
        *,
        actor: str = "",
        request_id: str = "",
    ) -> AsyncGenerator[Event, None]:
        """Yield the same events; count and log how the answer ended, also when it was cancelled."""
        end, cited = "stopped", ""
        receipt = Receipt("", "")
        watch = Stopwatch()
        try:
            async with aclosing(events):
                async for event in events:
                    if isinstance(event, Answered):
                        receipt = event.answer.receipt
                        cited = ", ".join(dict.fromkeys(one.file for one in event.answer.citations))
                        for step, seconds in receipt.seconds.items():
                            self.seconds.labels(step).observe(seconds)
                        self.tokens.labels("prompt").inc(receipt.tokens_counted)
                        self.tokens.labels("answer").inc(receipt.tokens_answered)
                        end = "answered" if receipt.model else "without_model"
                        end = "failed" if receipt.broken_off else end
                    yield event
        except Exception as error:
            end = "failed"
            if isinstance(error, DocentError):  # others are counted where they are reported
                self.errors.labels(type(error).__name__).inc()
            raise
        finally:
            self.questions.labels(way, end).inc()
            self.audit.record(actor, way, "ask", cited)
            log_line(
                "question",
                id=request_id or uuid.uuid4().hex,
                way=way,
                end=end,
                ms=watch.milliseconds,
                seconds=dict(receipt.seconds),
                found=receipt.found,
                sent=len(receipt.sent),
                prompt_tokens=receipt.tokens_counted,
                answer_tokens=receipt.tokens_answered,
                cut_short=receipt.cut_short,
            )

    def report_unexpected(self, error: Exception, request_id: str) -> None:
        """Count a bug and print its kind and place, without its words: they may quote a document."""
        self.errors.labels("unexpected").inc()
        places = [
            f"{frame.name} ({frame.filename}:{frame.lineno})"
            for frame in traceback.extract_tb(error.__traceback__)
        ]
        where = f"{type(error).__name__} in {' > '.join(places[-4:])}"
        print(f"docent: request {request_id} failed: {where}", file=sys.stderr)

    def text(self, docent: Docent) -> bytes:
        registry = CollectorRegistry()
        registry.register(_StoreCollector(docent))
        return generate_latest(self.registry) + generate_latest(registry)


class _StoreCollector(Collector):
    """Count what is stored, each time the metrics are read."""

    def __init__(self, docent: Docent) -> None:
        self._docent = docent

    def collect(self) -> Iterator[Metric]:
        documents, unread = self._docent.store.documents(Scope()), len(self._docent.uploads.waiting())
        by_state = GaugeMetricFamily("docent_documents", "Shared documents by state.", labels=["state"])
        for state in sorted({document.state for document in documents}):
            by_state.add_metric([state], sum(document.state is state for document in documents))
        yield by_state
        yield GaugeMetricFamily(
            "docent_pages", "Pages of shared documents.", value=sum(document.pages for document in documents)
        )
        yield GaugeMetricFamily(
            "docent_chunks",
            "Chunks of shared documents.",
            value=sum(document.chunks for document in documents),
        )
        yield GaugeMetricFamily(
            "docent_chunks_without_vector",
            "Chunks that are found by their words only, so far.",
            value=self._docent.store.lacking(),
        )
        yield GaugeMetricFamily(
            "docent_queue", "Documents that wait to be read, or are being read.",
            value=unread,
        )  # fmt: skip
        yield GaugeMetricFamily(
            "docent_jobs_waiting", "Documents to be read or embedded, for a scaler of workers.",
            value=unread + len(self._docent.store.waiting.documents()),
        )  # fmt: skip
        yield GaugeMetricFamily(
            "docent_index_lag_seconds",
            "Seconds since words and vectors were last level with the catalog.",
            value=self._docent.store.lag,
        )
        yield GaugeMetricFamily(
            "docent_workers", "Processes that read and embed.", value=self._docent.jobs.workers()
        )
        yield CounterMetricFamily(
            "docent_ingest_pages",
            "Pages read since the start.",
            value=self._docent.ingest_pipeline.tally.pages,
        )


class Stopwatch:
    """Milliseconds since it was made."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    @property
    def milliseconds(self) -> float:
        return round((time.perf_counter() - self._started) * 1000, 1)


def configure_logging(form: LogForm) -> None:
    """Write request lines to stderr in this form, instead of any form set before."""
    logging.getLogger("chainlit").addFilter(drop_login_traceback)
    LOGGER.handlers.clear()
    LOGGER.propagate = False
    if form == "off":
        LOGGER.addHandler(logging.NullHandler())
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if form == "json" else _TextFormatter())
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)


def drop_login_traceback(record: logging.LogRecord) -> bool:
    """Keep Chainlit from logging a traceback for each socket whose login has expired."""
    if str(record.msg).startswith(REFUSED_LOGIN):
        record.exc_info = None
    return True


def log_line(what: str, **fields: Any) -> None:
    LOGGER.info(what, extra={"fields": fields})


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields = getattr(record, "fields", {})
        return json.dumps(
            {"at": at, "level": record.levelname.lower(), "what": record.getMessage(), **fields}
        )


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", {})
        return " ".join([record.getMessage(), *(f"{name}={value}" for name, value in fields.items())])
