"""A stand-in for an Ollama server, true to its protocol, that says what a test wants it to say.

    python -m tests.fakes.ollama_server --port 11434 --models mistral,llama3.2

Left alone it answers with the sentence of the given passages that shares the most words with
the question, and the passage's number. POST /_script orders anything else (see `Script`),
GET /_requests tells what was asked, POST /_reset forgets both.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import uvicorn

from tests.fakes.ollama_app import build_app
from tests.fakes.ollama_script import Script, Settings, State

SECONDS_TO_END = 60  # a machine under load is slow, not wrong


class Server(uvicorn.Server):
    """A web server that stops at once: it waits for an event instead of looking every 100 ms."""

    def __init__(self, settings: Settings) -> None:
        self.state = State(settings)
        super().__init__(
            uvicorn.Config(
                build_app(self.state),
                http="h11",
                lifespan="off",
                log_config=None,
                log_level="critical",  # a cut connection is what was ordered, not an error to report
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
        """Let connections end as they do when the server is stopped, but without its pause of 100 ms."""
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
        """End every response and the server; may be called from any thread."""
        self._loop.call_soon_threadsafe(self.state.stopping.set)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self.stop()


class ServerThread:
    """A server in a thread of this process, listening when the constructor returns."""

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
            raise RuntimeError("The stand-in Ollama server did not start within 60 seconds.")

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.stop()
        self._thread.join(timeout=60)


def listen(host: str, port: int) -> socket.socket:
    """Bind now, so that the port is known and connections wait from this moment on."""
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
    parser.add_argument("--version", default=Settings().version, help="the release to be like")
    parser.add_argument("--num-ctx", type=int, default=Settings().num_ctx, help="the default window")
    parser.add_argument("--parallel", type=int, help="requests answered at once (default: all)")
    parser.add_argument("--max-queue", type=int, default=512, help="requests that may wait for their turn")
    parser.add_argument("--load-seconds", type=float, default=0.0, help="how long loading a model takes")
    parser.add_argument("--script", type=Path, metavar="FILE.json", help="a script or a list of them")
    parser.add_argument("--manifests", type=Path, metavar="FOLDER", help="keep installed models there")
    return parser.parse_args(arguments)


def settings_from(options: argparse.Namespace) -> Settings:
    orders = json.loads(options.script.read_text("utf-8")) if options.script else []
    return Settings(
        models=tuple(name.strip() for name in options.models.split(",") if name.strip()),
        version=options.version,
        num_ctx=options.num_ctx,
        parallel=options.parallel,
        max_queue=options.max_queue,
        load_seconds=options.load_seconds,
        manifests=options.manifests,
        scripts=tuple(Script.read(each) for each in (orders if isinstance(orders, list) else [orders])),
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
