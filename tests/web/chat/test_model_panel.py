"""The model in the header: each reader sees its state, and what they can do about it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from selectolax.lexbor import LexborHTMLParser
from starlette.applications import Starlette

from docent.app import Docent, open_docent
from docent.settings import Settings
from docent.web import page_routes
from docent.web.chat import conversation, model_panel
from docent.web.chat.model_download import ModelDownloads
from tests.ports import free_url
from tests.web.chat.open_page import OpenPage

OURS = {"sec-fetch-site": "same-origin"}


@pytest.fixture
def opened(tmp_path):
    """Open Docent with settings; it is closed after the test."""
    docents = []

    def open_with(**settings: Any) -> Docent:
        docents.append(open_docent(Settings(storage=tmp_path / "storage", **settings)))
        return docents[-1]

    yield open_with
    for docent in docents:
        docent.close()


@pytest.fixture
def client(monkeypatch):
    """Send requests as the user that a header names; "admin" is the administrator."""

    async def reader(request) -> str | None:
        return request.headers.get("x-reader")

    monkeypatch.setattr(page_routes, "reader_of", reader)

    def of(docent: Docent, name: str, **headers: str) -> httpx.AsyncClient:
        app = Starlette(routes=model_panel.routes())
        app.state.docent = docent
        app.state.downloads = ModelDownloads(docent.pull_model)
        app.state.authenticator = SimpleNamespace(is_admin=lambda user: user == "admin", required=True)
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://docent.example",
            headers={**({"x-reader": name} if name else {}), **OURS, **headers},
        )

    return of


def parsed(response: httpx.Response) -> LexborHTMLParser:
    assert response.status_code == 200
    return LexborHTMLParser(response.text)


def state(page: LexborHTMLParser) -> str:
    return page.css_first(".model-panel").attributes["data-state"]


async def test_a_ready_model_and_the_others_of_its_server(opened, client, start_ollama):
    """The model of the settings is marked, and the others are offered with size and context."""
    docent = opened(model_url=start_ollama(models=("mistral", "llama3.2", "all-minilm")).url)
    async with client(docent, "ben") as ben:
        page = parsed(await ben.get("/model"))
    assert state(page) == "ready"
    labels = [" ".join(label.text().split()) for label in page.css("label")]
    assert labels == [
        "mistral, as set up 4.4 GB · reads up to 32,768 tokens",
        "llama3.2:latest 4.4 GB · reads up to 32,768 tokens",
    ]
    assert "checked" in page.css_first("input").attributes


async def test_a_missing_model_is_downloaded_by_an_administrator(opened, client, start_ollama):
    """One click starts the download; afterwards the model is ready. No command is named."""
    docent = opened(model_url=start_ollama(models=("mistral",)).url, model="gemma")
    async with client(docent, "admin") as admin:
        page = parsed(await admin.get("/model"))
        assert state(page) == "missing"
        assert "ollama pull" not in page.text()
        assert page.css_first("[data-download]").attributes["data-download"] == "gemma"
        assert (await admin.post("/model/download", json={"name": "gemma"})).status_code == 202
        async with asyncio.timeout(20):
            while state(parsed(await admin.get("/model"))) != "ready":
                await asyncio.sleep(0.02)


async def test_a_member_reads_a_sentence_for_members(opened, client, start_ollama):
    """No address, no command and no button: a member can only wait, or tell somebody."""
    server = start_ollama(models=())
    docent = opened(model_url=server.url)
    async with client(docent, "ben") as ben:
        page = parsed(await ben.get("/model"))
        refused = await ben.post("/model/download", json={"name": "mistral"})
    assert "Tell your administrator" in page.text()
    assert page.css_first("button, form") is None
    assert server.url not in page.text() and "ollama" not in page.text()
    assert refused.status_code == 403
    assert not server.requests_to("/api/pull")


async def test_a_server_that_is_down(opened, client):
    """An administrator reads how to start it; a member does not."""
    docent = opened(model_url=free_url())
    async with client(docent, "admin") as admin:
        page = parsed(await admin.get("/model"))
    assert (state(page), "ollama serve" in page.text()) == ("down", True)
    async with client(docent, "ben") as ben:
        assert "ollama serve" not in parsed(await ben.get("/model")).text()


async def test_a_server_that_cannot_download(opened, client, start_ollama):
    """With another protocol the models are listed, and none can be downloaded from here."""
    server = start_ollama(models=("mistral",))
    docent = opened(model_url=server.url, provider="openai")
    async with client(docent, "admin") as admin:
        page = parsed(await admin.get("/model"))
        refused = await admin.post("/model/download", json={"name": "gemma"})
    assert (state(page), page.css_first("form")) == ("ready", None)
    assert refused.status_code == 403


async def test_a_model_file(opened, client, gguf):
    """Of a file that Docent serves itself, size and context are read from the file."""
    docent = opened(model=str(gguf))
    async with client(docent, "admin") as admin:
        page = parsed(await admin.get("/model"))
    assert state(page) == "ready"
    assert "reads up to 8,192 tokens" in page.text()


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        pytest.param({"name": "../../etc"}, {}, 202, id="a name that only the server can refuse"),
        pytest.param({"name": "a b"}, {}, 400, id="no name of a model"),
        pytest.param({"name": ""}, {}, 400, id="empty"),
        pytest.param({}, {}, 400, id="no name"),
        pytest.param({"name": "gemma"}, {"sec-fetch-site": "cross-site"}, 403, id="another site"),
    ],
)
async def test_requests_for_a_download(opened, client, ollama, body, headers, status):
    """Only our own page can ask for one, by a name that a model may have."""
    async with client(opened(model_url=ollama.url), "admin", **headers) as admin:
        assert (await admin.post("/model/download", json=body)).status_code == status


async def test_nobody_else_asks(opened, client, ollama):
    """Without a login there is neither state nor download."""
    async with client(opened(model_url=ollama.url), "") as stranger:
        assert (await stranger.get("/model")).status_code == 401
        assert (await stranger.post("/model/download", json={"name": "gemma"})).status_code == 401


async def test_a_model_is_chosen_for_a_conversation(opened, start_ollama):
    """The choice is one of the conversation's settings; a name that the server lacks changes nothing."""
    docent = opened(model_url=start_ollama(models=("mistral", "llama3.2")).url)
    page = OpenPage()
    for message in ({model_panel.CHOOSE: "no-such-model"}, {"another": "message"}, "text", None):
        assert not await model_panel.choose_model(message, docent=docent)
    assert await model_panel.choose_model({model_panel.CHOOSE: "llama3.2:latest"}, docent=docent)
    assert conversation.current_choices(docent).preferences.model == "llama3.2:latest"
    await model_panel.announce_model(docent=docent)
    assert page.events[-1] == ("window_message", {model_panel.CHOSEN: "llama3.2:latest"})
    assert await model_panel.choose_model({model_panel.CHOOSE: ""}, docent=docent)
    assert conversation.current_choices(docent).preferences.model == ""
    await page.session.delete()
