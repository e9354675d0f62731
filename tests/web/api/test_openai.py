"""The openai package, LlamaIndex's OpenAILike and plain HTTP work with the API."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest

from docent.types import Scope
from tests.web.api.conftest import Api

pytestmark = [
    pytest.mark.filterwarnings("ignore:legacy embedding function config:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # the clients' sockets, closed late
]

CAT = [{"role": "user", "content": "Where does the grey cat sleep?"}]


def test_models(api: Api):
    """All documents, each library and each persona are listed as models."""
    names = [model.id for model in api.client().models.list()]
    assert names[0] == "docent"
    assert {"library/cats", "library/ships", "persona/captain"} < set(names)
    assert api.client().models.retrieve("library/cats").id == "library/cats"


def test_chat(api: Api):
    """An answer has its usage, citations and receipt."""
    api.ollama.script("Mimi sleeps on the warm oven [1].")
    answer = api.client().chat.completions.create(model="docent", messages=CAT)
    assert "warm oven [1]" in (answer.choices[0].message.content or "")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None and answer.usage.prompt_tokens > 0 < answer.usage.completion_tokens
    extra = answer.model_extra["docent"]
    assert extra["citations"][0]["file"] == "cats.md"
    assert extra["receipt"]["model"] == "mistral"


def test_chat_streamed(api: Api):
    """The pieces join to the answer; the last has the citations, and the usage if asked for."""
    api.ollama.script("Mimi sleeps on the warm oven [1].")
    pieces = list(
        api.client().chat.completions.create(
            model="docent", messages=CAT, stream=True, stream_options={"include_usage": True}
        )
    )
    text = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    assert text == "Mimi sleeps on the warm oven [1]."
    assert pieces[-2].choices[0].finish_reason == "stop"
    assert pieces[-2].model_extra["docent"]["citations"][0]["file"] == "cats.md"
    assert pieces[-1].usage.completion_tokens > 0


def test_a_stream_has_each_fact_found_on_the_way(api: Api):
    """What a described thing was found to be is sent in a piece of its own, and again in the receipt."""
    api.ollama.script("ONE", "Mimi sleeps on the warm oven [1].")
    question = "Where does the animal of the document that names the grey cat Mimi sleep in winter?"
    asked = [{"role": "user", "content": question}]
    pieces = list(api.client().chat.completions.create(model="docent", messages=asked, stream=True))
    (hop,) = [
        piece.model_extra["docent"]["hop"]
        for piece in pieces
        if "hop" in (piece.model_extra or {}).get("docent", {})
    ]
    assert hop["looked_for"] == "the document that names the grey cat Mimi"
    assert hop["citation"]["file"] == "cats.md" and "Mimi" in hop["citation"]["quote"]
    text = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    assert text.startswith("First: the document that names the grey cat Mimi → ")
    (stored,) = pieces[-1].model_extra["docent"]["receipt"]["hops"]
    assert stored["fact"] == hop["fact"]


def test_a_stream_is_server_sent_events(api: Api):
    """Each event is a line of JSON, and the last is [DONE]."""
    body = {"model": "docent", "messages": CAT, "stream": True}
    with api.http().stream("POST", "/v1/chat/completions", json=body) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in response.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    assert all(json.loads(line.removeprefix("data: "))["object"] for line in lines[:-1])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_stop_words(api: Api, stream: bool):
    """The answer ends before the stop sequence, however the stream is split."""
    api.ollama.script("Mimi sleeps on the warm oven. And then? No.")
    answer = api.client().chat.completions.create(
        model="docent", messages=CAT, stop=["And then"], stream=stream
    )
    if stream:
        text = "".join(piece.choices[0].delta.content or "" for piece in answer if piece.choices)
    else:
        text = answer.choices[0].message.content
    assert "warm oven" in text and "And" not in text


def test_options_and_history_reach_the_model(api: Api):
    """The model receives temperature, longest answer and earlier messages of the request."""
    api.ollama.script("The cat.", "On the oven [1].")
    talk = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Who is Mimi?"},
        {"role": "assistant", "content": "Mimi is the grey cat."},
        {"role": "user", "content": [{"type": "text", "text": "Where does she sleep?"}]},
    ]
    api.client().chat.completions.create(model="docent", messages=talk, temperature=0.7, max_tokens=77)
    sent = api.ollama.requests_to("/api/chat")[-1].body
    assert sent["options"]["temperature"] == 0.7 and sent["options"]["num_predict"] == 77
    assert any("grey cat" in message["content"] for message in sent["messages"][:-1])


def test_a_persona_as_a_model(api: Api):
    """A persona answers with its own instructions, from its library."""
    answer = api.client().chat.completions.create(
        model="persona/captain", messages=[{"role": "user", "content": "When does the ferry leave?"}]
    )
    assert {passage["library"] for passage in answer.model_extra["docent"]["passages"]} == {"ships"}
    assert "Speak like a captain." in json.dumps(api.ollama.requests_to("/api/chat")[-1].body)


def test_without_a_model_server_passages_answer(api: Api):
    """The best sentences are returned, and the receipt names no model."""
    api.ollama.script(refuse="not_found", sticky=True)
    answer = api.client().chat.completions.create(model="docent", messages=CAT)
    assert "oven" in answer.choices[0].message.content
    assert answer.model_extra["docent"]["receipt"]["model"] == ""


def test_leaving_a_stream_stops_the_model(api: Api):
    """If a client disconnects, the model's request is cancelled."""
    api.ollama.script(reply="word " * 400, seconds_per_token=0.02)
    body = {"model": "docent", "messages": CAT, "stream": True}
    with api.http().stream("POST", "/v1/chat/completions", json=body) as response:
        for line in response.iter_lines():
            if "word" in line:
                break
    limit = time.monotonic() + 5
    while not api.ollama.requests_to("/api/chat")[-1].disconnected:
        assert time.monotonic() < limit
        time.sleep(0.05)


@pytest.mark.parametrize("coding", ["float", "base64"])
def test_embeddings(api: Api, coding: str):
    """Vectors have length one in both encodings, and texts of one meaning are close."""
    answer = api.client().embeddings.create(
        model="x", input=["a cat sleeps", "the kitten naps", "quarterly revenue"], encoding_format=coding
    )
    found = [
        np.frombuffer(base64.b64decode(row.embedding), dtype="<f4") if coding == "base64" else row.embedding
        for row in answer.data
    ]
    vectors = np.array(found)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-2)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]


def test_files(api: Api):
    """A file is uploaded, read, asked about, and deleted without remains."""
    client = api.client()
    made = client.files.create(
        file=("dogs.md", b"# Dogs\n\nRex guards the lighthouse.\n"), purpose="assistants"
    )
    now = api.until_read(made.id)
    assert now.filename == "dogs.md" and made.id in [one.id for one in client.files.list()]
    found = api.http().post("/v1/search", json={"query": "Who guards the lighthouse?"}).json()["data"]
    assert found[0]["file"] == "dogs.md"
    deleted = client.files.delete(made.id)
    assert deleted.deleted and not any(deleted.model_extra["docent"]["left"].values())
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(made.id)


def test_a_file_of_a_known_name_is_its_newer_version(api: Api, tmp_path: Path):
    """The reply names the replaced version; other users' files and the data folder's are not changed.

    Every key of the library sees the new version at once.
    """

    def hand_in(text: str, key: str = "", name: str = "ships.md", *, seen_by: str = "") -> dict[str, Any]:
        made = api.http(key).post("/v1/files", files={"file": (name, text.encode())}).json()
        assert made["created_at"] > 1_700_000_000
        api.until_read(made["id"], seen_by or key or "none")
        return dict(made)

    mine = tmp_path / "ships.md"
    mine.write_text("# Mine\n\nMy own boat is called Calypso.\n")
    ticket = api.docent.add_upload(mine, name="ships.md", owner="alice")
    first = hand_in("# Ships\n\nThe tug Borealis rests on Sundays.\n", api.key("ships"))
    assert first["docent"]["replaces"] == []
    elsewhere = hand_in("# Ships\n\nCats like ships.\n", api.key("cats"))
    assert elsewhere["docent"]["replaces"] == []
    newer = "# Ships\n\nThe tug Borealis rests on Mondays.\n"
    second = hand_in(newer, api.key("ships"), seen_by=api.key("ships", "cats"))
    assert second["docent"]["replaces"] == [first["id"]] and second["id"] != first["id"]
    again = hand_in("# Ships\n\nThe tug Borealis rests on Mondays.\n", api.key("ships"), name="a/ships.md")
    assert again["id"] == second["id"] and again["docent"]["replaces"] == []
    names = [
        (one.library, one.paths) for one in api.docent.store.documents(Scope()) if one.name == "ships.md"
    ]
    assert sorted(library for library, _ in names) == ["cats", "ships", "ships"]  # the data folder's, and one
    assert api.http().get(f"/v1/files/{first['id']}").status_code == 404
    assert api.docent.store.document(ticket.document_id, Scope(reader="alice")).name == "ships.md"
    for one in (second, elsewhere):
        api.client().files.delete(one["id"])
    api.docent.store.delete(ticket.document_id, Scope(reader="alice"))


def test_an_unreadable_file_is_reported(api: Api):
    """Its status is an error with the loader's sentence."""
    made = api.client().files.create(file=("broken.pdf", b"%PDF-1.4 and no more"), purpose="assistants")
    limit = time.monotonic() + 30
    while (now := api.client().files.retrieve(made.id)).status != "error":
        assert time.monotonic() < limit, now
        time.sleep(0.05)
    assert "broken.pdf" in (now.status_details or "")


def test_a_file_without_text_is_reported(api: Api):
    """It is processed, and its details say that nothing can be searched, and why."""
    made = api.client().files.create(file=("void.txt", b"\n \n"), purpose="assistants")
    now = api.until_read(made.id)
    assert now.status == "processed"
    reason = "Nothing to search: no text was found. There is no text in it."
    assert {one.id: one.status_details for one in api.client().files.list()}[made.id] == reason
    api.client().files.delete(made.id)


def test_openailike(api: Api):
    """LlamaIndex's OpenAILike gets whole and streamed answers."""
    from llama_index.llms.openai_like import OpenAILike

    llm = OpenAILike(
        model="library/cats",
        api_base=f"{api.url}/v1",
        api_key="none",
        is_chat_model=True,
        context_window=8192,
    )
    assert "oven" in str(llm.complete("Where does the grey cat sleep?"))
    assert "oven" in "".join(piece.delta or "" for piece in llm.stream_complete("Where does the cat sleep?"))
