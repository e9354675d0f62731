"""The API's own application, in front of the chat's: what is asked here never reaches Chainlit."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, FastAPI, Form, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from docent import __version__
from docent.assembly import House
from docent.errors import DocentError
from docent.web import logs
from docent.web.api import chat, files, shelf
from docent.web.api.allowed import Caller, Gate
from docent.web.api.pages import described
from docent.web.api.refusals import KINDS, Refused, refused
from docent.web.api.shapes import ChatRequest, EmbeddingsRequest, Json, SearchRequest
from docent.web.metrics import CONTENT_TYPE, Metrics, Stopwatch

OURS = re.compile(r"/(v1(/.*)?|health|ready|metrics|openapi\.json|api-docs)")
LARGEST_JSON = 4_000_000
SECONDS_PER_PART = 30.0
"""A request whose body comes slower than a part in this time is let go."""
SECONDS_FOR_MODEL = 2.0
REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


def caller(request: Request) -> Caller:
    """Who asks, decided before anything else is looked at."""
    gate: Gate = request.app.state.gate
    found = gate.caller(request)
    request.state.caller = found.name
    return found


Who = Annotated[Caller, Depends(caller)]


def build(
    *, house: Callable[[], House], gate: Gate, metrics: Metrics, largest_upload: int, footnotes: bool
) -> FastAPI:
    """The application that answers what other programs ask."""
    app = FastAPI(
        title="Docent",
        version=__version__,
        description="Ask your own documents. The protocol is the one that clients of OpenAI speak.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    app.state.gate = gate
    app.state.largest = {"/v1/files": largest_upload}
    _refusals(app, metrics)

    @app.get("/health", tags=["state"])
    def health() -> Json:
        """The process is alive."""
        return {"status": "ok"}

    @app.get("/ready", tags=["state"])
    async def ready() -> Json:
        """Questions can be answered; what is missing for better answers is named."""
        check = house().check_model()
        try:
            status = await asyncio.wait_for(check, SECONDS_FOR_MODEL)
        except TimeoutError:
            return {"status": "ready", "missing": ["The model server does not answer."]}
        return {"status": "ready", "missing": [] if status.ready else [status.sentence]}

    @app.get("/metrics", tags=["state"])
    def counted(who: Who) -> Response:
        """Counters for a Prometheus server."""
        return Response(metrics.text(house()), media_type=CONTENT_TYPE)

    @app.get("/api-docs", include_in_schema=False)
    def human(request: Request) -> HTMLResponse:
        return HTMLResponse(described(app.openapi()))

    @app.get("/v1/models", tags=["chat"])
    def models(who: Who) -> Json:
        """What may be asked: everything, one library, one persona."""
        return {"object": "list", "data": chat.models(house(), who)}

    @app.get("/v1/models/{name:path}", tags=["chat"])
    def model(name: str, who: Who) -> Json:
        """One of them."""
        chat.voice(name, house(), who)
        return chat.described(name)

    @app.post("/v1/chat/completions", tags=["chat"])
    async def completions(body: ChatRequest, who: Who) -> Response:
        """Ask. `docent` in the answer holds its citations and its receipt."""
        happening = metrics.observed(await asyncio.to_thread(chat.events, body, house(), who), "api")
        reply = chat.Reply(body.model, footnotes)
        if body.stream:
            return StreamingResponse(chat.streamed(happening, body, reply), media_type="text/event-stream")
        return JSONResponse(reply.whole(await chat.whole(happening), chat.Cutter(body.stops)))

    @app.post("/v1/search", tags=["documents"])
    def search(body: SearchRequest, who: Who) -> Json:
        """The passages that a question finds; no language model is asked."""
        return shelf.search(body, house(), who)

    @app.post("/v1/embeddings", tags=["documents"])
    def embeddings(body: EmbeddingsRequest, who: Who) -> Json:
        """Texts as vectors of the embedding model."""
        return shelf.embeddings(body, house())

    counter = files.Counter()

    @app.post("/v1/files", tags=["documents"])
    def hand_in(
        who: Who,
        file: UploadFile,
        library: Annotated[str, Form(max_length=200)] = "",
        purpose: Annotated[str, Form(max_length=200)] = "assistants",
    ) -> Json:
        """Hand a document in. It is read in the background: ask for its status until it is processed."""
        return counter.take_in(
            file.file, name=file.filename or "", library=library, house=house(), caller=who
        )

    @app.get("/v1/files", tags=["documents"])
    def every_file(who: Who) -> Json:
        """Every document that this key may see."""
        return {"object": "list", "data": counter.listed(house(), who), "has_more": False}

    @app.get("/v1/files/{file}", tags=["documents"])
    def one_file(file: str, who: Who) -> Json:
        """One document and how far it has come."""
        return counter.told(files.id_of(file), house(), who)

    @app.delete("/v1/files/{file}", tags=["documents"])
    def delete(file: str, who: Who) -> Json:
        """Delete a document with everything derived from it; `left` says what remains: nothing."""
        return counter.delete(files.id_of(file), house(), who)

    return app


def _refusals(app: FastAPI, metrics: Metrics) -> None:
    @app.exception_handler(Refused)
    async def no(request: Request, error: Refused) -> Response:
        return error.response()

    @app.exception_handler(DocentError)
    async def trouble(request: Request, error: DocentError) -> Response:
        metrics.errors.labels(type(error).__name__).inc()
        return refused(error).response()

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if part != "body")
        sentence = f"{place or 'The body'}: {first['msg']}. /api-docs says what is expected."
        return Refused(422, sentence, code="malformed", param=place or None).response()

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> Response:
        if isinstance(error.__cause__, Refused):  # said while the body was read
            return error.__cause__.response()
        status = error.status_code if error.status_code in KINDS else 400
        body = Refused(status, f"{error.detail}. /api-docs lists what may be asked.", code="http").body()
        return JSONResponse(body, error.status_code, headers=error.headers)


class Door:
    """Stands before the chat's application: ours goes to the API, bounded and noted; the rest goes on."""

    def __init__(self, app: ASGIApp, *, api: Callable[[], FastAPI], metrics: Metrics) -> None:
        self._chat = app
        self._api = api
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not OURS.fullmatch(scope["path"]):
            await self._chat(scope, receive, send)
            return
        watch, identity = Stopwatch(), _identity(scope)
        scope.setdefault("state", {})
        status = 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", identity.encode())]
            await send(message)

        api = self._api()
        most = api.state.largest.get(scope["path"], LARGEST_JSON)
        try:
            await api(scope, _bounded(scope, receive, most), noted)
        except Refused as error:  # the body was too long or too slow
            if status == 0:
                await error.response()(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self._metrics.requests.labels(route, str(status)).inc()
            logs.line(
                "request",
                id=identity,
                method=scope["method"],
                route=route,
                status=status,
                ms=watch.milliseconds,
                caller=scope["state"].get("caller", ""),
            )


def _identity(scope: Scope) -> str:
    """The id that the client gave, if it is well-formed, or one of ours."""
    given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
    return given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _bounded(scope: Scope, receive: Receive, most: int) -> Receive:
    """The body as it comes, up to a size and not slower than it must be."""
    declared = dict(scope["headers"]).get(b"content-length", b"0")
    taken, whole = 0, False

    async def bounded() -> Message:
        nonlocal taken, whole
        if declared.isdigit() and int(declared) > most:
            raise _too_large(most)
        if whole:
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), SECONDS_PER_PART)
        except TimeoutError:
            raise Refused(408, "The request came too slowly. Send it again.", code="too_slow") from None
        taken += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if taken > most:
            raise _too_large(most)
        return message

    return bounded


def _too_large(most: int) -> Refused:
    return Refused(413, f"A request here may be {most / 1e6:.0f} MB at most. Send less.", code="too_large")
