"""The endpoints: what comes in becomes a `Turn`, what goes out has the endpoint's `Shape`."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import struct
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.fakes import ollama_speech as speech
from tests.fakes.ollama_answer import BrokeOff, Refused, Turn, not_found, overflow, refusal
from tests.fakes.ollama_delivery import (
    ChatShape,
    GenerateShape,
    OpenAIChatShape,
    OpenAICompletionShape,
    Shape,
    deliver,
    openai_error,
)
from tests.fakes.ollama_models import embed, full_name, unit
from tests.fakes.ollama_script import BadScript, Recorded, Script, State
from tests.fakes.ollama_wire import ConnectionCut, Wire, Worked, line, recording

Endpoint = Callable[[Request], Awaitable[Response]]
FILE_MISSING = "pull model manifest: file does not exist"


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


async def read_body(request: Request) -> dict[str, Any]:
    """The JSON object that was sent, whatever its content type says, as the real server reads it."""
    raw = await request.body()
    if not raw.strip():
        raise Refused(400, "EOF" if request.url.path.startswith("/v1/") else "missing request body")
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise Refused(400, f"invalid character in request body: {error}") from error
    request.scope["record"].body = body
    if not isinstance(body, dict):
        raise Refused(400, f"json: cannot unmarshal {type(body).__name__} into Go value of type api.Request")
    return body


class Native:
    """Ollama's own endpoints."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def alive(self, request: Request) -> Response:
        return PlainTextResponse("Ollama is running")

    async def version(self, request: Request) -> Response:
        return JSONResponse({"version": self._state.settings.version})

    async def tags(self, request: Request) -> Response:
        _obey(self._state, "/api/tags")
        return JSONResponse({"models": self._state.shelf.tags()})

    async def ps(self, request: Request) -> Response:
        return JSONResponse({"models": self._state.shelf.processes()})

    async def show(self, request: Request) -> Response:
        body = await read_body(request)
        name = _required_model(body)
        _obey(self._state, "/api/show", name)
        model = self._state.shelf.get(name)
        if model is None:
            raise not_found(name)
        return JSONResponse(model.shown())

    async def delete(self, request: Request) -> Response:
        name = _required_model(await read_body(request))
        if not self._state.shelf.remove(name):
            raise not_found(name)
        return Response()

    async def pull(self, request: Request) -> Response:
        body = await read_body(request)
        name = body.get("model") or body.get("name") or ""
        if not name:
            raise Refused(400, "invalid model name")
        script = _obey(self._state, "/api/pull", name)
        work = partial(_pull, name=name, script=script, state=self._state, stream=body.get("stream", True))
        return Worked(work, request.scope["record"], self._state)

    async def chat(self, request: Request) -> Response:
        body = await read_body(request)
        if not body.get("model"):
            raise Refused(400, "model is required")
        if not isinstance(body.get("messages", []), list | None):
            kind = type(body["messages"]).__name__.replace("str", "string")
            raise Refused(400, f"json: cannot unmarshal {kind} into Go struct field ChatRequest.messages")
        turn = _turn("/api/chat", body, body.get("messages") or [])
        return _answer(request, turn, ChatShape(), self._state)

    async def generate(self, request: Request) -> Response:
        body = await read_body(request)
        system = [{"role": "system", "content": body["system"]}] if body.get("system") else []
        asked = [{"role": "user", "content": body["prompt"]}] if body.get("prompt") else []
        raw = bool(body.get("raw"))
        if raw and (system or body.get("template") or body.get("context")):
            raise Refused(400, "raw mode does not support template, system, or context")
        if body.get("suffix"):
            name = full_name(body.get("model", ""))
            raise Refused(400, f"registry.ollama.ai/library/{name} does not support insert")
        turn = _turn("/api/generate", body, [*system, *asked] if asked else [])
        return _answer(request, turn, GenerateShape(raw=raw), self._state)

    async def embed(self, request: Request) -> Response:
        body = await read_body(request)
        given = body.get("input")
        if not isinstance(given, str | list | None) or not all(isinstance(v, str) for v in given or []):
            raise Refused(400, "invalid input type")
        texts = [given] if isinstance(given, str) else given or []
        _obey(self._state, "/api/embed", body.get("model", ""))
        vectors, tokens = _vectors(self._state, body, [text for text in texts if text or len(texts) > 1])
        spent = {"total_duration": 1_000_000, "load_duration": 100_000, "prompt_eval_count": tokens}
        return JSONResponse({"model": body["model"], "embeddings": vectors, **(spent if vectors else {})})


class Mirror:
    """The OpenAI-compatible endpoints: translated, answered natively, translated back."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def models(self, request: Request) -> Response:
        _obey(self._state, "/v1/models")
        newest = sorted(self._state.shelf.installed.values(), key=lambda m: m.modified_at, reverse=True)
        return JSONResponse({"object": "list", "data": [_as_openai(m.name, m.modified_at) for m in newest]})

    async def model(self, request: Request) -> Response:
        name = request.path_params["model"]
        model = self._state.shelf.get(name)
        if model is None:
            raise not_found(name)
        return JSONResponse(_as_openai(name, model.modified_at))

    async def chat(self, request: Request) -> Response:
        body = await read_body(request)
        if not body.get("messages"):
            raise Refused(400, "[] is too short - 'messages'")
        if not body.get("model"):
            raise Refused(400, "model is required")
        wanted = body.get("response_format") or {}
        form = {
            "json_object": "json",
            "json_schema": (wanted.get("json_schema") or {}).get("schema"),
        }.get(wanted.get("type"))
        turn = _turn_of_v1("/v1/chat/completions", body, body["messages"], format=form)
        return _answer(request, turn, OpenAIChatShape(usage=_wants_usage(body)), self._state)

    async def completions(self, request: Request) -> Response:
        body = await read_body(request)
        messages = [{"role": "user", "content": body["prompt"]}] if body.get("prompt") else []
        turn = _turn_of_v1("/v1/completions", body, messages)
        return _answer(request, turn, OpenAICompletionShape(usage=_wants_usage(body)), self._state)

    async def embeddings(self, request: Request) -> Response:
        body = await read_body(request)
        given, encoding = body.get("input"), body.get("encoding_format") or "float"
        if encoding.lower() not in ("float", "base64"):
            supported = "Supported values: ['float', 'base64']."
            raise Refused(400, f"Invalid value for 'encoding_format' = {encoding}. {supported}")
        if given is None or given == []:
            raise Refused(400, "invalid input")
        _obey(self._state, "/v1/embeddings", body.get("model", ""))
        vectors, tokens = _vectors(self._state, body, [given] if isinstance(given, str) else given)
        packed = [_as_base64(v) if encoding.lower() == "base64" else v for v in vectors]
        data = [{"object": "embedding", "embedding": v, "index": i} for i, v in enumerate(packed)]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return JSONResponse({"object": "list", "data": data, "model": body["model"], "usage": usage})


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


# --- steps that endpoints share ------------------------------------------------------------


def _answer(request: Request, turn: Turn, shape: Shape, state: State) -> Response:
    record = request.scope["record"]
    return Worked(partial(deliver, turn=turn, shape=shape, state=state, record=record), record, state)


def _turn(path: str, body: dict[str, Any], messages: list[dict[str, Any]]) -> Turn:
    options = body.get("options") or {}
    wanted = body.get("format") or None
    if wanted is not None and wanted != "json" and not isinstance(wanted, dict):
        given = json.dumps(wanted)
        raise Refused(
            500, f'invalid format: {json.dumps(given)}; expected "json" or a valid JSON Schema object'
        )
    return Turn(
        path=path,
        model=body.get("model", ""),
        messages=messages,
        options=options,
        format=wanted,
        tools=body.get("tools") or [],
        think=body.get("think"),
        stream=body.get("stream") is not False,
        truncate=body.get("truncate") is not False,
        shift=body.get("shift") is not False,
        keep_alive=body.get("keep_alive"),
    )


def _turn_of_v1(path: str, body: dict[str, Any], messages: list[dict[str, Any]], **more: Any) -> Turn:
    """The mirror knows neither num_ctx nor truncate nor shift: their defaults hold."""
    most = body.get("max_completion_tokens") or body.get("max_tokens")
    options = {"num_predict": most, "stop": body.get("stop")}
    stream = bool(body.get("stream"))
    return Turn(
        path=path, model=body.get("model", ""), messages=messages, options=options, stream=stream, **more
    )


def _wants_usage(body: dict[str, Any]) -> bool:
    return bool((body.get("stream_options") or {}).get("include_usage"))


def _required_model(body: dict[str, Any]) -> str:
    name = body.get("model") or body.get("name")
    if not name:
        raise Refused(400, "model is required")
    return str(name)


def _obey(state: State, path: str, model: str = "") -> Script:
    """The script for an endpoint that does not answer questions; its refusal, if it orders one."""
    script = state.take(path)
    turn = Turn(path=path, model=model, messages=[])
    if refused := refusal(script, turn, state, state.settings.num_ctx):
        raise refused
    return script


async def _pull(wire: Wire, *, name: str, script: Script, state: State, stream: bool) -> None:
    """Pretend to download: progress for each layer, then the model is there."""
    model, total = full_name(name), 100_000_000
    layers = [hashlib.sha256(f"{model} {part}".encode()).hexdigest() for part in ("weights", "template")]
    steps: list[dict[str, Any]] = [{"status": "pulling manifest"}]
    for digest in layers:
        about = {"status": f"pulling {digest[:12]}", "digest": f"sha256:{digest}", "total": total}
        steps += [about, *({**about, "completed": total * part // 4} for part in range(1, 5))]
    ending = ["verifying sha256 digest", "writing manifest", "success"]
    steps += [{"status": status} for status in ending]
    if stream:
        await wire.open(200, "application/x-ndjson")
    try:
        for number, step in enumerate(steps):
            if script.drop_after == number:
                raise ConnectionCut
            if script.error_after == number:
                raise BrokeOff(script.error or FILE_MISSING)
            await asyncio.sleep(script.seconds_per_token)
            if step["status"] == "success":
                state.shelf.install(model)
            if stream:
                await wire.write(line(step))
    except BrokeOff as failure:
        if not stream:
            await wire.json(500, {"error": str(failure)})
            return
        await wire.write(line({"error": str(failure)}))
    if stream:
        await wire.close()
    else:
        await wire.json(200, steps[-1])


def _vectors(state: State, body: dict[str, Any], texts: list[str]) -> tuple[list[list[float]], int]:
    """A vector for each text, and how many tokens were read for them."""
    name = body.get("model", "")
    model = state.shelf.get(name)
    if model is None:
        raise not_found(name)
    num_ctx = min(
        int((body.get("options") or {}).get("num_ctx") or model.context_length), model.context_length
    )
    state.shelf.load(model, num_ctx=num_ctx, shift=True, keep_alive=body.get("keep_alive"))
    vectors, counted = [], 0
    for text in texts:
        tokens = speech.pieces(text)
        if len(tokens) > num_ctx and body.get("truncate") is False:
            raise overflow(state.settings.numbered, len(tokens), num_ctx)
        kept = tokens[:num_ctx]
        counted += len(kept)
        vector = embed("".join(kept), size=model.vector_size)
        short = body.get("dimensions") or 0
        vectors.append(unit(vector[:short]) if 0 < short < len(vector) else vector)
    return vectors, counted


def _as_base64(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _as_openai(name: str, modified_at: Any) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": int(modified_at.timestamp()), "owned_by": "library"}
