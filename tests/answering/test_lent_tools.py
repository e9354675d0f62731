"""The model uses the tools of other MCP servers: of a list, with consent, quoted, and bounded."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from docent.answering.tools.lending_servers import LendingServer, read_servers
from docent.answering.tools.tool_servers import ToolServers
from docent.app.factory import open_tool_servers
from docent.errors import SettingsError
from docent.settings import Settings
from docent.store import Store
from docent.types import StepProgress, Token, ToolProposal
from tests.answering.build import LIMITS, answer_of, answering, events, notices, stored
from tests.answering.test_clients import native
from tests.fakes.lending_server import INJECTION, PARKING
from tests.fakes.plugin import Ollama
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
WITH_TOOLS = replace(LIMITS, tool_steps=3)
READING = ("search_pages", "large", "slow", "crash", "fail", "environment")
PERMIT = "What does parking permit 77 of the museum cost?"


@pytest.fixture
def calendar(tmp_path: Path) -> Path:
    """The file that the tools write into."""
    return tmp_path / "calendar.txt"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(stored(tmp_path / "storage", {"rules/archive.txt": "The archive closes at noon."})) as store:
        yield store


def wiki(calendar: Path, *tools: str, **changes: Any) -> LendingServer:
    """A server on stdin and stdout; a module of the tests is found by its folder."""
    command = (sys.executable, "-m", "tests.fakes.lending_server", str(calendar))
    return LendingServer(name="wiki", tools=tools or READING, command=command, folder=str(ROOT), **changes)


@pytest.fixture
async def remote(calendar: Path) -> AsyncIterator[LendingServer]:
    """The same server at a URL."""
    port = free_port()
    command = [sys.executable, "-m", "tests.fakes.lending_server", str(calendar), "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}/mcp"
    limit = time.monotonic() + 60
    async with httpx.AsyncClient(trust_env=False) as client:
        while True:
            try:
                await client.get(url)
                break
            except httpx.TransportError:
                assert time.monotonic() < limit
                await asyncio.sleep(0.1)
    yield LendingServer(name="wiki", tools=READING, url=url, headers={"X-Key": "k"})
    process.terminate()
    process.wait(10)


async def started(*servers: LendingServer) -> ToolServers:
    """The servers, once they have listed their tools: a busy machine starts them slowly."""
    opened = ToolServers(servers)
    limit = time.monotonic() + 60
    while (await opened.tools())[1]:
        assert time.monotonic() < limit
    return opened


def call(name: str, **arguments: object) -> dict[str, object]:
    return {"tool_calls": [{"name": name, "arguments": arguments}], "reply": ""}


def told(ollama: Ollama) -> list[str]:
    """The results that the model was shown."""
    messages = ollama.requests_to("/api/chat")[-1].body["messages"]
    return [message["content"] for message in messages if message["role"] == "tool"]


def offered(ollama: Ollama) -> set[str]:
    tools = ollama.requests_to("/api/chat")[0].body.get("tools", [])
    return {tool["function"]["name"] for tool in tools}


@pytest.mark.parametrize("transport", ["stdio", "http"])
async def test_a_tool_is_lent(store, ollama, calendar, remote, transport):
    """The model calls a tool that is on the list, reads its result as data, and answers from it; the person
    sees the step."""
    servers = await started(wiki(calendar) if transport == "stdio" else remote)
    ollama.script(call("wiki__search_pages", query="permit 77"), "Permit 77 costs 45 euro a month.")
    found = await events(PERMIT, native(ollama.url), store=store, limits=WITH_TOOLS, tool_servers=servers)
    [result] = told(ollama)
    assert result.startswith(f'<result tool="wiki__search_pages">\n{PARKING}\n')
    assert result.count("</result>") == 1 and INJECTION not in result and "[INST]" not in result
    answer = answer_of(found)
    assert answer.text == "Permit 77 costs 45 euro a month."
    assert answer.receipt.doubtful == ()
    step = 'Asked wiki: search_pages {"query": "permit 77"}'
    assert answer.receipt.steps == (step,)
    assert any(isinstance(event, StepProgress) and event.what == step for event in found)


async def test_only_tools_of_the_list(store, ollama, calendar):
    """A tool that the server has and the list does not name is neither offered nor called."""
    servers = await started(wiki(calendar, "search_pages"))
    calls = (call("wiki__add_event", title="x"), call("wiki__search_pages", query="x"))
    ollama.script(*calls, "It costs 45 euro.")
    await events(PERMIT, native(ollama.url), store=store, limits=WITH_TOOLS, tool_servers=servers)
    assert {name for name in offered(ollama) if name.startswith("wiki")} == {"wiki__search_pages"}
    assert "There is no tool 'wiki__add_event'" in told(ollama)[0]
    assert not calendar.exists()


@pytest.mark.parametrize(
    ("name", "title"), [("add_event", "Add an event"), ("without_hints", "without_hints")]
)
@pytest.mark.parametrize("allowed", [True, False, None], ids=["allowed", "not allowed", "nobody to ask"])
async def test_who_writes_is_asked_for(store, ollama, calendar, name, title, allowed):
    """A tool that its server does not call read-only runs only after the person has allowed that call."""
    asked: list[ToolProposal] = []

    async def ask(proposal: ToolProposal) -> bool:
        asked.append(proposal)
        return bool(allowed)

    servers = await started(wiki(calendar, "add_event", "without_hints"))
    arguments = {"title": "Opening"} if name == "add_event" else {}
    ollama.script(call(f"wiki__{name}", **arguments), "Done.")
    found = await events(
        "Add the opening to my calendar.",
        native(ollama.url),
        store=store,
        limits=WITH_TOOLS,
        tool_servers=servers,
        ask_consent=None if allowed is None else ask,
    )
    expected = [] if allowed is None else [ToolProposal("wiki", name, title, arguments)]
    assert asked == expected
    assert calendar.exists() == bool(allowed)
    if not allowed:
        assert "allow" in told(ollama)[0] and "<result" not in told(ollama)[0]
        assert answer_of(found).receipt.steps == (f"Not allowed: wiki: {title}",)


async def test_what_rests_on_no_result_is_not_shown(store, ollama, calendar):
    """Where no passage answers and the model calls no tool, its text is dropped: nothing was found."""
    servers = await started(wiki(calendar))
    ollama.script("Paris is the capital of France.")
    limits = replace(WITH_TOOLS, relevant_from=0.2)
    found = await events("What is the capital of France?", native(ollama.url), store=store, limits=limits,
                         tool_servers=servers, retrieve=lambda question, scope: [])  # fmt: skip
    assert not [event for event in found if isinstance(event, Token)]
    assert answer_of(found).receipt.not_found and "Paris" not in answer_of(found).text
    ollama.script(call("wiki__search_pages", query="77"), "Permit 77 costs 45 euro a month.")
    found = await events(PERMIT, native(ollama.url), store=store, limits=limits, tool_servers=servers,
                         retrieve=lambda question, scope: [])  # fmt: skip
    assert answer_of(found).text == "Permit 77 costs 45 euro a month."


async def test_results_are_bounded(store, ollama, calendar):
    """A result that is too long is cut, so that the model can still answer."""
    servers = await started(wiki(calendar))
    ollama.script(call("wiki__large"), "Many words.")
    await events(PERMIT, native(ollama.url), store=store, limits=WITH_TOOLS, tool_servers=servers)
    [result] = told(ollama)
    assert 1_000 < len(result) < 8_200 and result.endswith("</result>")


async def test_bad_tools_are_told_to_the_model(store, ollama, calendar):
    """A tool that fails, takes too long or ends its server is a sentence; the next call finds it running."""
    servers = await started(wiki(calendar, seconds=5.0))
    reasons = {"fail": "closed for repairs", "crash": "gave no result", "slow": "gave no result"}
    for name, reason in reasons.items():
        ollama.script(call(f"wiki__{name}"), call("wiki__search_pages", query="x"), "It costs 45 euro.")
        found = await events(PERMIT, native(ollama.url), store=store, limits=WITH_TOOLS, tool_servers=servers)
        first, second = told(ollama)
        assert first.startswith("Error: ") and reason in first, first
        assert PARKING in second
        assert answer_of(found).text == "It costs 45 euro."
        ollama.reset()


async def test_a_stop_ends_what_a_tool_is_doing(store, ollama, calendar):
    """When the person stops the answer, the server's process ends, and with it the call."""
    servers = await started(wiki(calendar))
    ollama.script(call("wiki__slow"), "Late.")
    stream = answering(PERMIT, native(ollama.url), store=store, limits=WITH_TOOLS, tool_servers=servers)

    async def read() -> None:
        async for _ in stream:
            pass

    reading = asyncio.create_task(read())
    limit = time.monotonic() + 60
    while not calendar.with_suffix(".slow").exists():
        assert time.monotonic() < limit
        await asyncio.sleep(0.02)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    while processes(calendar):
        assert time.monotonic() < limit
        await asyncio.sleep(0.05)


def processes(calendar: Path) -> list[str]:
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if "lending_server" in line and str(calendar) in line]


@pytest.mark.parametrize(
    "server",
    [
        pytest.param(LendingServer("wiki", ("x",), command=("/no/such/program",)), id="no program"),
        pytest.param(LendingServer("wiki", ("x",), command=("true",)), id="a program that ends"),
        pytest.param(
            LendingServer("wiki", ("x",), command=("sleep", "60")), id="a program that says nothing"
        ),
        pytest.param(LendingServer("wiki", ("x",), url="http://127.0.0.1:9/mcp"), id="no server"),
    ],
)
async def test_a_dead_server_is_a_sentence(store, ollama, server):
    """The answer comes from the documents all the same, after a few seconds, and says it in one sentence."""
    ollama.script(reply="The museum opens at 9:30 [1].", sticky=True)
    servers = ToolServers([server])
    for _ in range(2):
        began = time.monotonic()
        found = await events("When does it open?", native(ollama.url), store=store, limits=WITH_TOOLS,
                             tool_servers=servers)  # fmt: skip
        assert time.monotonic() - began < 30
        assert answer_of(found).text == "The museum opens at 9:30 [1]."
        assert notices(found).count("wiki") == 1
        assert "without its tools" in notices(found)
    assert offered(ollama) == {"search", "open_page", "list_documents", "calculate", "count_days"}


async def test_the_environment_is_minimal(store, ollama, calendar, monkeypatch):
    """A server's process is given what the file names, and nothing else of Docent's own environment."""
    monkeypatch.setenv("DOCENT_MODEL_KEY", "secret")
    monkeypatch.setenv("OTHER_SECRET", "secret")
    servers = await started(wiki(calendar, environment={"WIKI_TOKEN": "t"}))
    ollama.script(call("wiki__environment"), "Fine.")
    await events(PERMIT, native(ollama.url), store=store, limits=WITH_TOOLS, tool_servers=servers)
    names = set(told(ollama)[0].splitlines()[1].split())
    assert "WIKI_TOKEN" in names
    assert names <= {"WIKI_TOKEN", "HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "PWD", "LC_CTYPE"}


async def test_no_tools_no_server(store, ollama, calendar):
    """With tools off, no server is started."""
    servers = ToolServers([wiki(calendar)])
    await events("When does it open?", native(ollama.url), store=store, tool_servers=servers)
    assert offered(ollama) == set() and not processes(calendar)


# --- the file ------------------------------------------------------------------------------------


def test_servers_are_read(tmp_path):
    """A file names commands and addresses, each with its tools."""
    path = tmp_path / "mcp.toml"
    path.write_text(
        '[calendar]\ncommand = ["uvx", "calendar-mcp"]\nenvironment = { TOKEN = "t" }\n'
        'tools = ["add_event"]\n'
        '[wiki]\nurl = "https://wiki.example/mcp"\nheaders = { Authorization = "Bearer b" }\n'
        'tools = ["search"]\nseconds = 5\n'
    )
    assert read_servers(path) == (
        LendingServer("calendar", ("add_event",), ("uvx", "calendar-mcp"), {"TOKEN": "t"}),
        LendingServer(
            "wiki",
            ("search",),
            url="https://wiki.example/mcp",
            headers={"Authorization": "Bearer b"},
            seconds=5.0,
        ),
    )


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("[wiki", "cannot be read"),
        ('[Wiki]\nurl = "http://x"\ntools = ["a"]', "small letters"),
        ('[wiki]\nurl = "http://x"', "tools must be a list"),
        ('[wiki]\nurl = "http://x"\ntools = []', "tools must be a list"),
        ('[wiki]\nurl = "file:///x"\ntools = ["a"]', "url must begin"),
        ('[wiki]\ntools = ["a"]', "either a command or a url"),
        ('[wiki]\nurl = "http://x"\ncommand = ["a"]\ntools = ["a"]', "either a command or a url"),
        ('[wiki]\nurl = "http://x"\nenvironment = {}\ntools = ["a"]', "environment does not go"),
        ('[wiki]\ncommand = "npx x"\ntools = ["a"]', "command must be a list"),
        ('[wiki]\ncommand = ["a"]\nenvironment = { A = 1 }\ntools = ["a"]', "environment must be pairs"),
        ('[wiki]\nurl = "http://x"\ntools = ["a b"]', "cannot be the name of a tool"),
        ('[wiki]\nurl = "http://x"\ntools = ["a"]\nseconds = 0', "seconds must be"),
        ('[wiki]\nurl = "http://x"\ntools = ["a"]\nallow = "all"', "and nothing else"),
    ],
)
def test_a_mistake_is_named(tmp_path, text, mistake):
    """A file with a mistake is refused at the start, with the server's name."""
    path = tmp_path / "mcp.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=mistake):
        read_servers(path)


def test_the_example_in_the_docs(tmp_path):
    """The file shown in docs/agents.md is one that can be read."""
    page = (ROOT / "docs/agents.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    path = tmp_path / "mcp.toml"
    path.write_text(example, encoding="utf-8")
    assert [server.name for server in read_servers(path)] == ["wiki", "calendar"]


def test_there_is_no_server_by_default(tmp_path, monkeypatch):
    """Without a file there is none; a file that the settings name must be there."""
    monkeypatch.chdir(tmp_path)
    assert open_tool_servers(Settings()) is None
    with pytest.raises(SettingsError, match=r"none\.toml cannot be read"):
        open_tool_servers(Settings(mcp_servers=tmp_path / "none.toml"))
