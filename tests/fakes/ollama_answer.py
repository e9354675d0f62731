"""One answer of the fake model: the prompt is made to fit the window, then tokens are sent one by one.

A window that is too small leads to different errors in different releases; the bodies below are those that
these releases send (tests/fakes/ollama.md).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from tests.fakes import ollama_replies as replies
from tests.fakes.ollama_replies import Message
from tests.fakes.ollama_state import BrokeOff, ConnectionCut, Model, Recorded, Refused, Script, State
from tests.fakes.ollama_upstream import Written

IGNORES_TRUNCATE = (0, 12, 6)  # releases before this one
LLAMA_SERVER = (0, 30, 0)  # releases from this one on run llama-server; recorded on 0.34 and 0.40
BUSY = "server busy, please try again.  maximum pending requests exceeded"
STREAM_BROKE = "an error was encountered while running the model: unexpected EOF"
TOO_LONG_TO_CUT = (
    "the prompt is longer than the context length currently available to the model; shorten the prompt, "
    "adjust the context length in settings, or use a model with a longer context length"
)
NUM_KEEP = 4
VOICES = {"echo": replies.echo, "obedient": replies.obedient}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """A request to either of the answering endpoints, in one form."""

    path: str
    model: str
    messages: list[Message]
    options: dict[str, Any] = field(default_factory=dict)
    think: Any = None
    stream: bool = True
    truncate: bool = True
    shift: bool = True
    form: Any = None
    """`format` of /api/chat: "json" or a JSON schema, to which the real server holds its model."""
    tools: bool = False


@dataclass(slots=True)
class Answer:
    """An answer that is about to be sent, with its counts."""

    model: str
    tokens: list[str]
    thinking: list[str]
    tool_calls: list[dict[str, Any]]
    done_reason: str
    prompt_tokens: int
    eval_count: int = 0
    started: int = field(default_factory=time.perf_counter_ns)
    loaded: int = 0
    first_token: int = 0
    written: AsyncIterator[Written] | None = None
    """The answer of a real model, instead of `tokens`."""

    def metrics(self) -> dict[str, int]:
        now = time.perf_counter_ns()
        first = self.first_token or now
        return {
            "total_duration": now - self.started,
            "load_duration": max(1, self.loaded - self.started),
            "prompt_eval_count": self.prompt_tokens,
            "prompt_eval_duration": max(1, first - self.loaded),
            "eval_count": self.eval_count,
            "eval_duration": max(1, now - first),
        }


# --- refusals ------------------------------------------------------------------------------


def overflow(version: tuple[int, ...], prompt_tokens: int, num_ctx: int) -> Refused:
    """Return the refusal of a prompt that does not fit."""
    if version < LLAMA_SERVER:
        return Refused(400, "the input length exceeds the context length")
    detail = {
        "code": 400,
        "message": f"request ({prompt_tokens} tokens) exceeds the available context size "
        f"({num_ctx} tokens), try increasing it",
        "type": "exceed_context_size_error",
        "n_prompt_tokens": prompt_tokens,
        "n_ctx": num_ctx,
    }
    return Refused(400, json.dumps({"error": detail}, separators=(",", ":")))


def loading(version: tuple[int, ...]) -> Refused:
    """Return the refusal sent while the model is still being read into memory."""
    if version < LLAMA_SERVER:
        return Refused(500, "unexpected server status: llm server loading model")
    detail = {"code": 503, "message": "Loading model", "type": "unavailable_error"}
    return Refused(503, json.dumps({"error": detail}, separators=(",", ":")))


def refusal(script: Script, request: ChatRequest, state: State, num_ctx: int) -> Refused | None:
    """Return the refusal that a script asks for, if any."""
    if script.status:
        return Refused(script.status, script.error or "internal error")
    known = {
        "not_found": Refused(404, f"model '{request.model}' not found"),
        "busy": Refused(503, BUSY),
        "loading": loading(state.settings.release),
        "memory": Refused(500, "model requires more system memory (5.6 GiB) than is available (2.1 GiB)"),
        "internal": Refused(500, "llama runner process has terminated: signal: killed"),
        "overflow": overflow(
            state.settings.release, max(replies.count_tokens(request.messages), num_ctx + 1), num_ctx
        ),
    }
    return known.get(script.refuse)


# --- the window ----------------------------------------------------------------------------


def window(request: ChatRequest, model: Model, state: State) -> int:
    """Return the context in tokens: requested or default, never more than the model was trained on."""
    wanted = request.options.get("num_ctx") or state.settings.num_ctx
    if not isinstance(wanted, int | float):
        raise Refused(500, 'option "num_ctx" must be of type integer')
    return min(int(wanted), model.context_length)


def fit(
    request: ChatRequest,
    num_ctx: int,
    version: tuple[int, ...],
    count_tokens: Callable[[list[Message]], int] = replies.count_tokens,
) -> tuple[list[Message], int]:
    """Return the messages that the model reads and their number of tokens, or refuse."""
    limit = num_ctx - 1 if version >= LLAMA_SERVER else num_ctx  # llama-server needs one token left
    if (count := count_tokens(request.messages)) <= limit:
        return request.messages, count
    if not request.truncate:
        raise overflow(version, count, num_ctx)
    kept = _without_oldest(request.messages, num_ctx)
    if (count := count_tokens(kept)) <= limit:
        return kept, count
    if version >= LLAMA_SERVER:
        if not request.shift:
            raise Refused(400, TOO_LONG_TO_CUT)
        limit = num_ctx - (num_ctx - NUM_KEEP) // 2
    return _cut(kept, limit), limit


def _without_oldest(messages: list[Message], num_ctx: int) -> list[Message]:
    """Leave out messages from the front until the rest fits; system messages and the last one stay.

    A tool's answer stays with the call that it answers.
    """
    kept = messages
    for start in range(len(messages)):
        begin = start
        while begin > 0 and messages[begin].get("role") == "tool":
            begin -= 1
        system = [message for message in messages[:begin] if message.get("role") == "system"]
        kept = [*system, *messages[begin:]]
        if replies.count_tokens(kept) <= num_ctx:
            break
    return kept


def _cut(messages: list[Message], limit: int) -> list[Message]:
    """Cut the prompt's tokens from the front, except the first few, so that its end remains."""
    *before, last = messages
    tokens = replies.tokenize(replies.text_of(last))
    space = max(0, limit - NUM_KEEP - replies.count_tokens([{"content": ""}]))
    head = replies.tokenize(replies.text_of(before[0]))[:NUM_KEEP] if before else tokens[:NUM_KEEP]
    start = "".join(head)
    return [{**last, "content": start + "".join(tokens[len(tokens) - space :])}]


# --- the answer ----------------------------------------------------------------------------


async def prepare(request: ChatRequest, script: Script, state: State, record: Recorded) -> Answer | None:
    """Load the model and decide on its answer; None when a request without messages only loads it."""
    started = time.perf_counter_ns()
    model = _usable(request, state)
    num_ctx = window(request, model, state)
    version = state.settings.release
    if version < IGNORES_TRUNCATE:
        request = replace(request, truncate=True, shift=True)
    if refused := refusal(script, request, state, num_ctx):
        raise refused
    shift = request.shift or version < LLAMA_SERVER  # only llama-server is started with or without it
    record.reloaded = state.models.load(model, num_ctx=num_ctx, shift=shift)
    if not request.messages:
        return None
    if request.form and request.form != "json" and not isinstance(request.form, dict):
        raise Refused(500, f'invalid format: {request.form!r}; expected "json" or a valid JSON Schema object')
    upstream = state.settings.upstream
    count_tokens = upstream.count_tokens if upstream else replies.count_tokens
    read, prompt_tokens = await asyncio.to_thread(fit, request, num_ctx, version, count_tokens)
    record.messages_dropped = len(request.messages) - len(read)
    record.prompt_tokens = prompt_tokens
    answer = compose(replace(request, messages=read), script, num_ctx=num_ctx, prompt_tokens=prompt_tokens)
    if upstream and script.reply is None and not script.tool_calls:
        answer.written = upstream.write(read, request.options, request.form)
    answer.started, answer.loaded = started, time.perf_counter_ns()
    return answer


def _usable(request: ChatRequest, state: State) -> Model:
    """Return the model if it is installed and can do what is requested."""
    model = state.models.get(request.model)
    if model.embeds:
        raise Refused(400, f'"{request.model}" does not support chat')
    if request.think and not model.thinks:
        raise Refused(400, f'"{request.model}" does not support thinking')
    if request.tools and not model.calls_tools:
        raise Refused(400, f"registry.ollama.ai/library/{model.name} does not support tools")
    return model


def compose(request: ChatRequest, script: Script, *, num_ctx: int, prompt_tokens: int) -> Answer:
    """Choose the text, and its end: a stop sequence, num_predict or the window."""
    text = script.reply
    if text is None:
        text = "" if script.tool_calls else VOICES[script.voice](request.messages)
    stops = request.options.get("stop") or []
    for stop in [stops] if isinstance(stops, str) else stops:
        text = text.split(stop, 1)[0]
    tokens = replies.tokenize(text)
    most = int(request.options.get("num_predict") or -1)
    limits = [most] if most >= 0 else []
    if not request.shift:
        limits.append(num_ctx - prompt_tokens)
    cut = min(limits, default=len(tokens)) < len(tokens)
    return Answer(
        model=request.model,
        tokens=tokens[: min(limits)] if cut else tokens,
        thinking=replies.tokenize(script.thinking) if request.think is not False else [],
        tool_calls=script.tool_calls,
        done_reason=script.done_reason or ("length" if cut else "stop"),
        eval_count=len(replies.tokenize(json.dumps(script.tool_calls))) if script.tool_calls else 0,
        prompt_tokens=prompt_tokens,
    )


@dataclass(frozen=True, slots=True)
class Part:
    """A token of the answer or of the model's thinking."""

    text: str = ""
    thinking: str = ""


async def generate(answer: Answer, script: Script, record: Recorded) -> AsyncIterator[Part]:
    """Yield the answer at the script's pace, and fail at the token that the script names."""
    await asyncio.sleep(script.delay)
    answer.first_token = time.perf_counter_ns()
    number = 0
    async for part in _parts(answer):
        _fail_if_due(script, number, last=part is None)
        if part is None:
            return
        await asyncio.sleep(script.seconds_per_token)
        answer.eval_count += answer.written is None  # a real model counts itself
        yield part
        record.tokens_sent += 1
        number += 1


def _fail_if_due(script: Script, number: int, *, last: bool) -> None:
    """Fail as the script says; beyond the end means before the last line."""

    def due(after: int | None) -> bool:
        return after is not None and (after >= number if last else after == number)

    if due(script.drop_after):
        raise ConnectionCut
    if due(script.error_after):
        raise BrokeOff(script.error or STREAM_BROKE)


async def _parts(answer: Answer) -> AsyncIterator[Part | None]:
    """Yield the thoughts, the answer, and None at its end."""
    for token in answer.thinking:
        yield Part(thinking=token)
    if answer.written is None:
        for token in answer.tokens:
            yield Part(text=token)
    else:
        async for written in answer.written:
            if written.finish_reason:
                answer.done_reason, answer.eval_count = written.finish_reason, written.tokens
            else:
                yield Part(text=written.text)
    yield None
