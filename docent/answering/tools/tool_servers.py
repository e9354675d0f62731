"""Connections to the MCP servers that lend their tools; one that is slow or dead is a sentence."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import httpx

from docent.answering.tools.lending_servers import LendingServer
from docent.errors import InputError
from docent.messages import Message

if TYPE_CHECKING:  # 0.4 s to import, for those who name a server
    from mcp import ClientSession
    from mcp.types import CallToolResult, Tool

PATIENCE = 3.0
"""Seconds that an answer waits for servers to start; what comes later is there for the next answer."""
STARTING_SECONDS = 60.0
SILENT_SECONDS = 30.0
"""How long a server that could not be reached is left alone."""
IDLE_SECONDS = 600.0
"""After so long without a call a connection is closed, and its process ends."""
MOST_PAGES = 20
"""Of a list of tools."""
LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class LentTool:
    """A tool of another server that the model may use."""

    server: str
    name: str
    title: str
    description: str
    parameters: dict[str, Any]
    """The JSON schema of its arguments."""
    read_only: bool
    """Its server says that it changes nothing."""


class ToolServers:
    """The servers of the settings. Each is connected when it is first needed, in each event loop."""

    def __init__(self, servers: Sequence[LendingServer]) -> None:
        self._servers = {server.name: server for server in servers}
        self._open: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _Connection]] = WeakKeyDictionary()
        self._tools: dict[str, tuple[LentTool, ...]] = {}
        """By server: listed once, so that an answer that uses none does not wait for it again."""
        self._failed: dict[str, tuple[float, Message]] = {}
        """By server: until when it is left alone, and why."""

    def __bool__(self) -> bool:
        return bool(self._servers)

    async def tools(self) -> tuple[list[LentTool], list[Message]]:
        """Return the tools that may be used now, and a sentence for each server that lends none now."""
        unlisted = [server for server in self._servers.values() if server.name not in self._tools]
        sentences = list(filter(None, await asyncio.gather(*map(self._list, unlisted))))
        return [tool for name in self._servers for tool in self._tools.get(name, ())], sentences

    async def call(self, tool: LentTool, arguments: dict[str, Any]) -> CallToolResult:
        """Run a tool. Raises InputError with the reason, for the model to read."""
        server = self._servers[tool.server]
        connection = self._connection(server)
        try:
            session, _ = await asyncio.shield(connection.opened)
            limit = timedelta(seconds=server.seconds)
            result = await session.call_tool(tool.name, arguments, read_timeout_seconds=limit)
            connection.used = time.monotonic()
            return result
        except asyncio.CancelledError:
            connection.close()  # which also ends what the tool is doing
            raise
        except Exception as error:  # anything may be wrong with a server of others
            connection.close()
            raise InputError("{server} gave no result: {why}", server=server.name, why=why(error)) from error

    async def _list(self, server: LendingServer) -> Message | None:
        """List the tools of a server; return a sentence if it does not answer in time."""
        until, reason = self._failed.get(server.name, (0.0, Message("")))
        if time.monotonic() < until:
            return reason
        connection = self._connection(server)
        done, _ = await asyncio.wait({connection.opened}, timeout=PATIENCE)
        if not done:
            return Message(
                "{server} is still starting, so this was answered without its tools.", server=server.name
            )
        if (error := connection.opened.exception()) is not None:
            sentence = Message(
                "{server} does not answer ({why}), so this was answered without its tools.",
                server=server.name,
                why=why(error),
            )
            self._failed[server.name] = (time.monotonic() + SILENT_SECONDS, sentence)
            return sentence
        _, listed = connection.opened.result()
        found = [tool for tool in listed if tool.name in server.tools]
        self._tools[server.name] = tuple(_lent(server.name, tool) for tool in found)
        if missing := sorted(set(server.tools) - {tool.name for tool in found}):
            return Message(
                "{server} has no tool {tools}. Correct the list in the file of DOCENT_MCP_SERVERS.",
                server=server.name,
                tools=", ".join(missing),
            )
        return None

    def _connection(self, server: LendingServer) -> _Connection:
        """Return the open connection of this event loop, or begin to open one."""
        connections = self._open.setdefault(asyncio.get_running_loop(), {})
        if server.name not in connections or connections[server.name].closed:
            connections[server.name] = _Connection(server)
        return connections[server.name]


def _lent(server: str, tool: Tool) -> LentTool:
    hints = tool.annotations
    return LentTool(
        server=server,
        name=tool.name,
        title=tool.title or (hints.title if hints and hints.title else tool.name),
        description=tool.description or "",
        parameters=tool.inputSchema,
        read_only=bool(hints and hints.readOnlyHint),
    )


class _Connection:
    """A session with a server, held by a task: only the task that opened it can close it."""

    def __init__(self, server: LendingServer) -> None:
        self._server = server
        self._ending = asyncio.Event()
        self.opened: asyncio.Future[tuple[ClientSession, list[Tool]]] = (
            asyncio.get_running_loop().create_future()
        )
        self.opened.add_done_callback(lambda opened: opened.cancelled() or opened.exception())  # as looked at
        self.used = time.monotonic()
        self._holding = asyncio.create_task(self._hold())

    @property
    def closed(self) -> bool:
        return self._ending.is_set() or self._holding.done()

    def close(self) -> None:
        self._ending.set()

    async def _hold(self) -> None:
        try:
            async with AsyncExitStack() as stack:
                async with asyncio.timeout(STARTING_SECONDS):
                    session = await self._connect(stack)
                    await session.initialize()
                    tools = await _all_tools(session)
                self.opened.set_result((session, tools))
                while (left := self.used + IDLE_SECONDS - time.monotonic()) > 0 and not self._ending.is_set():
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._ending.wait(), left)
        except Exception as error:  # its transport reports anything, alone or in a group
            if not self.opened.done():
                self.opened.set_exception(error)
        finally:
            self._ending.set()
            if not self.opened.done():
                self.opened.cancel()

    async def _connect(self, stack: AsyncExitStack) -> ClientSession:
        from mcp import ClientSession, StdioServerParameters
        from mcp.client.stdio import stdio_client
        from mcp.client.streamable_http import streamable_http_client

        server = self._server
        if server.command:
            command, *arguments = server.command
            parameters = StdioServerParameters(
                command=command, args=arguments, env=dict(server.environment), cwd=server.folder
            )
            discarded = stack.enter_context(open(os.devnull, "w"))  # it may quote what it was asked
            incoming, outgoing = await stack.enter_async_context(stdio_client(parameters, errlog=discarded))
        else:
            limits = httpx.Timeout(server.seconds, read=server.seconds + IDLE_SECONDS)
            client = httpx.AsyncClient(headers=server.headers, timeout=limits)
            await stack.enter_async_context(client)
            incoming, outgoing, _ = await stack.enter_async_context(
                streamable_http_client(server.url, http_client=client)
            )
        return await stack.enter_async_context(ClientSession(incoming, outgoing))


async def _all_tools(session: ClientSession) -> list[Tool]:
    tools: list[Tool] = []
    cursor = None
    for _ in range(MOST_PAGES):
        page = await session.list_tools(cursor)
        tools += page.tools
        if (cursor := page.nextCursor) is None:
            break
    return tools


def why(error: BaseException) -> str:
    """Return the reason of a failure without addresses, also of one that comes in groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    match error:
        case TimeoutError():
            return "it took too long"
        case httpx.HTTPStatusError():
            return f"status {error.response.status_code}"
        case OSError() if error.strerror:
            return error.strerror
        case _:
            return (str(error) or type(error).__name__)[:LONGEST_REASON]
