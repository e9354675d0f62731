"""Fixtures for tests that talk to a language model: `pytest_plugins = ["tests.fakes.plugin"]`."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.ollama_server import ServerThread
from tests.fakes.ollama_state import Recorded, Settings

ROOT = Path(__file__).parents[2]


class Ollama:
    """Client of a running fake server: sets its scripts and reads its records."""

    def __init__(self, url: str, stop: Callable[[], None]) -> None:
        self.url = url
        self.stop = stop
        """End the server: open streams break off, new connections are refused."""

    def script(self, *replies: str | dict[str, Any], **fields: Any) -> None:
        """Queue fixed replies, or one script by its fields; with `sticky=True` it serves every request.

        ollama.script("First answer [1].", "Second answer.")
        ollama.script(reply="Slowly.", seconds_per_token=0.05)
        ollama.script(refuse="busy", sticky=True)
        """
        self._send("POST", "/_script", [*replies, *([fields] if fields else [])])

    def reset(self) -> None:
        """Forget scripts, records and pulled models."""
        self._send("POST", "/_reset", {})

    @property
    def requests(self) -> list[Recorded]:
        """Return all requests so far in their order, with their outcomes."""
        return [Recorded(**record) for record in self._send("GET", "/_requests")]

    def requests_to(self, path: str) -> list[Recorded]:
        return [record for record in self.requests if record.path == path]

    async def until(self, condition: Callable[[], bool], *, within: float) -> None:
        """Wait, with the event loop free to run, until a condition holds."""
        limit = time.monotonic() + within
        while not condition():
            assert time.monotonic() < limit, f"not so within {within} s"
            await asyncio.sleep(0.002)

    def _send(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as response:
            text = response.read()
        return json.loads(text) if text else None


def start_in_thread(**settings: Any) -> Ollama:
    """Start a server in this process; the arguments are the fields of `Settings`."""
    server = ServerThread(Settings(**settings))
    return Ollama(server.url, server.stop)


def start_process(*arguments: str) -> Ollama:
    """Start a server in a process of its own, with these command-line arguments."""
    command = [sys.executable, "-m", "tests.fakes.ollama_server", "--port", "0", "--print-port", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    started = process.stdout.readline()

    def stop() -> None:
        process.terminate()
        process.communicate(timeout=10)

    if not started:
        stop()
        raise RuntimeError(f"The fake Ollama server did not start: {' '.join(command)}")
    return Ollama(f"http://127.0.0.1:{json.loads(started)['port']}", stop)


@pytest.fixture
def start_ollama() -> Iterator[Callable[..., Ollama]]:
    """Start servers with other settings than the default: `start_ollama(models=(), version="0.12.6")`."""
    with ExitStack() as stack:

        def start(**settings: Any) -> Ollama:
            server = start_in_thread(**settings)
            stack.callback(server.stop)
            return server

        yield start


@pytest.fixture
def ollama(start_ollama: Callable[..., Ollama]) -> Ollama:
    """A server with the model `mistral`, in a thread of its own, on a free port of 127.0.0.1."""
    return start_ollama()


@pytest.fixture(scope="session")
def ollama_process() -> Iterator[Ollama]:
    """One server process for the whole session; `reset()` it before use."""
    server = start_process()
    yield server
    server.stop()
