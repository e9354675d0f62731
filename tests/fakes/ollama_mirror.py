"""The OpenAI-compatible endpoints: translated, answered as natively, translated back."""

from __future__ import annotations

import base64
import struct
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.fakes.ollama_answer import Refused, Turn, not_found
from tests.fakes.ollama_requests import answer, embed_all, obey, read_body
from tests.fakes.ollama_script import State
from tests.fakes.ollama_shapes import OpenAIChatShape, OpenAICompletionShape


class Mirror:
    """The OpenAI-compatible endpoints: translated, answered natively, translated back."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def models(self, request: Request) -> Response:
        obey(self._state, "/v1/models")
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
        }.get(wanted.get("type", ""))
        turn = v1_turn("/v1/chat/completions", body, body["messages"], format=form)
        return answer(request, turn, OpenAIChatShape(usage=_wants_usage(body)), self._state)

    async def completions(self, request: Request) -> Response:
        body = await read_body(request)
        messages = [{"role": "user", "content": body["prompt"]}] if body.get("prompt") else []
        turn = v1_turn("/v1/completions", body, messages)
        return answer(request, turn, OpenAICompletionShape(usage=_wants_usage(body)), self._state)

    async def embeddings(self, request: Request) -> Response:
        body = await read_body(request)
        given, encoding = body.get("input"), body.get("encoding_format") or "float"
        if encoding.lower() not in ("float", "base64"):
            supported = "Supported values: ['float', 'base64']."
            raise Refused(400, f"Invalid value for 'encoding_format' = {encoding}. {supported}")
        if given is None or given == []:
            raise Refused(400, "invalid input")
        obey(self._state, "/v1/embeddings", body.get("model", ""))
        texts = [given] if isinstance(given, str) else given
        if not all(isinstance(text, str) for text in texts):
            raise Refused(400, "invalid input type")
        vectors, tokens = embed_all(self._state, body, texts)
        packed = [_as_base64(v) if encoding.lower() == "base64" else v for v in vectors]
        data = [{"object": "embedding", "embedding": v, "index": i} for i, v in enumerate(packed)]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return JSONResponse({"object": "list", "data": data, "model": body["model"], "usage": usage})


def v1_turn(path: str, body: dict[str, Any], messages: list[dict[str, Any]], **more: Any) -> Turn:
    """The mirror knows neither num_ctx nor truncate nor shift: their defaults hold."""
    most = body.get("max_completion_tokens") or body.get("max_tokens")
    options = {"num_predict": most, "stop": body.get("stop")}
    stream = bool(body.get("stream"))
    return Turn(
        path=path, model=body.get("model", ""), messages=messages, options=options, stream=stream, **more
    )


def _wants_usage(body: dict[str, Any]) -> bool:
    return bool((body.get("stream_options") or {}).get("include_usage"))


def _as_base64(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _as_openai(name: str, modified_at: Any) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": int(modified_at.timestamp()), "owned_by": "library"}
