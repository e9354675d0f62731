"""The model servers, as they behave on good and on bad days."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from concurrent.futures import Future
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from docent.answering.models.bounded_transport import certificates
from docent.answering.models.client import SAMPLING, GenerationOptions, ServedModel, Timeouts
from docent.answering.models.llamacpp_client import LlamaCppClient
from docent.answering.models.llamacpp_server import LlamaCppServer
from docent.answering.models.ollama_client import OllamaClient
from docent.answering.models.openai_client import OpenAIClient
from docent.errors import (
    ModelError,
    ModelFailed,
    ModelMissing,
    ModelOverflow,
    ModelTimeout,
    ModelUnreachable,
)
from tests.ports import free_url

MESSAGES = [{"role": "user", "content": "When does it open?"}]
PATIENCE = Timeouts(connect=30.0, first_token=60.0, token=60.0)


def native(url: str, **changes: Any) -> OllamaClient:
    values: dict[str, Any] = {
        "name": "mistral", "url": url, "key": "", "context_tokens": 4096, "answer_tokens": 256,
        "temperature": 0.1, "keep_alive": "5m", "timeouts": PATIENCE,
    }  # fmt: skip
    return OllamaClient(**values | changes)


def mirror(url: str, **changes: Any) -> OpenAIClient:
    values: dict[str, Any] = {
        "name": "mistral", "url": url, "key": "sk-test", "answer_tokens": 256, "temperature": 0.1,
        "timeouts": PATIENCE,
    }  # fmt: skip
    return OpenAIClient(**values | changes)


BOTH = pytest.mark.parametrize(
    "client", [pytest.param(native, id="ollama"), pytest.param(mirror, id="openai")]
)


async def text_of(client: Any) -> str:
    async with aclosing(client.stream(MESSAGES)) as pieces:
        return "".join([piece.text async for piece in pieces])


@BOTH
async def test_the_answer_streams_with_the_servers_counts(client, ollama):
    """Every token arrives in order, and the last piece has the counts."""
    ollama.script("It opens at half past nine.")
    pieces = [piece async for piece in client(ollama.url).stream(MESSAGES)]
    assert "".join(piece.text for piece in pieces) == "It opens at half past nine."
    assert len(pieces) > 3
    assert pieces[-1].prompt_tokens > 0
    assert pieces[-1].answer_tokens > 0


@BOTH
async def test_closing_the_stream_closes_the_connection(client, ollama):
    """Stop reaches the server within 200 ms, long before the answer would have ended."""
    ollama.script(reply="word " * 500, seconds_per_token=0.02)
    async with aclosing(client(ollama.url).stream(MESSAGES)) as pieces:
        await anext(pieces)
    closed = time.monotonic()
    await ollama.until(lambda: ollama.requests[-1].disconnected, within=20)
    assert ollama.requests[-1].disconnected_at - closed < 0.2
    assert ollama.requests[-1].tokens_sent < 100


@BOTH
async def test_cancelling_the_task_closes_the_connection(client, ollama):
    """A cancelled question, as the stop button makes it, does not go on in the background."""
    ollama.script(reply="word " * 500, seconds_per_token=0.02)
    task = asyncio.create_task(text_of(client(ollama.url)))
    await ollama.until(lambda: bool(ollama.requests and ollama.requests[-1].tokens_sent > 2), within=20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await ollama.until(lambda: ollama.requests[-1].disconnected, within=20)


async def test_the_context_is_fixed_and_nothing_is_lost_silently(ollama):
    """Each request names its context size and asks for an error where it would not fit."""
    await text_of(native(ollama.url))
    body = ollama.requests_to("/api/chat")[-1].body
    assert body["options"]["num_ctx"] == 4096
    assert body["truncate"] is False
    assert body["shift"] is False


@BOTH
@pytest.mark.parametrize(
    ("order", "error", "said"),
    [
        pytest.param(
            {"refuse": "not_found"}, ModelMissing, "does not have the model 'mistral'", id="no model"
        ),
        pytest.param({"refuse": "overflow"}, ModelOverflow, "do not fit", id="too long"),
        pytest.param({"refuse": "internal", "sticky": True}, ModelFailed, "could not answer", id="500"),
        pytest.param({"refuse": "busy", "sticky": True}, ModelFailed, "could not answer", id="busy"),
        pytest.param(
            {"reply": "one two three four", "drop_after": 2}, ModelError, "Ask again", id="broke off"
        ),
        pytest.param({"reply": "one two three", "error_after": 1}, ModelFailed, "Ask again", id="error line"),
    ],
)
async def test_every_failure_has_its_sentence(client, ollama, order, error, said):
    """Every failure of a server is reported with what happened and what to do next."""
    ollama.script(**order)
    with pytest.raises(error, match=said):
        await text_of(client(ollama.url))


@pytest.mark.parametrize("said", [b"<html>Welcome</html>", b"[]", b'"yes"', b'{"models": 3, "data": 3}', b""])
@BOTH
async def test_another_server_at_the_address_is_told(client, said):
    """A server of another protocol is reported, with the settings to correct."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(said) + said)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        status = await client(url).check()
        assert not status.ready
        assert "DOCENT_MODEL" in status.sentence + status.remedy
        with pytest.raises(ModelError):
            await text_of(client(url))


@BOTH
async def test_nobody_there(client):
    """With no server, the address is named."""
    url = free_url()
    with pytest.raises(ModelUnreachable, match=url):
        await text_of(client(url))
    status = await client(url).check()
    assert not status.ready
    assert url in status.sentence
    assert status.remedy


@BOTH
async def test_a_silent_server_is_given_up(client, ollama):
    """A model that never begins, and one that falls silent, are told apart from one that is slow."""
    await text_of(client(ollama.url))  # a package's first request takes 0.3 s before it is sent
    short = Timeouts(connect=1.0, first_token=0.3, token=0.3)
    ollama.script(reply="late", delay=3.0)
    with pytest.raises(ModelTimeout, match="did not begin .* raise DOCENT_FIRST_TOKEN_TIMEOUT"):
        await text_of(client(ollama.url, timeouts=short))
    ollama.script(reply="one two three", seconds_per_token=0.8)
    with pytest.raises(ModelTimeout, match="fell silent .* raise DOCENT_TOKEN_TIMEOUT"):
        await text_of(client(ollama.url, timeouts=replace(short, first_token=5.0)))


@BOTH
@pytest.mark.parametrize("bad", [{"refuse": "internal"}, {"reply": "one two", "drop_after": 0}])
async def test_one_retry_while_nothing_was_said(client, bad, ollama):
    """A first refusal is tried once more; what already streamed is never asked for twice."""
    ollama.script(bad, "Here it is.")
    assert await text_of(client(ollama.url)) == "Here it is."
    before = len(ollama.requests)
    ollama.script({"reply": "one two three four", "drop_after": 2}, "Not this.")
    with pytest.raises(ModelError):
        await text_of(client(ollama.url))
    assert len(ollama.requests) == before + 1


@BOTH
async def test_check_knows_the_model(client, ollama):
    """A model that is there is ready; one that is not comes with its remedy."""
    assert (await client(ollama.url).check()).ready
    status = await client(ollama.url, name="another").check()
    assert not status.ready
    assert "another" in status.sentence


@BOTH
async def test_the_models_to_choose_from(client, start_ollama):
    """The server's models are listed; a server that is not there is an error, not an empty list."""
    server = start_ollama(models=("mistral", "llama3.2"))
    assert set(await client(server.url).models()) == {"mistral:latest", "llama3.2:latest"}
    with pytest.raises(ModelUnreachable):
        await client(free_url()).models()


async def test_models_that_only_embed_are_not_offered(start_ollama):
    """They are listed by the server, and cannot write."""
    server = start_ollama(models=("mistral", "all-minilm"))
    assert await native(server.url).models() == ("mistral:latest",)


async def test_models_are_described_with_their_sizes(start_ollama):
    """Ollama says how large a model is and how much it reads; a server that says neither lists the names."""
    server = start_ollama(models=("mistral", "all-minilm"))
    assert await native(server.url).describe() == (ServedModel("mistral:latest", 4_372_824_384, 32_768),)
    assert ServedModel("mistral:latest") in await mirror(server.url).describe()
    server.stop()
    with pytest.raises(ModelUnreachable):
        await native(server.url).describe()


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        pytest.param({"max_model_len": 4096}, ServedModel("m", 0, 4096), id="vLLM"),
        pytest.param({"context_window": 131072}, ServedModel("m", 0, 131072), id="Groq"),
        pytest.param({"meta": {"size": 9, "n_ctx_train": 2048}}, ServedModel("m", 9, 2048), id="llama.cpp"),
        pytest.param({"meta": "x", "max_model_len": "many"}, ServedModel("m"), id="nonsense"),
    ],
)
async def test_what_servers_add_to_their_lists(listed, expected):
    """Sizes are taken from where each server writes them; anything else counts as unknown."""
    body = json.dumps({"object": "list", "data": [{"id": "m", "object": "model", **listed}]})

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n")
        writer.write(body.encode())
        writer.close()

    async with await asyncio.start_server(reply, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        assert await mirror(f"http://127.0.0.1:{port}").describe() == (expected,)


async def test_the_key_travels_and_is_never_shown(ollama):
    """A server that asks for a key gets it, under both names, and no representation shows it."""
    client = mirror(ollama.url)
    await text_of(client)
    headers = ollama.requests[-1].headers
    assert headers["authorization"] == "Bearer sk-test"
    assert headers["api-key"] == "sk-test"
    assert "sk-test" not in repr(client)


async def test_a_server_of_one_model_without_a_list(ollama):
    """Azure's serverless endpoints list no models: theirs is the one that is named, and it is ready."""
    ollama.script(on="/v1/models", status=404, error="Not Found", sticky=True)
    client = mirror(ollama.url, name="mistral")
    assert await client.models() == ("mistral",)
    assert (await client.check()).ready


async def test_a_server_that_tells_no_usage(ollama):
    """One that refuses to be asked for its counts is asked again without, and from then on."""
    ollama.script(status=400, error="stream_options: extra inputs are not permitted")
    client = mirror(ollama.url)
    assert await text_of(client)
    assert await text_of(client)
    asked = ["stream_options" in request.body for request in ollama.requests_to("/v1/chat/completions")]
    assert asked == [True, False, False]


async def test_the_machine_is_not_described_to_the_server(ollama):
    """The package's headers about system, processor and Python stay here."""
    await text_of(mirror(ollama.url))
    told = {name for name in ollama.requests[-1].headers if name.lower().startswith("x-stainless")}
    assert told <= {"x-stainless-retry-count"}


async def test_a_missing_model_can_be_pulled(ollama):
    """Pulling tells how far it is, and afterwards the model is there."""
    client = native(ollama.url, name="tinyllama")
    status = await client.check()
    assert status.can_pull
    assert status.remedy == "ollama pull tinyllama"
    steps = [step async for step in client.pull()]
    assert max(step.total for step in steps) > 0
    assert any(0 < step.done == step.total for step in steps)
    assert (await client.check()).ready
    assert not (await native(free_url()).check()).can_pull


async def test_a_pull_that_fails_says_so(ollama):
    """A broken or refused download is an error with its remedy, not the end of a progress bar."""
    ollama.script(on="/api/pull", error_after=3, error="no space left on device")
    with pytest.raises(ModelFailed, match="no space left"):
        _ = [step async for step in native(ollama.url, name="tinyllama").pull()]
    ollama.script(on="/api/pull", drop_after=3)
    with pytest.raises(ModelError, match="broke off"):
        _ = [step async for step in native(ollama.url, name="tinyllama").pull()]
    with pytest.raises(ModelMissing, match="DOCENT_MODEL"):
        _ = [step async for step in mirror(ollama.url, name="tinyllama").pull()]


async def test_warming_loads_the_model_as_it_will_be_used(ollama):
    """Loading asks for the same window as questions do: another would load the model again."""
    client = native(ollama.url)
    await client.warm()
    await text_of(client)
    first, second = ollama.requests_to("/api/chat")
    assert first.body["messages"] == []
    assert first.body["options"] == second.body["options"]
    assert (first.body["shift"], first.body["keep_alive"]) == (False, "5m")
    assert not second.reloaded
    with pytest.raises(ModelUnreachable):
        await native(free_url()).warm()


async def test_a_call_that_cannot_be_read(ollama):
    """Arguments that are a list name nothing; that is an error with its sentence."""
    ollama.script(tool_calls=[{"name": "search", "arguments": ["dogs"]}], reply="")
    with pytest.raises(ModelFailed, match="asked for a tool in a form that cannot be read"):
        await text_of(mirror(ollama.url))


@BOTH
async def test_one_answer_may_differ(client, ollama):
    """A length and a temperature for this answer alone; the window stays."""
    options = GenerationOptions(answer_tokens=40, temperature=0.0)
    _ = [piece async for piece in client(ollama.url).stream(MESSAGES, options)]
    body = ollama.requests[-1].body
    options = body.get("options", body)
    assert options.get("num_predict", options.get("max_tokens")) == 40
    assert options["temperature"] == 0.0


@BOTH
async def test_tool_calls_come_through(client, ollama):
    """A tool call arrives with its name and arguments."""
    ollama.script(tool_calls=[{"name": "calculate", "arguments": {"expression": "2 + 2"}}], reply="")
    tool = {"type": "function", "function": {"name": "calculate", "description": "", "parameters": {}}}
    pieces = [piece async for piece in client(ollama.url).stream(MESSAGES, GenerationOptions(tools=(tool,)))]
    calls = [call for piece in pieces for call in piece.calls]
    assert [(call.name, call.arguments) for call in calls] == [("calculate", {"expression": "2 + 2"})]


@pytest.mark.parametrize(
    ("host", "remedy"),
    [
        pytest.param("localhost", "ollama serve", id="by hand"),
        pytest.param("ollama", "docker compose up -d ollama", id="in compose"),
    ],
)
async def test_the_command_that_mends_it_is_the_one_that_works_there(host, remedy):
    """In compose the server is a service, elsewhere a program."""
    timeouts = Timeouts(connect=0.5, first_token=1.0, token=1.0)
    port = free_url().rpartition(":")[2]
    status = await native(f"http://{host}:{port}", timeouts=timeouts).check()
    assert status.remedy == remedy
    assert remedy in status.sentence


def test_a_hosted_server_must_prove_who_it_is():
    """Behind https its certificate and its name are checked; the authorities' are read once."""
    checked = certificates("https://models.example")
    assert checked.verify_mode is ssl.CERT_REQUIRED and checked.check_hostname
    assert certificates("https://elsewhere.example") is checked is not certificates("http://localhost:11434")


class Elsewhere(LlamaCppServer):
    """A server of a model file that is already running at this address."""

    def __init__(self, url: str) -> None:
        super().__init__(Path("mistral.gguf"), context_tokens=4096, threads=1, seconds_to_load=1)
        self._url = url

    def address(self) -> Future[str]:
        address: Future[str] = Future()
        address.set_result(self._url)
        return address


async def test_sampling_against_loops(ollama):
    """Ollama and llama.cpp are sent min_p and a small penalty; hosted servers are not."""
    await text_of(native(ollama.url))
    served = {"name": "", "answer_tokens": 256, "temperature": 0.1, "timeouts": PATIENCE}
    await text_of(LlamaCppClient(Elsewhere(ollama.url), **served))
    await text_of(mirror(ollama.url))
    (native_body,) = [record.body["options"] for record in ollama.requests_to("/api/chat")]
    own, hosted = [record.body for record in ollama.requests_to("/v1/chat/completions")]
    for body in (native_body, own):
        assert SAMPLING.items() <= body.items()
    assert not SAMPLING.keys() & hosted.keys()
