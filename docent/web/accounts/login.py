"""Who is there: the one local person, a user with a password, or a user known to a provider."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import math
import os
import secrets
import sqlite3
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import chainlit as cl
import chainlit.auth
from chainlit.auth.cookie import clear_auth_cookie, set_auth_cookie
from chainlit.auth.jwt import create_jwt, decode_jwt
from chainlit.config import config
from chainlit.data import get_data_layer
from chainlit.oauth_providers import get_configured_oauth_providers
from jwt import InvalidTokenError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from docent.settings import Settings
from docent.web.accounts.login_throttle import Attempts, PasswordChecks, TooManyAttempts
from docent.web.accounts.users import LOCAL, Account, Users, as_name
from docent.web.chat.page_session import language_of
from docent.web.i18n import say
from docent.web.listen_address import login_required
from docent.web.thread_pool import lightly

FREE_TRIES = 5
"""For a name; an office may share an address, so that has more."""
FREE_TRIES_OF_AN_ADDRESS = 30
MOST_WAITING = 20
KNOWN_COOKIE = "docent_known_"
KNOWN_SECONDS = 400 * 86_400  # browsers keep a cookie no longer


@dataclass(frozen=True, slots=True)
class Client:
    """Where an attempt to log in comes from."""

    address: str = ""
    cookies: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, request: Request) -> Client:
        return cls(_network(request.client.host if request.client else ""), request.cookies)


def _network(host: str) -> str:
    """The address, or for IPv6 the /64 that one customer of a provider has to himself."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host  # a socket file has none
    if isinstance(address, ipaddress.IPv4Address):
        return host
    return str(address.ipv4_mapped or ipaddress.ip_network((int(address), 64), strict=False))


class Door:
    """Lets people in, and knows those who came in before."""

    def __init__(self, settings: Settings, *, secret: bytes, users: Users | None = None) -> None:
        self.required = login_required(settings)
        self._users = users or Users(settings.storage)
        self._secret = secret
        self._by_name = Attempts("name", free=FREE_TRIES, forget_after=900)
        self._by_known_name = Attempts("known", free=FREE_TRIES, forget_after=900)
        self._by_address = Attempts("address", free=FREE_TRIES_OF_AN_ADDRESS, forget_after=30)
        # One thread each: hashing is slow by intention, and must not take every core.
        self._checks = PasswordChecks(waiting=MOST_WAITING)
        self._known_checks = PasswordChecks(waiting=MOST_WAITING)
        self._refused: Counter[str] = Counter()

    async def by_password(self, name: str, password: str, client: Client | None = None) -> cl.User | None:
        """The user, if this is the password. Raises TooManyAttempts.

        A browser in which the same user has logged in before has attempts of its own, so that whoever else
        tries the name does not keep its owner out.
        """
        client = client or Client()
        name = as_name(name)[:100]
        if self._is_known(name, client):
            counted, checks = [(self._by_known_name, name)], self._known_checks
        else:
            counted, checks = [(self._by_name, name), (self._by_address, client.address)], self._checks
        account = None
        try:
            for attempts, key in counted:
                if seconds := attempts.seconds_to_wait(key):
                    raise TooManyAttempts(attempts.reason, seconds)
            for attempts, key in counted:
                attempts.begin(key)
            try:
                verify = partial(self._users.verify, name, password[:1000])
                account = await checks.run(verify, address=client.address)
            except TooManyAttempts:
                for attempts, key in counted:
                    attempts.give_back(key)
                raise
        finally:
            if account is None and checks is self._checks and self._users.find(name):
                self._refused[name] += 1
        if account is None:
            return None
        counted[0][0].forget(name)
        for attempts, key in counted[1:]:
            attempts.give_back(key)
        return _user(account)

    def refused_attempts(self, name: str) -> int:
        """How many attempts to log in as this user failed since this was asked last."""
        return self._refused.pop(name, 0)

    def known_cookie(self, name: str) -> tuple[str, str]:
        """Name and value of the cookie by which a browser is known to have logged in as this user."""
        account = self._users.find(name)
        about = f"known browser\n{as_name(name)}\n{account.added if account else ''}"
        digest = hashlib.sha256(as_name(name).encode()).hexdigest()
        return KNOWN_COOKIE + digest[:16], hmac.digest(self._secret, about.encode(), hashlib.sha256).hex()

    def _is_known(self, name: str, client: Client) -> bool:
        key, value = self.known_cookie(name)
        return hmac.compare_digest(client.cookies.get(key, "").encode(), value.encode())

    async def by_provider(
        self, provider: str, token: str, raw: dict[str, str], user: cl.User, id_token: str | None = None
    ) -> cl.User | None:
        """Only those who were added by name; a provider knows many others."""
        account = self._users.find(user.identifier)
        return None if account is None else _user(account)

    async def without_login(self, headers: Mapping[str, str]) -> cl.User:
        return cl.User(identifier=LOCAL, display_name="You", metadata={"role": "admin"})

    def known(self, token: str) -> cl.User:
        """Who a token was given to. Raises for those who were removed or changed their password since."""
        user = decode_jwt(token)
        if not self.required:
            if user.identifier != LOCAL:
                raise InvalidTokenError("from a time when there was a login")
            return user
        stamp, session = (str(user.metadata.get(part, "")) for part in ("stamp", "session"))
        if not session or not self._users.is_logged_in(user.identifier, stamp=stamp, session=session):
            raise InvalidTokenError("the user was removed, has another password since, or logged out")
        return user

    def end(self, token: str) -> None:
        """From now on no copy of this token is good for anything."""
        try:
            session = decode_jwt(token).metadata.get("session")
        except InvalidTokenError:
            return
        if session:
            self._users.end_session(session, until=time.time() + config.project.user_session_timeout)

    def still_knows(self, token: str | None) -> bool:
        """Whether somebody who came in with this token may stay."""
        if not self.required:
            return True
        try:
            self.known(token or "")
        except InvalidTokenError:
            return False
        return True

    def knows(self, identifier: str) -> bool:
        """Whether there is somebody of this name."""
        if not self.required:
            return identifier == LOCAL
        return self._users.find(identifier) is not None

    def is_admin(self, identifier: str) -> bool:
        """Asked of the accounts each time, so that a role that was taken away is gone."""
        if not self.required:
            return identifier == LOCAL
        account = self._users.find(identifier)
        return account is not None and account.role == "admin"


def _user(account: Account) -> cl.User:
    return cl.User(
        identifier=account.name,
        display_name=account.name,
        metadata={"role": account.role, "stamp": account.stamp, "session": secrets.token_hex(16)},
    )


def install(door: Door, *, secret: bytes) -> None:
    """Tell Chainlit how people come in."""
    # Hexadecimal, because Chainlit reads it from the environment; another purpose, another key.
    os.environ.setdefault("CHAINLIT_AUTH_SECRET", hmac.digest(secret, b"login", hashlib.sha256).hex())
    replaced: Any = chainlit.auth
    replaced.decode_jwt = door.known
    if not door.required:
        cl.header_auth_callback(door.without_login)
        return
    cl.password_auth_callback(door.by_password)
    if get_configured_oauth_providers():
        cl.oauth_callback(door.by_provider)


async def user_of(request: Request) -> cl.User | None:
    """Who sent a request; None for somebody who is not logged in."""
    token = chainlit.auth.get_token_from_cookies(dict(request.cookies))
    if not token:
        return None
    try:
        return await chainlit.auth.get_current_user(token)  # type: ignore[no-any-return]
    except HTTPException:
        return None


async def reader_of(request: Request) -> str | None:
    user = await user_of(request)
    return None if user is None else str(user.identifier)


async def whoever_is_there(request: Request) -> Response:
    """The page's first question. Without login, everybody is the local person from then on."""
    door: Door = request.app.state.door
    if (user := await user_of(request)) is not None:
        return JSONResponse(user.to_dict())
    if door.required:
        return JSONResponse({"detail": "Log in first."}, status_code=401)
    local = await door.without_login(request.headers)
    layer = get_data_layer()
    there = local if layer is None else await layer.create_user(local) or local
    response = JSONResponse({**there.to_dict(), "display_name": local.display_name})
    set_auth_cookie(request, response, create_jwt(local))
    return response


WAITS = {
    "name": (
        "There were too many attempts to log in as this user. Wait {wait} and try again. In a browser in "
        "which you have logged in before, you can log in at once."
    ),
    "known": "There were too many wrong passwords. Wait {wait} and try again.",
    "address": (
        "There were too many attempts to log in from your network. Wait {wait} and try again. In a "
        "browser in which you have logged in before, you can log in at once."
    ),
    "busy": "Too many people are logging in at the moment. Wait {wait} and try again.",
}


async def log_in(request: Request) -> Response:
    """Log in by a password, or say why not and for how long."""
    door: Door = request.app.state.door
    language = language_of(request)
    async with request.form(max_files=0, max_fields=10) as form:
        name, password = (str(form.get(field) or "") for field in ("username", "password"))
    try:
        user = await door.by_password(name, password, Client.of(request))
    except TooManyAttempts as error:
        seconds = math.ceil(error.seconds)
        wait = f"{seconds} s" if seconds <= 90 else f"{math.ceil(seconds / 60)} min"
        detail = say(WAITS[error.reason], language, wait=wait)
        return JSONResponse({"detail": detail}, 429, headers={"Retry-After": str(seconds)})
    if user is None:
        return JSONResponse(
            {"detail": say("That did not work. Check the name and the password.", language)}, 401
        )
    response = JSONResponse({"success": True})
    set_auth_cookie(request, response, create_jwt(user))
    key, value = door.known_cookie(user.identifier)
    response.set_cookie(key, value, max_age=KNOWN_SECONDS, path="/login", httponly=True, samesite="lax")
    return response


async def log_out(request: Request) -> Response:
    """End this login, also for copies of its token."""
    door: Door = request.app.state.door
    token = await chainlit.auth.reuseable_oauth(request)
    try:
        await lightly(door.end, token or "")
    except sqlite3.Error:
        return JSONResponse(
            {
                "detail": say(
                    "You are still logged in: this could not be stored. The disk may be full. Try again, "
                    "or close the browser.",
                    language_of(request),
                )
            },
            503,
        )
    response = JSONResponse({"success": True})
    clear_auth_cookie(request, response)
    return response
