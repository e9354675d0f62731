"""One answer of the stand-in model: made to fit the window, then spoken token by token.

What a window that is too small leads to differs between releases; the bodies below are what
these releases send (tests/fakes/ollama.md).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

from tests.fakes import ollama_speech as speech
from tests.fakes.ollama_models import Model
from tests.fakes.ollama_script import Recorded, Script, State
from tests.fakes.ollama_speech import Message
from tests.fakes.ollama_wire import ConnectionCut

IGNORES_TRUNCATE = (0, 12, 6)  # releases before this one
LLAMA_SERVER = (0, 30, 0)  # releases from this one on run llama-server; recorded on 0.34 and 0.40
BUSY = "server busy, please try again.  maximum pending requests exceeded"
STREAM_BROKE = "an error was encountered while running the model: unexpected EOF"
TOO_LONG_TO_CUT = (
    "the prompt is longer than the context length currently available to the model; shorten the prompt, "
    "adjust the context length in settings, or use a model with a longer context length"
)
NUM_KEEP = 4
VOICES = {"echo": speech.echo, "obedient": speech.obedient}


class Refused(Exception):
    """The server answers with an error and a status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


class BrokeOff(Exception):
    """The model fails after the response has begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A request to any of the answering endpoints, in one shape."""

    path: str
    model: str
    messages: list[Message]
    options: dict[str, Any] = field(default_factory=dict)
    format: Any = None
    tools: list[Any] = field(default_factory=list)
    think: Any = None
    stream: bool = True
    truncate: bool = True
    shift: bool = True
    keep_alive: Any = None


@dataclass(slots=True)
class Answer:
    """What is about to be said, and how it went."""

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


def not_found(model: str) -> Refused:
    return Refused(404, f"model '{model}' not found")


def overflow(version: tuple[int, ...], prompt_tokens: int, num_ctx: int) -> Refused:
    """What a prompt that does not fit is refused with."""
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
    """What is said while the model is still being read into memory."""
    if version < LLAMA_SERVER:
        return Refused(500, "unexpected server status: llm server loading model")
    detail = {"code": 503, "message": "Loading model", "type": "unavailable_error"}
    return Refused(503, json.dumps({"error": detail}, separators=(",", ":")))


def refusal(script: Script, turn: Turn, state: State, num_ctx: int) -> Refused | None:
    """The refusal that a script orders."""
    if script.status:
        return Refused(script.status, script.error or "internal error")
    known = {
        "not_found": not_found(turn.model),
        "busy": Refused(503, BUSY),
        "loading": loading(state.settings.numbered),
        "memory": Refused(500, "model requires more system memory (5.6 GiB) than is available (2.1 GiB)"),
        "internal": Refused(500, "llama runner process has terminated: signal: killed"),
        "overflow": overflow(
            state.settings.numbered, max(speech.count_tokens(turn.messages), num_ctx + 1), num_ctx
        ),
    }
    return known.get(script.refuse)


# --- the window ----------------------------------------------------------------------------


def window(turn: Turn, model: Model, state: State) -> int:
    """The context in tokens: asked for or default, never more than the model was trained on."""
    wanted = turn.options.get("num_ctx") or state.settings.num_ctx
    if not isinstance(wanted, int | float):
        raise Refused(500, 'option "num_ctx" must be of type integer')
    return min(int(wanted), model.context_length)


def fit(turn: Turn, num_ctx: int, version: tuple[int, ...]) -> tuple[list[Message], int]:
    """Return the messages that the model gets to read and how many tokens that is, or refuse."""
    limit = num_ctx - 1 if version >= LLAMA_SERVER else num_ctx  # llama-server wants one to spare
    if speech.count_tokens(turn.messages) <= limit:
        return turn.messages, speech.count_tokens(turn.messages)
    if not turn.truncate:
        raise overflow(version, speech.count_tokens(turn.messages), num_ctx)
    kept = _without_oldest(turn.messages, num_ctx)
    if (count := speech.count_tokens(kept)) <= limit:
        return kept, count
    if version >= LLAMA_SERVER:
        if not turn.shift:
            raise Refused(400, TOO_LONG_TO_CUT)
        limit = num_ctx - (num_ctx - NUM_KEEP) // 2
    return _cut(kept, limit), limit


def _without_oldest(messages: list[Message], num_ctx: int) -> list[Message]:
    """Leave out messages from the front until the rest fits; system messages and the last one stay.

    A tool's answer is not parted from the call that it answers.
    """
    kept = messages
    for start in range(len(messages)):
        begin = start
        while begin > 0 and messages[begin].get("role") == "tool":
            begin -= 1
        system = [message for message in messages[:begin] if message.get("role") == "system"]
        kept = [*system, *messages[begin:]]
        if speech.count_tokens(kept) <= num_ctx:
            break
    return kept


def _cut(messages: list[Message], limit: int) -> list[Message]:
    """Cut the prompt's tokens from the front, but for the first few: what remains is its end."""
    *before, last = messages
    tokens = speech.pieces(speech.text_of(last))
    room = max(0, limit - NUM_KEEP - speech.count_tokens([{"content": ""}]))
    head = speech.pieces(speech.text_of(before[0]))[:NUM_KEEP] if before else tokens[:NUM_KEEP]
    start = "".join(head)
    return [{**last, "content": start + "".join(tokens[len(tokens) - room :])}]


# --- the answer ----------------------------------------------------------------------------


async def prepare(turn: Turn, script: Script, state: State, record: Recorded) -> Answer | None:
    """Load the model and decide what it will say; None when it is only to be loaded or unloaded."""
    started = time.perf_counter_ns()
    model = _usable(turn, state)
    num_ctx = window(turn, model, state)
    version = state.settings.numbered
    if version < IGNORES_TRUNCATE:
        turn = replace(turn, truncate=True, shift=True)
    if refused := refusal(script, turn, state, num_ctx):
        raise refused
    if not turn.messages and turn.keep_alive == 0:
        state.shelf.unload(turn.model)
        return None
    shift = turn.shift or version < LLAMA_SERVER  # only llama-server is started with or without it
    record.reloaded = state.shelf.load(model, num_ctx=num_ctx, shift=shift, keep_alive=turn.keep_alive)
    if record.reloaded:
        await asyncio.sleep(state.settings.load_seconds)
    if not turn.messages:
        return None
    read, prompt_tokens = fit(turn, num_ctx, version)
    record.messages_dropped = len(turn.messages) - len(read)
    record.prompt_tokens = prompt_tokens
    answer = compose(replace(turn, messages=read), script, num_ctx=num_ctx, prompt_tokens=prompt_tokens)
    answer.started, answer.loaded = started, time.perf_counter_ns()
    return answer


def _usable(turn: Turn, state: State) -> Model:
    """The model asked for, if it is installed and can do what is asked."""
    model = state.shelf.get(turn.model)
    if model is None:
        raise not_found(turn.model)
    if model.embeds:
        doing = "generate" if turn.path in ("/api/generate", "/v1/completions") else "chat"
        raise Refused(400, f'"{turn.model}" does not support {doing}')
    if turn.think and not model.thinks:
        raise Refused(400, f'"{turn.model}" does not support thinking')
    return model


def compose(turn: Turn, script: Script, *, num_ctx: int, prompt_tokens: int) -> Answer:
    """Decide the words, and where they end: at a stop sequence, at num_predict or at the window."""
    text = script.reply
    if text is None:
        text = "" if script.tool_calls else VOICES[script.voice](turn.messages)
        text = speech.as_json(text, turn.format) if turn.format and text else text
    stops = turn.options.get("stop") or []
    for stop in [stops] if isinstance(stops, str) else stops:
        text = text.split(stop, 1)[0]
    tokens = speech.pieces(text)
    most = int(turn.options.get("num_predict") or -1)
    room = [most] if most >= 0 else []
    if not turn.shift:
        room.append(num_ctx - prompt_tokens)
    cut = min(room, default=len(tokens)) < len(tokens)
    return Answer(
        model=turn.model,
        tokens=tokens[: min(room)] if cut else tokens,
        thinking=speech.pieces(script.thinking) if turn.think is not False else [],
        tool_calls=script.tool_calls,
        done_reason=script.done_reason or ("length" if cut else "stop"),
        eval_count=len(speech.pieces(json.dumps(script.tool_calls))) if script.tool_calls else 0,
        prompt_tokens=prompt_tokens if script.prompt_eval_count is None else script.prompt_eval_count,
    )


@dataclass(frozen=True, slots=True)
class Part:
    """Something the model utters."""

    text: str = ""
    thinking: str = ""
    broken: bool = False
    """A line that is not JSON."""


async def speak(answer: Answer, script: Script, record: Recorded) -> AsyncIterator[Part]:
    """Utter the answer at the script's pace, and fail where the script says so."""
    await asyncio.sleep(script.delay)
    answer.first_token = time.perf_counter_ns()
    said = [Part(thinking=t) for t in answer.thinking] + [Part(text=t) for t in answer.tokens]
    drop, fail, garble = (
        None if after is None else min(after, len(said))  # beyond the end is: before the last line
        for after in (script.drop_after, script.error_after, script.malformed_after)
    )
    for number, part in enumerate([*said, None]):
        if drop == number:
            raise ConnectionCut
        if fail == number:
            raise BrokeOff(script.error or STREAM_BROKE)
        if garble == number:
            yield Part(broken=True)
        if part is None:
            return
        await asyncio.sleep(script.seconds_per_token)
        answer.eval_count += 1
        yield part
        record.tokens_sent += 1
