from __future__ import annotations

import threading
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

from docent.errors import EmbeddingError
from docent.indexing import ollama_embedder, open_embedder
from tests.ports import free_url


@pytest.fixture
def opened(tmp_path):
    """Open embedders by name, closed again when the test ends."""
    with ExitStack() as stack:

        def opened(name, url):
            embedder = open_embedder(
                f"ollama:{name}", cache=tmp_path, threads=1, device="auto", model_url=url, model_key=""
            )
            stack.callback(embedder.close)
            return embedder

        yield opened


def test_vectors_come_from_the_server(start_ollama, opened):
    """Texts are sent in batches and in order, and come back as vectors of length one."""
    server = start_ollama(models=("nomic-embed-text",))
    embedder = opened("nomic-embed-text", server.url)
    texts = [f"text number {n}" for n in range(70)]
    rows = embedder.embed(texts)
    assert rows.shape == (70, embedder.dimensions)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert np.allclose(rows[69], embedder.embed([texts[69]])[0])
    assert embedder.embed([]).shape == (0, embedder.dimensions)


def test_the_server_truncates_nothing(start_ollama, opened):
    """A text that is too long is an error that says what to do, because truncation is switched off."""
    server = start_ollama(models=("nomic-embed-text",))
    embedder = opened("nomic-embed-text", server.url)
    with pytest.raises(EmbeddingError, match="DOCENT_CHUNK_TOKENS"):
        embedder.embed(["cat " * 9000])
    assert server.requests_to("/api/embed")[-1].body["truncate"] is False


def test_a_very_long_question_is_truncated(start_ollama, opened):
    """Only the beginning of a very long question counts; it is not refused."""
    embedder = opened("nomic-embed-text", start_ollama(models=("nomic-embed-text",)).url)
    assert len(embedder.embed_query("cat " * 9000)) == embedder.dimensions


def test_questions_and_texts_have_the_models_prefixes(start_ollama, opened):
    """The prefixes that a model asks for are sent, and count against its limit."""
    server = start_ollama(models=("nomic-embed-text",))
    embedder = opened("nomic-embed-text", server.url)
    embedder.embed_query("who?")
    embedder.embed(["them"])
    question, text = [record.body["input"] for record in server.requests_to("/api/embed")][-2:]
    assert (question, text) == (["search_query: who?"], ["search_document: them"])
    assert embedder.max_tokens < server.requests_to("/api/embed")[-1].body["options"]["num_ctx"]


def test_another_model_is_another_fingerprint(start_ollama, opened):
    """An index that one model built cannot be searched with another."""
    server = start_ollama(
        models=(
            "nomic-embed-text",
            "mxbai-embed-large",
        )
    )
    prints = {opened(name, server.url).fingerprint for name in ("nomic-embed-text", "mxbai-embed-large")}
    assert len(prints) == 2
    assert not any("unknown" in one for one in prints)


def test_a_missing_server_is_an_error(opened):
    """The error names the command that starts the server."""
    with pytest.raises(EmbeddingError, match="ollama serve"):
        opened("nomic-embed-text", free_url())


def test_a_model_missing_on_the_server_is_an_error(start_ollama, opened):
    """The error names the command that fetches the model."""
    with pytest.raises(EmbeddingError, match="ollama pull nomic-embed-text"):
        opened("nomic-embed-text", start_ollama().url)


class Page(BaseHTTPRequestHandler):
    """Answers whatever is asked with a page, as some web servers do."""

    status = 200

    def do_POST(self):
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(b"<html>Welcome</html>")

    def log_message(self, *said): ...


@pytest.mark.parametrize(
    ("status", "said"),
    [
        pytest.param(200, r"not JSON.*ollama serve", id="a page, no model server"),
        pytest.param(401, r"refused the key.*DOCENT_MODEL_KEY", id="a model server that wants a key"),
    ],
)
def test_an_answer_that_is_not_ollamas_is_an_error(status, said, opened, monkeypatch):
    """A web page, invalid JSON or a refused key is reported in a sentence."""
    monkeypatch.setattr(Page, "status", status)
    with HTTPServer(("127.0.0.1", 0), Page) as server:
        answering = threading.Thread(target=server.handle_request)
        answering.start()
        with pytest.raises(EmbeddingError, match=said):
            opened("nomic-embed-text", f"http://127.0.0.1:{server.server_port}")
        answering.join()


@pytest.mark.parametrize("parts", [[b"[" + b"0," * 32_000] * 3_000, [b"["] * 3_000], ids=["large", "slow"])
def test_an_endless_reply_is_given_up(parts, opened, monkeypatch):
    """A reply that is larger or takes longer than vectors can is given up."""
    monkeypatch.setattr(ollama_embedder, "MAX_REPLY_SECONDS", 1.0 if len(parts[0]) == 1 else 300.0)

    class Endless(BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_response(200)
            self.end_headers()
            try:
                for part in parts:
                    self.wfile.write(part)
                    left.wait(0.05 if len(part) == 1 else 0)
            except ConnectionError:
                pass

        def log_message(self, *_): ...

    left = threading.Event()
    with HTTPServer(("127.0.0.1", 0), Endless) as server:
        answering = threading.Thread(target=server.handle_request)
        answering.start()
        with pytest.raises(EmbeddingError, match="more than 16,000,000 bytes|longer than 1 s"):
            opened("nomic-embed-text", f"http://127.0.0.1:{server.server_port}")
        left.set()
        answering.join()
