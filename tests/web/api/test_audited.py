"""What programs do with their keys is in the audit log, by HTTP and in the Model Context Protocol."""

from __future__ import annotations

import io
import time

import httpx

from docent.web.audit.audit_log import AuditQuery
from tests.web.api.mcp_sessions import http_session


def entries(api, actor: str, number: int = 0) -> list[tuple[str, str, str]]:
    """Return what is recorded, once it is so many entries; a request is recorded after it was answered."""
    audit = api.metrics.audit
    until = time.monotonic() + 10
    while True:
        audit.flush()
        found, _ = audit.search(AuditQuery(actor=actor))
        if len(found) >= number or time.monotonic() > until:
            break
        time.sleep(0.02)
    return [(entry.way, entry.action, entry.about) for entry in reversed(found)]


def test_a_key_is_recorded_with_what_it_read(api):
    """An answer with the files that it cites, a search, a file handed in and deleted; no question's text."""
    client = api.client(api.key("ships", name="robot"))
    client.chat.completions.create(
        model="docent", messages=[{"role": "user", "content": "When does the ferry Aurora leave?"}]
    )
    client.post("/search", body={"query": "Aurora", "library": "ships"}, cast_to=object)
    stored = client.files.create(
        file=("storm.md", io.BytesIO(b"# Storm\n\nA storm comes.\n")), purpose="assistants"
    )
    client.files.delete(stored.id)
    assert entries(api, "robot", 4) == [
        ("api", "ask", "ships.md"),
        ("api", "search", "ships"),
        ("api", "add", "storm.md"),
        ("api", "delete", f"/v1/files/{stored.id}"),
    ]


def test_what_a_key_may_not_do_is_not_recorded(api):
    """A refused request did nothing."""
    headers = {"Authorization": f"Bearer {api.key('cats', name='curious')}"}
    body = {"query": "Aurora", "library": "ships"}
    refused = httpx.post(f"{api.url}/v1/search", json=body, headers=headers, trust_env=False)
    assert refused.status_code == 404
    assert entries(api, "curious") == []


async def test_an_agents_tools_are_recorded(api):
    key = api.key(name="agent")
    async with http_session(api.url, key) as session:
        await session.call_tool("search", {"query": "Aurora", "library": "ships"})
        await session.call_tool("read_page", {"document": "ships.md", "page": 1})
        await session.call_tool("ask", {"question": "When does the ferry Aurora leave?"})
    assert entries(api, "agent", 3) == [
        ("mcp", "search", "ships"),
        ("mcp", "read", "ships.md"),
        ("mcp", "ask", "ships.md"),
    ]
