"""Two web replicas on one database are one installation, also behind nginx as the project configures it."""

from __future__ import annotations

import json
from collections import Counter

import httpx
import pytest

from tests.cluster.conftest import Pair
from tests.cluster.nginx import NO_NGINX, balanced
from tests.cluster.replicas import PASSWORD, WebReplica, until

IN_ORDER = True  # the last tests end the replicas
FACT = "The ferry to Ravensholm leaves from pier nine at noon."
QUESTION = "Where does the ferry to Ravensholm leave?"
SOCKET = "/ws/socket.io/?EIO=4&transport=polling"
REQUESTS = 500
BROWSERS = 20

needs_nginx = pytest.mark.skipif(bool(NO_NGINX), reason=NO_NGINX)


def browser_at(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, timeout=60, trust_env=False)


def test_two_replicas_are_one_installation(pair: Pair):
    """A login and a logout at one replica hold at the other, and so do a document and its deletion."""
    first, second = pair.first, pair.second
    with first.log_in("ann") as browser:
        assert browser.get(f"{second.url}/user").json()["identifier"] == "ann"
        assert browser.post(f"{second.url}/logout").is_success
        assert browser.get("/user").status_code == 401

    file = first.upload("ferries.md", FACT)
    assert first.until_processed(file)["status"] == "processed"
    assert second.search(QUESTION) == ["ferries.md"]
    assert second.ask(QUESTION)["citations"][0]["file"] == "ferries.md"
    assert not any(second.delete(file)["left"].values())
    assert first.search(QUESTION) == []


def refused_packets(url: str, *, requests: int) -> int:
    """Return how many requests of sockets are answered with 400, where each browser opens one socket."""
    statuses: Counter[int] = Counter()
    for _ in range(BROWSERS):
        with browser_at(url) as browser:
            browser.get("/user")
            opened = json.loads(browser.get(SOCKET).text.removeprefix("0"))
            socket = f"{SOCKET}&sid={opened['sid']}"
            for _ in range(requests // BROWSERS):
                statuses[browser.post(socket, content="3").status_code] += 1  # the answer to a ping
    assert sum(statuses.values()) == requests
    assert set(statuses) <= {200, 400}, statuses
    return statuses[400]


@needs_nginx
def test_a_browser_stays_at_one_replica(pair: Pair):
    """Sockets behind a balancer that sends requests anywhere are refused; behind ours 0 of 500 are."""
    with balanced(pair.first, pair.second, sticky=False) as url:
        assert refused_packets(url, requests=2 * BROWSERS) > 0
    with balanced(pair.first, pair.second) as url:
        assert refused_packets(url, requests=REQUESTS) == 0


@needs_nginx
def test_a_program_needs_no_cookie(pair: Pair):
    """A file that was handed in through nginx has a status there, whichever replica is asked."""
    headers = {"Authorization": f"Bearer {pair.cluster.key()}"}
    with balanced(pair.first, pair.second) as url, browser_at(url) as program:
        files = {"file": ("ferries.md", FACT)}
        file = program.post("/v1/files", headers=headers, files=files).json()["id"]
        statuses = [program.get(f"/v1/files/{file}", headers=headers) for _ in range(10)]
        assert {response.status_code for response in statuses} == {200}
        assert "docent_replica" not in program.cookies


def at(browser: httpx.Client, replica: WebReplica) -> bool:
    return browser.cookies.get("docent_replica") == replica.name


@needs_nginx
def test_a_browser_moves_when_its_replica_dies(pair: Pair):
    """After kill -9 the next request is answered by the other replica, where the login is as good."""
    with balanced(pair.first, pair.second) as url, browser_at(url) as browser:
        browser.cookies.set("docent_replica", pair.first.name)
        answer = browser.post("/login", data={"username": "ann", "password": PASSWORD})
        assert answer.is_success and "docent_replica" not in answer.headers.get("set-cookie", "")
        pair.first.kill()
        answers = [browser.get("/user") for _ in range(20)]
        assert [answer.status_code for answer in answers] == [200] * 20
        assert answers[-1].json()["identifier"] == "ann"
        assert answers[0].headers["set-cookie"].startswith(f"docent_replica={pair.second.name};")


def test_a_replica_that_is_stopped_finishes_its_answers(pair: Pair):
    """Once it is asked to stop, nothing new connects; an answer under way arrives whole, and then it ends."""
    replica = pair.second
    pair.ollama.script(reply=" ".join(f"word{n}" for n in range(100)), seconds_per_token=0.03)
    headers = {"Authorization": f"Bearer {pair.cluster.key()}"}
    body = {"model": "docent", "messages": [{"role": "user", "content": QUESTION}], "stream": True}
    with (
        browser_at(replica.url) as program,
        program.stream("POST", "/v1/chat/completions", headers=headers, json=body) as response,
    ):
        lines = response.iter_lines()
        while "word" not in next(lines):
            pass
        replica.terminate()
        until(lambda: not replica.ready(), within=20)
        assert replica.runs
        rest = [line for line in lines if line]
    assert any("word99" in line for line in rest), rest
    assert rest[-1] == "data: [DONE]"
    assert not any("error" in line for line in rest), rest
    assert replica.process.wait(timeout=60) in (0, -15)
