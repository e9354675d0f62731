"""Malformed requests and socket packets are answered with a 4xx and a sentence, and log no traceback."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.e2e.conftest import running_app

pytestmark = pytest.mark.slow

VALUES: list[Any] = [
    *(None, [], {}, "", 0, -1, 10**30, 1.5, True, float("nan"), "x", "\ud800", "a\0b", [[]], {"a": {}}),
    "x" * 100_000,
]
BODIES = [
    b"",
    b"{",
    b"\xff\xfe",
    b"[]",
    b"null",
    b"1",
    b'"x"',
    b"{}",
    b"[" * 50_000,
    b'{"a":' * 20_000,
    b"NaN",
]
REQUESTS: dict[tuple[str, str], Any] = {
    ("POST", "/set-session-cookie"): {"session_id": str(uuid.uuid4())},
    ("POST", "/project/threads"): {
        "pagination": {"first": 5, "cursor": "x"},
        "filter": {"feedback": 1, "userId": "x", "search": "x"},
    },
    ("PUT", "/project/thread"): {"threadId": str(uuid.uuid4()), "name": "x"},
    ("DELETE", "/project/thread"): {"threadId": str(uuid.uuid4())},
    ("PUT", "/feedback"): {"feedback": {"forId": str(uuid.uuid4()), "value": 1}, "sessionId": "x"},
    ("DELETE", "/feedback"): {"feedbackId": str(uuid.uuid4())},
}
PATHS = [
    *("/public/%00", "/public/" + "a" * 5_000, "/public/..%2f..%2fetc/passwd"),
    *("/assets/%00", "/assets/" + "a" * 5_000),
    *("/auth/oauth/%00", "/auth/oauth/x", "/auth/oauth/x/callback?code=1&state=2"),
    *("/project/translations?language=%00", "/project/translations?language=../x"),
    *("/project/settings?language=%00", "/project/thread/%00", "/project/thread/%ff", "/project/thread/x"),
    *("/project/thread/%00/element/%00", "/project/file/x?session_id=%00", "/logo?theme=x"),
    *("/avatars/%00", "/%00", "/export/%00", "/cited/x/99999999999999999999999"),
    *("/ws/socket.io/", "/ws/socket.io/?EIO=x", "/ws/socket.io/?EIO=4&transport=polling&sid=x"),
]
DEFAULT = object()
PACKETS = [
    *("", "4", "4[", "4" + "[" * 20_000, "4{}", "x", "9", "bAAAA", '4\x1e42["stop"]', b"\xff\xfe"),
    *(
        "42",
        "42{}",
        "42[]",
        "42[1]",
        "42[NaN]",
        '42["x"]',
        '42["connect",{}]',
        '42["disconnect"]',
        "40",
        "40{}",
    ),
    *("43[]", '431["x"]', "45", '451-["x",{"_placeholder":true,"num":0}]', b"\xff", "44", "46", "47"),
    *("4" + "9" * 200, "42" + "9" * 200 + '["x"]', '42/x,["x"]', "42" + "[" * 20_000, '42["client_message"'),
]


@dataclass
class Server:
    url: str
    log: Path
    cookies: httpx.Cookies

    def request(self, method: str, path: str, **given: Any) -> httpx.Response:
        return httpx.request(
            method, self.url + path, cookies=self.cookies, trust_env=False, timeout=30, **given
        )

    @contextmanager
    def socket(self, auth: Any = DEFAULT) -> Iterator[ClientConnection]:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        url = self.url.replace("http", "ws") + "/ws/socket.io/?EIO=4&transport=websocket"
        with connect(url, additional_headers={"Cookie": cookie, "Origin": self.url}) as opened:
            opened.recv(20)
            opened.send("40" + json.dumps({"sessionId": str(uuid.uuid4())} if auth is DEFAULT else auth))
            yield opened

    def no_traceback(self) -> bool:
        return "Traceback" not in self.log.read_text()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("malformed")
    with running_app(folder / "storage") as url:
        cookies = httpx.get(f"{url}/user", trust_env=False).cookies
        yield Server(url, next(folder.glob("serve-*.log")), cookies)


def message(**more: Any) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "name": "local",
        "type": "user_message",
        "output": "What?",
        "createdAt": "2026-01-01T00:00:00.000Z",
        **more,
    }


def mutated(value: Any) -> Iterator[Any]:
    """Yield a value with each field left out, and with a value of each other type in its place."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield {key: kept for key, kept in value.items() if key != name}
            for other in mutated(inner):
                yield {**value, name: other}
    yield from VALUES


def toasts(opened: ClientConnection) -> list[str]:
    """Return the sentences that the page shows, once the socket has answered everything sent."""
    sentences = []
    opened.send('42["connection_successful"]')
    while True:
        packet = opened.recv(20)
        if "toast" in packet[:10]:
            sentences.append(json.loads(packet[2:])[1]["message"])
        elif "task_end" in packet:
            return sentences


@pytest.mark.parametrize(("route", "body"), REQUESTS.items(), ids=[" ".join(route) for route in REQUESTS])
def test_a_malformed_body_is_refused(server: Server, route: tuple[str, str], body: Any):
    """Invalid JSON, wrong types, missing fields and unknown ids end in a 4xx with a sentence."""
    sent = [*BODIES, *(json.dumps(other).encode() for other in mutated(body))]
    for content in sent:
        response = server.request(*route, content=content, headers={"content-type": "application/json"})
        accepted = response.status_code == 200 and content not in BODIES
        assert accepted or 400 <= response.status_code < 500, (content[:80], response.text)
        assert accepted or "." in response.text or "not found" in response.text, response.text
    assert server.no_traceback()


def test_a_malformed_button_press_is_refused(server: Server):
    """A button of an unknown page or name, without a question or of another shape, does nothing."""
    session = str(uuid.uuid4())
    with server.socket({"sessionId": session}) as opened:
        toasts(opened)
        action = {"name": "ask_again", "payload": {"question": ""}, "forId": "x", "id": "x", "label": ""}
        wrong = [body for body in mutated({"sessionId": session, "action": action}) if not _asks(body)]
        for body in [{"sessionId": str(uuid.uuid4()), "action": action}, *wrong]:
            response = server.request(
                "POST",
                "/project/action",
                content=json.dumps(body).encode(),
                headers={"content-type": "application/json"},
            )
            assert 400 <= response.status_code < 500, (str(body)[:200], response.text)
    assert server.no_traceback()


def _asks(body: Any) -> bool:
    """Tell whether a mutated body happens to hold a question."""
    try:
        return bool(body["action"]["payload"]["question"].strip())
    except (KeyError, TypeError, AttributeError):
        return False


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:50])
def test_an_unknown_path_is_refused(server: Server, path: str):
    """Impossible file names and malformed ids end in a 4xx."""
    assert 400 <= server.request("GET", path).status_code < 500
    assert server.no_traceback()


def test_malformed_packets_are_ignored(server: Server):
    """A packet that engine.io or socket.io cannot read closes the socket or is ignored."""
    for packet in PACKETS:
        with server.socket() as opened, suppress(ConnectionClosed):
            toasts(opened)
            opened.send(packet)
            toasts(opened)
    assert server.no_traceback()


def test_malformed_packets_are_refused_when_polling(server: Server):
    """Plain requests, which a browser uses where WebSockets are blocked, are answered with 400."""
    polling = "/ws/socket.io/?EIO=4&transport=polling"
    for body in (
        b"x",
        b"\xff",
        b"4",
        b"4[",
        b"9",
        b"bAA",
        b"4" + b"[" * 20_000,
        b"40{}\x1ex",
        b"40\x1e" * 50,
    ):
        sid = json.loads(server.request("GET", polling).text[1:])["sid"]
        assert server.request("POST", f"{polling}&sid={sid}", content=body).status_code == 400, body
    assert server.no_traceback()


def test_malformed_connection_data_is_refused_or_ignored(server: Server):
    """The ids are checked; other fields are not needed, and ignored."""
    session = {"sessionId": str(uuid.uuid4()), "clientType": "webapp", "userEnv": "{}", "chatProfile": ""}
    for auth in mutated(session):
        with server.socket(auth) as opened, suppress(ConnectionClosed):  # closed: it could not be read
            assert opened.recv(20)[:2] in ("40", "44", "1"), auth  # connected, refused or closed
    visitor = Server(server.url, server.log, httpx.Cookies({"access_token": "a.b.c"}))
    with visitor.socket() as opened:
        assert opened.recv(20).startswith("44")
    assert server.no_traceback()


EVENTS: dict[str, list[Any]] = {
    "connection_successful": [],
    "clear_session": [],
    "stop": [],
    "client_message": [{"message": message(), "fileReferences": [{"id": "x"}]}],
    "edit_message": [{"message": message()}],
    "window_message": [{"docent-source": {"step": str(uuid.uuid4()), "n": 1}}],
    "chat_settings_change": [{"passages": 3, "temperature": 1}],
    "chat_settings_edit": [{"passages": 3}],
    "message_favorite": [{"message": message()}],
    "audio_chunk": [{"isStart": True, "mimeType": "x", "elapsedTime": 1.0, "data": "x"}],
    "audio_end": [],
}


@pytest.mark.parametrize(("event", "arguments"), EVENTS.items(), ids=EVENTS)
def test_a_malformed_event_is_reported_on_the_page(server: Server, event: str, arguments: list[Any]):
    """Missing, surplus and wrong arguments are reported, and the page keeps working."""
    given = [[None, None], *([value] for value in VALUES)]
    if arguments:
        given += [[], *([other] for other in mutated(arguments[0]))]
    sentences: list[str] = []
    for start in range(0, len(given), 30):
        with server.socket() as opened:
            toasts(opened)
            for values in given[start : start + 30]:
                opened.send("42" + json.dumps([event, *values]))
            sentences += toasts(opened)
    used = event not in ("message_favorite", "audio_chunk", "audio_end")
    assert any("not sent by Docent's own page" in sentence for sentence in sentences) is used
    assert server.no_traceback()


def test_a_page_that_sends_too_much_is_slowed(server: Server):
    """Beyond a hundred packets at once the rest is ignored, and the page says so."""
    with server.socket() as opened:
        toasts(opened)
        for _ in range(300):
            opened.send('42["window_message",{}]')
        sentences = []
        while "too much at once" not in "".join(sentences):
            sentences.append(opened.recv(20))
    assert server.no_traceback()


def test_closed_pages_do_not_count_as_open(server: Server):
    """A page can be opened again however often it was opened and closed before."""
    for _ in range(130):
        with server.socket() as opened:
            assert opened.recv(20).startswith("40")


def test_open_pages_of_one_user_are_limited(server: Server):
    """After a hundred open pages the next is refused, with what to do."""
    with ExitStack() as opened:
        for _ in range(100):
            assert opened.enter_context(server.socket()).recv(20).startswith("40")
        refused = opened.enter_context(server.socket()).recv(20)
        assert refused.startswith("44") and "Close some" in refused
    assert server.no_traceback()
