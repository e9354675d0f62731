"""Routes of the fake Ollama server: Ollama's own, and those of its OpenAI-compatible API that Docent uses."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import re
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes import ollama_replies as replies
from tests.fakes.ollama_answer import ChatRequest, overflow, refusal
from tests.fakes.ollama_responses import (
    Connection,
    Format,
    OllamaFormat,
    OpenAIFormat,
    WorkResponse,
    json_line,
    send_answer,
)
from tests.fakes.ollama_state import BrokeOff, ConnectionCut, Refused, Script, State, full_name

FILE_MISSING = "pull model manifest: file does not exist"


class Routes:
    """The handlers of all paths of the protocol."""

    def __init__(self, state: State) -> None:
        self._state = state

    def table(self) -> list[Route]:
        get, post = ["GET"], ["POST"]  # Starlette adds HEAD to GET
        return [
            Route("/api/tags", self.tags, methods=get),
            Route("/api/show", self.show, methods=post),
            Route("/api/pull", self.pull, methods=post),
            Route("/api/chat", self.chat, methods=post),
            Route("/api/embed", self.embed, methods=post),
            Route("/v1/models", self.openai_models, methods=get),
            Route("/v1/chat/completions", self.openai_chat, methods=post),
        ]

    async def tags(self, request: Request) -> Response:
        _take_script(self._state, "/api/tags")
        return JSONResponse({"models": [model.listed() for model in self._state.models.newest()]})

    async def show(self, request: Request) -> Response:
        body = await _body(request)
        name = _required_model(body)
        _take_script(self._state, "/api/show", name)
        return JSONResponse(self._state.models.get(name).shown())

    async def pull(self, request: Request) -> Response:
        body = await _body(request)
        name = body.get("model") or body.get("name") or ""
        if not name:
            raise Refused(400, "invalid model name")
        script = _take_script(self._state, "/api/pull", name)
        work = partial(_pull, name=name, script=script, state=self._state, stream=body.get("stream", True))
        return WorkResponse(work, request.scope["record"], self._state)

    async def chat(self, request: Request) -> Response:
        body = await _body(request)
        model = _required_model(body)
        if not isinstance(body.get("messages", []), list | None):
            kind = type(body["messages"]).__name__.replace("str", "string")
            raise Refused(400, f"json: cannot unmarshal {kind} into Go struct field ChatRequest.messages")
        chat = ChatRequest(
            path="/api/chat",
            model=model,
            messages=body.get("messages") or [],
            options=body.get("options") or {},
            think=body.get("think"),
            stream=body.get("stream") is not False,
            truncate=body.get("truncate") is not False,
            shift=body.get("shift") is not False,
            form=body.get("format"),
            tools=bool(body.get("tools")),
        )
        return self._answer(request, chat, OllamaFormat())

    async def embed(self, request: Request) -> Response:
        body = await _body(request)
        given = body.get("input")
        if not isinstance(given, str | list | None) or not all(isinstance(v, str) for v in given or []):
            raise Refused(400, "invalid input type")
        texts = given if isinstance(given, list) else [given] if given else []
        name = body.get("model", "")
        _take_script(self._state, "/api/embed", name)
        model = self._state.models.get(name)
        wanted = (body.get("options") or {}).get("num_ctx") or model.context_length
        num_ctx = min(int(wanted), model.context_length)
        self._state.models.load(model, num_ctx=num_ctx, shift=True)
        vectors, count = [], 0
        for text in texts:
            tokens = replies.tokenize(text)
            if len(tokens) > num_ctx and body.get("truncate") is False:
                raise overflow(self._state.settings.release, len(tokens), num_ctx)
            count += len(tokens[:num_ctx])
            vectors.append(embedding("".join(tokens[:num_ctx]), size=model.vector_size))
        counts = {"total_duration": 1_000_000, "load_duration": 100_000, "prompt_eval_count": count}
        return JSONResponse({"model": name, "embeddings": vectors, **(counts if vectors else {})})

    async def openai_models(self, request: Request) -> Response:
        _take_script(self._state, "/v1/models")
        listed = [
            {
                "id": model.name,
                "object": "model",
                "created": int(model.modified_at.timestamp()),
                "owned_by": "library",
            }
            for model in self._state.models.newest()
        ]
        return JSONResponse({"object": "list", "data": listed})

    async def openai_chat(self, request: Request) -> Response:
        """Answer as /api/chat does. This API has no num_ctx, truncate or shift: their defaults hold."""
        body = await _body(request)
        if not body.get("messages"):
            raise Refused(400, "[] is too short - 'messages'")
        chat = ChatRequest(
            path="/v1/chat/completions",
            model=_required_model(body),
            messages=body["messages"],
            options={
                "num_predict": body.get("max_completion_tokens") or body.get("max_tokens"),
                "stop": body.get("stop"),
            },
            stream=bool(body.get("stream")),
            form=_format_of(body.get("response_format") or {}),
            tools=bool(body.get("tools")),
        )
        usage = bool((body.get("stream_options") or {}).get("include_usage"))
        return self._answer(request, chat, OpenAIFormat(usage=usage))

    def _answer(self, request: Request, chat: ChatRequest, form: Format) -> Response:
        record = request.scope["record"]
        work = partial(send_answer, request=chat, form=form, state=self._state, record=record)
        return WorkResponse(work, record, self._state)


def _format_of(response_format: dict[str, Any]) -> Any:
    """Return `format` for OpenAI's `response_format`."""
    if response_format.get("type") == "json_schema":
        return (response_format.get("json_schema") or {}).get("schema")
    return "json" if response_format.get("type") == "json_object" else None


async def _body(request: Request) -> dict[str, Any]:
    """Return the JSON object that was sent, with any content type, as the real server does."""
    raw = await request.body()
    if not raw.strip():
        raise Refused(400, "EOF" if request.url.path.startswith("/v1/") else "missing request body")
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise Refused(400, f"invalid character in request body: {error}") from error
    if not isinstance(body, dict):
        raise Refused(400, f"json: cannot unmarshal {type(body).__name__} into Go value of type api.Request")
    return body


def _required_model(body: dict[str, Any]) -> str:
    name = body.get("model") or body.get("name")
    if not name:
        raise Refused(400, "model is required")
    return str(name)


def _take_script(state: State, path: str, model: str = "") -> Script:
    """Return the script for a path that does not answer questions, or refuse if it says so."""
    script = state.take(path)
    chat = ChatRequest(path=path, model=model, messages=[])
    if refused := refusal(script, chat, state, state.settings.num_ctx):
        raise refused
    return script


async def _pull(connection: Connection, *, name: str, script: Script, state: State, stream: bool) -> None:
    """Report the progress of each layer as if it were downloaded, then install the model."""
    model, total = full_name(name), 100_000_000
    layers = [hashlib.sha256(f"{model} {part}".encode()).hexdigest() for part in ("weights", "template")]
    steps: list[dict[str, Any]] = [{"status": "pulling manifest"}]
    for digest in layers:
        layer = {"status": f"pulling {digest[:12]}", "digest": f"sha256:{digest}", "total": total}
        steps += [layer, *({**layer, "completed": total * part // 4} for part in range(1, 5))]
    steps += [{"status": status} for status in ("verifying sha256 digest", "writing manifest", "success")]
    if stream:
        await connection.open(200, "application/x-ndjson")
    try:
        for number, step in enumerate(steps):
            if script.drop_after == number:
                raise ConnectionCut
            if script.error_after == number:
                raise BrokeOff(script.error or FILE_MISSING)
            await asyncio.sleep(script.seconds_per_token)
            if step["status"] == "success":
                state.models.install(model)
            if stream:
                await connection.write(json_line(step))
    except BrokeOff as failure:
        if not stream:
            await connection.send_json(500, {"error": str(failure)})
            return
        await connection.write(json_line({"error": str(failure)}))
    if stream:
        await connection.close()
    else:
        await connection.send_json(200, steps[-1])


def embedding(text: str, *, size: int) -> list[float]:
    """Return a unit vector, always the same for a text, and nearer for texts that share words."""
    vector = [0.0] * size
    for word in re.findall(r"\w+", text.lower()) or [text]:
        digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
        for at in range(0, 8, 2):
            place = int.from_bytes(digest[at : at + 2])
            vector[place % size] += 1.0 if place & 0x8000 else -1.0
    norm = math.hypot(*vector)
    if norm == 0.0:  # its signs cancelled out: any fixed direction is as good
        return [1.0] + [0.0] * (size - 1)
    return [x / norm for x in vector]
