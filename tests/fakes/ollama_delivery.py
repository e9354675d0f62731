"""How an answer is put on the wire: one ladder for the four endpoints that answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.fakes.ollama_answer import BUSY, Answer, BrokeOff, Refused, Turn, prepare, speak
from tests.fakes.ollama_script import Recorded, Script, State
from tests.fakes.ollama_shapes import Shape
from tests.fakes.ollama_wire import ConnectionCut, Wire


async def deliver(wire: Wire, turn: Turn, shape: Shape, *, state: State, record: Recorded) -> None:
    """Answer a request: wait for a place, refuse or prepare, then stream or send it whole."""
    script = state.take(turn.path)
    try:
        async with _place(state):
            answer = await prepare(turn, script, state, record)
            if answer is None:
                reason = "unload" if turn.keep_alive == 0 else "load"
                await wire.json(200, shape.empty(turn, reason))
            elif turn.stream:
                await _stream(wire, answer, shape, script=script, record=record)
            else:
                await _send_whole(wire, answer, shape, script=script, record=record)
    except Refused as refused:
        await wire.json(refused.status, shape.error(refused))


@asynccontextmanager
async def _place(state: State) -> AsyncIterator[None]:
    """One of the places where requests are worked on; refuse if too many wait for one."""
    places = state.places
    if places is None:
        yield
        return
    if places.locked() and state.waiting >= state.settings.max_queue:
        raise Refused(503, BUSY)
    state.waiting += 1
    try:
        await places.acquire()
    finally:
        state.waiting -= 1
    try:
        yield
    finally:
        places.release()


async def _stream(wire: Wire, answer: Answer, shape: Shape, *, script: Script, record: Recorded) -> None:
    opened = False
    try:
        async for part in speak(answer, script, record):
            if not opened:
                await wire.open(200, shape.content_type)
                opened = True
            await wire.write(shape.broken() if part.broken else shape.part(answer, part))
    except BrokeOff as failure:
        if not opened:
            raise Refused(500, str(failure)) from failure
        await wire.write(shape.error_line(str(failure)))
        await wire.close()
        return
    except ConnectionCut:
        if not opened:  # let the client see a response begin, so that it is cut and not refused
            await wire.open(200, shape.content_type)
            await wire.write(b"\n")
        raise
    if not opened:
        await wire.open(200, shape.content_type)
    await wire.write(shape.last(answer))
    await wire.close()


async def _send_whole(wire: Wire, answer: Answer, shape: Shape, *, script: Script, record: Recorded) -> None:
    text, thinking, broken = "", "", False
    try:
        async for part in speak(answer, script, record):
            text, thinking, broken = text + part.text, thinking + part.thinking, broken or part.broken
    except BrokeOff as failure:
        raise Refused(500, str(failure)) from failure
    except ConnectionCut:
        await wire.open(200, "application/json; charset=utf-8")
        await wire.write(b'{"model":')
        raise
    if broken:
        await wire.open(200, "application/json; charset=utf-8")
        await wire.write(shape.broken())
        await wire.close()
        return
    await wire.json(200, shape.whole(answer, text, thinking))
