"""An answer that was interrupted is always reported as an error."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from docent.types import Token
from tests.ports import free_port
from tests.web.api.conftest import TEXTS, Api

pytestmark = [
    pytest.mark.filterwarnings("ignore:legacy embedding function config:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

ROOT = Path(__file__).resolve().parents[3]
CAT = [{"role": "user", "content": "Where does the grey cat sleep?"}]
WORDS = "Mimi sleeps on the warm oven. The grey cat Mimi sleeps on the warm"
BROKEN = [
    pytest.param({"reply": WORDS, "drop_after": 13}, id="dropped"),
    pytest.param({"reply": WORDS, "error_after": 13, "error": "out of memory"}, id="error"),
]


def events_of(lines: Any) -> list[Any]:
    """Return the events of a stream, the last line as text."""
    data = [line.removeprefix("data: ") for line in lines if line]
    return [*map(json.loads, data[:-1]), data[-1]]


@pytest.mark.parametrize("order", BROKEN)
def test_an_interrupted_stream(api: Api, order: dict[str, Any]):
    """It ends with finish_reason "error", an error event and [DONE]; its last sentence has no citation."""
    api.ollama.script(**order)
    body = {"model": "docent", "messages": CAT, "stream": True, "stream_options": {"include_usage": True}}
    with api.http().stream("POST", "/v1/chat/completions", json=body) as response:
        *pieces, last, counted, error, done = events_of(response.iter_lines())
    assert all(one["choices"][0]["finish_reason"] is None for one in pieces)
    assert last["choices"][0]["finish_reason"] == "error"
    answer = last["docent"]
    assert [one["quote"] for one in answer["citations"]] == [TEXTS["cats", "cats.md"].splitlines()[2]]
    assert answer["answer"].startswith("Mimi sleeps on the warm oven [1].")
    assert answer["answer"].count("[1]") == 1
    assert any("last sentence is unfinished" in one for one in answer["receipt"]["notices"])
    assert counted["usage"]
    assert error["error"]["code"] == "broken_off"
    assert error["error"]["message"] == answer["receipt"]["broken_off"] != ""
    assert done == "[DONE]"


@pytest.mark.parametrize("order", BROKEN)
def test_the_client_package_raises_for_an_interrupted_stream(api: Api, order: dict[str, Any]):
    """OpenAI's package raises an error where the stream was interrupted."""
    api.ollama.script(**order)
    with pytest.raises(openai.APIError):
        for _ in api.client().chat.completions.create(model="docent", messages=CAT, stream=True):
            pass


@pytest.mark.parametrize("order", BROKEN)
def test_an_interrupted_answer_without_streaming(api: Api, order: dict[str, Any]):
    """The reply is an error with the reason, no half answer, and is counted as failed."""
    api.ollama.script(**order)
    body = {"model": "docent", "messages": CAT}
    before = _failed(api)
    response = api.http().post("/v1/chat/completions", json=body)
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "broken_off"
    assert response.json()["error"]["message"]
    assert _failed(api) == before + 1


def _failed(api: Api) -> float:
    return (
        api.metrics.registry.get_sample_value("docent_questions_total", {"way": "api", "end": "failed"}) or 0
    )


def test_the_last_sentence_of_a_cut_answer_has_no_citation(api: Api):
    """An answer that reached its longest length ends in an incomplete sentence, which gets no number."""
    api.ollama.script(reply=WORDS, done_reason="length")
    answer = api.client().chat.completions.create(model="docent", messages=CAT)
    assert answer.choices[0].finish_reason == "length"
    assert answer.choices[0].message.content.count("[1]") == 1


def test_an_error_after_the_stop_sequence_is_ignored(api: Api):
    """The text before the stop sequence is complete, so a later error of the model is not reported."""
    api.ollama.script(reply=WORDS, drop_after=13)
    answer = api.client().chat.completions.create(model="docent", messages=CAT, stop=["The grey"])
    assert answer.choices[0].finish_reason == "stop"


def test_a_bug_in_the_middle_of_a_stream(api: Api, monkeypatch, capsys):
    """It ends with an error event and [DONE], without the error's own text, which may quote a document."""

    async def broken(*_: Any, **__: Any) -> Any:
        yield Token("Mimi sleeps")
        raise ZeroDivisionError("Mimi")

    monkeypatch.setattr("docent.app.Docent.answer", broken)
    body = {"model": "docent", "messages": CAT, "stream": True}
    with api.http().stream("POST", "/v1/chat/completions", json=body) as response:
        _, piece, error, done = events_of(response.iter_lines())
    assert piece["choices"][0]["delta"]["content"] == "Mimi sleeps"
    assert error["error"]["code"] == "mistake" and "Mimi" not in error["error"]["message"]
    assert done == "[DONE]"
    printed = capsys.readouterr().err
    assert "ZeroDivisionError in" in printed and "Mimi" not in printed


@pytest.fixture
def process(tmp_path: Path, start_ollama: Any):
    """`docent serve` with one document, and its model server."""
    ollama = start_ollama()
    (tmp_path / "data" / "cats").mkdir(parents=True)
    (tmp_path / "data" / "cats" / "cats.md").write_text(TEXTS["cats", "cats.md"])
    port = free_port()
    settings = {
        "STORAGE": tmp_path / "storage",
        "DATA": tmp_path / "data",
        "PORT": port,
        "MODEL_URL": ollama.url,
        "SUMMARIES_AHEAD": 0,  # its request would be the last one
    }
    environ = {**os.environ, **{f"DOCENT_{name}": str(value) for name, value in settings.items()}}
    subprocess.run([sys.executable, "ingest.py"], cwd=ROOT, env=environ, check=True, capture_output=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "docent", "serve"], cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True
    )
    with httpx.Client(base_url=f"http://localhost:{port}", trust_env=False, timeout=60) as client:
        limit = time.monotonic() + 90
        while time.monotonic() < limit and process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                warmed = [one.answered for one in ollama.requests_to("/api/chat")]
                if warmed[:1] == [True] and client.get("/ready").status_code == 200:
                    break
            time.sleep(0.1)
        try:
            yield process, client, ollama
        finally:
            process.kill()
            process.communicate()


def test_stopping_the_server_ends_its_streams(process: Any):
    """SIGTERM ends each stream at once with an error event and [DONE], and cancels the model's request."""
    process, client, ollama = process
    ollama.script(reply="word " * 2_000, seconds_per_token=0.05)
    body = {"model": "docent", "messages": CAT, "stream": True}
    with client.stream("POST", "/v1/chat/completions", json=body) as response:
        lines = response.iter_lines()
        while "word" not in next(lines):
            pass
        process.send_signal(signal.SIGTERM)
        *_, error, done = [line for line in lines if line]
    assert json.loads(error.removeprefix("data: "))["error"]["code"] == "not_open"
    assert done == "data: [DONE]"
    assert process.wait(timeout=60) in (0, -signal.SIGTERM)
    assert "Traceback" not in process.stderr.read()
    assert ollama.requests_to("/api/chat")[-1].disconnected
