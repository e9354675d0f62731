"""What every endpoint does with a request: read it, obey the script for it, put it to the model."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tests.fakes import ollama_speech as speech
from tests.fakes.ollama_answer import Refused, Turn, not_found, overflow, refusal
from tests.fakes.ollama_delivery import deliver
from tests.fakes.ollama_models import embed, unit
from tests.fakes.ollama_script import Script, State
from tests.fakes.ollama_shapes import Shape
from tests.fakes.ollama_wire import Worked


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


def answer(request: Request, turn: Turn, shape: Shape, state: State) -> Response:
    record = request.scope["record"]
    return Worked(partial(deliver, turn=turn, shape=shape, state=state, record=record), record, state)


def native_turn(path: str, body: dict[str, Any], messages: list[dict[str, Any]]) -> Turn:
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


def required_model(body: dict[str, Any]) -> str:
    name = body.get("model") or body.get("name")
    if not name:
        raise Refused(400, "model is required")
    return str(name)


def obey(state: State, path: str, model: str = "") -> Script:
    """The script for an endpoint that does not answer questions; its refusal, if it orders one."""
    script = state.take(path)
    turn = Turn(path=path, model=model, messages=[])
    if refused := refusal(script, turn, state, state.settings.num_ctx):
        raise refused
    return script


def embed_all(state: State, body: dict[str, Any], texts: list[str]) -> tuple[list[list[float]], int]:
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
