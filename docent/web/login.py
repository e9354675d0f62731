"""Who is there: the one local person, a user with a password, or a user known to a provider."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

import chainlit as cl
import chainlit.auth
from chainlit.auth.cookie import set_auth_cookie
from chainlit.auth.jwt import create_jwt, decode_jwt
from chainlit.data import get_data_layer
from chainlit.oauth_providers import get_configured_oauth_providers
from jwt import InvalidTokenError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from docent.settings import Settings
from docent.web.light import lightly
from docent.web.listening import login_required
from docent.web.users import LOCAL, Account, Users, as_name

FREE_TRIES = 5
FIRST_WAIT, LONGEST_WAIT = 30.0, 900.0
MOST_NAMES = 10_000

Clock = Callable[[], float]


class Patience:
    """After a few wrong passwords a name has to wait, twice as long each time."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._failed: dict[str, tuple[int, float]] = {}

    def waits(self, name: str) -> bool:
        return self._clock() < self._failed.get(name, (0, 0.0))[1]

    def failed(self, name: str) -> None:
        times = self._failed.pop(name, (0, 0.0))[0] + 1
        over = times - FREE_TRIES
        wait = min(FIRST_WAIT * 2**over, LONGEST_WAIT) if over >= 0 else 0.0
        if len(self._failed) >= MOST_NAMES:  # the oldest makes room
            del self._failed[next(iter(self._failed))]
        self._failed[name] = (times, self._clock() + wait)

    def succeeded(self, name: str) -> None:
        self._failed.pop(name, None)


class Door:
    """Lets people in, and knows those who came in before."""

    def __init__(self, settings: Settings, *, users: Users | None = None) -> None:
        self.required = login_required(settings)
        self._users = users or Users(settings.storage)
        self._patience = Patience()
        self._checking = asyncio.Semaphore(2)  # hashing is meant to be slow; it must not take every core

    async def by_password(self, name: str, password: str) -> cl.User | None:
        name = as_name(name)[:100]
        if self._patience.waits(name):
            return None
        async with self._checking:
            account = await lightly(self._users.verify, name, password[:1000])
        if account is None:
            self._patience.failed(name)
            return None
        self._patience.succeeded(name)
        return _user(account)

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
        account = self._users.find(user.identifier)
        if account is None or account.stamp != user.metadata.get("stamp"):
            raise InvalidTokenError("the user was removed, or has another password since")
        return user

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
        metadata={"role": account.role, "stamp": account.stamp},
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
