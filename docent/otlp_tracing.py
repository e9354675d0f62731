"""Spans as OpenTelemetry records them, sent in the background by OTLP over HTTP."""

from __future__ import annotations

import atexit
import logging
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from docent import __version__
from docent.tracing import Tracer, TraceSpan

EXPORT_SECONDS = 3.0
"""For one batch, with its repetitions; also the longest that a stop waits for the receiver."""
BATCH_SECONDS = 2.0
PATH = "/v1/traces"

log = logging.getLogger(__name__)


class OtlpTracer(Tracer):
    """Records spans. It is not the process's own provider, so that no other library sends through it."""

    is_on = True

    def __init__(self, url: str) -> None:
        """Take the receiver's URL; without a path, the usual one is added."""
        # It would log each batch that fails.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        endpoint = url if urlsplit(url).path.strip("/") else url.rstrip("/") + PATH
        self._receiver = _Receiver(endpoint)
        self._sending = BatchSpanProcessor(self._receiver, schedule_delay_millis=1000 * BATCH_SECONDS)
        resource = Resource.create(
            {
                "service.name": "docent",
                "service.version": __version__,
                "service.instance.id": str(uuid.uuid4()),
            }
        )
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(self._sending)
        self._tracer = provider.get_tracer("docent", __version__)
        atexit.register(self.close)

    @contextmanager
    def span(
        self, name: str, *, parent: TraceSpan | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[TraceSpan]:
        around = _below(parent)
        if headers is not None:
            around = TraceContextTextMapPropagator().extract(headers)
        kind = trace.SpanKind.INTERNAL if headers is None else trace.SpanKind.SERVER
        with self._tracer.start_as_current_span(
            name, context=around, kind=kind, record_exception=False, set_status_on_exception=False
        ) as recorded:
            span = TraceSpan(name, context=recorded.get_span_context())
            try:
                yield span
            except BaseException as error:
                span.error = type(error).__name__  # its message may name a file
                raise
            finally:
                recorded.update_name(span.name)
                _describe(recorded, span)

    def current(self) -> TraceSpan | None:
        context = trace.get_current_span().get_span_context()
        return TraceSpan("", context=context) if context.is_valid else None

    def record(
        self, span: TraceSpan, *, began_ns: int, steps: Mapping[str, float], parent: TraceSpan | None = None
    ) -> None:
        recorded = self._tracer.start_span(span.name, context=_below(parent), start_time=began_ns)
        _describe(recorded, span)
        at = began_ns
        for step, seconds in steps.items():
            part = self._tracer.start_span(
                f"{span.name} {step}", context=trace.set_span_in_context(recorded), start_time=at
            )
            at += int(seconds * 1e9)
            part.end(end_time=at)
        recorded.end(end_time=max(at, time.time_ns()))

    def close(self) -> None:
        self._receiver.is_closing = True
        self._sending.shutdown()  # type: ignore[no-untyped-call]


class _Receiver(SpanExporter):
    """The receiver, whose absence is logged once."""

    def __init__(self, endpoint: str) -> None:
        self._exporter = OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_SECONDS)
        self._address = urlsplit(endpoint).netloc.rpartition("@")[2]
        self._is_away = False
        self.is_closing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self.is_closing and self._is_away:
            return SpanExportResult.FAILURE  # a stop waits for no second batch
        result = self._exporter.export(spans)
        failed = result is not SpanExportResult.SUCCESS
        if failed and not self._is_away:
            log.warning(
                "The receiver of traces at %s (DOCENT_TRACES_URL) takes none. They are lost until it does; "
                "everything else goes on.",
                self._address,
            )
        self._is_away = failed
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()  # type: ignore[no-untyped-call]


def _below(parent: TraceSpan | None) -> Context | None:
    """Return the context of a step below another one; None for the step around this place."""
    if parent is None or parent.context is None:
        return None
    return trace.set_span_in_context(trace.NonRecordingSpan(parent.context))


def _describe(recorded: trace.Span, span: TraceSpan) -> None:
    recorded.set_attributes(span.attributes)
    if span.error:
        recorded.set_attribute("error.type", span.error)
        recorded.set_status(trace.StatusCode.ERROR)
