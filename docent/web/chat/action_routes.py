"""Chainlit's routes for a button and for the session's cookie, for what its page would send."""

from __future__ import annotations

import json

import chainlit.server
from chainlit.action import Action
from chainlit.types import CallActionRequest
from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from docent.web.chat.conversation import ANYWAY, ASK_AGAIN
from docent.web.chat.upload_routes import language_of, session_of
from docent.web.i18n import say
from docent.web.input_checks import NO_SESSION, NOT_OUR_PAGE, is_uuid
from docent.web.page_routes import require_login

ACTION = TypeAdapter(Action)


def routes() -> list[Route]:
    return [
        Route("/set-session-cookie", require_login(session_cookie), methods=["POST"]),
        Route("/project/action", require_login(press), methods=["POST"]),
    ]


async def session_cookie(request: Request, reader: str) -> Response:
    """Chainlit's, for a session id that its page would make."""
    try:
        session_id = (await request.json())["session_id"]
    except (json.JSONDecodeError, KeyError, TypeError):
        session_id = None
    if not is_uuid(session_id):
        return _refused(request, 400, NOT_OUR_PAGE)
    response = JSONResponse({"message": "Session cookie set"})
    await chainlit.server.set_session_cookie(request, response)
    return response


async def press(request: Request, reader: str) -> Response:
    """Press a button: one that there is, in a page of one's own that is open."""
    try:
        asked = CallActionRequest.model_validate(await request.json())
        pressed = ACTION.validate_python(asked.action)
    except (json.JSONDecodeError, ValidationError):
        return _refused(request, 400, NOT_OUR_PAGE)
    session = session_of(asked.sessionId, reader)
    if session is None:
        return _refused(request, 404, NO_SESSION)
    question = pressed.payload.get("question")
    if pressed.name in (ASK_AGAIN, ANYWAY) and not (isinstance(question, str) and question.strip()):
        return _refused(request, 400, NOT_OUR_PAGE)
    response: Response = await chainlit.server.call_action(asked, session.user)
    return response


def _refused(request: Request, status: int, key: str) -> Response:
    return JSONResponse({"detail": say(key, language_of(request))}, status_code=status)
