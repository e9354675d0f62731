"""The wheel in a container that has Python and nothing else: install, read, ask, serve, connect an agent."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from tests.compose.conftest import Report, run
from tests.ports import free_port
from tests.test_package import QUESTION, wheel

__all__ = ["wheel"]

pytestmark = pytest.mark.compose

INSTALL = {
    "pip": "pip install --no-cache-dir --quiet /wheel/*.whl",
    "uv": "uv pip install --no-cache --quiet --system /wheel/*.whl",
}
SIZE = "du --summarize --block-size=1M --exclude=/proc --exclude=/sys / | cut --fields=1"


class Bare:
    """A container of the bare Python image with the wheel mounted, on this machine's network."""

    def __init__(self, image: str, wheel: Path) -> None:
        self.port = free_port()
        self.id = run(
            "docker", "run", "--detach", "--network", "host", "--volume", f"{wheel.parent}:/wheel:ro",
            "--workdir", "/home", "--env", f"DOCENT_PORT={self.port}",
            "--env", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt", image, "sleep", "infinity",
        ).stdout.strip()  # fmt: skip

    def sh(self, command: str) -> str:
        return run("docker", "exec", self.id, "sh", "-c", command).stdout

    def timed(self, command: str) -> float:
        began = time.monotonic()
        self.sh(command)
        return round(time.monotonic() - began, 1)


@pytest.fixture(scope="module", params=INSTALL)
def bare(request, python_image: str, wheel: Path, report: Report) -> Iterator[Bare]:
    """The wheel, installed by pip or uv, and the sample documents, read."""
    container = Bare(python_image, wheel)
    try:
        if request.param == "uv":
            container.sh("pip install --quiet uv")
        before = int(container.sh(SIZE))
        report.figures[f"{request.param}_install_seconds"] = container.timed(INSTALL[request.param])
        report.figures[f"{request.param}_installed_mb"] = int(container.sh(SIZE)) - before
        assert "35 sample documents copied" in container.sh("docent samples")
        report.figures[f"{request.param}_ingest_seconds"] = container.timed("docent ingest")
        yield container
    finally:
        run("docker", "rm", "--force", container.id)


def test_a_question_is_answered_with_its_page(bare: Bare):
    """`docent ask` cites the sample document, without a model server and without torch."""
    answer = json.loads(bare.sh(f"docent ask '{QUESTION}' --no-model --library internships --json"))
    assert answer["citations"][0]["file"] == "tidelight-machine-learning.pdf"
    assert "torch" not in bare.sh("pip list").split()


def test_the_chat_and_the_api_are_served(bare: Bare):
    """`docent serve` answers on its port: the page, and a search over HTTP."""
    run("docker", "exec", "--detach", bare.id, "sh", "-c", "docent serve >/tmp/serve.log 2>&1")
    with httpx.Client(base_url=f"http://127.0.0.1:{bare.port}", timeout=60) as client:
        limit = time.monotonic() + 120
        while not answers(client, "/ready"):
            assert time.monotonic() < limit, bare.sh("cat /tmp/serve.log")
            time.sleep(0.5)
        assert "Ask your own documents" in client.get("/").text
        found = client.post("/v1/search", json={"query": QUESTION}).json()
    assert found["data"][0]["file"] == "tidelight-machine-learning.pdf"


def answers(client: httpx.Client, path: str) -> bool:
    try:
        return client.get(path).status_code == 200
    except httpx.TransportError:
        return False


async def test_an_agent_connects(bare: Bare):
    """`docent-mcp`, started as an agent would, says which tools it has and verifies a sentence."""
    command = StdioServerParameters(
        command="docker", args=["exec", "-i", bare.id, "docent-mcp", "--read-only"]
    )
    sentence = "The machine learning internship pays DKK 21,400 a month."
    async with stdio_client(command) as streams, ClientSession(*streams) as session:
        await session.initialize()
        tools = {tool.name for tool in (await session.list_tools()).tools}
        result = await session.call_tool("verify", {"sentence": sentence})
    assert {"search", "ask", "verify", "read_page"} <= tools
    assert result.structuredContent and result.structuredContent["verdict"] == "supported"
