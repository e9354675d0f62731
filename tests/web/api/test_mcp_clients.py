"""What docs/agents.md says for programs that people connect is what these programs do."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import httpx
import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client
from starlette.responses import PlainTextResponse

from docent.web.accounts.api_keys import ApiKeys
from docent.web.api.access import AccessControl
from docent.web.api.application import build
from docent.web.api.middleware import ApiMiddleware
from tests.web.api.conftest import Api, Server
from tests.web.api.mcp_sessions import OPENING, ROOT, http_session

pytestmark = [
    pytest.mark.filterwarnings("ignore:legacy embedding function config:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

PAGE = (ROOT / "docs/agents.md").read_text(encoding="utf-8")
SENTENCE = "The ferry Aurora leaves the harbour at half past seven."


def settings_file(name: str) -> dict[str, object]:
    """The JSON that docs/agents.md shows for a program."""
    [after] = re.findall(rf"`[^`]*{name}`.*?```json\n(.*?)```", PAGE, re.DOTALL)
    loaded: dict[str, object] = json.loads(after)
    return loaded


async def verdict(session: ClientSession) -> str:
    await session.initialize()
    result = await session.call_tool("verify", {"sentence": SENTENCE})
    assert not result.isError and result.structuredContent is not None
    return str(result.structuredContent["verdict"])


async def test_claude_desktop_starts_docent_in_any_folder(api: Api):
    """The file shown for Claude Desktop, with this machine's folders, works from the folder that it starts
    servers in, which is / whatever `cwd` says."""
    [server] = settings_file("claude_desktop_config.json")["mcpServers"].values()  # type: ignore[attr-defined]
    folders = {
        "/path/to/docent/.venv/bin/python": sys.executable,
        "/path/to/docent/storage": str(api.docent.settings.storage),
        "/path/to/docent/data": str(api.docent.settings.data),
        "/path/to/docent": str(ROOT),
    }
    command = StdioServerParameters(
        command=folders[server["command"]],
        args=server["args"],
        env={name: folders[value] for name, value in server["env"].items()},
        cwd="/",
    )
    before = set(Path("/").iterdir())
    async with stdio_client(command) as streams, ClientSession(*streams) as session:
        assert await verdict(session) == "supported"
    assert set(Path("/").iterdir()) == before


async def test_vs_code_sends_the_key_in_a_header(api: Api):
    """The file shown for VS Code names the address, the transport and the header that Docent takes."""
    file = settings_file("mcp.json")
    [server] = file["servers"].values()  # type: ignore[attr-defined]
    [asked] = file["inputs"]  # type: ignore[misc]
    assert (server["type"], server["url"]) == ("http", "http://localhost:8000/mcp")
    assert server["headers"] == {"Authorization": f"Bearer ${{input:{asked['id']}}}"}
    async with http_session(api.url, api.key("ships")) as session:
        assert await verdict(session) == "supported"


async def test_open_webui_connects(api: Api):
    """Open WebUI's client, the SDK's older function with the key in a header, connects and calls a tool; an
    address with a slash at its end is the same."""
    headers = {"Authorization": f"Bearer {api.key('ships')}"}
    for path in ("/mcp", "/mcp/"):
        with pytest.deprecated_call():
            client = streamablehttp_client(api.url + path, headers=headers)
        async with client as (incoming, outgoing, _), ClientSession(incoming, outgoing) as session:
            assert await verdict(session) == "supported"


@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-authorization-server",
        "/mcp/.well-known/openid-configuration",
    ],
)
def test_no_other_login_is_announced(api: Api, tmp_path: Path, path: str):
    """A client that is refused for its key and looks for another way to log in is told that there is none. It
    got the chat's page with status 200, and reported that it cannot read that."""

    async def page(scope, receive, send):
        await PlainTextResponse("the chat's page, whatever is asked for")(scope, receive, send)

    access = AccessControl(ApiKeys(tmp_path), keyless=lambda: False)
    closed = build(
        docent=lambda: api.docent, access=access, metrics=api.metrics, largest_upload=1, footnotes=False
    )
    server = Server(ApiMiddleware(page, api=lambda: closed, metrics=api.metrics))
    try:
        with httpx.Client(base_url=server.url, trust_env=False) as client:
            refused = client.post("/mcp", json=OPENING, headers={"Authorization": "Bearer wrong"})
            looked_up = client.get(path)
    finally:
        server.stop()
    assert refused.status_code == 401
    assert looked_up.status_code == 404
    assert looked_up.json()["error"]["type"] == "not_found_error"
