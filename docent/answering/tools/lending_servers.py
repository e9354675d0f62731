"""The file of MCP servers that lend their tools to the model, checked when it is read."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docent.errors import SettingsError
from docent.messages import Message

NAME = re.compile(r"[a-z][a-z0-9_-]{0,23}")
TOOL_NAME = re.compile(r"[A-Za-z0-9_./-]{1,128}")
FIELDS = ("command", "environment", "folder", "url", "headers", "tools", "seconds")
OF_A_COMMAND, OF_A_URL = ("environment", "folder"), ("headers",)
SECONDS = 30.0
MOST_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class LendingServer:
    """An MCP server, and those of its tools that the model may use."""

    name: str
    """The name of its table in the file."""
    tools: tuple[str, ...]
    command: tuple[str, ...] = ()
    """Starts it; empty for a server at a URL."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """All that its process is given beside PATH, HOME and the like."""
    folder: str | None = None
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = SECONDS
    """The longest that one of its tools may take."""


def read_servers(path: Path) -> tuple[LendingServer, ...]:
    """Read the servers of a file. Raises SettingsError, which names the server and the mistake."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(
            "The MCP servers in {path} cannot be read: {error}. Correct or remove the file.",
            path=path,
            error=error,
        ) from error
    return tuple(_server(path, name, table) for name, table in tables.items())


def _server(path: Path, name: str, table: Any) -> LendingServer:
    def mistake(what: Message) -> SettingsError:
        return SettingsError("{path}, [{name}]: {what} Correct it.", path=path, name=name, what=what)

    if not NAME.fullmatch(name):
        raise mistake(Message("A server's name is made of small letters, digits, - and _, at most 24."))
    if not isinstance(table, dict) or not set(table) <= set(FIELDS):
        fields = ", ".join(FIELDS)
        raise mistake(Message("A server may have {fields}, and nothing else.", fields=fields))
    if ("command" in table) == ("url" in table):
        raise mistake(Message("A server has either a command or a url."))
    for field_name in OF_A_URL if "command" in table else OF_A_COMMAND:
        if field_name in table:
            raise mistake(Message("{field} does not go with that.", field=field_name))
    for field_name in ("command", "tools"):
        texts = table.get(field_name, ["x"] if field_name == "command" else [])
        if not isinstance(texts, list) or not texts or not all(isinstance(one, str) and one for one in texts):
            raise mistake(Message("{field} must be a list of texts, and not empty.", field=field_name))
    for field_name in ("environment", "headers"):
        pairs = table.get(field_name, {})
        if not isinstance(pairs, dict) or not all(isinstance(value, str) for value in pairs.values()):
            raise mistake(Message('{field} must be pairs of texts: {{ NAME = "…" }}.', field=field_name))
    url = table.get("url", "http://x")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise mistake(Message("url must begin with http:// or https://."))
    if not isinstance(table.get("folder", ""), str):
        raise mistake(Message("folder must be a text."))
    seconds = table.get("seconds", SECONDS)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= MOST_SECONDS:
        raise mistake(Message("seconds must be a number above 0, at most {most:g}.", most=MOST_SECONDS))
    if unknown := [tool for tool in table["tools"] if not TOOL_NAME.fullmatch(tool)]:
        raise mistake(Message("{tool!r} cannot be the name of a tool.", tool=unknown[0]))
    return LendingServer(
        name=name,
        tools=tuple(dict.fromkeys(table["tools"])),
        command=tuple(table.get("command", ())),
        environment=table.get("environment", {}),
        folder=table.get("folder"),
        url=table.get("url", ""),
        headers=table.get("headers", {}),
        seconds=float(seconds),
    )
