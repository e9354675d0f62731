"""Log people in and out: check passwords and tokens, and disconnect pages whose login has ended."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import logging
import math
import os
import secrets
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
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
from chainlit.session import ws_sessions_sid
from jwt import InvalidTokenError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from docent.errors import StoreError
from docent.messages import Message
from docent.settings import Settings
from docent.web.accounts.login_throttle import PasswordChecks, TooManyAttempts, begin_attempts
from docent.web.accounts.shared_throttle import open_attempts
from docent.web.accounts.users import LOCAL, Account, Users, as_name
from docent.web.audit.audit_log import AuditLog
from docent.web.chat.page_session import language_of
from docent.web.i18n import say
from docent.web.listen_address import login_required
from docent.web.thread_pool import run_in_small_pool

FREE_TRIES = 5
"""For a name. An address has more, as an office may share one."""
FREE_TRIES_OF_AN_ADDRESS = 30
MOST_WAITING = 20
KNOWN_COOKIE = "docent_known_"
KNOWN_SECONDS = 400 * 86_400  # browsers keep a cookie no longer
CHECK_SECONDS = 5.0
"""Between two looks for open pages whose login has ended; a request by HTTP is refused at once."""

LOGGER = logging.getLogger(__name__)
_watching: set[asyncio.Task[None]] = set()


@dataclass(frozen=True, slots=True)
class LoginOrigin:
    """The network and the browser from which somebody tries to log in."""

    address: str = ""
    cookies: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, request: Request) -> LoginOrigin:
        return cls(network_of(request.client.host if request.client else ""), request.cookies)


def network_of(host: str) -> str:
    """Return the address, or for IPv6 the /64 that one customer of a provider has."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host  # a socket file has none
    if isinstance(address, ipaddress.IPv4Address):
        return host
    return str(address.ipv4_mapped or ipaddress.ip_network((int(address), 64), strict=False))


class Authenticator:
    """Log people in by password or provider, and check the tokens of those who are logged in."""

    def __init__(
        self, settings: Settings, *, secret: bytes, users: Users | None = None, audit: AuditLog | None = None
    ) -> None:
        self.required = login_required(settings)
        self.users = users or Users(settings.storage, database_url=settings.database)
        self._secret = secret
        self._audit = audit or AuditLog()
        self._groups_claim = settings.groups_claim
        self.follow_groups: Callable[[str, Sequence[str]], None] = _no_groups
        """Called with a name and the groups that the identity provider says, at each login through it."""
        attempts = partial(open_attempts, database_url=settings.database)
        self._by_name = attempts("name", free=FREE_TRIES, forget_after=900)
        self._by_known_name = attempts("known", free=FREE_TRIES, forget_after=900)
        self._by_address = attempts("address", free=FREE_TRIES_OF_AN_ADDRESS, forget_after=30)
        # One thread each: hashing is slow by intention, and must not take every core.
        self._checks = PasswordChecks(waiting=MOST_WAITING)
        self._known_checks = PasswordChecks(waiting=MOST_WAITING)
        self._refused: Counter[str] = Counter()

    async def by_password(
        self, name: str, password: str, origin: LoginOrigin | None = None
    ) -> cl.User | None:
        """Return the user if this is the password. Raises TooManyAttempts.

        A browser in which the same user has logged in before has attempts of its own, so that others who
        try the name do not keep its owner out.
        """
        origin = origin or LoginOrigin()
        name = as_name(name)[:100]
        if self._is_known(name, origin):
            counted, checks = [(self._by_known_name, name)], self._known_checks
        else:
            counted, checks = [(self._by_name, name), (self._by_address, origin.address)], self._checks
        account = None
        try:
            begin_attempts(counted)
            try:
                verify = partial(self.users.verify, name, password[:1000])
                account = await checks.run(verify, address=origin.address)
            except TooManyAttempts:
                for attempts, key in counted:
                    attempts.give_back(key)
                raise
        finally:
            if account is None and checks is self._checks and self.users.find(name):
                self._refused[name] += 1
        if account is None:
            return None
        counted[0][0].forget(name)
        for attempts, key in counted[1:]:
            attempts.give_back(key)
        return _user(account)

    def refused_attempts(self, name: str) -> int:
        """Return how many attempts to log in as this user failed since the last call."""
        return self._refused.pop(name, 0)

    def known_cookie(self, name: str) -> tuple[str, str]:
        """Return name and value of the cookie that marks a browser in which this user has logged in."""
        account = self.users.find(name)
        message = f"known browser\n{as_name(name)}\n{account.added if account else ''}"
        digest = hashlib.sha256(as_name(name).encode()).hexdigest()
        return KNOWN_COOKIE + digest[:16], hmac.digest(self._secret, message.encode(), hashlib.sha256).hex()

    def _is_known(self, name: str, origin: LoginOrigin) -> bool:
        key, value = self.known_cookie(name)
        return hmac.compare_digest(origin.cookies.get(key, "").encode(), value.encode())

    async def by_provider(
        self, provider: str, token: str, raw: Mapping[str, Any], user: cl.User, id_token: str | None = None
    ) -> cl.User | None:
        """Return the user if somebody added that name here; a provider knows many others."""
        name = as_name(str(user.identifier or ""))[:100]
        account = self.users.find(name)
        if account is None:
            self._audit.record(name, "page", "login_refused", provider)
            return None
        self._audit.record(account.name, "page", "login", provider)
        if self._groups_claim:
            groups = claimed_groups(raw, self._groups_claim)
            await run_in_small_pool(self.follow_groups, account.name, groups)
        return _user(account)

    async def local_user(self, headers: Mapping[str, str]) -> cl.User:
        """Return the one person of a Docent without login."""
        return cl.User(identifier=LOCAL, display_name="You", metadata={"role": "admin"})

    def user_of_token(self, token: str) -> cl.User:
        """Return the user that a token was given to. Raises InvalidTokenError.

        The token ends when the user is removed, changes the password or logs out.
        """
        user = decode_jwt(token)
        if not self.required:
            if user.identifier != LOCAL:
                raise InvalidTokenError("from a time when there was a login")
            return user
        stamp, session = (str(user.metadata.get(part, "")) for part in ("stamp", "session"))
        if not session or not self.users.is_logged_in(user.identifier, stamp=stamp, session=session):
            raise InvalidTokenError("the user was removed, has another password since, or logged out")
        return user

    def is_valid(self, token: str | None) -> bool:
        if not self.required:
            return True
        try:
            self.user_of_token(token or "")
        except InvalidTokenError:
            return False
        return True

    def end_session(self, token: str) -> None:
        """End the session of a token, also for copies of it."""
        try:
            session = decode_jwt(token).metadata.get("session")
        except InvalidTokenError:
            return
        if session:
            self.users.end_session(session, until=time.time() + config.project.user_session_timeout)

    def exists(self, identifier: str) -> bool:
        if not self.required:
            return identifier == LOCAL
        return self.users.find(identifier) is not None

    def is_admin(self, identifier: str) -> bool:
        """Return True for an admin. Looked up each time, so that a role that was taken away is gone."""
        if not self.required:
            return identifier == LOCAL
        account = self.users.find(identifier)
        return account is not None and account.role == "admin"


def claimed_groups(raw: Mapping[str, Any], claim: str) -> list[str]:
    """Return the names in a claim of an identity provider: a list, or one name; without the claim none."""
    value = raw.get(claim)
    names = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return [name for name in names if isinstance(name, str)]


def _no_groups(name: str, groups: Sequence[str]) -> None:
    """Do nothing: no store is open yet."""


def _user(account: Account) -> cl.User:
    return cl.User(
        identifier=account.name,
        display_name=account.name,
        metadata={"role": account.role, "stamp": account.stamp, "session": secrets.token_hex(16)},
    )


def install(authenticator: Authenticator, *, secret: bytes) -> None:
    """Let Chainlit log people in by this authenticator."""
    # Hexadecimal, because Chainlit reads it from the environment; derived, as each purpose has its own key.
    os.environ.setdefault("CHAINLIT_AUTH_SECRET", hmac.digest(secret, b"login", hashlib.sha256).hex())
    patched: Any = chainlit.auth
    patched.decode_jwt = authenticator.user_of_token
    if not authenticator.required:
        cl.header_auth_callback(authenticator.local_user)
        return
    cl.password_auth_callback(authenticator.by_password)
    if get_configured_oauth_providers():
        cl.oauth_callback(authenticator.by_provider)


# --- requests -------------------------------------------------------------------------------


WAITS = {
    "name": Message(
        "There were too many attempts to log in as this user. Wait {wait} and try again. In a browser in "
        "which you have logged in before, you can log in at once."
    ),
    "known": Message("There were too many wrong passwords. Wait {wait} and try again."),
    "address": Message(
        "There were too many attempts to log in from your network. Wait {wait} and try again. In a "
        "browser in which you have logged in before, you can log in at once."
    ),
    "busy": Message("Too many people are logging in at the moment. Wait {wait} and try again."),
}


async def user_of(request: Request) -> cl.User | None:
    """Return the user who sent a request; None for somebody who is not logged in."""
    token = chainlit.auth.get_token_from_cookies(dict(request.cookies))
    if not token:
        return None
    try:
        return await chainlit.auth.get_current_user(token)  # type: ignore[no-any-return]
    except HTTPException:
        return None


async def reader_of(request: Request) -> str | None:
    """Return the name of the user who sent a request."""
    user = await user_of(request)
    return None if user is None else str(user.identifier)


async def current_user(request: Request) -> Response:
    """Answer the page's first request. Without login, everybody becomes the local person by it."""
    authenticator: Authenticator = request.app.state.authenticator
    if (user := await user_of(request)) is not None:
        return JSONResponse(user.to_dict())
    if authenticator.required:
        return JSONResponse({"detail": "Log in first."}, status_code=401)
    local = await authenticator.local_user(request.headers)
    layer = get_data_layer()
    stored = local if layer is None else await layer.create_user(local) or local
    response = JSONResponse({**stored.to_dict(), "display_name": local.display_name})
    set_auth_cookie(request, response, create_jwt(local))
    return response


async def log_in(request: Request) -> Response:
    """Log in by a password, or say why not and for how long."""
    authenticator: Authenticator = request.app.state.authenticator
    language = language_of(request)
    async with request.form(max_files=0, max_fields=10) as form:
        name, password = (str(form.get(field) or "") for field in ("username", "password"))
    request.state.actor = request.state.about = as_name(name)[:100]
    try:
        user = await authenticator.by_password(name, password, LoginOrigin.of(request))
    except TooManyAttempts as error:
        seconds = math.ceil(error.seconds)
        wait = f"{seconds} s" if seconds <= 90 else f"{math.ceil(seconds / 60)} min"
        detail = say(WAITS[error.reason], language, wait=wait)
        return JSONResponse({"detail": detail}, 429, headers={"Retry-After": str(seconds)})
    if user is None:
        detail = say("That did not work. Check the name and the password.", language)
        return JSONResponse({"detail": detail}, 401)
    response = JSONResponse({"success": True})
    set_auth_cookie(request, response, create_jwt(user))
    key, value = authenticator.known_cookie(user.identifier)
    response.set_cookie(key, value, max_age=KNOWN_SECONDS, path="/login", httponly=True, samesite="lax")
    return response


async def log_out(request: Request) -> Response:
    """End this login, also for copies of its token."""
    authenticator: Authenticator = request.app.state.authenticator
    token = await chainlit.auth.reuseable_oauth(request)
    request.state.actor = await reader_of(request)
    try:
        await run_in_small_pool(authenticator.end_session, token or "")
    except (sqlite3.Error, StoreError):
        detail = say(
            "You are still logged in: this could not be stored. The disk may be full. Try again, "
            "or close the browser.",
            language_of(request),
        )
        return JSONResponse({"detail": detail}, 503)
    response = JSONResponse({"success": True})
    clear_auth_cookie(request, response)
    return response


# --- pages whose login has ended -----------------------------------------------------------


def watch_open_pages(sio: Any, *, authenticator: Callable[[], Authenticator]) -> None:
    """Disconnect pages whose login has ended, in the background from now on."""
    if not _watching:
        _watching.add(asyncio.create_task(_watch(sio, authenticator)))


async def _watch(sio: Any, authenticator: Callable[[], Authenticator]) -> None:
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        try:
            await disconnect_logged_out(sio, authenticator())
        except Exception:  # one failed check must not be the last one
            LOGGER.exception("The logins of open pages could not be checked.")


async def disconnect_logged_out(sio: Any, authenticator: Authenticator) -> None:
    """Cancel the answers and close the sockets of people whose login has ended."""
    for session in list(ws_sessions_sid.values()):
        if not await run_in_small_pool(authenticator.is_valid, session.token):
            if session.current_task is not None:
                session.current_task.cancel()
            await sio.disconnect(session.socket_id)
