"""Record each HTTP request in a trace, by its route; nothing of its address, its sender or its body."""

from __future__ import annotations

from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from docent.tracing import Tracer

NOT_TRACED = ("/health", "/ready", "/metrics", "/ws/")
"""Beginnings of paths: probes, and the polls of a page whose browser has no web socket."""
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
"""Others are whatever their sender wrote."""
TRACEPARENT = b"traceparent"
"""The header by which a program goes on with its own trace."""


class TracedRequests:
    """Records a span for each request, around everything that answers it."""

    def __init__(self, app: ASGIApp, *, tracer: Tracer) -> None:
        self.app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(NOT_TRACED):
            await self.app(scope, receive, send)
            return
        headers = {
            name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name == TRACEPARENT
        }
        method = scope["method"] if scope["method"] in METHODS else "_OTHER"
        root = scope.get("root_path", "")
        with self._tracer.span(method, headers=headers) as span:

            async def send_and_note(message: Message) -> None:
                if message["type"] == "http.response.start":
                    status = message["status"]
                    span.attributes["http.response.status_code"] = status
                    if status >= 500:
                        span.error = str(status)
                await send(message)

            try:
                await self.app(scope, receive, send_and_note)
            finally:
                route = _route(scope, root)
                span.name = f"{method} {route}".rstrip()
                span.attributes |= {"http.request.method": method, "http.route": route or "none"}


def _route(scope: Scope, root: str) -> str:
    """Return the route that a request took, with the paths that it is mounted at; empty for none."""
    route = getattr(scope.get("route"), "path", "")
    if route:
        return str(scope.get("root_path", "").removeprefix(root) + route)
    # FastAPI, on which the chat runs, notes only its own kind of routes.
    routes = getattr(scope.get("app"), "routes", ())
    asked = {**scope, "root_path": root}
    taken = next((one for one in routes if one.matches(asked)[0] is Match.FULL), None)
    return str(getattr(taken, "path", ""))
