"""An agent sees no more over MCP than its key does over HTTP, on either transport."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest
from mcp import ClientSession, McpError
from pydantic import AnyUrl

from docent.types import Scope, private_library
from docent.web.accounts.api_keys import ApiKeys
from docent.web.api.access import AccessControl
from docent.web.api.application import build
from docent.web.api.middleware import ApiMiddleware
from tests.web.api.conftest import Api, Server
from tests.web.api.mcp_sessions import OPENING, TRANSPORTS, session_of, text_of

pytestmark = [
    pytest.mark.filterwarnings("ignore:legacy embedding function config:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

ANNA = "anna"
SECRET = "# Salary\n\nAnna earns 83,250 euro in the year.\n"
HEADERS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


@pytest.fixture
def private(api: Api, tmp_path) -> str:
    """The id of a document in the library of another user."""
    path = tmp_path / "salary.md"
    path.write_text(SECRET)
    ticket = api.docent.add_upload(path, name="salary.md", owner=ANNA)
    limit = time.monotonic() + 30
    while not api.docent.upload_status(ticket).chunks:
        assert time.monotonic() < limit
        time.sleep(0.05)
    return ticket.document_id


async def answers(session: ClientSession, name: str) -> list[Any]:
    """What each tool, resource and prompt says of a library, document or persona of this name."""
    calls: list[tuple[str, dict[str, Any]]] = [
        ("search", {"query": "ferry", "library": name}),
        ("ask", {"question": "When does the ferry leave?", "library": name}),
        ("ask", {"question": "When does the ferry leave?", "persona": name}),
        ("verify", {"sentence": "The ferry leaves at half past seven.", "library": name}),
        ("read_page", {"document": name}),
        ("read_page", {"document": "cats.md", "library": name}),
        ("list_documents", {"library": name}),
        ("add_document", {"name": "x.md", "text": "A text of some words.", "library": name}),
    ]
    said: list[Any] = []
    for tool, arguments in calls:
        result = await session.call_tool(tool, arguments)
        assert result.isError, (tool, result)
        said.append((tool, text_of(result)))
    for path in ("", "/pages/1", "/pages/1.png"):
        with pytest.raises(McpError) as refused:
            await session.read_resource(AnyUrl(f"docent://documents/{name}{path}"))
        said.append((path, refused.value.error.code, str(refused.value)))
    with pytest.raises(McpError) as refused:
        await session.get_prompt(name, {"question": "When?"})
    return [*said, str(refused.value)]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_another_library_is_as_if_it_did_not_exist(api: Api, private: str, transport: str):
    """Tools, resources and prompts answer alike for what is others' and for what is not there; nothing
    of others is found, listed or quoted."""
    ships = next(one.id for one in api.docent.store.documents(Scope()) if one.library == "ships")
    nothing = "0" * 32
    async with session_of(transport, api, "cats") as session:
        expected = await answers(session, nothing)
        for theirs in ("ships", ships, "captain", private, private_library(ANNA, "uploads")):
            assert await answers(session, theirs) == expected
        everything = [
            await session.call_tool(
                "search", {"query": "When does the ferry Aurora leave? What does Anna earn?"}
            ),
            await session.call_tool("ask", {"question": "When does the ferry Aurora leave?"}),
            await session.call_tool("verify", {"sentence": "Anna earns 83,250 euro in the year."}),
            await session.call_tool("list_documents", {}),
            await session.list_resources(),
            await session.list_prompts(),
        ]
        written = json.dumps([one.model_dump(mode="json") for one in everything])
        for word in ("half past", "ships", "salary", "83250", ships, private, "captain"):
            assert word not in written
        listed = everything[3].structuredContent
        assert listed is not None and listed["libraries"] == ["cats"]
        assert everything[2].structuredContent["verdict"] == "unsupported"


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_private_library_is_nobody_elses(api: Api, private: str, transport: str):
    """Who may see every shared library does not see what a user keeps alone."""
    async with session_of(transport, api) as session:
        searched = await session.call_tool("search", {"query": "What does Anna earn in the year?"})
        assert "83,250" not in text_of(searched)
        assert (await session.call_tool("read_page", {"document": private})).isError
        listed = await session.call_tool("list_documents", {})
        assert listed.structuredContent is not None
        assert {"cats", "ships"} <= set(listed.structuredContent["libraries"])
        assert "salary" not in text_of(listed)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_read_only_agent(api: Api, transport: str):
    """It is not offered the tool that writes, and cannot call it; it may ask."""
    async with session_of(transport, api, "ships", read_only=True) as session:
        assert "add_document" not in {tool.name for tool in (await session.list_tools()).tools}
        refused = await session.call_tool("add_document", {"name": "x.md", "text": "A text of some words."})
        assert refused.isError and "may only ask" in text_of(refused)
        assert not (await session.call_tool("ask", {"question": "When does the ferry leave?"})).isError
        assert {one.name for one in api.docent.store.documents(Scope(libraries=("ships",)))} == {"ships.md"}


# --- the HTTP transport --------------------------------------------------------------------------


def test_a_session_belongs_to_its_key(api: Api):
    """Another key, or none, gets the reply of a session that does not exist; so does a removed key's."""
    mine, other = api.key("cats", name="mine"), api.key(name="other")
    with api.http(mine) as client:
        opened = client.post("/mcp", json=OPENING, headers=HEADERS)
        assert opened.status_code == 200
        headers = {**HEADERS, "mcp-session-id": opened.headers["mcp-session-id"]}
        listing = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
        assert client.post("/mcp", json=listing, headers=headers).status_code == 200
        for key in (other, ""):
            refused = api.http(key).post("/mcp", json=listing, headers=headers)
            unknown = api.http(key).post(
                "/mcp", json=listing, headers={**headers, "mcp-session-id": "0" * 32}
            )
            assert (refused.status_code, refused.text) == (unknown.status_code, unknown.text)
            assert refused.status_code == 404
        api.keys.remove("mine")
        assert client.post("/mcp", json=listing, headers=headers).status_code == 401


def test_a_key_is_needed_where_people_log_in(api: Api, tmp_path):
    """Without one, or with an expired or a wrong one, no session is opened."""
    keys = ApiKeys(tmp_path)
    access = AccessControl(keys, keyless=lambda: False)
    closed = build(
        docent=lambda: api.docent, access=access, metrics=api.metrics, largest_upload=1, footnotes=False
    )
    server = Server(ApiMiddleware(closed, api=lambda: closed, metrics=api.metrics))
    old = keys.add("old", libraries=[], expires="2001-01-01", rate=0)
    good = keys.add("good", libraries=[], expires="", rate=0)
    try:
        for key, status in (("", 401), ("docent-wrong", 401), (old, 401), (good, 200)):
            headers = {**HEADERS, "Authorization": f"Bearer {key}"} if key else HEADERS
            with httpx.Client(base_url=server.url, trust_env=False) as client:
                assert client.post("/mcp", json=OPENING, headers=headers).status_code == status
    finally:
        server.stop()


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Origin": "http://evil.example"}, id="another origin"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, id="another site"),
    ],
)
def test_foreign_pages_open_no_session(api: Api, headers):
    """A page of another origin, open in a browser on this machine, is refused without a key."""
    refused = api.http().post("/mcp", json=OPENING, headers={**HEADERS, **headers})
    assert refused.status_code == 403 and refused.json()["error"]["code"] == "foreign_origin"


def test_messages_are_bounded(api: Api):
    """A message over the limit gets 413 and one that is no JSON 400; a key over its rate waits."""
    large = {**OPENING, "params": {"x": "x" * 4_100_000}}
    assert api.http().post("/mcp", json=large, headers=HEADERS).status_code == 413
    assert api.http().post("/mcp", content=b"{", headers=HEADERS).status_code == 400
    with api.http(api.key(rate=2)) as limited:
        statuses = [limited.post("/mcp", json=OPENING, headers=HEADERS).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


def test_the_end_of_docent_ends_sessions(api: Api):
    """A stop does not wait for an agent that listens, and no session is opened any more."""
    app = build(
        docent=lambda: api.docent, access=api.access, metrics=api.metrics, largest_upload=1, footnotes=False
    )
    server = Server(ApiMiddleware(app, api=lambda: app, metrics=api.metrics))
    with httpx.Client(base_url=server.url, timeout=30, trust_env=False) as client:
        opened = client.post("/mcp", json=OPENING, headers=HEADERS)
        headers = {"Accept": "text/event-stream", "mcp-session-id": opened.headers["mcp-session-id"]}
        with client.stream("GET", "/mcp", headers=headers) as listening:
            assert listening.status_code == 200
            assert server.loop is not None
            server.loop.call_soon_threadsafe(app.state.shutdown.begin)
            assert [line for line in listening.iter_lines() if line.startswith("data")] == []
        refused = client.post("/mcp", json=OPENING, headers=HEADERS)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "not_open")
    server.stop()
