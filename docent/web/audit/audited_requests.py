"""Record requests in the audit log: which routes are recorded, and the middleware that does it."""

from __future__ import annotations

import re
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as Packet

from docent.web.audit.audit_log import AuditLog, Way

DONE = 400
"""Statuses below it; a request that was refused did nothing."""

_ID = r"[^/]+"
_DOCUMENT = "[0-9a-f]{32}"
RECORDED: tuple[tuple[str, re.Pattern[str], str], ...] = tuple(
    (method, re.compile(path), action)
    for method, path, action in (
        ("POST", "/login", "login"),
        ("POST", "/logout", "logout"),
        ("GET", rf"/documents/{_DOCUMENT}", "read"),
        ("GET", rf"/documents/{_DOCUMENT}/pages/\d+", "read"),
        ("GET", rf"/documents/{_DOCUMENT}/file", "download"),
        ("GET", rf"/cited/{_ID}/\d+", "read"),
        ("GET", rf"/tables/{_ID}/cited/{_ID}/\d+", "read"),
        ("GET", rf"/tables/{_ID}/file/{_ID}", "export"),
        ("GET", rf"/source/{_ID}/.*", "read"),
        ("GET", rf"/original/{_ID}/.*", "download"),
        ("GET", rf"/export/{_ID}", "export"),
        ("GET", rf"/shared/{_ID}", "read"),
        ("POST", "/documents/upload", "add"),
        ("POST", "/project/file", "add"),
        ("POST", "/first-run/samples", "add"),
        ("POST", rf"/documents/{_DOCUMENT}/delete", "delete"),
        ("POST", "/documents/libraries/delete", "delete"),
        ("DELETE", "/project/thread", "delete"),
        ("POST", "/documents/libraries(/rename)?", "change"),
        ("POST", rf"/documents/{_DOCUMENT}/again", "change"),
        ("POST", rf"/unlock/{_ID}", "change"),
        ("POST", rf"/documents/({_DOCUMENT}|libraries)/share", "share"),
        ("POST", rf"/documents/{_DOCUMENT}/unshare", "unshare"),
        ("POST", rf"/link/{_ID}", "share"),
        ("POST", r"/admin/(users|groups|libraries)(/.*)?", "people"),
        ("POST", "/admin/(golden|evaluate|questions(/.*)?)", "manage"),
        ("GET", r"/admin/audit\.csv", "export"),
        ("POST", rf"/tables/{_ID}/start", "ask"),
        ("POST", "/model/download", "manage"),
        ("POST", "/v1/search", "search"),
        ("POST", "/v1/files", "add"),
        ("DELETE", rf"/v1/files/{_ID}", "delete"),
    )
)
"""Method, path and action."""


def recorded_action(method: str, path: str) -> str:
    """Return the action of a request; empty for one that is not recorded."""
    matching = (action for way, pattern, action in RECORDED if way == method and pattern.fullmatch(path))
    return next(matching, "")


class AuditedRequests:
    """Record who sent a request and what it was about, once it was answered.

    The handlers put into the request's state who sent it (`actor`), what the path does not name (`about`),
    and the `action` where the path alone does not tell it.
    """

    def __init__(self, app: ASGIApp, *, audit: AuditLog) -> None:
        self.app = app
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._audit.is_on:
            await self.app(scope, receive, send)
            return
        state: dict[str, Any] = scope.setdefault("state", {})
        path, status = scope["path"], 500

        async def send_and_note(message: Packet) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        await self.app(scope, receive, send_and_note)
        action = str(state["action"] if "action" in state else recorded_action(scope["method"], path))
        if action == "login" and status >= DONE:
            action = "login_refused"
        elif status >= DONE:
            return
        if action:
            way: Way = "api" if path.startswith("/v1/") else "page"
            actor = str(state.get("actor", ""))
            self._audit.record(actor, way, action, str(state.get("about") or path))
