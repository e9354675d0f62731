"""A connection that sends nothing, or slowly, is closed, and one address cannot use all connections."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.sync.client import connect

from docent.web.api import middleware
from docent.web.security import secure_app
from docent.web.server import BoundedConnection
from tests.web.test_security import socket_server

PATIENCE = 0.5
HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n"


async def page(request: Request) -> PlainTextResponse:
    if request.url.path == "/slow":
        await asyncio.sleep(3 * PATIENCE)
    return PlainTextResponse((await request.body()) or b"page")


async def echo(opened: WebSocket) -> None:
    await opened.accept()
    await opened.send_text(await opened.receive_text())
    await opened.close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[uvicorn.Server]:
    """The chat's defences and connections, with timeouts of half a second."""
    monkeypatch.setattr("docent.web.server.HEADER_SECONDS", PATIENCE)
    monkeypatch.setattr(middleware, "SECONDS_PER_PART", PATIENCE)
    app = Starlette(
        routes=[WebSocketRoute("/echo", echo), Route("/{path:path}", page, methods=["GET", "POST"])]
    )
    secure_app(app, socket_server(), hosts=[])
    config = uvicorn.Config(
        app, http=BoundedConnection, port=0, log_level="critical", lifespan="off", timeout_keep_alive=60
    )
    server = uvicorn.Server(config)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    server.port = listening.getsockname()[1]  # type: ignore[attr-defined]
    yield server
    server.should_exit = True
    thread.join(10)


def dial(server: uvicorn.Server, text: bytes = b"", *, address: str = "127.0.0.1") -> socket.socket:
    client = socket.create_connection(
        ("127.0.0.1", server.port),
        timeout=20,
        source_address=(address, 0),  # type: ignore[attr-defined]
    )
    client.sendall(text)
    return client


def answer(client: socket.socket) -> str:
    """Return everything that the server sends until it closes the connection."""
    got = b""
    try:
        while piece := client.recv(65536):
            got += piece
    except ConnectionResetError:
        pass
    return got.decode()


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(HEAD[:20], id="half a line"),
        pytest.param(HEAD, id="headers without an end"),
        pytest.param(HEAD + b"\r\n", id="no body"),
        pytest.param(HEAD + b"\r\n12345", id="half a body"),
        pytest.param(HEAD.replace(b"POST /", b"GET /public/x") + b"\r\n", id="a body that nobody reads"),
    ],
)
def test_an_incomplete_request_times_out(server, sent):
    """Whichever part is missing, the client gets 408 and the connection is closed."""
    with dial(server, sent) as client:
        assert "408" in answer(client)


def test_an_incomplete_second_request_times_out(server):
    """The second request of a connection has a timeout of its own."""
    with dial(server, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") as client:
        while b"page" not in client.recv(65536):
            pass
        client.sendall(b"GET / HT")
        assert "408" in answer(client)


def test_slow_bytes_do_not_extend_the_timeout(server):
    """Headers and bodies that arrive byte by byte time out as well."""
    for begun in (HEAD, HEAD.replace(b"10", b"100000") + b"\r\n"):
        with dial(server, begun) as client, pytest.raises(OSError):
            limit = time.monotonic() + 30
            while time.monotonic() < limit:
                client.sendall(b"x")
                time.sleep(0.05)


def test_three_hundred_half_open_connections_are_closed(server):
    """They are closed after the timeout; other clients are answered meanwhile."""
    with ExitStack() as opened:
        clients = [opened.enter_context(dial(server, HEAD)) for _ in range(300)]
        with dial(server, b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n") as other:
            assert answer(other).endswith("page")
        assert all("408" in answer(client) for client in clients)
    limit = time.monotonic() + 20
    while server.server_state.connections:
        assert time.monotonic() < limit
        time.sleep(0.02)


def test_an_answer_may_take_longer_than_a_request(server):
    """The timeout is for receiving a request, not for answering it."""
    with dial(server, b"GET /slow HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n") as client:
        assert answer(client).endswith("page")


def test_a_websocket_has_no_timeout(server):
    """A WebSocket may be silent for any time."""
    with connect(f"ws://127.0.0.1:{server.port}/echo") as opened:
        time.sleep(3 * PATIENCE)
        opened.send("40")
        assert opened.recv(20) == "40"


def test_connections_of_one_address_are_limited(server, monkeypatch):
    """One connection too many is refused at once, and another address is answered."""
    monkeypatch.setattr("docent.web.server.MOST_OF_ONE_ADDRESS", 20)
    monkeypatch.setattr("docent.web.server.HEADER_SECONDS", 30)
    get = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with ExitStack() as opened:
        for _ in range(20):
            opened.enter_context(dial(server, address="127.0.0.2"))
        with dial(server, get, address="127.0.0.2") as refused:
            assert answer(refused).startswith("HTTP/1.1 503") or not answer(refused)
        with dial(server, get, address="127.0.0.3") as other:
            assert answer(other).endswith("page")
