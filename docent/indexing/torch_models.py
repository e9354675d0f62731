"""Models that sentence-transformers runs: any embedding model, and a reranker."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer

from docent.errors import EmbeddingError
from docent.indexing.embedder import BATCH_TOKENS, batches, refuse_long
from docent.indexing.packaged_model import MAX_TOKENS, PACKAGED_MODEL, WEIGHTS

if TYPE_CHECKING:  # 0.12 s to import; an ingest begins without
    import numpy as np
    from numpy.typing import NDArray

OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY")


class ReferenceEmbedder:
    """A sentence-transformers model as an `Embedder`: the reference engine, and the one for a GPU."""

    def __init__(self, name: str, *, source: str, cache: Path, device: str) -> None:
        self.name = name
        self._engine = _open(name, source, cache, None if device == "auto" else device)
        self._model: Any = self._engine._model
        self.tokenizer = _counting_tokenizer(self._model.tokenizer, name)
        self.max_tokens = int(self._model.max_seq_length or 512)
        self.dimensions = int(self._model.get_embedding_dimension())
        weights = WEIGHTS if name == PACKAGED_MODEL else _weights_sha256(self._model)
        self.fingerprint = f"{name}@{weights[:16]}/{self.max_tokens}"
        prompts = self._model.prompts
        self._prompt = str(prompts.get("text") or "")
        if name == PACKAGED_MODEL and self.max_tokens != MAX_TOKENS:
            raise EmbeddingError(
                "{name} reads {max_tokens} tokens here, not {max_tokens_2}; reinstall it.",
                name=name,
                max_tokens=self.max_tokens,
                max_tokens_2=MAX_TOKENS,
            )
        # A prompt that the model puts before every text takes its share of what it reads.
        self.max_tokens -= len(self.tokenizer.encode(self._prompt, add_special_tokens=False).ids)
        self._lock = QuestionsFirstLock()

    def embed_query(self, text: str) -> list[float]:
        with self._lock.question():
            return [float(value) for value in self._engine.get_query_embedding(text)]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        lengths = [len(encoding.ids) for encoding in self.tokenizer.encode_batch_fast(list(texts))]
        refuse_long(lengths, self.max_tokens, self.name)
        import numpy as np

        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        for batch in batches(lengths, BATCH_TOKENS * (8 if self._model.device.type != "cpu" else 1)):
            with self._lock.documents():
                vectors[batch] = self._engine.get_text_embedding_batch([texts[row] for row in batch])
        return vectors

    def warm(self) -> None: ...

    def close(self) -> None: ...


class QuestionsFirstLock:
    """Lets one caller in at a time, and a waiting question before any documents."""

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._busy = False
        self._questions = 0

    @contextmanager
    def question(self) -> Iterator[None]:
        with self._free:
            self._questions += 1
            self._free.wait_for(lambda: not self._busy)
            self._busy, self._questions = True, self._questions - 1
        with self._release_after():
            yield

    @contextmanager
    def documents(self) -> Iterator[None]:
        with self._free:
            self._free.wait_for(lambda: not self._busy and not self._questions)
            self._busy = True
        with self._release_after():
            yield

    @contextmanager
    def _release_after(self) -> Iterator[None]:
        try:
            yield
        finally:
            with self._free:
                self._busy = False
                self._free.notify_all()


def _require_torch(name: str) -> None:
    """Raise EmbeddingError where sentence-transformers is not installed: a plain install leaves it out."""
    os.environ.update(dict.fromkeys(OFFLINE, "1"))
    if find_spec("sentence_transformers") is None or find_spec("torch") is None:
        raise EmbeddingError(
            "The model {name!r} needs sentence-transformers and torch, which are not installed here. Run: "
            "pip install 'docent-rag[torch]'",
            name=name,
        )


def _open(name: str, source: str, cache: Path, device: str | None) -> Any:
    _require_torch(name)
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding

    try:
        return HuggingFaceEmbedding(
            model_name=source,
            cache_folder=str(cache),
            device=device,
            embed_batch_size=256,  # our own batches are smaller and of equal length
            local_files_only=True,
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise EmbeddingError(
            "The embedding model {name!r} could not be loaded: {error} It must be a folder with a "
            "sentence-transformers model, or lie in {cache} already. Run: hf download {name} "
            "--cache-dir {cache}",
            name=name,
            error=first_line(error),
            cache=cache,
        ) from error


def first_line(error: Exception) -> str:
    """Return the first line of a library's error as a sentence; some have no text."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    return line if line.endswith(".") else f"{line}."


def _counting_tokenizer(tokenizer: Any, name: str) -> Tokenizer:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise EmbeddingError(
            "The embedding model {name!r} has no tokenizer.json, so its tokens cannot be counted. "
            "Choose a model that has one.",
            name=name,
        )
    counting = Tokenizer.from_str(backend.to_str())
    counting.no_truncation()
    counting.no_padding()
    return counting


def _weights_sha256(model: Any) -> str:
    digest = hashlib.sha256()
    for key, tensor in sorted(model.state_dict().items()):
        digest.update(key.encode())
        digest.update(tensor.detach().cpu().float().numpy().tobytes())
    return digest.hexdigest()


BATCH = 32


class Reranker:
    """A sentence-transformers CrossEncoder. Safe to call from several threads."""

    def __init__(self, name: str, *, cache: Path, device: str) -> None:
        _require_torch(name)
        from sentence_transformers import CrossEncoder

        try:
            self._model: Any = CrossEncoder(
                name,
                cache_folder=str(cache),
                device=None if device == "auto" else device,
                local_files_only=True,
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise EmbeddingError(
                "The reranker {name!r} could not be loaded: {error} It must be a folder with a "
                "sentence-transformers CrossEncoder, or lie in {cache} already. Run: hf download "
                "{name} --cache-dir {cache}, or leave DOCENT_RERANKER empty.",
                name=name,
                error=first_line(error),
                cache=cache,
            ) from error
        if self._model.num_labels != 1:
            raise EmbeddingError(
                "The reranker {name!r} sorts pairs into {num_labels} classes, with no score. Choose "
                "a CrossEncoder for ranking, or leave DOCENT_RERANKER empty.",
                name=name,
                num_labels=self._model.num_labels,
            )
        self._turn = threading.Lock()

    def __call__(self, question: str, texts: Sequence[str]) -> list[float]:
        """Score how well each text answers the question; higher is better, on the model's own scale."""
        pairs = [(question, text) for text in texts]
        with self._turn:
            scores = self._model.predict(pairs, batch_size=BATCH, show_progress_bar=False)
        return [float(score) for score in scores]


def open_reranker(name: str, *, cache: Path, device: str) -> Reranker | None:
    """Open the reranker a setting names, a folder or a hub name already in `cache`; None for no name."""
    return Reranker(name, cache=cache, device=device) if name else None
