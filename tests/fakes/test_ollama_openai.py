"""The fake's OpenAI-compatible API keeps to the protocol, as seen through the real `openai` package."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator

import httpx
import openai
import pytest
import pytest_asyncio

PASSAGES = (
    "[1] Cats sleep. Dogs bark at night.\n[2] The fee is 20 euros a month.\n\nQuestion: How high is the fee?"
)
ANSWER = "The fee is 20 euros a month. [2]"


@pytest.fixture
def client(ollama) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{ollama.url}/v1", api_key="unused", max_retries=0) as client:
        yield client


@pytest_asyncio.fixture
async def async_client(ollama) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{ollama.url}/v1", api_key="unused", max_retries=0) as client:
        yield client


def ask(content: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": content}]


def test_chat_answers(client):
    """A chat completion has the answer, its finish reason and its token counts."""
    done = client.chat.completions.create(model="mistral", messages=ask(PASSAGES))
    (choice,) = done.choices
    assert (choice.message.content, choice.finish_reason) == (ANSWER, "stop")
    assert done.usage.completion_tokens == 13
    assert done.usage.total_tokens == done.usage.prompt_tokens + 13
    assert (done.object, done.model, done.system_fingerprint) == ("chat.completion", "mistral", "fp_ollama")


async def test_chat_streams(async_client):
    """Chunks carry the answer; the last before the usage has the finish reason."""
    stream = await async_client.chat.completions.create(
        model="mistral", messages=ask(PASSAGES), stream=True, stream_options={"include_usage": True}
    )
    *chunks, usage = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content for chunk in chunks) == ANSWER
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert usage.choices == []
    assert usage.usage.completion_tokens == len(chunks) - 1


def test_a_stream_is_server_sent_events(ollama):
    """Each chunk is an event, and the stream ends with [DONE]; usage comes only when asked for."""
    asked = {"model": "mistral", "messages": ask("Hello there?"), "stream": True}
    reply = httpx.post(f"{ollama.url}/v1/chat/completions", json=asked)
    assert reply.headers["content-type"] == "text/event-stream"
    *events, end = [event.removeprefix("data: ") for event in reply.text.strip().split("\n\n")]
    assert end == "[DONE]"
    assert [json.loads(event)["choices"][0]["delta"]["content"] for event in events] == [
        *("Hello", " there", "?", "")
    ]
    assert "usage" not in reply.text


def test_content_may_come_in_parts(client):
    """A message's content may be a list of text parts."""
    parts = [{"type": "text", "text": PASSAGES.split("Question")[0]}, {"type": "text", "text": "The fee?"}]
    done = client.chat.completions.create(model="mistral", messages=[{"role": "user", "content": parts}])
    assert done.choices[0].message.content == ANSWER


def test_max_tokens_and_stop_end_an_answer(ollama, client):
    """max_tokens ends with `length`, a stop sequence with `stop`."""
    ollama.script("one two three", "one two three")
    cut = client.chat.completions.create(model="mistral", messages=ask("Count"), max_tokens=2)
    assert (cut.choices[0].message.content, cut.choices[0].finish_reason) == ("one two", "length")
    stopped = client.chat.completions.create(model="mistral", messages=ask("Count"), stop=" three")
    assert (stopped.choices[0].message.content, stopped.choices[0].finish_reason) == ("one two", "stop")


def test_tool_calls_have_their_arguments_as_text(ollama, client):
    """A scripted tool call arrives in OpenAI's form, streamed or not."""
    call = {"name": "weather", "arguments": {"city": "Bern"}}
    ollama.script({"tool_calls": [call]}, {"tool_calls": [call]})
    whole = client.chat.completions.create(model="mistral", messages=ask("Weather?")).choices[0]
    streamed = list(client.chat.completions.create(model="mistral", messages=ask("Weather?"), stream=True))
    for called in (whole.message.tool_calls[0], streamed[0].choices[0].delta.tool_calls[0]):
        assert called.function.name == "weather"
        assert json.loads(called.function.arguments) == {"city": "Bern"}
    assert whole.finish_reason == streamed[-1].choices[0].finish_reason == "tool_calls"


def test_models_are_listed(client):
    """Installed models are listed by their full names."""
    assert [(model.id, model.owned_by) for model in client.models.list()] == [("mistral:latest", "library")]


@pytest.mark.parametrize(
    ("body", "status", "kind", "words"),
    [
        pytest.param({"model": "no", "messages": ask("x")}, 404, "not_found_error", "model 'no'"),
        pytest.param({"model": "mistral"}, 400, "invalid_request_error", "is too short"),
    ],
)
def test_refusals_have_the_openai_shape(ollama, body, status, kind, words):
    """An error is an object with a message and a type, not a string."""
    reply = httpx.post(f"{ollama.url}/v1/chat/completions", json=body)
    error = reply.json()["error"]
    assert (reply.status_code, error["type"], error["code"]) == (status, kind, None)
    assert words in error["message"]


@pytest.mark.parametrize(
    ("refuse", "raised", "words"),
    [
        pytest.param("busy", openai.InternalServerError, "server busy", id="busy"),
        pytest.param("internal", openai.InternalServerError, "llama runner process", id="internal"),
        pytest.param("overflow", openai.BadRequestError, "exceeds the available context", id="overflow"),
        pytest.param("not_found", openai.NotFoundError, "model 'mistral' not found", id="not found"),
    ],
)
def test_scripted_refusals_reach_the_openai_api(ollama, client, refuse, raised, words):
    """A scripted refusal raises the exceptions of the client."""
    ollama.script(refuse=refuse)
    with pytest.raises(raised, match=words):
        client.chat.completions.create(model="mistral", messages=ask("Hi"))


def test_a_failure_in_mid_stream_ends_without_done(ollama):
    """There is no error event: a stream that fails ends with neither a reason nor [DONE]."""
    ollama.script(reply="one two three", error_after=2)
    asked = {"model": "mistral", "messages": ask("Hi"), "stream": True}
    reply = httpx.post(f"{ollama.url}/v1/chat/completions", json=asked)
    events = [json.loads(event.removeprefix("data: ")) for event in reply.text.strip().split("\n\n")]
    assert [event["choices"][0]["delta"]["content"] for event in events] == ["one", " two", ""]
    assert all(event["choices"][0]["finish_reason"] is None for event in events)
