"""Sessions of the SDK's own client with the MCP server, over HTTP and over stdin and stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult

from tests.web.api.conftest import Api

ROOT = Path(__file__).resolve().parent.parent.parent.parent
TRANSPORTS = ("http", "stdio")
OPENING = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    },
}


@asynccontextmanager
async def http_session(url: str, key: str = "") -> AsyncIterator[ClientSession]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with (
        httpx.AsyncClient(headers=headers, timeout=60, trust_env=False) as client,
        streamable_http_client(f"{url}/mcp", http_client=client) as (incoming, outgoing, _),
        ClientSession(incoming, outgoing) as session,
    ):
        await session.initialize()
        yield session


def stdio_command(api: Api, *options: str) -> StdioServerParameters:
    """The command for a process of its own, on the same storage."""
    settings = api.docent.settings
    names = ("storage", "data", "model_url", "personas")
    environ = {f"DOCENT_{name.upper()}": str(getattr(settings, name)) for name in names}
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "docent", "mcp", *options],
        env={**environ, "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        cwd=settings.data.parent,
    )


@asynccontextmanager
async def stdio_session(api: Api, *options: str) -> AsyncIterator[ClientSession]:
    async with (
        stdio_client(stdio_command(api, *options)) as (incoming, outgoing),
        ClientSession(incoming, outgoing) as session,
    ):
        await session.initialize()
        yield session


@asynccontextmanager
async def session_of(
    transport: str, api: Api, *libraries: str, read_only: bool = False
) -> AsyncIterator[ClientSession]:
    """A session that may use these libraries only."""
    if transport == "http":
        async with http_session(api.url, api.key(*libraries, read_only=read_only)) as session:
            yield session
        return
    options = [part for library in libraries for part in ("--library", library)]
    async with stdio_session(api, *options, *(["--read-only"] if read_only else [])) as session:
        yield session


def text_of(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if block.type == "text")
