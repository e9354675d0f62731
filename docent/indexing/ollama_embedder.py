"""Embeddings from an Ollama server, by its plain HTTP interface.

The `ollama` package belongs to the file that generates answers; two endpoints do not need it here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from docent.errors import EmbeddingError
from docent.indexing.packaged_model import packaged_tokenizer

BATCH = 32
MOST_TOKENS = 2048  # a longer window only costs the server memory: chunks are far shorter
SECONDS = httpx.Timeout(300.0, connect=5.0)  # a cold model has to load first
LONGEST_REPLY = 300.0
"""Seconds that a reply may take once it has begun: 32 vectors are there at once or not at all."""
LARGEST_REPLY = 16_000_000
"""Bytes: 32 vectors of 8,192 numbers in 22 characters take 6 MB."""
LONGEST_SAID = 300

PROMPTS = {
    "nomic-embed-text": ("search_query: ", "search_document: "),
    "mxbai-embed-large": ("Represent this sentence for searching relevant passages: ", ""),
    "snowflake-arctic-embed": ("Represent this sentence for searching relevant passages: ", ""),
    "embeddinggemma": ("task: search result | query: ", "title: none | text: "),
}
"""What a model's card asks to be put before a question and before a text."""


class OllamaEmbedder:
    """A model of the server's, held to our protocol; a question does not wait for a document's batch."""

    def __init__(self, model: str, *, url: str, key: str) -> None:
        self.name = f"ollama:{model}"
        self._model, self._url = model, url
        headers = {"accept-encoding": "identity"}  # what is compressed may be larger than it looks
        headers |= {"authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=SECONDS, trust_env=False)
        try:
            self._introduce(model)
        except EmbeddingError:
            self._client.close()
            raise

    def _introduce(self, model: str) -> None:
        """Ask the server what it knows of the model, and the model for one vector."""
        about = self._ask("/api/show", {"model": model})
        facts = about.get("model_info", {})
        context = _fact(facts, ".context_length") or 512
        self._ask_prompt, self._text_prompt = PROMPTS.get(model.split(":")[0].split("/")[-1], ("", ""))
        # The common models share the packaged one's vocabulary. For others the count is near, and
        # the server refuses what is too long (truncate is false) instead of cutting it.
        self.tokenizer = packaged_tokenizer()
        prompt = len(self.tokenizer.encode(self._text_prompt, add_special_tokens=False).ids)
        self._window = min(context, MOST_TOKENS)
        self.max_tokens = self._window - prompt
        self.dimensions = len(self.embed_query("dimensions"))
        self.fingerprint = f"{self.name}@{self._digest()}/{self.max_tokens}"

    def embed_query(self, text: str) -> list[float]:
        # Of a very long question its beginning is read; a piece is refused rather than cut.
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
        """Of the model's files: a model pulled anew under the same name is another model."""
        names = {self._model, f"{self._model}:latest"}
        for model in self._ask("/api/tags", None).get("models", ()):
            if model.get("name") in names:
                return str(model.get("digest", ""))[:16]
        return "unknown"

    def _ask(self, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        try:
            with self._client.stream("GET" if body is None else "POST", path, json=body) as response:
                said = self._whole(response)
        except httpx.HTTPError as error:
            raise self._silent(type(error).__name__) from error
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
                "a text was too long, and run: python ingest.py --rebuild",
                name=self.name,
                status=response.status_code,
                said=said[:LONGEST_SAID].decode(errors="replace"),
            )
        try:
            answer: dict[str, Any] = dict(json.loads(said))
        except (ValueError, TypeError, RecursionError) as error:  # something else listens there
            raise self._silent("what came is not JSON") from error
        return answer

    def _whole(self, response: httpx.Response) -> bytes:
        """The bytes of a reply, as many as it may have, in the time that it may take."""
        parts: list[bytes] = []
        size, ends = 0, time.monotonic() + LONGEST_REPLY
        for part in response.iter_raw():
            parts.append(part)
            size += len(part)
            if size > LARGEST_REPLY:
                raise self._silent(f"it sent more than {LARGEST_REPLY:,} bytes")
            if time.monotonic() > ends:
                raise self._silent(f"its reply took longer than {LONGEST_REPLY:g} s")
        return b"".join(parts)

    def _silent(self, why: str) -> EmbeddingError:
        return EmbeddingError(
            "The embedding model {name} did not answer at {url} ({why}). Start it with: ollama serve",
            name=self.name,
            url=self._url,
            why=why,
        )


def _fact(facts: dict[str, Any], ending: str) -> int | None:
    return next((int(value) for key, value in facts.items() if key.endswith(ending)), None)
