"""Routes to log in and out, and the user behind a request."""

from __future__ import annotations

import math
import sqlite3

import chainlit as cl
import chainlit.auth
from chainlit.auth.cookie import clear_auth_cookie, set_auth_cookie
from chainlit.auth.jwt import create_jwt
from chainlit.data import get_data_layer
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from docent.messages import Message
from docent.web.accounts.authenticator import Authenticator, LoginOrigin
from docent.web.accounts.login_throttle import TooManyAttempts
from docent.web.chat.page_session import language_of
from docent.web.i18n import say
from docent.web.thread_pool import run_in_small_pool

KNOWN_SECONDS = 400 * 86_400  # browsers keep a cookie no longer

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
    try:
        await run_in_small_pool(authenticator.end_session, token or "")
    except sqlite3.Error:
        detail = say(
            "You are still logged in: this could not be stored. The disk may be full. Try again, "
            "or close the browser.",
            language_of(request),
        )
        return JSONResponse({"detail": detail}, 503)
    response = JSONResponse({"success": True})
    clear_auth_cookie(request, response)
    return response
