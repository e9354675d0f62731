"""Build the API's application: its routes, its error handlers and its description."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Form, Request, Security, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from docent import __version__
from docent.answering.answer_context import search_in_thread
from docent.app import Docent
from docent.errors import DocentError
from docent.types import Quotes
from docent.web.accounts.address_redaction import redact_addresses, redact_events
from docent.web.api import chat_completions, document_routes, schemas
from docent.web.api.access import KEYLESS, AccessControl, ApiClient
from docent.web.api.document_routes import ID_PREFIX, ApiFiles
from docent.web.api.http_errors import KINDS, RequestRefused, not_open, refusal_for, unexpected
from docent.web.api.middleware import EventStream, cancel_if_client_leaves
from docent.web.api.schemas import ChatRequest, EmbeddingsRequest, Json, SearchRequest
from docent.web.monitoring import CONTENT_TYPE, Metrics
from docent.web.templates import render

MODEL_CHECK_SECONDS = 2.0
KEY = HTTPBearer(
    auto_error=False,
    scheme_name="key",
    description="A key of `python -m docent key add NAME`. None is needed on Docent's own machine, "
    "as long as nobody has to log in there.",
)
NO_DOCUMENTS = "There are no documents yet. Put some into the data folder and run: python -m docent ingest"


def identified(
    request: Request, key: Annotated[HTTPAuthorizationCredentials | None, Security(KEY)]
) -> ApiClient:
    """Identify the client before anything else of the request is read."""
    access: AccessControl = request.app.state.access
    client = access.identify(request)
    request.state.caller = request.state.actor = client.name
    return client


Client = Annotated[ApiClient, Depends(identified)]


def build(
    *,
    docent: Callable[[], Docent | None],
    access: AccessControl,
    metrics: Metrics,
    largest_upload: int,
    footnotes: bool,
) -> FastAPI:
    """Return the application that answers other programs; `docent` returns None while it is not open."""
    app = FastAPI(
        title="Docent",
        version=__version__,
        description="Ask your own documents. The protocol is the one that clients of OpenAI speak.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,  # a route of its own, below, asks for a key
        responses=schemas.REFUSALS,
    )
    app.state.access = access
    app.state.shutdown = chat_completions.ShutdownSignal()
    app.state.largest = {"/v1/files": largest_upload}
    _add_error_handlers(app, docent, metrics)

    def opened() -> Docent:
        if (open_docent := docent()) is None:
            raise not_open()
        return open_docent

    _add_state_routes(app, opened, metrics, access)
    _add_chat_routes(app, opened, metrics, footnotes=footnotes)
    files = ApiFiles()
    _add_document_routes(app, opened, files)
    _add_mcp_route(app, opened, files, access, metrics)
    return app


def _add_state_routes(
    app: FastAPI, docent: Callable[[], Docent], metrics: Metrics, access: AccessControl
) -> None:
    @app.get("/health", tags=["state"], responses=schemas.success(schemas.HealthResponse))
    def health() -> Json:
        """The process is alive."""
        return {"status": "ok"}

    @app.get("/ready", tags=["state"], responses=schemas.success(schemas.ReadyResponse))
    async def ready() -> Json:
        """Questions can be answered; what is missing for better answers is named."""
        opened = docent()
        lag, most = opened.store.lag, opened.settings.max_lag
        if opened.settings.database and lag > most:
            raise RequestRefused(
                503,
                f"This replica is {lag:.0f} seconds behind the database, more than DOCENT_MAX_LAG allows. "
                "It is ready again once it has followed; see its log if it does not.",
                code="behind",
            )
        missing = [] if await asyncio.to_thread(opened.store.libraries, None) else [NO_DOCUMENTS]
        try:
            status = await asyncio.wait_for(opened.check_model(), MODEL_CHECK_SECONDS)
            if not status.ready:
                sentence = status.sentence
                missing.append(sentence if access.keyless() else redact_addresses(sentence, opened.settings))
        except TimeoutError:
            missing.append("The model server does not answer.")
        return {"status": "ready", "missing": missing}

    @app.get(
        "/metrics", tags=["state"], responses={200: {"content": {"text/plain": {}}}}, response_class=Response
    )
    def read_metrics(client: Client) -> Response:
        """Counters for a Prometheus server; of the whole installation, so not for a key of some libraries."""
        if client.libraries:
            raise RequestRefused(
                403,
                "These figures are of the whole installation. Ask with a key made without --library.",
                code="whole_installation",
            )
        return Response(metrics.text(docent()), media_type=CONTENT_TYPE)

    @app.get("/openapi.json", include_in_schema=False)
    def openapi(request: Request) -> JSONResponse:
        access.check_reader_of_docs(request)
        return JSONResponse(app.openapi())

    @app.get("/api-docs", include_in_schema=False)
    def api_docs(request: Request) -> HTMLResponse:
        access.check_reader_of_docs(request)
        return HTMLResponse(docs_page(app.openapi()))


def _add_chat_routes(
    app: FastAPI, docent: Callable[[], Docent], metrics: Metrics, *, footnotes: bool
) -> None:
    @app.get("/v1/models", tags=["chat"], responses=schemas.success(schemas.ModelListResponse))
    def models(client: Client) -> Json:
        """Everything that can be asked: all documents, one library, one persona."""
        return {"object": "list", "data": chat_completions.list_models(docent(), client)}

    @app.get("/v1/models/{name:path}", tags=["chat"], responses=schemas.success(schemas.ModelBody))
    def model(name: str, client: Client) -> Json:
        """One of the models."""
        chat_completions.resolve_model(name, docent(), client)
        return chat_completions.model_json(name)

    events_example = {
        "text/event-stream": {"example": 'data: {"object": "chat.completion.chunk", …}\n\ndata: [DONE]'}
    }

    @app.post(
        "/v1/chat/completions",
        tags=["chat"],
        responses=schemas.success(schemas.CompletionResponse, **events_example),
    )
    async def completions(request: Request, body: ChatRequest, client: Client) -> Response:
        """Ask. `docent` in the answer, or in a stream's last chunk, holds its citations and its receipt."""
        request_id = getattr(request.state, "id", "")
        events = await asyncio.to_thread(chat_completions.answer_events, body, docent(), client)
        if client.name != KEYLESS:
            events = redact_events(events, docent().settings)
        events = metrics.observe(events, "api", actor=client.name, request_id=request_id)
        events = request.app.state.shutdown.until_shutdown(events)
        writer = chat_completions.CompletionWriter(body.model, footnotes)
        if body.stream:
            report = partial(metrics.report_unexpected, request_id=request_id)
            stream = chat_completions.stream_completion(events, body, writer, on_unexpected=report)
            return EventStream(stream)
        answer = await cancel_if_client_leaves(request, chat_completions.final_answer(events))
        cutter = chat_completions.stop_sequence_cutter(body)
        return JSONResponse(writer.completion(answer, cutter))


def _add_document_routes(app: FastAPI, docent: Callable[[], Docent], files: ApiFiles) -> None:
    embedding = document_routes.EmbeddingTurns()

    @app.post("/v1/search", tags=["documents"], responses=schemas.success(schemas.SearchResponse))
    async def search(request: Request, body: SearchRequest, client: Client) -> Json:
        """The passages that a question finds; no language model is asked."""
        request.state.about = body.library or "/v1/search"
        searching = search_in_thread(body.query, document_routes.search, body, docent(), client)
        return await cancel_if_client_leaves(request, searching)

    @app.post("/v1/embeddings", tags=["documents"], responses=schemas.success(schemas.EmbeddingsResponse))
    async def embeddings(request: Request, body: EmbeddingsRequest, client: Client) -> Response:
        """Texts as vectors of the embedding model."""
        written = await cancel_if_client_leaves(request, embedding.embed(body, docent()))
        return Response(written, media_type="application/json")

    @app.post("/v1/files", tags=["documents"], responses=schemas.success(schemas.FileBody))
    def hand_in(
        request: Request,
        client: Client,
        file: UploadFile,
        library: Annotated[str, Form(max_length=200)] = "",
        purpose: Annotated[str, Form(max_length=200)] = "assistants",
    ) -> Json:
        """Hand a document in. It is read in the background: ask for its status until it is processed."""
        request.state.about = file.filename or ""
        return files.take_in(
            file.file,
            name=file.filename or "",
            library=library,
            docent=docent(),
            client=client.require_write_access(),
        )

    @app.get("/v1/files", tags=["documents"], responses=schemas.success(schemas.FileListResponse))
    def list_files(client: Client) -> Json:
        """Every document that this key may see."""
        return {"object": "list", "data": files.all(docent(), client), "has_more": False}

    @app.get("/v1/files/{file}", tags=["documents"], responses=schemas.success(schemas.FileBody))
    def one_file(file: str, client: Client) -> Json:
        """One document and how far it is read."""
        return files.status(file.removeprefix(ID_PREFIX), docent(), client)

    @app.delete(
        "/v1/files/{file}", tags=["documents"], responses=schemas.success(schemas.FileDeletedResponse)
    )
    def delete(file: str, client: Client, quotes: Quotes = "blank") -> Json:
        """Delete a document with everything derived from it; `left` counts what remains: nothing.

        Answers in conversations that quote it lose these quotes, or are deleted with `?quotes=delete`.
        """
        document_id = file.removeprefix(ID_PREFIX)
        return files.delete(document_id, docent(), client.require_write_access(), quotes=quotes)


def _add_mcp_route(
    app: FastAPI, docent: Callable[[], Docent], files: ApiFiles, access: AccessControl, metrics: Metrics
) -> None:
    """Serve agents at /mcp, with the same keys; what that needs is loaded by the first request."""

    def load() -> ASGIApp:
        from docent.web.mcp.document_tools import DocumentTools
        from docent.web.mcp.mcp_transports import McpEndpoint

        tools = DocumentTools(docent=docent, files=files, metrics=metrics, shutdown=app.state.shutdown)
        return McpEndpoint(tools, access, app.state.shutdown)

    endpoint = _LateEndpoint(load)
    endpoint.route = Route("/mcp", endpoint)
    app.router.routes.append(endpoint.route)


class _LateEndpoint:
    """An application that the first request to it loads."""

    route: Route

    def __init__(self, load: Callable[[], ASGIApp]) -> None:
        self._load = load
        self._loading = asyncio.Lock()
        self._loaded: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = self.route  # as FastAPI does; the request is counted by it
        async with self._loading:
            if self._loaded is None:
                self._loaded = await asyncio.to_thread(self._load)
        await self._loaded(scope, receive, send)


def _add_error_handlers(app: FastAPI, docent: Callable[[], Docent | None], metrics: Metrics) -> None:
    @app.exception_handler(RequestRefused)
    async def refused(request: Request, error: RequestRefused) -> Response:
        return error.response()

    @app.exception_handler(DocentError)
    async def failed(request: Request, error: DocentError) -> Response:
        metrics.errors.labels(type(error).__name__).inc()
        opened = docent()
        if opened is not None and getattr(request.state, "caller", "") != KEYLESS:
            error = type(error)(redact_addresses(error.message, opened.settings))
        return refusal_for(error).response()

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            sentence = f"The body is not JSON: {first['ctx']['error']}, at character {first['loc'][-1]}."
            return RequestRefused(422, sentence, code="malformed").response()
        if first["type"] == "string_too_long":
            sentence = (
                f"A text in the request is longer than the {first['ctx']['max_length']:,} characters that "
                "are read. Shorten it, or hand it in at /v1/files and ask about it."
            )
            field = str(first["loc"][1]) if len(first["loc"]) > 1 else None
            return RequestRefused(413, sentence, code="too_long", param=field).response()
        place = ".".join(str(part) for part in first["loc"] if part != "body")
        sentence = f"{place or 'The body'}: {first['msg']}. /api-docs says what is expected."
        return RequestRefused(422, sentence, code="malformed", param=place or None).response()

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        if isinstance(error.__cause__, RequestRefused):  # raised while the body was read
            return error.__cause__.response()
        status = error.status_code if error.status_code in KINDS else 400
        sentence = f"{error.detail}. /api-docs lists what may be asked."
        body = RequestRefused(status, sentence, code="http").body()
        return JSONResponse(body, error.status_code, headers=error.headers)

    @app.exception_handler(Exception)
    async def bug(request: Request, error: Exception) -> Response:
        return unexpected().response()


# --- the description ------------------------------------------------------------------------


def docs_page(openapi: dict[str, Any]) -> str:
    """Return the API's description for people, from the one for programs: no script, nothing fetched."""
    return render(
        "api.html", "en", openapi=openapi, body_of=partial(_body_schema, openapi), type_of=_type_names
    )


def _body_schema(openapi: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any] | None:
    """Return the schema of an operation's body, if it has one."""
    content = operation.get("requestBody", {}).get("content", {})
    name = next((body["schema"].get("$ref", "") for body in content.values()), "").rpartition("/")[2]
    return openapi["components"]["schemas"][name] if name else None


def _type_names(about: dict[str, Any]) -> str:
    kinds = [about, *about.get("anyOf", [])]
    names = [kind.get("type") or kind.get("$ref", "").rpartition("/")[2] for kind in kinds]
    return " or ".join(dict.fromkeys(name for name in names if name and name != "null"))
