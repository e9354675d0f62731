"""/v1/chat/completions: a library, or a persona, asked as if it were a model."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from docent.app import Docent
from docent.errors import DocentError, InputError
from docent.json_output import ask_json
from docent.types import Answer, Answered, AnswerRequest, Event, Notice, Preferences, Token, Turn
from docent.web.api.access import Caller
from docent.web.api.http_errors import Refused, broken_off, not_there, refused
from docent.web.api.requests import ChatRequest, Json, Message

EVERYTHING = "docent"
LIBRARY, PERSONA = "library/", "persona/"
LEAST_TOKENS = 16
NUMBER = re.compile(r"\[(\d{1,3})\]")


# --- models --------------------------------------------------------------------------------


def models(docent: Docent, caller: Caller) -> list[Json]:
    """Everything that may be named as a model: all, each library, each persona."""
    libraries = caller.seen(docent.store.libraries(None))
    personas = [one for one in docent.personas if not one.library or one.library in libraries]
    names = [EVERYTHING, *(LIBRARY + name for name in libraries), *(PERSONA + one.key for one in personas)]
    return [described(name) for name in names]


def described(name: str) -> Json:
    return {"id": name, "object": "model", "created": 0, "owned_by": "docent"}


@dataclass(frozen=True, slots=True)
class Voice:
    """Whom a request asks."""

    library: str = ""
    persona: str = ""


def voice(name: str, docent: Docent, caller: Caller) -> Voice:
    """What a model's name stands for. Raises Refused for one that this caller does not have."""
    if name not in {model["id"] for model in models(docent, caller)}:
        raise not_there("model")
    if name.startswith(LIBRARY):
        return Voice(library=name.removeprefix(LIBRARY))
    if name.startswith(PERSONA):
        persona = docent.persona(name.removeprefix(PERSONA))
        return Voice(persona.library, persona.key)
    return Voice()


# --- an answer -----------------------------------------------------------------------------


def question_of(messages: Sequence[Message]) -> tuple[str, tuple[Turn, ...]]:
    """The last message, and the questions and answers before it."""
    if messages[-1].unread and messages[-1].role == "user":
        raise Refused(
            400,
            f"A question is text; {messages[-1].unread[:40]!r} cannot be read here. Hand a document or "
            "picture in at /v1/files, then ask about it.",
            code="unsupported_content",
            param="messages",
        )
    said = [message for message in messages if message.role in ("user", "assistant")]
    if not said or said[-1].role != "user" or not said[-1].text.strip():
        raise Refused(
            400, "The last message must be a user's question.", code="no_question", param="messages"
        )
    turns: list[Turn] = []
    question = ""
    for message in said[:-1]:
        if message.role == "user":
            question = message.text
        elif question:
            turns.append(Turn(question, message.text))
            question = ""
    return said[-1].text, tuple(turns)


def instructions_of(messages: Sequence[Message]) -> str:
    """What the client adds to the instructions, by either name."""
    told = (message.text.strip() for message in messages if message.role in ("system", "developer"))
    return "\n".join(filter(None, told))


def longest(request: ChatRequest, docent: Docent) -> int | None:
    """The longest answer that is asked for, within what this installation allows: clients send what they
    would send to any model."""
    if request.longest is None:
        return None
    return max(LEAST_TOKENS, min(request.longest, docent.settings.context_tokens // 2))


def events(request: ChatRequest, docent: Docent, caller: Caller) -> AsyncGenerator[Event, None]:
    """What happens while this request is answered."""
    speaker = voice(request.model, docent, caller)
    question, history = question_of(request.messages)
    return docent.answer(
        AnswerRequest(
            question=question,
            history=history,
            scope=caller.scope(speaker.library),
            persona=speaker.persona,
            preferences=Preferences(
                temperature=request.temperature,
                answer_tokens=longest(request, docent),
                instructions=instructions_of(request.messages),
            ),
        )
    )


@dataclass(slots=True)
class Cutter:
    """Ends a text at the first of the stop words, wherever the pieces of the stream are cut."""

    stops: tuple[str, ...]
    shown: str = ""
    ended: bool = False
    _held: str = field(default="")

    def pass_on(self, piece: str) -> str:
        """What of the text may be shown now."""
        if self.ended:
            return ""
        text = self._held + piece
        ends = [at for stop in self.stops if (at := text.find(stop)) >= 0]
        if ends:
            self.ended, self._held = True, ""
            return self._show(text[: min(ends)])
        keep = max((_overlap(text, stop) for stop in self.stops), default=0)
        self._held = text[len(text) - keep :]
        return self._show(text[: len(text) - keep])

    def rest(self) -> str:
        held, self._held = self._held, ""
        return self._show(held)

    def _show(self, text: str) -> str:
        self.shown += text
        return text


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of the text may be the beginning of the stop word."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)


@dataclass(slots=True)
class Reply:
    """One answer on its way out, whole or in pieces."""

    model: str
    footnotes: bool
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, answer: Answer, cutter: Cutter) -> Json:
        """The answer at once. Raises Refused for one that broke off: few programs look at finish_reason."""
        text = cutter.pass_on(answer.text) + cutter.rest() + self.notes(answer, answer.text)
        if finish(answer, cutter) == "error":
            raise broken_off(answer.receipt.broken_off)
        return {
            **self._head("chat.completion"),
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text, "refusal": None},
                    "finish_reason": finish(answer, cutter),
                    "logprobs": None,
                }
            ],
            "usage": usage(answer),
            "docent": ask_json(answer),
        }

    def piece(self, text: str, *, role: bool = False, finish: str | None = None) -> Json:
        delta: Json = {"content": text} if text else {}
        return {
            **self._head("chat.completion.chunk"),
            "choices": [
                {
                    "index": 0,
                    "delta": {"role": "assistant", "content": "", **delta} if role else delta,
                    "finish_reason": finish,
                    "logprobs": None,
                }
            ],
        }

    def counted(self, answer: Answer) -> Json:
        return {**self._head("chat.completion.chunk"), "choices": [], "usage": usage(answer)}

    def notes(self, answer: Answer, shown: str) -> str:
        """The citations as lines of text, for clients that show nothing else. Where the text that was
        streamed has other numbers than the checked one, the lines bear none."""
        if not self.footnotes or not answer.citations:
            return ""
        first = {citation.n: citation for citation in reversed(answer.citations)}
        same = NUMBER.findall(shown) == NUMBER.findall(answer.text)
        lines = [f"[{n}] {first[n].where}" if same else f"- {first[n].where}" for n in sorted(first)]
        return "\n\n" + "\n".join(lines)

    def _head(self, kind: str) -> Json:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def finish(answer: Answer, cutter: Cutter) -> str:
    """Why the text ends. `error`, which OpenAI does not have, is OpenRouter's word for a failed model."""
    if answer.receipt.broken_off and not cutter.ended:
        return "error"
    return "length" if answer.receipt.cut_short and not cutter.ended else "stop"


def usage(answer: Answer) -> Json:
    prompt, written = answer.receipt.tokens_counted, answer.receipt.tokens_answered
    return {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}


async def whole(happening: AsyncGenerator[Event, None]) -> Answer:
    """Only the last event counts."""
    async with aclosing(happening) as each:
        async for event in each:
            if isinstance(event, Answered):
                return event.answer
    raise InputError("No answer came. Ask again; if it stays so, run: python -m docent doctor")


async def streamed(
    happening: AsyncGenerator[Event, None], request: ChatRequest, reply: Reply
) -> AsyncGenerator[str, None]:
    """Server-sent events. What was streamed is the text as it came; the last piece has the checked one."""
    cutter = Cutter(request.stops)
    yield _event(reply.piece("", role=True))
    try:
        async with aclosing(happening) as each:
            async for event in each:
                match event:
                    case Token(text):
                        if shown := cutter.pass_on(text):
                            yield _event(reply.piece(shown))
                    case Notice():
                        pass  # in the receipt
                    case Answered(answer):
                        tail = cutter.rest() if cutter.shown or cutter.ended else cutter.pass_on(answer.text)
                        tail += cutter.rest()
                        if tail := tail + reply.notes(answer, cutter.shown):
                            yield _event(reply.piece(tail))
                        ended = reply.piece("", finish=finish(answer, cutter))
                        yield _event({**ended, "docent": ask_json(answer)})
                        if request.stream_options and request.stream_options.include_usage:
                            yield _event(reply.counted(answer))
                        if finish(answer, cutter) == "error":
                            yield _event(broken_off(answer.receipt.broken_off).body())
    except DocentError as error:
        yield _event(refused(error).body())
    except Refused as error:
        yield _event(error.body())
    yield "data: [DONE]\n\n"


def _event(payload: Json) -> str:
    return f"data: {json.dumps(payload, ensure_ascii=False, default=str)}\n\n"
