"""A client that is slow or disconnects frees its tasks, threads and the model's request."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable

import pytest

from docent.web.api import middleware
from tests.web.api.conftest import Api

pytestmark = [
    pytest.mark.filterwarnings("ignore:legacy embedding function config:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def until(condition: Callable[[], bool], *, within: float = 8.0) -> None:
    limit = time.monotonic() + within
    while not condition():
        assert time.monotonic() < limit, f"not so within {within} s"
        time.sleep(0.05)


def dial(api: Api, *, window: int = 0) -> socket.socket:
    host, port = api.url.removeprefix("http://").split(":")
    client = socket.socket()
    if window:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    client.connect((host, int(port)))
    return client


def ask(client: socket.socket, *, stream: bool, part: float = 1.0) -> None:
    """Send a question, or only the beginning of one."""
    message = {"role": "user", "content": "Where does the grey cat sleep?"}
    body = json.dumps({"model": "docent", "messages": [message], "stream": stream}).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    client.sendall(head.encode() + body[: int(len(body) * part)])


def tasks(api: Api) -> int:
    return len(asyncio.all_tasks(api.server.loop))


def asking(api: Api) -> int:
    """Streams that the model server still writes."""
    return sum(not (one.answered or one.disconnected) for one in api.ollama.requests_to("/api/chat"))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_disconnected_before_the_first_word(api: Api, stream: bool):
    """The model's request is cancelled even before its first word."""
    before = tasks(api)
    api.ollama.script(reply="Late.", delay=60, sticky=True)
    clients = [dial(api) for _ in range(5)]
    for client in clients:
        ask(client, stream=stream)
    until(lambda: asking(api) == 5)
    for client in clients:
        client.close()
    until(lambda: asking(api) == 0)
    until(lambda: tasks(api) <= before)


def test_disconnected_in_the_middle_of_the_question(api: Api):
    """The model is not asked, and no task remains."""
    before = tasks(api)
    for _ in range(5):
        with dial(api) as client:
            ask(client, stream=True, part=0.5)
            time.sleep(0.02)
    until(lambda: tasks(api) <= before)
    assert asking(api) == 0


def test_a_client_that_reads_nothing(api: Api, monkeypatch: pytest.MonkeyPatch):
    """Its answer and the model's request are cancelled after the time limit of a part."""
    monkeypatch.setattr(middleware, "SECONDS_PER_PART", 0.5)
    before = tasks(api)
    api.ollama.script(reply="word " * 1_000, seconds_per_token=0.004)  # more than sockets hold
    with dial(api, window=4096) as client:
        ask(client, stream=True)
        until(lambda: asking(api) == 1)
        until(lambda: asking(api) == 0, within=60)
        assert api.ollama.requests_to("/api/chat")[-1].disconnected
    until(lambda: tasks(api) <= before)


def test_threads_do_not_pile_up(api: Api):
    """After a hundred clients disconnect at once, no thread remains."""

    def crowd(size: int) -> None:
        for _ in range(size):
            with dial(api) as client:
                ask(client, stream=True)
        until(lambda: asking(api) == 0)

    crowd(30)
    before, busy = threading.active_count(), tasks(api)
    crowd(100)
    until(lambda: tasks(api) <= busy + 1)
    assert threading.active_count() <= before + 16  # the pool may not have been full yet
