"""Embeddings from an Ollama server over HTTP: three endpoints do not need the `ollama` package."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from docent.errors import EmbeddingError
from docent.indexing.embedder import packaged_tokenizer
from docent.messages import Message

BATCH = 32
MAX_WINDOW = 2048  # a longer window only costs the server memory: chunks are far shorter
TIMEOUT = httpx.Timeout(300.0, connect=5.0)  # a cold model has to load first
MAX_REPLY_SECONDS = 300.0
"""Of a reply that has begun: 32 vectors come at once or not at all."""
MAX_REPLY_BYTES = 16_000_000
"""32 vectors of 8,192 numbers in 22 characters take 6 MB."""
MAX_QUOTED = 300

PROMPTS = {
    "nomic-embed-text": ("search_query: ", "search_document: "),
    "mxbai-embed-large": ("Represent this sentence for searching relevant passages: ", ""),
    "snowflake-arctic-embed": ("Represent this sentence for searching relevant passages: ", ""),
    "embeddinggemma": ("task: search result | query: ", "title: none | text: "),
}
"""Prefixes of a question and of a text that the model's card asks for."""


class OllamaEmbedder:
    """A model of an Ollama server as an `Embedder`; a question does not wait for a document's batch."""

    def __init__(self, model: str, *, url: str, key: str) -> None:
        self.name = f"ollama:{model}"
        self._model, self._url = model, url
        headers = {"accept-encoding": "identity"}  # compressed data may be larger than it looks
        headers |= {"authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT, trust_env=False)
        try:
            self._read_properties(model)
        except EmbeddingError:
            self._client.close()
            raise

    def _read_properties(self, model: str) -> None:
        """Ask the server for the model's properties, and the model for one vector."""
        properties = self._ask("/api/show", {"model": model})
        facts = properties.get("model_info", {})
        context = next((int(value) for key, value in facts.items() if key.endswith(".context_length")), 0)
        self._ask_prompt, self._text_prompt = PROMPTS.get(model.split(":")[0].split("/")[-1], ("", ""))
        # The common models share the packaged one's vocabulary. For others the count is near, and
        # the server refuses what is too long (truncate is false) instead of cutting it.
        self.tokenizer = packaged_tokenizer()
        prompt = len(self.tokenizer.encode(self._text_prompt, add_special_tokens=False).ids)
        self._window = min(context or 512, MAX_WINDOW)
        self.max_tokens = self._window - prompt
        self.dimensions = len(self.embed_query("dimensions"))
        self.fingerprint = f"{self.name}@{self._digest()}/{self.max_tokens}"

    def embed_query(self, text: str) -> list[float]:
        # Only the beginning of a very long question is read; a chunk is refused rather than cut.
        return [float(value) for value in self._vectors([self._ask_prompt + text], truncate=True)[0]]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        found = [np.empty((0, self.dimensions), dtype=np.float32)]
        for first in range(0, len(texts), BATCH):
            some = [self._text_prompt + text for text in texts[first : first + BATCH]]
            found.append(self._vectors(some, truncate=False))
        return np.concatenate(found)

    def warm(self) -> None: ...

    def close(self) -> None:
        self._client.close()

    def _vectors(self, texts: Sequence[str], *, truncate: bool) -> NDArray[np.float32]:
        answer = self._ask(
            "/api/embed",
            {
                "model": self._model,
                "input": list(texts),
                "truncate": truncate,
                "options": {"num_ctx": self._window},
            },
        )
        vectors = np.asarray(answer.get("embeddings", ()), dtype=np.float32)
        if vectors.ndim != 2 or len(vectors) != len(texts):
            raise EmbeddingError(
                "{url} returned no vectors for {name!r}. It may not be an embedding model: choose "
                "one, for example DOCENT_EMBEDDING_MODEL=ollama:nomic-embed-text",
                url=self._url,
                name=self._model,
            )
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.where(lengths == 0, 1, lengths), dtype=np.float32)

    def _digest(self) -> str:
        """Return the digest of the model's files: one pulled anew under the same name is another model."""
        names = {self._model, f"{self._model}:latest"}
        for model in self._ask("/api/tags", None).get("models", ()):
            if model.get("name") in names:
                return str(model.get("digest", ""))[:16]
        return "unknown"

    def _ask(self, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        try:
            with self._client.stream("GET" if body is None else "POST", path, json=body) as response:
                body_bytes = self._read(response)
        except httpx.HTTPError as error:
            raise self._no_answer(type(error).__name__) from error
        if response.status_code == 404:
            raise EmbeddingError(
                "The server at {url} does not have {name!r}. Run: ollama pull {model}",
                url=self._url,
                name=self._model,
                model=self._model,
            )
        if response.status_code in (401, 403):
            raise EmbeddingError(
                "The model server at {url} refused the key. Set DOCENT_MODEL_KEY or DOCENT_MODEL_KEY_FILE.",
                url=self._url,
            )
        if response.is_error:
            raise EmbeddingError(
                "The embedding model {name} refused ({status}): {said} Lower DOCENT_CHUNK_TOKENS if "
                "a text was too long, and run: python -m docent ingest --rebuild",
                name=self.name,
                status=response.status_code,
                said=body_bytes[:MAX_QUOTED].decode(errors="replace"),
            )
        try:
            answer: dict[str, Any] = dict(json.loads(body_bytes))
        except (ValueError, TypeError, RecursionError) as error:  # not Ollama
            raise self._no_answer(Message("what came is not JSON")) from error
        return answer

    def _read(self, response: httpx.Response) -> bytes:
        """Read a reply, bounded in size and time."""
        parts: list[bytes] = []
        size, ends = 0, time.monotonic() + MAX_REPLY_SECONDS
        for part in response.iter_raw():
            parts.append(part)
            size += len(part)
            if size > MAX_REPLY_BYTES:
                raise self._no_answer(Message("it sent more than {most:,} bytes", most=MAX_REPLY_BYTES))
            if time.monotonic() > ends:
                raise self._no_answer(
                    Message("its reply took longer than {seconds:.0f} s", seconds=MAX_REPLY_SECONDS)
                )
        return b"".join(parts)

    def _no_answer(self, why: str) -> EmbeddingError:
        return EmbeddingError(
            "The embedding model {name} did not answer at {url} ({why}). Start it with: ollama serve",
            name=self.name,
            url=self._url,
            why=why,
        )
