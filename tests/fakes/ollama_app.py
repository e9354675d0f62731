"""The whole server put together: the protocol, its /v1 mirror, and the orders of tests."""

from __future__ import annotations

import time
import traceback
from dataclasses import asdict

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.fakes.ollama_answer import Refused
from tests.fakes.ollama_mirror import Mirror
from tests.fakes.ollama_native import Native
from tests.fakes.ollama_script import BadScript, Recorded, Script, State
from tests.fakes.ollama_shapes import openai_error
from tests.fakes.ollama_wire import recording


def build_app(state: State) -> ASGIApp:
    """Put the whole server together: the protocol, its /v1 mirror, and the orders of tests."""
    native, mirror, orders = Native(state), Mirror(state), Orders(state)
    get, post = ["GET"], ["POST"]  # Starlette adds HEAD to GET
    routes = [
        Route("/", native.alive, methods=get),
        Route("/api/version", native.version, methods=get),
        Route("/api/tags", native.tags, methods=get),
        Route("/api/ps", native.ps, methods=get),
        Route("/api/show", native.show, methods=post),
        Route("/api/pull", native.pull, methods=post),
        Route("/api/delete", native.delete, methods=["DELETE"]),
        Route("/api/chat", native.chat, methods=post),
        Route("/api/generate", native.generate, methods=post),
        Route("/api/embed", native.embed, methods=post),
        Route("/v1/models", mirror.models, methods=get),
        Route("/v1/models/{model:path}", mirror.model, methods=get),
        Route("/v1/chat/completions", mirror.chat, methods=post),
        Route("/v1/completions", mirror.completions, methods=post),
        Route("/v1/embeddings", mirror.embeddings, methods=post),
        Route("/_script", orders.script, methods=post),
        Route("/_requests", orders.requests, methods=get),
        Route("/_reset", orders.reset, methods=post),
    ]
    app = Starlette(routes=routes, exception_handlers={Refused: _refuse, HTTPException: _no_such_page})
    return Recorder(app, state)


class Recorder:
    """Keeps a record of every request but the tests' own orders."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app, self._state = app, state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith("/_"):
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            record = Recorded(scope["method"], scope["path"], headers, time.monotonic())
            self._state.records.append(record)
            scope["record"] = record
            send = recording(record, send)
        try:
            await self._app(scope, receive, send)
        except Exception:
            traceback.print_exc()  # a fault of the stand-in itself: the web server's log is silenced
            raise


async def _refuse(request: Request, refused: Exception) -> Response:
    assert isinstance(refused, Refused)
    v1 = request.url.path.startswith("/v1/")
    body = openai_error(refused.status, refused.text) if v1 else {"error": refused.text}
    return JSONResponse(body, status_code=refused.status)


async def _no_such_page(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    text = {404: "404 page not found", 405: "405 method not allowed"}.get(problem.status_code, problem.detail)
    return PlainTextResponse(text, status_code=problem.status_code)


class Orders:
    """What tests say to the server; no part of the protocol."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def script(self, request: Request) -> Response:
        value = await request.json()
        try:
            scripts = [Script.read(each) for each in (value if isinstance(value, list) else [value])]
        except BadScript as problem:
            return JSONResponse({"error": str(problem)}, status_code=400)
        for script in scripts:
            self._state.add(script)
        return JSONResponse({"queued": len(self._state.queue), "sticky": len(self._state.sticky)})

    async def requests(self, request: Request) -> Response:
        return JSONResponse([asdict(record) for record in self._state.records])

    async def reset(self, request: Request) -> Response:
        self._state.reset()
        return Response(status_code=204)
