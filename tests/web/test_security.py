"""Requests are checked before anything reads them, and responses confine the page."""

from __future__ import annotations

import uuid
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient

from docent.web.input_checks import TOO_LONG_EVENT, is_uuid
from docent.web.security import HEADERS, LONGEST_BODY, only_well_formed, secure_app

GOOD = str(uuid.uuid4())


def application() -> Starlette:
    async def page(request):
        return PlainTextResponse("page")

    app = Starlette(routes=[Route("/", page), Route("/docs", page), Route("/openapi.json", page)])
    secure_app(app, socket_server(), hosts=["docent.example"])
    return app


def socket_server() -> SimpleNamespace:
    async def connect(sid, environ, auth):
        return True

    return SimpleNamespace(eio=SimpleNamespace(cors_allowed_origins=[]), handlers={"/": {"connect": connect}})


@pytest.mark.parametrize(
    ("identifier", "well_formed"),
    [
        pytest.param(GOOD, True, id="as the page makes them"),
        pytest.param(GOOD.upper(), True, id="upper case"),
        pytest.param("../../etc/passwd", False, id="a path"),
        pytest.param("' OR 1=1 --", False, id="a query"),
        pytest.param("{" + GOOD + "}", False, id="in braces"),
        pytest.param(GOOD.replace("-", ""), False, id="without hyphens"),
        pytest.param("", False, id="empty"),
        pytest.param(None, False, id="none"),
        pytest.param(7, False, id="a number"),
        pytest.param(["x"], False, id="a list"),
    ],
)
def test_ids_are_uuids(identifier, well_formed):
    """Only a UUID as our page writes it is an id."""
    assert is_uuid(identifier) is well_formed


@pytest.mark.parametrize(
    ("auth", "accepted"),
    [
        pytest.param({"sessionId": GOOD}, True, id="a session"),
        pytest.param({"sessionId": GOOD, "threadId": ""}, True, id="no thread"),
        pytest.param({"sessionId": GOOD, "threadId": GOOD}, True, id="a thread"),
        pytest.param({"sessionId": "../x"}, False, id="bad session"),
        pytest.param({"sessionId": GOOD, "threadId": "../x"}, False, id="bad thread"),
        pytest.param({}, False, id="no session"),
        pytest.param(None, False, id="nothing"),
        pytest.param("text", False, id="not a mapping"),
    ],
)
async def test_a_socket_opens_with_well_formed_ids_only(auth, accepted):
    """A connection with malformed ids is refused before Chainlit reads them."""
    connect = only_well_formed(socket_server().handlers["/"]["connect"])
    if accepted:
        assert await connect("sid", {}, auth) is True
        return
    with pytest.raises(ConnectionRefusedError):
        await connect("sid", {}, auth)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        pytest.param("localhost:8000", 200, id="localhost"),
        pytest.param("127.0.0.1:8000", 200, id="loopback"),
        pytest.param("[::1]:8000", 200, id="loopback, IPv6"),
        pytest.param("docent.example", 200, id="from the settings"),
        pytest.param("elsewhere.example", 400, id="another host"),
        pytest.param("localhost.elsewhere.example", 400, id="ours as a prefix"),
    ],
)
def test_hosts_come_from_a_list(host, status):
    """Requests under other host names are refused, as DNS rebinding makes them."""
    client = TestClient(application(), base_url="http://localhost")
    assert client.get("/", headers={"host": host}).status_code == status
    for path in ("/v1/models", "/mcp"):
        refused = client.get(path, headers={"host": "elsewhere.example"}).json()["error"]
        assert refused["code"] == "unknown_host" and "DOCENT_ALLOWED_HOSTS" in refused["message"]


def test_every_response_has_the_headers():
    """Answers, refusals and errors have the security headers."""
    client = TestClient(application(), base_url="http://localhost")
    for response in (client.get("/"), client.get("/nowhere"), client.get("/", headers={"host": "x"})):
        assert {name: response.headers.get(name) for name in HEADERS} == HEADERS


def test_the_policy_names_no_other_origin():
    """The Content-Security-Policy allows the page its own origin only."""
    policy = HEADERS["Content-Security-Policy"]
    assert "*" not in policy
    assert "http" not in policy
    assert "default-src 'self'" in policy


def test_unused_routes_are_removed():
    """The framework's description of its routes is not served."""
    client = TestClient(application(), base_url="http://localhost")
    assert client.get("/docs").status_code == client.get("/openapi.json").status_code == 404


def test_a_body_longer_than_the_page_sends_is_refused():
    """A request of more than a megabyte is refused in a sentence, before anything reads it."""
    client = TestClient(application(), base_url="http://localhost")
    for path in ("/", "/v1x", "/mcpx"):
        response = client.post(path, content=b"x" * (LONGEST_BODY + 1))
        assert response.status_code == 413
        assert "Send less" in response.text


def test_a_socket_message_that_is_too_long_is_replaced():
    """The sender is informed, the connection stays open, and the long JSON is not parsed."""

    async def echo(websocket):
        await websocket.accept()
        for _ in range(2):
            await websocket.send_text(await websocket.receive_text())
        await websocket.close()

    app = Starlette(routes=[WebSocketRoute("/ws", echo)])
    secure_app(app, socket_server(), hosts=["docent.example"])
    with TestClient(app, base_url="http://localhost").websocket_connect("ws://localhost/ws") as line:
        line.send_text("[" * (LONGEST_BODY + 1))
        assert line.receive_text() == f'42["{TOO_LONG_EVENT}"]'
        line.send_text("42")
        assert line.receive_text() == "42"


def test_a_reload_adds_no_second_defences():
    """Securing the application again changes nothing."""
    app, socket = application(), socket_server()
    before = len(app.user_middleware)
    secure_app(app, socket, hosts=[])
    assert len(app.user_middleware) == before
