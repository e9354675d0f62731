"""What the MCP tools answer: structured and as text, with progress, and stopped when the client says so."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import ClientSession, McpError, types
from pydantic import AnyUrl

from docent.types import Scope
from tests.web.api.conftest import Api
from tests.web.api.mcp_sessions import (
    OPENING,
    ROOT,
    TRANSPORTS,
    http_session,
    session_of,
    stdio_command,
    stdio_session,
    text_of,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore:legacy embedding function config:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

FERRY = "The ferry Aurora leaves the harbour at half past seven."
PNG = b"\x89PNG"


async def called(session: ClientSession, tool: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool; the client checks its result against the tool's schema."""
    result = await session.call_tool(tool, arguments)
    assert not result.isError, text_of(result)
    assert result.structuredContent is not None
    return result.structuredContent


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_asked_and_verified(api: Api, transport: str):
    """An answer comes with its progress and its citations, whose characters stand on the page named; a true
    sentence is supported by the same characters, and of a false one is said what the page has instead."""
    steps: list[str] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        steps.append(str(message))

    async with session_of(transport, api, "ships") as session:
        question = {"question": "When does the ferry Aurora leave?"}
        asked = await session.call_tool("ask", question, progress_callback=note)
        assert steps[:2] == [f"Searching: {question['question']}", "Found 1 passages"]
        assert asked.structuredContent is not None
        [citation] = asked.structuredContent["citations"]
        assert f"[1] ships.md, {citation['place']} (ships): “{citation['quote']}”" in text_of(asked)
        page = await called(session, "read_page", document=citation["document"], page=citation["page"])
        assert page["text"][citation["start"] : citation["end"]] == citation["quote"] == FERRY
        resource = await session.read_resource(AnyUrl(citation["uri"]))
        assert isinstance(resource.contents[0], types.TextResourceContents)
        assert resource.contents[0].text == page["text"]

        true = await called(session, "verify", sentence=FERRY, library="ships")
        assert true["verdict"] == "supported"
        assert true["sentences"][0]["sources"][0]["quote"] == FERRY
        false = await called(session, "verify", sentence=FERRY.replace("Aurora", "Borealis"))
        [sentence] = false["sentences"]
        assert (false["verdict"], sentence["nearest"]["quote"]) == ("unsupported", FERRY)
        assert sentence["differences"] == [{"kind": "name", "stated": "Borealis", "found": ["Aurora"]}]


async def test_tools_say_what_they_do(api: Api):
    """Each tool has a schema for what it takes and gives, and only the one that writes is not read-only."""
    async with http_session(api.url) as session:
        tools = (await session.list_tools()).tools
    assert [tool.name for tool in tools if not (tool.annotations and tool.annotations.readOnlyHint)] == [
        "add_document"
    ]
    for tool in tools:
        assert tool.title and tool.description and tool.outputSchema
        assert tool.inputSchema["additionalProperties"] is False


async def test_wrong_calls_are_told_to_the_model(api: Api):
    """An unknown tool, a missing argument, one too many and a page that is not there come as sentences."""
    async with http_session(api.url) as session:
        for name, arguments, sentence in [
            ("shell", {}, "There is no tool 'shell'"),
            ("search", {}, "query: Field required"),
            ("search", {"query": "x", "top": 3}, "top: Extra inputs"),
            ("read_page", {"document": "cats.md", "page": 9}, "cats.md has 1 pages; there is no page 9."),
            ("verify", {"sentence": " \n "}, "no sentence"),
            ("add_document", {"name": "x.md"}, "content of the document once"),
            ("add_document", {"name": "x.md", "base64": "?"}, "no base64"),
            ("add_document", {"name": "x.md", "path": "/etc/passwd"}, "path: Extra inputs"),
        ]:
            result = await session.call_tool(name, arguments)
            assert result.isError and sentence in text_of(result), text_of(result)
        with pytest.raises(McpError, match="cursor"):
            await session.list_resources(cursor="x")


async def test_a_cancelled_question_stops_the_model(api: Api):
    """The notification of a client ends the request to the model server; the session goes on."""
    api.ollama.script(reply="Late.", delay=60, sticky=True)
    async with http_session(api.url) as session:
        asking = asyncio.create_task(session.call_tool("ask", {"question": "Where does the grey cat sleep?"}))

        def open_requests() -> int:
            requests = api.ollama.requests_to("/api/chat")
            return sum(not (one.answered or one.disconnected) for one in requests)

        await api.ollama.until(lambda: open_requests() == 1, within=30)
        # The client counts its requests: initialize was 0.
        params = types.CancelledNotificationParams(requestId=1, reason="enough")
        await session.send_notification(types.ClientNotification(types.CancelledNotification(params=params)))
        await api.ollama.until(lambda: open_requests() == 0, within=30)
        with pytest.raises(McpError, match="cancelled"):
            await asking
        api.ollama.reset()
        assert (await called(session, "list_documents", library="cats"))["total"] == 1


async def test_a_question_that_breaks_off_is_an_error(api: Api):
    """Half an answer is no result."""
    api.ollama.script(reply="The grey cat Mimi sleeps on the warm oven every night.", drop_after=6)
    async with http_session(api.url) as session:
        result = await session.call_tool("ask", {"question": "Where does the grey cat sleep?"})
    assert result.isError and result.structuredContent is None


async def test_a_page_is_shown_as_a_picture(api: Api):
    """A page of a PDF comes as text and picture, also as a resource; a text file's says that it has none."""
    pdf = (ROOT / "data/restaurants/brass-thali.pdf").read_bytes()
    async with http_session(api.url, api.key("menus")) as session:
        added = await called(
            session, "add_document", name="menu.pdf", base64=base64.b64encode(pdf).decode(), library="menus"
        )
        assert added["state"] in ("searchable", "ready"), added
        shown = await session.call_tool("read_page", {"document": "menu.pdf", "image": True})
        marked = await session.call_tool(
            "read_page", {"document": "menu.pdf", "image": True, "start": 0, "end": 20}
        )
        pictures = [pictures_of(shown), pictures_of(marked)]
        assert all(one.startswith(PNG) for one in pictures) and pictures[0] != pictures[1]
        resource = await session.read_resource(AnyUrl(f"docent://documents/{added['document']}/pages/1.png"))
        assert isinstance(resource.contents[0], types.BlobResourceContents)
        assert base64.b64decode(resource.contents[0].blob) == pictures[0]
    api.docent.store.delete(added["document"], Scope())
    async with http_session(api.url) as session:
        plain = await called(session, "read_page", document="cats.md", image=True)
        assert "no picture" in plain["note"]


def pictures_of(result: types.CallToolResult) -> bytes:
    [picture] = [block for block in result.content if block.type == "image"]
    return base64.b64decode(picture.data)


async def test_a_file_of_this_machine(api: Api, tmp_path: Path):
    """The server on stdin, which runs for the person, adds a file by its path, and tells why it cannot."""
    path = tmp_path / "parrots.md"
    path.write_text("# Parrots\n\nThe parrot Coco sings in the morning.\n")
    async with stdio_session(api, "--library", "cats") as session:
        added = await called(session, "add_document", path=str(path))
        assert (added["library"], added["file"]) == ("cats", "parrots.md")
        found = await called(session, "search", query="When does Coco sing?", limit=1)
        assert found["passages"][0]["file"] == "parrots.md"
        for wrong, why in [(tmp_path, "not a file"), (tmp_path / "none.md", "not a file")]:
            refused = await session.call_tool("add_document", {"path": str(wrong)})
            assert refused.isError and why in text_of(refused)
    api.docent.store.delete(added["document"], Scope())


async def test_personas_are_prompts(api: Api):
    """A prompt holds the persona's instructions, its library and the question."""
    async with http_session(api.url) as session:
        [prompt] = (await session.list_prompts()).prompts
        assert (prompt.name, prompt.title) == ("captain", "The captain")
        written = await session.get_prompt("captain", {"question": "When do we leave?"})
    [message] = written.messages
    assert isinstance(message.content, types.TextContent)
    for part in ("Speak like a captain.", "'ships'", "Question: When do we leave?"):
        assert part in message.content.text


async def test_questions_are_counted(api: Api):
    """A question of an agent is counted as one, and no word of it is in the metrics."""
    async with http_session(api.url) as session:
        await called(session, "ask", question="When does the ferry Aurora leave?")
    text = api.http().get("/metrics").text
    assert 'docent_questions_total{end="answered",way="mcp"}' in text
    assert 'route="/mcp"' in text and "Aurora" not in text


def test_the_program_in_the_docs(api: Api, tmp_path: Path):
    """The client of docs/agents.md runs as it stands there, and is refused what its key may not see."""
    page = (ROOT / "docs/agents.md").read_text(encoding="utf-8")
    [program] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    path = tmp_path / "client.py"
    path.write_text(program, encoding="utf-8")
    key = api.key("ships", read_only=True)
    command = [sys.executable, str(path), api.url, key]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={"NO_PROXY": "*"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("tools: search, ask, verify, read_page, list_documents\n")
    assert done.stdout.count("answer:\n") == 3
    assert done.stdout.endswith("refused:\nThere is no such library, or this key may not see it.\n")
    assert done.stdout.splitlines()[-1] in page


def test_interrupting_the_command_ends_it(api: Api):
    """Ctrl+C ends `docent mcp` although it waits for a message."""
    command = stdio_command(api)
    with subprocess.Popen(
        [command.command, *command.args],
        cwd=command.cwd,
        env=command.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(f"{json.dumps(OPENING)}\n")
        process.stdin.flush()
        assert '"serverInfo"' in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == -signal.SIGINT
