"""Ollama's own endpoints."""

from __future__ import annotations

import asyncio
import hashlib
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from tests.fakes.ollama_answer import BrokeOff, Refused, not_found
from tests.fakes.ollama_models import full_name
from tests.fakes.ollama_requests import answer, embed_all, native_turn, obey, read_body, required_model
from tests.fakes.ollama_script import Script, State
from tests.fakes.ollama_shapes import ChatShape, GenerateShape
from tests.fakes.ollama_wire import ConnectionCut, Wire, Worked, line

FILE_MISSING = "pull model manifest: file does not exist"


class Native:
    """Ollama's own endpoints."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def alive(self, request: Request) -> Response:
        return PlainTextResponse("Ollama is running")

    async def version(self, request: Request) -> Response:
        return JSONResponse({"version": self._state.settings.version})

    async def tags(self, request: Request) -> Response:
        obey(self._state, "/api/tags")
        return JSONResponse({"models": self._state.shelf.tags()})

    async def ps(self, request: Request) -> Response:
        return JSONResponse({"models": self._state.shelf.processes()})

    async def show(self, request: Request) -> Response:
        body = await read_body(request)
        name = required_model(body)
        obey(self._state, "/api/show", name)
        model = self._state.shelf.get(name)
        if model is None:
            raise not_found(name)
        return JSONResponse(model.shown())

    async def delete(self, request: Request) -> Response:
        name = required_model(await read_body(request))
        if not self._state.shelf.remove(name):
            raise not_found(name)
        return Response()

    async def pull(self, request: Request) -> Response:
        body = await read_body(request)
        name = body.get("model") or body.get("name") or ""
        if not name:
            raise Refused(400, "invalid model name")
        script = obey(self._state, "/api/pull", name)
        work = partial(_pull, name=name, script=script, state=self._state, stream=body.get("stream", True))
        return Worked(work, request.scope["record"], self._state)

    async def chat(self, request: Request) -> Response:
        body = await read_body(request)
        if not body.get("model"):
            raise Refused(400, "model is required")
        if not isinstance(body.get("messages", []), list | None):
            kind = type(body["messages"]).__name__.replace("str", "string")
            raise Refused(400, f"json: cannot unmarshal {kind} into Go struct field ChatRequest.messages")
        turn = native_turn("/api/chat", body, body.get("messages") or [])
        return answer(request, turn, ChatShape(), self._state)

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
        turn = native_turn("/api/generate", body, [*system, *asked] if asked else [])
        return answer(request, turn, GenerateShape(raw=raw), self._state)

    async def embed(self, request: Request) -> Response:
        body = await read_body(request)
        given = body.get("input")
        if not isinstance(given, str | list | None) or not all(isinstance(v, str) for v in given or []):
            raise Refused(400, "invalid input type")
        texts = given if isinstance(given, list) else [given] if given else []
        obey(self._state, "/api/embed", body.get("model", ""))
        vectors, tokens = embed_all(self._state, body, texts)
        spent = {"total_duration": 1_000_000, "load_duration": 100_000, "prompt_eval_count": tokens}
        return JSONResponse({"model": body["model"], "embeddings": vectors, **(spent if vectors else {})})


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
