"""The API's own application: each route in a line or two, its errors as sentences, and its description."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, FastAPI, Form, Request, Security, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response

from docent import __version__
from docent.answering import search_in_thread
from docent.app import Docent
from docent.errors import DocentError
from docent.types import Quotes
from docent.web.accounts.address_redaction import for_others, without_addresses
from docent.web.api import chat_completions, files, responses
from docent.web.api import search as shelf
from docent.web.api.access import KEYLESS, Caller, Gate
from docent.web.api.description_page import described
from docent.web.api.http_errors import KINDS, Refused, closed, refused
from docent.web.api.request_limits import Events, unless_gone
from docent.web.api.requests import ChatRequest, EmbeddingsRequest, Json, SearchRequest
from docent.web.api.shutdown import Stopping
from docent.web.metrics import CONTENT_TYPE, Metrics

SECONDS_FOR_MODEL = 2.0
KEY = HTTPBearer(
    auto_error=False,
    scheme_name="key",
    description="A key of `python -m docent key add NAME`. None is needed on Docent's own machine, "
    "as long as nobody has to log in there.",
)
NO_DOCUMENTS = "There are no documents yet. Put some into the data folder and run: python ingest.py"


def caller(request: Request, key: Annotated[HTTPAuthorizationCredentials | None, Security(KEY)]) -> Caller:
    """Who asks, decided before anything else is looked at."""
    gate: Gate = request.app.state.gate
    found = gate.caller(request)
    request.state.caller = found.name
    return found


Who = Annotated[Caller, Depends(caller)]


def build(
    *, docent: Callable[[], Docent | None], gate: Gate, metrics: Metrics, largest_upload: int, footnotes: bool
) -> FastAPI:
    """The application that answers what other programs ask."""
    app = FastAPI(
        title="Docent",
        version=__version__,
        description="Ask your own documents. The protocol is the one that clients of OpenAI speak.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,  # a route of its own, below, asks for a key
        responses=responses.REFUSALS,
    )
    app.state.gate = gate
    app.state.stopping = Stopping()
    app.state.largest = {"/v1/files": largest_upload}
    _refusals(app, docent, metrics)

    def opened() -> Docent:
        found = docent()
        if found is None:
            raise closed()
        return found

    _state(app, opened, metrics, gate)
    _chat(app, opened, metrics, footnotes=footnotes)
    _documents(app, opened)
    return app


def _state(app: FastAPI, docent: Callable[[], Docent], metrics: Metrics, gate: Gate) -> None:
    @app.get("/health", tags=["state"], responses=responses.of(responses.Health))
    def health() -> Json:
        """The process is alive."""
        return {"status": "ok"}

    @app.get("/ready", tags=["state"], responses=responses.of(responses.Ready))
    async def ready() -> Json:
        """Questions can be answered; what is missing for better answers is named."""
        opened = docent()
        missing = [] if await asyncio.to_thread(opened.store.libraries, None) else [NO_DOCUMENTS]
        try:
            status = await asyncio.wait_for(opened.check_model(), SECONDS_FOR_MODEL)
            why = status.sentence if gate.keyless() else without_addresses(status.sentence, opened.settings)
            missing += [] if status.ready else [why]
        except TimeoutError:
            missing.append("The model server does not answer.")
        return {"status": "ready", "missing": missing}

    @app.get(
        "/metrics", tags=["state"], responses={200: {"content": {"text/plain": {}}}}, response_class=Response
    )
    def counted(who: Who) -> Response:
        """Counters for a Prometheus server; of the whole installation, so not for a key of some libraries."""
        if who.libraries:
            raise Refused(
                403,
                "These figures are of the whole installation. Ask with a key made without --library.",
                code="whole_installation",
            )
        return Response(metrics.text(docent()), media_type=CONTENT_TYPE)

    @app.get("/openapi.json", include_in_schema=False)
    def for_programs(request: Request) -> JSONResponse:
        app.state.gate.reader(request)
        return JSONResponse(app.openapi())

    @app.get("/api-docs", include_in_schema=False)
    def for_people(request: Request) -> HTMLResponse:
        app.state.gate.reader(request)
        return HTMLResponse(described(app.openapi()))


def _chat(app: FastAPI, docent: Callable[[], Docent], metrics: Metrics, *, footnotes: bool) -> None:
    @app.get("/v1/models", tags=["chat"], responses=responses.of(responses.Models))
    def models(who: Who) -> Json:
        """What may be asked: everything, one library, one persona."""
        return {"object": "list", "data": chat_completions.models(docent(), who)}

    @app.get("/v1/models/{name:path}", tags=["chat"], responses=responses.of(responses.Model))
    def model(name: str, who: Who) -> Json:
        """One of them."""
        chat_completions.voice(name, docent(), who)
        return chat_completions.described(name)

    events = {
        "text/event-stream": {"example": 'data: {"object": "chat.completion.chunk", …}\n\ndata: [DONE]'}
    }

    @app.post("/v1/chat/completions", tags=["chat"], responses=responses.of(responses.Completion, **events))
    async def completions(request: Request, body: ChatRequest, who: Who) -> Response:
        """Ask. `docent` in the answer, or in a stream's last piece, holds its citations and its receipt."""
        happening = await asyncio.to_thread(chat_completions.events, body, docent(), who)
        if who.name != KEYLESS:
            happening = for_others(happening, docent().settings)
        happening = metrics.observed(happening, "api", identity=getattr(request.state, "id", ""))
        happening = request.app.state.stopping.until(happening)
        reply = chat_completions.Reply(body.model, footnotes)
        if body.stream:
            return Events(chat_completions.streamed(happening, body, reply))
        answer = await unless_gone(request, chat_completions.whole(happening))
        return JSONResponse(reply.whole(answer, chat_completions.Cutter(body.stops)))


def _documents(app: FastAPI, docent: Callable[[], Docent]) -> None:
    counter = files.Counter()

    @app.post("/v1/search", tags=["documents"], responses=responses.of(responses.Found))
    async def search(request: Request, body: SearchRequest, who: Who) -> Json:
        """The passages that a question finds; no language model is asked."""
        return await unless_gone(request, search_in_thread(body.query, shelf.search, body, docent(), who))

    @app.post("/v1/embeddings", tags=["documents"], responses=responses.of(responses.Vectors))
    def embeddings(body: EmbeddingsRequest, who: Who) -> Response:
        """Texts as vectors of the embedding model."""
        # Written in this thread: FastAPI would look at each of 200,000 numbers while everybody waits.
        return JSONResponse(shelf.embeddings(body, docent()))

    @app.post("/v1/files", tags=["documents"], responses=responses.of(responses.File))
    def hand_in(
        who: Who,
        file: UploadFile,
        library: Annotated[str, Form(max_length=200)] = "",
        purpose: Annotated[str, Form(max_length=200)] = "assistants",
    ) -> Json:
        """Hand a document in. It is read in the background: ask for its status until it is processed."""
        return counter.take_in(
            file.file, name=file.filename or "", library=library, docent=docent(), caller=who.changing()
        )

    @app.get("/v1/files", tags=["documents"], responses=responses.of(responses.Files))
    def every_file(who: Who) -> Json:
        """Every document that this key may see."""
        return {"object": "list", "data": counter.listed(docent(), who), "has_more": False}

    @app.get("/v1/files/{file}", tags=["documents"], responses=responses.of(responses.File))
    def one_file(file: str, who: Who) -> Json:
        """One document and how far it has come."""
        return counter.told(files.id_of(file), docent(), who)

    @app.delete("/v1/files/{file}", tags=["documents"], responses=responses.of(responses.Deleted))
    def delete(file: str, who: Who, quotes: Quotes = "blank") -> Json:
        """Delete a document with everything derived from it; `left` says what remains: nothing.

        Answers in conversations that quote it lose these quotes, or are deleted with `?quotes=delete`.
        """
        return counter.delete(files.id_of(file), docent(), who.changing(), quotes=quotes)


def _refusals(app: FastAPI, docent: Callable[[], Docent | None], metrics: Metrics) -> None:
    @app.exception_handler(Refused)
    async def no(request: Request, error: Refused) -> Response:
        return error.response()

    @app.exception_handler(DocentError)
    async def trouble(request: Request, error: DocentError) -> Response:
        metrics.errors.labels(type(error).__name__).inc()
        opened = docent()
        if opened is not None and getattr(request.state, "caller", "") != KEYLESS:
            error = type(error)(without_addresses(error.message, opened.settings))
        return refused(error).response()

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            why = f"The body is not JSON: {first['ctx']['error']}, at character {first['loc'][-1]}."
            return Refused(422, why, code="malformed").response()
        if first["type"] == "string_too_long":
            most = first["ctx"]["max_length"]
            longer = (
                f"A text in the request is longer than the {most:,} characters that are read. Shorten it, "
            )
            sentence = longer + "or hand it in at /v1/files and ask about it."
            field = str(first["loc"][1]) if len(first["loc"]) > 1 else None
            return Refused(413, sentence, code="too_long", param=field).response()
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

    @app.exception_handler(Exception)
    async def mistake(request: Request, error: Exception) -> Response:
        sentence = "This is a mistake of ours. Ask again; if it stays so, report it with the X-Request-ID."
        return Refused(500, sentence, code="mistake").response()
