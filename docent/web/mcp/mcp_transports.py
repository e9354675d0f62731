"""The ways to the MCP server: /mcp on the port of the chat with the keys of the API, and stdin and stdout."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Any

import anyio
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from docent.app import Docent
from docent.web.api.access import KEYLESS, AccessControl, ApiClient
from docent.web.api.chat_completions import ShutdownSignal
from docent.web.api.document_routes import ApiFiles
from docent.web.api.http_errors import not_open
from docent.web.api.middleware import ClientGone
from docent.web.mcp.document_tools import DocumentTools
from docent.web.mcp.mcp_server import McpServer
from docent.web.monitoring import Metrics

MOST_SESSIONS = 1_000
IDLE_SECONDS = 1_800.0

logging.getLogger("mcp").setLevel(logging.ERROR)  # it logs the ids of sessions, which are secrets
logging.getLogger("mcp.server.streamable_http").setLevel(logging.CRITICAL)  # a client that left is no error


class McpEndpoint:
    """The application at /mcp. A session belongs to the key that opened it; each request needs the key."""

    def __init__(self, tools: DocumentTools, access: AccessControl, shutdown: ShutdownSignal) -> None:
        self._server = McpServer(tools, client_of=lambda request: request.state.client)
        self._access = access
        self._shutdown = shutdown
        self._starting = asyncio.Lock()
        self._sessions: StreamableHTTPSessionManager | None = None
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        client = await asyncio.to_thread(self._access.identify, request)
        request.state.client, request.state.caller = client, client.name
        if client.name != KEYLESS:
            scope["user"] = AuthenticatedUser(AccessToken(token="", client_id=client.name, scopes=[]))
        if self._shutdown.begun:
            raise not_open()
        sessions = await self._open_sessions()
        try:
            await sessions.handle_request(scope, receive, send)
        except BaseExceptionGroup as group:  # of the tasks that send events
            if group.subgroup(ClientGone) is None:
                raise
            raise ClientGone from group

    async def _open_sessions(self) -> StreamableHTTPSessionManager:
        """Start the sessions with the first request; they end when Docent stops."""
        async with self._starting:
            if self._sessions is None:
                sessions = StreamableHTTPSessionManager(
                    self._server.protocol, max_sessions=MOST_SESSIONS, session_idle_timeout=IDLE_SECONDS
                )
                started = asyncio.Event()
                self._running = asyncio.create_task(self._run(sessions, started))
                await started.wait()
                self._sessions = sessions
            return self._sessions

    async def _run(self, sessions: StreamableHTTPSessionManager, started: asyncio.Event) -> None:
        async with sessions.run():
            started.set()
            await self._shutdown.wait()


def serve_stdio(docent: Docent, *, libraries: Sequence[str], read_only: bool) -> None:
    """Answer one program on stdin and stdout, until it closes them."""
    client = ApiClient(KEYLESS, tuple(libraries), read_only)
    tools = DocumentTools(
        docent=lambda: docent, files=ApiFiles(), metrics=Metrics(), shutdown=ShutdownSignal()
    )
    server = McpServer(tools, client_of=lambda request: client, local=True)
    # Ctrl+C ends the process at once: the thread that waits for the next line cannot be interrupted.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    asyncio.run(_serve_streams(server.protocol))


async def _serve_streams(protocol: Any) -> None:
    output = TextIOWrapper(sys.stdout.buffer, encoding="utf-8")
    try:
        # What a library prints must not come between the messages.
        with contextlib.redirect_stdout(sys.stderr):
            async with stdio_server(stdout=anyio.wrap_file(output)) as (incoming, outgoing):
                await protocol.run(incoming, outgoing, protocol.create_initialization_options())
    finally:
        output.detach()  # it would close stdout with itself
