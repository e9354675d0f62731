"""A fake Ollama server with the real protocol, whose answers a test can set.

    python -m tests.fakes.ollama_server --port 11434 --models mistral,llama3.2

By default it answers with the sentence of the given passages that shares the most words with
the question, and the passage's number. POST /_script sets anything else (see `Script`),
GET /_requests returns the requests so far, POST /_reset forgets both.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import socket
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from tests.fakes.ollama_responses import OllamaFormat, OpenAIFormat, recording
from tests.fakes.ollama_routes import Routes
from tests.fakes.ollama_state import BadScript, Recorded, Refused, Script, Settings, State

SECONDS_TO_END = 60  # a machine under load is slow, not wrong


class App:
    """The routes of the protocol and those by which tests control the server; records every request."""

    def __init__(self, state: State) -> None:
        self._state = state
        control = [
            Route("/_script", self._script, methods=["POST"]),
            Route("/_requests", self._requests, methods=["GET"]),
            Route("/_reset", self._reset, methods=["POST"]),
        ]
        handlers: dict[type[Exception], Any] = {Refused: _refuse, HTTPException: _no_such_page}
        self._app = Starlette(routes=[*Routes(state).table(), *control], exception_handlers=handlers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith("/_"):
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            record = Recorded(scope["method"], scope["path"], headers, time.monotonic())
            record.body, receive = await _with_body(receive)
            self._state.records.append(record)
            scope["record"] = record
            send = recording(record, send)
        try:
            await self._app(scope, receive, send)
        except Exception:
            traceback.print_exc()  # a fault of the fake itself: the web server's log is silenced
            raise

    async def _script(self, request: Request) -> Response:
        value = await request.json()
        try:
            scripts = [Script.read(each) for each in (value if isinstance(value, list) else [value])]
        except BadScript as problem:
            return JSONResponse({"error": str(problem)}, status_code=400)
        for script in scripts:
            self._state.add(script)
        return JSONResponse({"queued": len(self._state.queue), "sticky": len(self._state.sticky)})

    async def _requests(self, request: Request) -> Response:
        return JSONResponse([asdict(record) for record in self._state.records])

    async def _reset(self, request: Request) -> Response:
        self._state.reset()
        return Response(status_code=204)


async def _with_body(receive: Receive) -> tuple[Any, Receive]:
    """Return a request's JSON, None if it is none, and a `receive` that yields the body once more.

    So no test ever sees the record of a request whose body is still on its way.
    """
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())
    body, read = None, iter(messages)
    with contextlib.suppress(ValueError):
        body = json.loads(b"".join(message.get("body", b"") for message in messages))

    async def again() -> Message:
        return next(read, None) or await receive()

    return body, again


async def _refuse(request: Request, refused: Exception) -> Response:
    assert isinstance(refused, Refused)
    form = OpenAIFormat(usage=False) if request.url.path.startswith("/v1/") else OllamaFormat()
    return JSONResponse(form.error(refused), status_code=refused.status)


async def _no_such_page(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    text = {404: "404 page not found", 405: "405 method not allowed"}.get(problem.status_code, problem.detail)
    return PlainTextResponse(text, status_code=problem.status_code)


class Server(uvicorn.Server):
    """A web server that stops at once: it waits for an event instead of looking every 100 ms."""

    def __init__(self, settings: Settings) -> None:
        self.state = State(settings)
        super().__init__(
            uvicorn.Config(
                App(self.state),
                http="h11",
                lifespan="off",
                log_config=None,
                log_level="critical",  # a test asked for a cut connection: it is no error to report
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self.ready()

    def ready(self) -> None:
        """Called once the server listens."""

    async def main_loop(self) -> None:
        await self.state.stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close connections as uvicorn does, but without its pause of 100 ms."""
        for server in self.servers:
            server.close()
        for listening in sockets or []:
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        async with asyncio.timeout(SECONDS_TO_END):
            while self.server_state.connections or self.server_state.tasks:
                await asyncio.sleep(0.002)

    def stop(self) -> None:
        """End every response and the server; callable from any thread."""
        self._loop.call_soon_threadsafe(self.state.stopping.set)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self.stop()


class ServerThread:
    """A server in a thread of this process; it listens when the constructor returns."""

    def __init__(self, settings: Settings, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._socket = listen(host, port)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{host}:{self.port}"
        self._server = Server(settings)
        listening = threading.Event()
        self._server.ready = listening.set  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._run, name=f"ollama on {self.port}", daemon=True)
        self._thread.start()
        if not listening.wait(timeout=60):
            raise RuntimeError("The fake Ollama server did not start within 60 seconds.")

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.stop()
        self._thread.join(timeout=60)


def listen(host: str, port: int) -> socket.socket:
    """Return a bound socket: its port is known, and connections wait from this moment on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, port))
    bound.listen(128)
    return bound


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.ollama_server", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=11434, help="0 takes a free one (default %(default)s)")
    parser.add_argument("--print-port", action="store_true", help='print {"port": N} when listening')
    parser.add_argument("--models", default="mistral", help="installed models, separated by commas")
    parser.add_argument("--version", default=Settings().version, help="release to imitate")
    parser.add_argument("--num-ctx", type=int, default=Settings().num_ctx, help="default context window")
    parser.add_argument("--script", type=Path, metavar="FILE.json", help="a script or a list of them")
    parser.add_argument("--manifests", type=Path, metavar="FOLDER", help="keep installed models there")
    return parser.parse_args(arguments)


def settings_from(options: argparse.Namespace) -> Settings:
    scripts = json.loads(options.script.read_text("utf-8")) if options.script else []
    return Settings(
        models=tuple(name.strip() for name in options.models.split(",") if name.strip()),
        version=options.version,
        num_ctx=options.num_ctx,
        manifests=options.manifests,
        scripts=tuple(Script.read(each) for each in (scripts if isinstance(scripts, list) else [scripts])),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    try:
        settings = settings_from(options)
    except (OSError, ValueError) as problem:
        print(f"The script cannot be used: {problem}", file=sys.stderr)
        raise SystemExit(2) from problem
    bound = listen(options.host, options.port)
    server = Server(settings)
    if options.print_port:
        port = json.dumps({"port": bound.getsockname()[1]})
        server.ready = lambda: print(port, flush=True)  # type: ignore[method-assign]
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(server.serve(sockets=[bound]))


if __name__ == "__main__":
    main()
