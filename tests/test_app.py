"""Docent is opened as the settings describe."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from docent.app import Docent, open_docent
from docent.errors import SettingsError
from docent.indexing import embedder
from docent.settings import Settings
from docent.types import Answered, AnswerRequest, Preferences, Scope, StepProgress
from tests.ports import free_url

pytestmark = pytest.mark.filterwarnings("ignore:legacy embedding function config:DeprecationWarning")


@pytest.fixture
def docent(tmp_path: Path, ollama: Any) -> Iterator[Docent]:
    with open_docent(Settings(storage=tmp_path / "storage", model_url=ollama.url)) as docent:
        yield docent
        _until_warm()


def _until_warm() -> None:
    for thread in [one for one in threading.enumerate() if one.name == "warming"]:
        thread.join(20)


def test_what_was_opened_is_closed_when_opening_fails(tmp_path):
    """If a file of the settings is refused, the storage folder can be opened again."""
    (tmp_path / "policy.toml").write_text("[")
    settings = Settings(storage=tmp_path / "storage", content_policy_file=tmp_path / "policy.toml")
    with pytest.raises(SettingsError, match="content policy") as refused:
        open_docent(settings.model_copy(update={"content_policy": "warn"}))
    with open_docent(settings) as docent:
        assert docent.store.owned, refused


def test_the_store_is_closed_when_another_part_fails(tmp_path, monkeypatch):
    """If a part cannot be closed, the storage folder can still be opened again."""
    settings = Settings(storage=tmp_path / "storage")
    docent = open_docent(settings)
    with monkeypatch.context() as broken:
        broken.setattr(docent.uploads, "close", lambda: [][0])
        with pytest.raises(IndexError):
            docent.close()
    docent.uploads.close()
    with open_docent(settings) as after:
        assert after.store.owned


def test_workers_respect_a_containers_quota(tmp_path, monkeypatch):
    """The number of readers follows a container's processor quota."""
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    monkeypatch.setattr(embedder, "QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr("os.sched_getaffinity", lambda process: range(64), raising=False)
    with open_docent(Settings(storage=tmp_path / "storage")) as docent:
        assert docent.ingest_pipeline.workers == 2


def test_every_request_to_the_model_server_has_its_key(tmp_path, start_ollama):
    """The key is sent with every request, also for vectors; without a key none is sent."""
    server = start_ollama(models=("nomic-embed-text",))
    settings = Settings(
        storage=tmp_path / "storage", model_url=server.url, embedding_model="ollama:nomic-embed-text"
    )
    with open_docent(settings.model_copy(update={"model_key": SecretStr("sk-test")})):
        assert server.requests
        assert {one.headers.get("authorization") for one in server.requests} == {"Bearer sk-test"}
    before = len(server.requests)
    with open_docent(settings):
        assert {one.headers.get("authorization") for one in server.requests[before:]} == {None}


async def test_warming_loads_the_language_model(docent, ollama):
    """Before the first question the model is in memory, with the context window that it needs."""
    docent.warm()
    await ollama.until(lambda: bool(ollama.requests_to("/api/chat")), within=10)
    first = ollama.requests_to("/api/chat")[0].body
    assert first["messages"] == []
    assert first["options"]["num_ctx"] == docent.settings.context_tokens


def test_warming_without_a_server_is_quiet(tmp_path, monkeypatch):
    """Without a model server the start shows no error."""
    raised: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", raised.append)
    with open_docent(Settings(storage=tmp_path / "storage", model_url=free_url())) as docent:
        docent.warm()
        _until_warm()
    assert raised == []


async def test_another_model_for_one_question(docent, ollama):
    """The server's models can be listed and downloaded, and one question can use another model."""
    assert await docent.models() == ("mistral:latest",)
    steps = [step async for step in docent.pull_model("llama3.2")]
    assert all(isinstance(step, StepProgress) for step in steps)
    assert set(await docent.models()) == {"mistral:latest", "llama3.2:latest"}
    events = docent.answer(
        AnswerRequest(question="Why?", scope=Scope(), anyway=True, preferences=Preferences(model="llama3.2"))
    )
    last = [event async for event in events][-1]
    assert isinstance(last, Answered)
    assert last.answer.receipt.model == "llama3.2"
    assert ollama.requests_to("/api/chat")[-1].body["model"] == "llama3.2"
