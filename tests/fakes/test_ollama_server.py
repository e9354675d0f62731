"""The fake Ollama server keeps to the protocol, as seen through the real `ollama` package."""

from __future__ import annotations

import asyncio
import json
import math
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing

import httpx
import ollama as package
import pytest
import pytest_asyncio

from tests.fakes.plugin import ROOT, start_process

PASSAGES = (
    "[1] Cats sleep. Dogs bark at night.\n[2] The fee is 20 euros a month.\n\nQuestion: How high is the fee?"
)
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@pytest.fixture
def client(ollama) -> Iterator[package.Client]:
    with closing(package.Client(ollama.url)) as client:
        yield client


@pytest_asyncio.fixture
async def async_client(ollama) -> AsyncIterator[package.AsyncClient]:
    client = package.AsyncClient(ollama.url)
    yield client
    await client.close()


def dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def ask(content: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": content}]


# --- chat ----------------------------------------------------------------------------------


def test_chat_streams_an_answer_and_cites_its_passage(client):
    """By default the server answers with the closest sentence and its number, token by token."""
    parts = list(client.chat("mistral", ask(PASSAGES), stream=True))
    assert "".join(part.message.content for part in parts) == "The fee is 20 euros a month. [2]"
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    last = parts[-1]
    assert (last.done_reason, last.eval_count) == ("stop", len(parts) - 1)
    assert last.prompt_eval_count > 20
    assert last.total_duration >= last.load_duration + last.prompt_eval_duration + last.eval_duration > 0


async def test_chat_streams_to_the_async_client(async_client):
    """The async client reads the same stream."""
    parts = [part async for part in await async_client.chat("mistral", ask(PASSAGES), stream=True)]
    assert "".join(part.message.content for part in parts) == "The fee is 20 euros a month. [2]"


def test_chat_answers_whole_when_not_streamed(client):
    """With stream false there is one object: the answer and its counts."""
    answer = client.chat("mistral", ask(PASSAGES))
    assert answer.message.content == "The fee is 20 euros a month. [2]"
    assert (answer.done, answer.done_reason, answer.message.role) == (True, "stop", "assistant")
    assert answer.eval_count == 13


def test_an_empty_request_loads_the_model(ollama, client):
    """Without messages the model is loaded, and the next request finds it in memory."""
    assert client.chat("mistral", []).done_reason == "load"
    client.chat("mistral", ask("Hi"))
    assert [record.reloaded for record in ollama.requests] == [True, False]


def test_a_model_is_reloaded_when_its_window_or_shift_changes(ollama, client):
    """The records tell which requests had to load the model."""
    for options in ({"num_ctx": 2048}, {"num_ctx": 2048}, {"num_ctx": 4096}, {"num_ctx": 4096}):
        client.chat("mistral", ask("Hi"), options=options)
    httpx.post(f"{ollama.url}/api/chat", json={"model": "mistral", "messages": ask("Hi"), "shift": False})
    assert [r.reloaded for r in ollama.requests_to("/api/chat")] == [True, False, True, False, True]


def test_num_predict_and_stop_end_an_answer(ollama, client):
    """num_predict cuts with done_reason length, a stop sequence with done_reason stop."""
    ollama.script("one two three four", "one two three four")
    cut = client.chat("mistral", ask("Count"), options={"num_predict": 2})
    assert (cut.message.content, cut.done_reason, cut.eval_count) == ("one two", "length", 2)
    stopped = client.chat("mistral", ask("Count"), options={"stop": [" three"]})
    assert (stopped.message.content, stopped.done_reason) == ("one two", "stop")


def test_tool_calls_come_as_a_message(ollama, client):
    """A scripted tool call has an id, a name and arguments, streamed or not."""
    call = {"name": "weather", "arguments": {"city": "Bern"}}
    ollama.script({"tool_calls": [call]}, {"tool_calls": [call]})
    whole = client.chat("mistral", ask("Weather?"), tools=[WEATHER])
    streamed = list(client.chat("mistral", ask("Weather?"), tools=[WEATHER], stream=True))
    for message in (whole.message, streamed[0].message):
        assert message.tool_calls[0].function.name == "weather"
        assert message.tool_calls[0].function.arguments == {"city": "Bern"}
    assert [part.done for part in streamed] == [False, True]


def test_thinking_is_refused_or_sent_beside_the_answer(ollama, start_ollama):
    """A model that cannot think refuses to; one that can puts its thoughts beside the answer."""
    with closing(package.Client(ollama.url)) as client, pytest.raises(package.ResponseError) as refused:
        client.chat("mistral", ask("Hi"), think=True)
    assert (refused.value.status_code, refused.value.error) == (400, '"mistral" does not support thinking')
    thinker = start_ollama(models=("qwen3",))
    thinker.script(reply="Yes.", thinking="Well, now.")
    with closing(package.Client(thinker.url)) as client:
        answer = client.chat("qwen3", ask("Sure?"), think=True)
    assert (answer.message.thinking, answer.message.content) == ("Well, now.", "Yes.")


# --- models --------------------------------------------------------------------------------


def test_models_are_listed_and_shown(start_ollama):
    """/api/tags lists what is installed, with `latest` as the tag by default; /api/show describes it."""
    server = start_ollama(models=("mistral", "all-minilm:33m"))
    with closing(package.Client(server.url)) as client:
        assert {m.model for m in client.list().models} == {"mistral:latest", "all-minilm:33m"}
        shown = client.show("MISTRAL")
        assert shown.modelinfo["llama.context_length"] == 32768
        assert shown.capabilities == ["completion", "tools"]
        assert client.show("all-minilm:33m").capabilities == ["embedding"]
        with pytest.raises(package.ResponseError, match='"all-minilm:33m" does not support chat'):
            client.chat("all-minilm:33m", ask("Hi"))


def test_pulling_shows_progress_and_installs(client):
    """A pull reports each layer's bytes, ends in success, and the model can be asked."""
    parts = list(client.pull("llama3.2", stream=True))
    assert [parts[0].status, parts[-1].status] == ["pulling manifest", "success"]
    shares = [part.completed / part.total for part in parts if part.completed and part.total]
    assert shares == [0.25, 0.5, 0.75, 1.0] * 2
    assert all(part.status == f"pulling {part.digest[7:19]}" for part in parts if part.digest)
    assert {m.model for m in client.list().models} == {"mistral:latest", "llama3.2:latest"}
    assert client.chat("llama3.2", ask("Hello?")).message.content == "Hello?"


def test_pulling_without_a_stream_answers_once(client):
    """With stream false a pull answers when it is done."""
    assert client.pull("llama3.2").status == "success"
    assert "llama3.2:latest" in {m.model for m in client.list().models}


def test_pulling_can_fail(ollama, client):
    """A model that the registry does not have ends the stream with an error line, or is a 500."""
    ollama.script(on="/api/pull", error_after=1, sticky=True)
    with pytest.raises(package.ResponseError, match="pull model manifest: file does not exist"):
        list(client.pull("nosuch", stream=True))
    with pytest.raises(package.ResponseError, match="file does not exist") as refused:
        client.pull("nosuch")
    assert refused.value.status_code == 500
    assert len(client.list().models) == 1


@pytest.mark.parametrize(
    "asking",
    [
        pytest.param(lambda c: c.chat("llama3", ask("Hi")), id="chat"),
        pytest.param(lambda c: list(c.chat("llama3", ask("Hi"), stream=True)), id="chat stream"),
        pytest.param(lambda c: c.show("llama3"), id="show"),
        pytest.param(lambda c: c.embed("llama3", "Hi"), id="embed"),
    ],
)
def test_an_unknown_model_is_not_found(client, asking):
    """Every request for a model that is not installed is a 404 with the real server's words."""
    with pytest.raises(package.ResponseError) as refused:
        asking(client)
    assert (refused.value.status_code, refused.value.error) == (404, "model 'llama3' not found")


async def test_an_unknown_model_is_not_found_by_the_async_client(async_client):
    """The async client gets the same refusal, also where it would stream."""
    with pytest.raises(package.ResponseError, match="model 'llama3' not found"):
        async for _ in await async_client.chat("llama3", ask("Hi"), stream=True):
            pass


# --- embeddings ----------------------------------------------------------------------------


def test_embeddings_are_unit_vectors_that_never_change(client):
    """Each text gets a vector of length one, always the same, nearer to texts with shared words."""
    texts = ["the cat sleeps", "a cat sleeps here", "quarterly revenue"]
    first = client.embed("mistral", texts)
    cat, other_cat, revenue = first.embeddings
    assert first.embeddings == client.embed("mistral", texts).embeddings
    assert all(math.isclose(math.hypot(*vector), 1.0) for vector in first.embeddings)
    assert dot(cat, other_cat) > 0.4 > dot(cat, revenue)
    assert first.prompt_eval_count == 10


def test_embeddings_refuse_what_is_too_long_when_not_truncated(start_ollama):
    """A text beyond the model's window is cut, or refused with truncate false."""
    with closing(package.Client(start_ollama(models=("all-minilm",)).url)) as client:
        assert client.embed("all-minilm", "cat " * 600).prompt_eval_count == 512
        with pytest.raises(package.ResponseError, match="exceeds the available context size") as refused:
            client.embed("all-minilm", "cat " * 600, truncate=False)
    assert refused.value.status_code == 400


# --- plain HTTP ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "text"),
    [
        pytest.param("HEAD", "/api/tags", None, 200, "", id="tags, head"),
        pytest.param("GET", "/nowhere", None, 404, "404 page not found", id="no such page"),
        pytest.param("GET", "/api/chat", None, 405, "405 method not allowed", id="no such method"),
        pytest.param("POST", "/api/chat", "", 400, '{"error":"missing request body"}', id="no body"),
        pytest.param("POST", "/api/chat", "{}", 400, '{"error":"model is required"}', id="no model"),
        pytest.param("POST", "/api/pull", "{}", 400, '{"error":"invalid model name"}', id="pull nothing"),
        pytest.param("POST", "/api/show", "{}", 400, '{"error":"model is required"}', id="show nothing"),
        pytest.param(
            "POST", "/api/embed", '{"input": 3}', 400, '{"error":"invalid input type"}', id="embed 3"
        ),
    ],
)
def test_plain_requests(ollama, method, path, body, status, text):
    """Statuses and bodies are those of the real server."""
    reply = httpx.request(method, ollama.url + path, content=body)
    assert (reply.status_code, reply.text) == (status, text)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param('{"model": ', "invalid character", id="half a JSON"),
        pytest.param('["mistral"]', "cannot unmarshal", id="a list"),
        pytest.param(
            '{"model": "mistral", "messages": "Hi"}', "cannot unmarshal string", id="messages a string"
        ),
        pytest.param(
            '{"model": "mistral", "messages": [{}], "options": {"num_ctx": "big"}}',
            "must be of type integer",
            id="num_ctx a string",
        ),
    ],
)
def test_malformed_requests_are_refused(ollama, body, words):
    """A malformed request gets a JSON error, and the server does not crash."""
    reply = httpx.post(f"{ollama.url}/api/chat", content=body)
    assert reply.status_code in (400, 500)
    assert words in reply.json()["error"]


def test_a_stream_is_newline_delimited_json(ollama):
    """A stream has its content type, a JSON object on each line, and times in UTC nanoseconds."""
    asked = {"model": "mistral", "messages": ask("Hello there?")}
    reply = httpx.post(f"{ollama.url}/api/chat", json=asked)
    assert reply.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in reply.text.splitlines()]
    assert [line["message"]["content"] for line in lines] == ["Hello", " there", "?", ""]
    assert all(line["created_at"].endswith("000Z") for line in lines)


# --- the process ---------------------------------------------------------------------------


def test_it_runs_as_a_process_of_its_own(tmp_path):
    """`python -m tests.fakes.ollama_server` takes models, a release and a script, and prints its port."""
    script = tmp_path / "script.json"
    script.write_text(json.dumps([{"reply": "Always this.", "sticky": True}]), "utf-8")
    server = start_process("--models", "llama3.2, phi4:14b", "--version", "0.12.6", "--script", str(script))
    try:
        with closing(package.Client(server.url)) as client:
            assert {m.model for m in client.list().models} == {"llama3.2:latest", "phi4:14b"}
            assert client.chat("phi4:14b", ask("Hi")).message.content == "Always this."
            with pytest.raises(package.ResponseError, match="the input length exceeds the context length"):
                client.embed("phi4:14b", "cat " * 33_000, truncate=False)
        assert [r.path for r in server.requests] == ["/api/tags", "/api/chat", "/api/embed"]
    finally:
        server.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url)


def test_the_process_refuses_a_script_that_it_does_not_know(tmp_path):
    """A misspelt field in a script stops the start with the names of all fields."""
    script = tmp_path / "script.json"
    script.write_text('{"repley": "x"}', "utf-8")
    command = [sys.executable, "-m", "tests.fakes.ollama_server", "--port", "0", "--script", str(script)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 2
    assert "A script has no 'repley'" in ended.stderr


async def test_stopping_breaks_streams_off(ollama, async_client):
    """A client of a server that is stopped in mid-answer sees the connection break."""
    ollama.script(reply="word " * 200, seconds_per_token=0.02)
    tokens = []
    with pytest.raises(httpx.RemoteProtocolError):
        async for part in await async_client.chat("mistral", ask("Hi"), stream=True):
            tokens.append(part.message.content)
            if len(tokens) == 3:
                await asyncio.to_thread(ollama.stop)
    assert 3 <= len(tokens) < 50
