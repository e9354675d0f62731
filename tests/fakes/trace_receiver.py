"""A receiver of OpenTelemetry traces on 127.0.0.1: OTLP over HTTP in Protobuf, as it is specified."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.fakes.web_servers import LocalServer, WebReply, WebRequest, serving

PROTOBUF = "application/x-protobuf"


@dataclass(frozen=True)
class ReceivedSpan:
    name: str
    kind: int
    trace: bytes
    id: bytes
    parent: bytes
    began: int
    ended: int
    attributes: dict[str, Any]
    failed: bool


@dataclass
class TraceReceiver:
    """What was received, and whether the receiver takes more."""

    server: LocalServer | None = None
    spans: list[ReceivedSpan] = field(default_factory=list)
    resources: list[dict[str, Any]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    """As they were sent, without compression."""
    refuses: bool = False
    hangs: threading.Event | None = None
    """While it is set, requests are taken and not answered."""
    tries: int = 0

    @property
    def url(self) -> str:
        assert self.server is not None
        return self.server.url

    def named(self, name: str) -> list[ReceivedSpan]:
        return [span for span in self.spans if span.name == name]

    def wait_for(self, name: str, seconds: float = 60.0) -> ReceivedSpan:
        """Wait until a span of this name is there; they come some seconds late."""
        end = time.monotonic() + seconds
        while not self.named(name):
            assert time.monotonic() < end, f"no {name} in {[span.name for span in self.spans]}"
            time.sleep(0.05)
        return self.named(name)[0]

    def answer(self, request: WebRequest) -> WebReply:
        self.tries += 1
        if self.hangs is not None:
            self.hangs.wait(60)
        headers = {name.lower(): value for name, value in request.headers.items()}
        if self.refuses:
            return WebReply(503)
        if (request.method, request.path) != ("POST", "/v1/traces"):
            return WebReply(404)
        if headers.get("content-type") != PROTOBUF:
            return WebReply(415)
        body = request.body
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        try:
            sent = ExportTraceServiceRequest.FromString(body)
        except DecodeError:
            return WebReply(400)
        self.bodies.append(body)
        for of_resource in sent.resource_spans:
            self.resources.append(_values(of_resource.resource.attributes))
            for of_scope in of_resource.scope_spans:
                self.spans += map(_received, of_scope.spans)
        reply = ExportTraceServiceResponse().SerializeToString()
        return WebReply(200, reply, {"Content-Type": PROTOBUF})


@contextmanager
def receiving() -> Iterator[TraceReceiver]:
    """Run a receiver."""
    receiver = TraceReceiver()
    with serving(receiver.answer) as server:
        receiver.server = server
        yield receiver


def _received(span: Any) -> ReceivedSpan:
    return ReceivedSpan(
        name=span.name,
        kind=span.kind,
        trace=span.trace_id,
        id=span.span_id,
        parent=span.parent_span_id,
        began=span.start_time_unix_nano,
        ended=span.end_time_unix_nano,
        attributes=_values(span.attributes),
        failed=span.status.code == 2,
    )


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
