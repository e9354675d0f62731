"""Password guesses are limited without locking out owners, and a logout ends the session everywhere."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from contextlib import closing

import chainlit as cl
import chainlit.auth
import httpx
import pytest
from chainlit.auth.jwt import create_jwt
from jwt import InvalidTokenError
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from docent.settings import Settings
from docent.web.accounts.login import (
    FREE_TRIES,
    FREE_TRIES_OF_AN_ADDRESS,
    MOST_WAITING,
    Authenticator,
    LoginOrigin,
    log_in,
    log_out,
    network_of,
    reader_of,
)
from docent.web.accounts.login_throttle import Attempts, PasswordChecks, TooManyAttempts
from docent.web.accounts.users import CLOCK_ERROR, Users
from docent.web.security import SecurityHeaders

GOOD = "a long password"
SECRET = b"s" * 32


class CountingUsers(Users):
    """The real accounts, which count how many passwords are hashed, in all and at the same time."""

    hashed = at_once = most_at_once = 0
    _lock = threading.Lock()

    def verify(self, name, password):
        with self._lock:
            self.hashed += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return super().verify(name, password)
        finally:
            with self._lock:
                self.at_once -= 1


@pytest.fixture
def users(tmp_path):
    users = CountingUsers(tmp_path, cost=4)
    users.add("ann", role="member", password=GOOD)
    return users


@pytest.fixture
def settings(tmp_path):
    return Settings.read(
        environ={"DOCENT_STORAGE": str(tmp_path), "DOCENT_LOGIN": "on"}, folder=tmp_path / "none"
    )


@pytest.fixture
def authenticator(settings, users):
    return Authenticator(settings, secret=SECRET, users=users)


@pytest.fixture
def app(authenticator, monkeypatch):
    """The login routes, behind uvicorn's handling of proxy headers."""
    monkeypatch.setenv("CHAINLIT_AUTH_SECRET", "0" * 64)
    monkeypatch.setattr(chainlit.auth, "decode_jwt", authenticator.user_of_token)
    monkeypatch.setattr(chainlit.auth, "require_login", lambda: True)

    async def mine(request):
        return PlainTextResponse(await reader_of(request) or "nobody")

    routes = [Route("/login", log_in, methods=["POST"]), Route("/logout", log_out, methods=["POST"])]
    app = Starlette(routes=[*routes, Route("/mine", mine)])
    app.state.authenticator = authenticator
    return ProxyHeadersMiddleware(SecurityHeaders(app), trusted_hosts="127.0.0.1")


def browser(app, *, address: str = "192.0.2.1", **headers: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, client=(address, 1000))
    return httpx.AsyncClient(transport=transport, base_url="http://docent.example", headers=headers)


async def attempt(client: httpx.AsyncClient, name: str = "ann", password: str = "wrong") -> httpx.Response:
    return await client.post("/login", data={"username": name, "password": password})


async def test_guesses_at_the_same_time_count_each_other(app, users):
    """Of 60 wrong passwords at once 5 are hashed; the others are refused with the time to wait."""
    async with browser(app) as guesser:
        replies = await asyncio.gather(*(attempt(guesser) for _ in range(60)))
    refused = [reply for reply in replies if reply.status_code == 429]
    assert (len(refused), users.hashed) == (60 - FREE_TRIES, FREE_TRIES)
    assert users.most_at_once == 1
    assert {int(reply.headers["Retry-After"]) for reply in refused} <= {29, 30}
    assert all(reply.json()["detail"].startswith("There were too many attempts") for reply in refused)


async def test_the_right_password_among_many_wrong_ones_is_refused(app):
    """Of 40 wrong passwords and the right one at once, none logs in."""
    async with browser(app) as guesser:
        replies = await asyncio.gather(
            *(attempt(guesser) for _ in range(40)), attempt(guesser, password=GOOD)
        )
    assert {reply.status_code for reply in replies} == {401, 429}


async def test_the_wait_is_in_the_readers_language(app):
    """A French browser gets a French sentence with the seconds to wait."""
    async with browser(app, **{"Accept-Language": "fr-FR,fr;q=0.9"}) as guesser:
        replies = [await attempt(guesser) for _ in range(FREE_TRIES + 1)]
    assert "Attendez 30 s" in replies[-1].json()["detail"]


async def test_guessing_does_not_lock_out_the_owner(app, authenticator):
    """A browser with an earlier login has its own attempts, and its user is warned of the failed ones."""
    async with browser(app) as owner, browser(app) as guesser, browser(app, address="192.0.2.2") as other:
        assert (await attempt(owner, password=GOOD)).status_code == 200
        await owner.post("/logout")
        for _ in range(60):
            await attempt(guesser)
        assert (await attempt(guesser, password=GOOD)).status_code == 429
        assert (await attempt(other, password=GOOD)).status_code == 429, "the name waits for strangers"
        assert (await attempt(owner, password=GOOD)).status_code == 200
        assert authenticator.refused_attempts("ann") == 62
        assert authenticator.refused_attempts("ann") == 0, "they are reported once"


async def test_attempts_of_a_known_browser_are_limited(app):
    """A browser with an earlier login has no more attempts than others."""
    async with browser(app) as owner:
        await attempt(owner, password=GOOD)
        replies = [await attempt(owner) for _ in range(FREE_TRIES + 1)]
    assert [reply.status_code for reply in replies] == [401] * FREE_TRIES + [429]
    assert replies[-1].json()["detail"] == "There were too many wrong passwords. Wait 30 s and try again."


async def test_a_known_browser_is_known_for_its_own_user_only(users, authenticator):
    """A cookie that is forged, another user's or a removed user's gives no further attempts."""
    users.add("ben", role="member", password=GOOD)
    cookie, value = authenticator.known_cookie("ann")
    assert value != authenticator.known_cookie("ben")[1]
    theirs = authenticator.known_cookie("ben")[0]
    for _ in range(FREE_TRIES):
        assert await authenticator.by_password("ben", "wrong") is None
    for cookies in ({theirs: value}, {theirs: ""}, {cookie: value}):
        with pytest.raises(TooManyAttempts):
            await authenticator.by_password("ben", GOOD, LoginOrigin("192.0.2.3", cookies))
    users.remove("ann")
    assert authenticator.known_cookie("ann")[1] != value


async def test_attempts_of_one_address_are_limited(app, users):
    """After 30 wrong passwords an address has to wait for any name; other addresses do not."""
    async with browser(app) as guesser, browser(app, address="192.0.2.2") as honest:
        for _ in range(3):
            assert (await attempt(guesser, password=GOOD)).status_code == 200
        guesser.cookies.clear()
        replies = [await attempt(guesser, f"name{n}") for n in range(40)]
        assert [reply.status_code for reply in replies].count(401) == FREE_TRIES_OF_AN_ADDRESS
        assert "your network" in replies[-1].json()["detail"]
        assert (await attempt(honest, password=GOOD)).status_code == 200


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param("2001:db8::1", "2001:db8::ffff:1", True, id="one network of IPv6"),
        pytest.param("2001:db8::1", "2001:db8:0:1::1", False, id="two networks of IPv6"),
        pytest.param("::ffff:192.0.2.1", "192.0.2.1", True, id="IPv4 written as IPv6"),
        pytest.param("192.0.2.1", "192.0.2.2", False, id="two of IPv4"),
    ],
)
def test_addresses_of_one_customer_count_together(one, other, same):
    """All IPv6 addresses of one /64 network, which a provider gives one customer, count as one."""
    assert (network_of(one) == network_of(other)) is same


async def test_an_address_is_the_one_that_a_trusted_proxy_names(app):
    """X-Forwarded-For is read only from a trusted proxy."""
    for address, separate in (("127.0.0.1", True), ("192.0.2.7", False)):
        async with browser(app, address=address) as client:
            for n in range(FREE_TRIES_OF_AN_ADDRESS + 1):
                headers = {"X-Forwarded-For": f"198.51.100.{n}"}
                data = {"username": f"{address}-{n}", "password": "wrong"}
                last = await client.post("/login", data=data, headers=headers)
        assert (last.status_code == 401) is separate


class Held:
    """Password checks that do not end until they are released."""

    def __init__(self, waiting: int = 3) -> None:
        self.checks = PasswordChecks(waiting=waiting)
        self.go = threading.Event()
        self.order: list[str] = []

    def ask(self, address: str, n: int = 0) -> asyncio.Task[None]:
        def check() -> None:
            self.go.wait(30)
            self.order.append(f"{address}{n}")

        return asyncio.create_task(self.checks.run(check, address=address))


async def test_a_flood_delays_itself(app):
    """Addresses with fewer waiting attempts come first; of one address, the newest does."""
    held = Held(waiting=10)
    asked = [held.ask("flood", n) for n in range(6)] + [held.ask("honest")]
    await asyncio.sleep(0)
    held.go.set()
    await asyncio.gather(*asked)
    assert held.order == ["flood0", "honest0", "flood5", "flood4", "flood3", "flood2", "flood1"]


async def test_the_queue_is_bounded(app):
    """If too many wait, the oldest attempt of the address with the most is refused at once."""
    held = Held(waiting=3)
    asked = [held.ask("honest")] + [held.ask("flood", n) for n in range(5)] + [held.ask("other")]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    held.go.set()
    ended = await asyncio.gather(*asked, return_exceptions=True)
    assert [isinstance(one, TooManyAttempts) for one in ended] == [False, *[True] * 3, False, False, False]
    assert held.order == ["honest0", "other0", "flood4", "flood3"]


async def test_a_cancelled_attempt_leaves_the_queue(app):
    """An attempt whose caller was cancelled is skipped and frees its place."""
    held = Held()
    running, waiting = held.ask("one"), held.ask("two")
    await asyncio.sleep(0)
    waiting.cancel()
    held.go.set()
    await running
    await asyncio.wait_for(held.ask("three"), 30)
    assert held.order == ["one0", "three0"]


async def test_an_unchecked_attempt_does_not_count(users, authenticator, monkeypatch):
    """An attempt refused by a full queue counts neither for its name nor for its address."""
    release = threading.Event()
    verify = users.verify
    monkeypatch.setattr(users, "verify", lambda name, password: release.wait(30) and verify(name, password))
    flood = []
    for n in range(MOST_WAITING + 20):
        flood.append(
            asyncio.create_task(authenticator.by_password(f"n{n}", "wrong", LoginOrigin("192.0.2.9")))
        )
        await asyncio.sleep(0)  # it waits, and the one refused for it
        await asyncio.sleep(0)  # ends
    release.set()
    ended = await asyncio.gather(*flood, return_exceptions=True)
    refused = [one for one in ended if isinstance(one, TooManyAttempts)]
    assert len(ended) - len(refused) == MOST_WAITING + 1 < FREE_TRIES_OF_AN_ADDRESS
    assert {error.reason for error in refused} == {"busy"}
    assert await authenticator.by_password("ann", GOOD, LoginOrigin("192.0.2.9")), "its budget is not spent"


def test_attempts_seconds_apart_count_as_whole_ones():
    """Five wrong passwords count as five even if there are seconds between them."""
    now = [0.0]
    attempts = Attempts("name", free=5, forget_after=900, clock=lambda: now[0])
    for _ in range(5):
        assert attempts.seconds_to_wait("ann") == 0
        attempts.begin("ann")
        now[0] += 5
    assert attempts.seconds_to_wait("ann") == 25


def test_attempts_are_forgotten_in_time():
    """Occasional typing errors from one office never add up to a wait."""
    now = [0.0]
    attempts = Attempts("address", free=30, forget_after=30, clock=lambda: now[0])
    for _ in range(1000):
        assert attempts.seconds_to_wait("office") == 0
        attempts.begin("office")
        now[0] += 30


def test_the_longest_wait_is_bounded():
    """However many attempts failed, the wait is fifteen minutes and ends after idle hours."""
    now = [0.0]
    attempts = Attempts("name", free=5, forget_after=900, clock=lambda: now[0])
    for _ in range(3000):
        attempts.begin("ann")
        now[0] += attempts.seconds_to_wait("ann")
    attempts.begin("ann")
    assert attempts.seconds_to_wait("ann") == 900
    now[0] += 900 * 12
    attempts.begin("ann")
    assert attempts.seconds_to_wait("ann") == 0


# --- sessions ----------------------------------------------------------------------------------


async def test_logging_out_ends_every_copy_of_the_token(app, settings, users):
    """After a logout no copy of the token is accepted, by cookie or header, nor after a restart."""
    async with browser(app) as ann, browser(app) as elsewhere, browser(app) as thief:
        await attempt(ann, password=GOOD)
        await attempt(elsewhere, password=GOOD)
        token = ann.cookies["access_token"]
        thief.cookies.set("access_token", token)
        assert (await thief.get("/mine")).text == "ann"
        assert (await ann.post("/logout")).json() == {"success": True}
        assert "access_token" not in ann.cookies
        assert (await thief.get("/mine")).text == "nobody"
        with pytest.raises(InvalidTokenError, match="logged out"):
            Authenticator(settings, secret=SECRET, users=Users(settings.storage, cost=4)).user_of_token(token)
        assert (await elsewhere.get("/mine")).text == "ann", "another session goes on"


async def test_a_logout_by_the_header_ends_the_session(app):
    """A program that sends the token as a bearer can log out with it."""
    async with browser(app) as ann:
        await attempt(ann, password=GOOD)
        token = ann.cookies["access_token"]
        ann.cookies.clear()
        await ann.post("/logout", headers={"Authorization": f"Bearer {token}"})
        ann.cookies.set("access_token", token)
        assert (await ann.get("/mine")).text == "nobody"


async def test_a_token_without_a_session_is_refused(app, users):
    """A token of an older version has no session that a logout could end, so it is refused."""
    stamp = users.find("ann").stamp
    old = cl.User(identifier="ann", metadata={"role": "member", "stamp": stamp})
    async with browser(app) as ann:
        ann.cookies.set("access_token", create_jwt(old))
        assert (await ann.get("/mine")).text == "nobody"


async def test_a_logout_that_cannot_be_stored_is_reported(app, settings):
    """The reply is an error that names the reason, and the session goes on."""
    async with browser(app) as ann:
        await attempt(ann, password=GOOD)
        with closing(sqlite3.connect(settings.storage / "users.db")) as database:
            database.execute("DROP TABLE ended_sessions")
        reply = await ann.post("/logout")
    assert reply.status_code == 503 and "still logged in" in reply.json()["detail"]


def test_ended_sessions_whose_tokens_expired_are_forgotten(users, settings):
    """The table of ended sessions does not grow without end; a year is kept in case the clock was wrong."""
    users.end_session("old", until=time.time() - CLOCK_ERROR - 1)
    users.end_session("new", until=time.time() + 100)
    with closing(sqlite3.connect(settings.storage / "users.db")) as database:
        assert [row[0] for row in database.execute("SELECT session FROM ended_sessions")] == ["new"]


@pytest.mark.parametrize(
    ("address", "headers", "secure"),
    [
        pytest.param("127.0.0.1", {"X-Forwarded-Proto": "https"}, True, id="a trusted proxy with TLS"),
        pytest.param("127.0.0.1", {"X-Forwarded-Proto": "http"}, False, id="a trusted proxy without"),
        pytest.param("127.0.0.1", {}, False, id="no proxy"),
        pytest.param("192.0.2.1", {"X-Forwarded-Proto": "https"}, False, id="a client that says so itself"),
    ],
)
async def test_cookies_are_secure_behind_tls(app, address, headers, secure):
    """Cookies are Secure if a trusted proxy reports that the page came over TLS, and only then."""
    async with browser(app, address=address, **headers) as client:
        cookies = (await attempt(client, password=GOOD)).headers.get_list("set-cookie")
    assert len(cookies) == 2
    assert ["; Secure" in cookie for cookie in cookies] == [secure] * 2
    assert all("HttpOnly" in cookie and "SameSite=lax" in cookie for cookie in cookies)
