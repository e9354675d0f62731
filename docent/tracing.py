"""Traces by OpenTelemetry, for the receiver that DOCENT_TRACES_URL names; without it nothing is recorded.

A span has a name, times and figures. It never has a text of a document or a question, or a name of a file or
of a person.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

_tracers: dict[str, Tracer] = {}
_opening = threading.Lock()


@dataclass(slots=True)
class TraceSpan:
    """A step with what is recorded of it once it is over."""

    name: str
    attributes: dict[str, str | int | float | bool] = field(default_factory=dict)
    error: str = ""
    """The kind of the error that ended it."""
    context: Any = None
    """What OpenTelemetry knows it by."""


class Tracer:
    """Records nothing: there is no receiver."""

    is_on = False

    @contextmanager
    def span(
        self, name: str, *, parent: TraceSpan | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[TraceSpan]:
        """Record the block as one step, below `parent` or the step around it.

        With `headers` it is a request, which goes on with the trace that its sender began.
        """
        del parent, headers
        yield TraceSpan(name)

    def current(self) -> TraceSpan | None:
        """Return the step around this place, as the parent of one that ends elsewhere."""
        return None

    def record(
        self, span: TraceSpan, *, began_ns: int, steps: Mapping[str, float], parent: TraceSpan | None = None
    ) -> None:
        """Record a step that is over now, and the seconds of its parts, one after the other."""

    def close(self) -> None:
        """Send what was recorded, if the receiver takes it."""


def open_tracer(url: str) -> Tracer:
    """Return the tracer of a receiver, one for the whole process; for no URL, one that records nothing."""
    if not url:
        return Tracer()
    with _opening:
        if url not in _tracers:
            from docent.otlp_tracing import OtlpTracer  # 0.3 s, for those who look at traces

            _tracers[url] = OtlpTracer(url)
        return _tracers[url]
