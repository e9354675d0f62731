"""Long questions are searched in part, reported, and do not delay other clients."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import httpx
import pytest

from bench.flood import FLOODS, flooded, p95
from docent.web.api.document_routes import TEXTS_AT_ONCE, EmbeddingTurns
from docent.web.api.http_errors import RequestRefused
from docent.web.api.schemas import EmbeddingsRequest
from tests.web.api.conftest import Api

LONG = "Nothing of interest. " * 1_000 + "When does the ferry leave?"


def test_a_search_reports_what_was_left_out(api: Api):
    """The passages of a long question come with a notice; a usual question has none."""
    http = api.http()
    found = http.post("/v1/search", json={"query": LONG}).json()
    assert "ships.md" in [passage["file"] for passage in found["data"]]
    assert "only the first 1,000 and the last 1,000 were searched" in found["notices"][0]
    assert http.post("/v1/search", json={"query": "When does the ferry leave?"}).json()["notices"] == []


def test_the_receipt_names_what_was_left_out(api: Api):
    """The receipt of a long question names what was not searched."""
    body = {"model": "docent", "messages": [{"role": "user", "content": LONG}]}
    receipt = api.http().post("/v1/chat/completions", json=body).json()["docent"]["receipt"]
    assert "only the first 1,000 and the last 1,000 were searched" in " ".join(receipt["notices"])
    assert len(receipt["searched"]) < 2_100
    assert receipt["question"] == LONG


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        pytest.param("/v1/search", {"query": "x" * 100_001}, 413, id="search"),
        pytest.param(
            "/v1/chat/completions",
            {"model": "docent", "messages": [{"role": "user", "content": "x" * 100_001}]},
            413,
            id="chat",
        ),
        pytest.param(
            "/v1/chat/completions",
            {
                "model": "docent",
                "messages": [{"role": "user", "content": [{"type": "text", "text": "x" * 60_000}] * 2}],
            },
            400,
            id="chat, in parts",
        ),
    ],
)
def test_a_question_that_is_too_long_is_refused(api: Api, path, body, status, stream):
    """The refusal comes before the stream, with the limit and what to do."""
    response = api.http().post(path, json={**body, "stream": stream})
    assert response.status_code == status
    sentence = response.json()["error"]["message"]
    assert "100,000 characters" in sentence and "Shorten it" in sentence


@pytest.mark.slow
@pytest.mark.parametrize("flood", FLOODS)
def test_long_questions_do_not_delay_others(api: Api, flood: str):
    """Beside four senders of long questions, 95 % of short searches take three times as long, or 0.1 s.

    One of five rounds has to succeed, as the machine may be busy. Without limits it was 100 times. An idle
    machine that is fast (12 ms) waits up to 80 ms beside four others for one of its two cores.
    """
    p95(api.url, 20)
    ratios = []
    for _ in range(5):
        idle = p95(api.url, 40)
        with flooded(api.url, 4, flood):
            ratios.append(p95(api.url, 40) / idle)
        if ratios[-1] <= max(3, 0.1 / idle):
            return
    pytest.fail(f"never within three times as long: {ratios}")


@pytest.fixture
def embedding(api: Api, monkeypatch):
    """Embedding turns, the slice sizes so far, and an event that lets the first slice go on."""
    sizes: list[int] = []
    go_on = threading.Event()
    embed = api.docent.embedder.embed

    def embed_when_allowed(texts: list[str]) -> Any:
        sizes.append(len(texts))
        assert go_on.wait(30)
        return embed(texts)

    monkeypatch.setattr(api.docent.embedder, "embed", embed_when_allowed)
    return EmbeddingTurns(), sizes, go_on


async def test_many_texts_do_not_delay_one_text(api: Api, embedding):
    """Requests to embed alternate after each slice, and each gets its own vectors in order."""
    turns, sizes, go_on = embedding
    texts = [f"text {number}" for number in range(4 * TEXTS_AT_ONCE)]
    many = asyncio.create_task(turns.embed(EmbeddingsRequest(input=texts), api.docent))
    one = asyncio.create_task(turns.embed(EmbeddingsRequest(input="text 7"), api.docent))
    await asyncio.sleep(0)  # both have begun: one in its first turn, one waiting
    go_on.set()
    rows = json.loads(await many)["data"]
    assert sizes == [TEXTS_AT_ONCE, 1, *[TEXTS_AT_ONCE] * 3]
    assert [row["index"] for row in rows] == list(range(len(texts)))
    assert rows[7]["embedding"] == pytest.approx(json.loads(await one)["data"][0]["embedding"], abs=0.02)


async def test_requests_to_embed_are_bounded(api: Api, embedding, monkeypatch):
    """One request too many is refused with the time to wait; the others are answered."""
    turns, _, go_on = embedding
    monkeypatch.setattr("docent.web.api.document_routes.MOST_EMBEDDING", 1)
    first = asyncio.create_task(turns.embed(EmbeddingsRequest(input="one"), api.docent))
    await asyncio.sleep(0)
    with pytest.raises(RequestRefused) as refused:
        await turns.embed(EmbeddingsRequest(input="two"), api.docent)
    assert refused.value.status == 503 and refused.value.headers["Retry-After"]
    go_on.set()
    assert json.loads(await first)["usage"]["total_tokens"] > 0
    assert await turns.embed(EmbeddingsRequest(input="two"), api.docent)


async def test_two_hundred_requests_at_once(api: Api):
    """Each of 200 searches at once is answered with its passage, and a health check as well."""
    limits = httpx.Limits(max_connections=201)
    async with httpx.AsyncClient(base_url=api.url, timeout=120, trust_env=False, limits=limits) as client:
        body = {"query": "When does the ferry Aurora leave?"}
        searches = [asyncio.create_task(client.post("/v1/search", json=body)) for _ in range(200)]
        assert (await client.get("/health")).status_code == 200
        found = [(await search).json()["data"][0]["file"] for search in searches]
    assert found == ["ships.md"] * 200
