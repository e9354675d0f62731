"""Traces say which step took how long, and never a word of a document, a question or a person."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route

from docent import otlp_tracing
from docent.app import open_docent
from docent.app.traced_answer import traced_answer
from docent.errors import ModelError
from docent.settings import Settings
from docent.tracing import Tracer, TraceSpan, open_tracer
from docent.types import Answer, Answered, AnswerRequest, Receipt, Scope, Token
from docent.web.traced_requests import TracedRequests
from tests.fakes.trace_receiver import TraceReceiver, receiving

SECRETS = ("Quillstone", "quillstone", "plumage", "Ada", "ada@", "heron")


@pytest.fixture
def receiver(monkeypatch):
    monkeypatch.setattr(otlp_tracing, "BATCH_SECONDS", 0.1)
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def tracer(receiver):
    tracer = open_tracer(receiver.url)
    yield tracer
    tracer.close()


def assert_no_secret(receiver: TraceReceiver) -> None:
    sent = b"".join(receiver.bodies)
    assert sent
    assert [secret for secret in SECRETS if secret.encode() in sent] == []


async def test_a_file_and_a_question_leave_their_steps(receiver, tmp_path, ollama):
    """Reading, storing and embedding a file; the steps of the receipt, one after the other; figures only."""
    path = tmp_path / "data" / "quillstone-plumage.md"
    path.parent.mkdir()
    path.write_text("# Quillstone\n\nThe heron of Quillstone changes its plumage in May.\n")
    settings = Settings(
        storage=tmp_path / "storage",
        data=path.parent,
        model_url=ollama.url,
        small_model="off",
        traces_url=receiver.url,
    )
    ollama.script("The heron changes its plumage in May [1].")
    with open_docent(settings) as docent:
        docent.ingest([path.parent])
        request = AnswerRequest(
            question="When does the heron of Quillstone change its plumage?", scope=Scope(reader="ada@quay")
        )
        receipt = [event.answer async for event in docent.answer(request) if isinstance(event, Answered)][
            0
        ].receipt
        docent.tracer.close()
    (read,), (stored,) = receiver.named("ingest read"), receiver.named("ingest store")
    assert read.attributes == {"docent.kind": "markdown", "docent.pages": 1}
    assert (stored.trace, stored.parent) == (read.trace, read.id)
    assert (
        stored.attributes["docent.chunks"]
        == receiver.named("ingest embed")[0].attributes["docent.chunks"]
        > 0
    )
    (question,) = receiver.named("question")
    assert question.attributes["docent.end"] == "answered"
    assert question.attributes["gen_ai.request.model"] == receipt.model
    assert question.attributes["docent.sent"] == len(receipt.sent) == 1
    steps = [span for span in receiver.spans if span.parent == question.id]
    taken = {span.name.removeprefix("question "): (span.ended - span.began) / 1e9 for span in steps}
    assert {"retrieve", "generate", "cite"} <= set(taken)
    assert taken == pytest.approx({k: v for k, v in receipt.seconds.items() if k != "total"}, abs=1e-4)
    for earlier, later in zip(steps, steps[1:], strict=False):
        assert question.began <= earlier.began <= earlier.ended == later.began <= question.ended
    assert receiver.resources[0]["service.name"] == "docent"
    assert_no_secret(receiver)


@pytest.mark.parametrize("kind", [Starlette, FastAPI])
async def test_a_request_is_named_by_its_route(kind, receiver, tracer):
    """Not by its address, which has ids and names; the answer to a question is a part of its request."""

    async def events():
        yield Token("The heron")
        yield Answered(
            Answer("The heron", (), (), Receipt("?", "?", seconds={"retrieve": 0.01, "total": 0.02}))
        )

    async def ask(request: Request):
        async def stream():
            async for event in traced_answer(events(), tracer):
                yield type(event).__name__

        return StreamingResponse(stream())

    async def show(request: Request):
        return PlainTextResponse("plumage", 404)

    async def fail(request: Request):
        raise ModelError("The heron of Quillstone is away.")

    routes = [
        Route("/ask", ask),
        Route("/documents/{id}", show),
        Mount("/v1", routes=[Route("/fail/{id}", fail)]),
    ]
    app = kind(
        routes=[*routes, Route("/ready", show)], middleware=[Middleware(TracedRequests, tracer=tracer)]
    )
    headers = {"cookie": "user=Ada", "x-user": "Ada", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://docent.example") as client:
        for path in ("/ask?name=Ada", "/ready", "/v1/fail/heron", "/heron/of/Quillstone"):
            await client.get(path)
        await client.request("HERON", "/documents/heron")
        await client.get("/documents/Ada?q=heron", headers=headers)
    document = receiver.wait_for("GET /documents/{id}")
    assert (document.trace.hex(), document.parent.hex(), document.kind) == ("a" * 32, "b" * 16, 2)
    assert document.attributes == {
        "http.request.method": "GET",
        "http.route": "/documents/{id}",
        "http.response.status_code": 404,
    }
    asked, question = receiver.wait_for("GET /ask"), receiver.wait_for("question")
    assert (question.trace, question.parent) == (asked.trace, asked.id)
    failed = next(span for span in receiver.spans if span.failed)
    assert failed.name.startswith("GET /v1") and failed.attributes["error.type"] in ("ModelError", "500")
    assert {span.attributes.get("http.route") for span in receiver.spans} >= {"none"}
    assert receiver.named("GET /ready") == []
    assert_no_secret(receiver)


async def test_an_answer_that_fails_or_is_stopped_is_recorded(receiver, tracer):
    """With the kind of its error, but not its sentence, which may name a file."""

    async def failing():
        yield Token("The heron")
        raise ModelError("Quillstone is away.")

    with pytest.raises(ModelError):
        async for _ in traced_answer(failing(), tracer):
            pass
    stopped = traced_answer(failing(), tracer)
    await anext(stopped)
    await stopped.aclose()
    tracer.close()
    ends = [(span.attributes["docent.end"], span.attributes.get("error.type")) for span in receiver.spans]
    assert ends == [("failed", "ModelError"), ("stopped", None)]
    assert_no_secret(receiver)


def test_a_receiver_that_is_away_is_named_once(receiver, monkeypatch, caplog):
    """What cannot be sent is lost, in the background; it is logged once until the receiver is there again."""
    monkeypatch.setattr(otlp_tracing, "EXPORT_SECONDS", 0.2)
    receiver.refuses = True
    tracer = open_tracer(receiver.url)
    for batch in range(1, 4):
        for _ in range(10):
            with tracer.span("step"):
                pass
        end = time.monotonic() + 60
        while receiver.tries < batch:
            assert time.monotonic() < end
            time.sleep(0.02)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "DOCENT_TRACES_URL" in caplog.text
    receiver.refuses = False
    with tracer.span("later"):
        pass
    receiver.wait_for("later")
    tracer.close()


def test_a_receiver_that_hangs_holds_nothing_up(receiver, monkeypatch):
    """Steps take no longer, and a stop waits only as long as one sending may take."""
    monkeypatch.setattr(otlp_tracing, "EXPORT_SECONDS", 0.5)
    receiver.hangs = threading.Event()
    tracer = open_tracer(receiver.url)
    began = time.process_time()
    for _ in range(5_000):  # more than are held until they can be sent
        with tracer.span("step"):
            pass
    assert time.process_time() - began < 10
    began = time.monotonic()
    tracer.close()
    assert time.monotonic() - began < 20
    receiver.hangs.set()


def test_without_a_receiver_nothing_is_recorded_or_imported():
    """The library is not imported, and a step costs next to nothing."""
    code = (
        "import sys, docent.web.traced_requests, docent.app.factory, docent.ingesting\n"
        "from docent.tracing import open_tracer\n"
        "tracer = open_tracer('')\n"
        "with tracer.span('step') as span: span.attributes['n'] = 1\n"
        "assert not tracer.is_on\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    tracer = Tracer()
    assert tracer.current() is None
    tracer.record(TraceSpan("question"), began_ns=0, steps={})
