"""Texts as vectors: the packaged model, or any other that sentence-transformers can load."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from docent.errors import EmbeddingError
from docent.indexing.packaged import MAX_TOKENS, WEIGHTS, open_tokenizer, packaged_folder

PACKAGED = "all-MiniLM-L6-v2"
BATCH = 32


class Embedder(Protocol):
    """Whoever turns texts into normalised vectors of one length."""

    name: str
    fingerprint: str
    """The same for two embedders whose vectors may be compared."""
    max_tokens: int
    tokenizer: Tokenizer

    def embed_query(self, text: str) -> list[float]: ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


class ReferenceEmbedder:
    """sentence-transformers through llama-index's HuggingFaceEmbedding; loaded when first used."""

    def __init__(
        self, *, name: str, folder: Path, fingerprint: str, max_tokens: int, tokenizer: Tokenizer
    ) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.max_tokens = max_tokens
        self.tokenizer = tokenizer
        self._folder = folder
        self._model: Any = None
        self._turn = threading.Lock()

    def warm(self) -> None:
        """Load the model: nine seconds, mostly of imports."""
        with self._turn:
            self._loaded()

    def embed_query(self, text: str) -> list[float]:
        with self._turn:
            return [float(value) for value in self._loaded().get_query_embedding(text)]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors in the order of the texts; alike lengths are embedded together, which saves padding."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        vectors: dict[int, Any] = {}
        for at in range(0, len(order), BATCH):
            some = order[at : at + BATCH]
            with self._turn:  # let go between batches, so that a query waits for one batch at most
                found = self._loaded().get_text_embedding_batch([texts[i] for i in some])
            vectors.update(zip(some, found, strict=True))
        return np.asarray([vectors[i] for i in range(len(texts))], dtype=np.float32)

    def _loaded(self) -> Any:
        if self._model is None:
            os.environ["HF_HUB_OFFLINE"] = "1"  # a model is a folder on this disk; nothing is fetched
            logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
            from llama_index.embeddings.huggingface import HuggingFaceEmbedding
            from transformers.utils import logging as transformers_logging

            transformers_logging.disable_progress_bar()

            try:
                self._model = HuggingFaceEmbedding(
                    model_name=str(self._folder),
                    max_length=self.max_tokens,
                    embed_batch_size=BATCH,
                    normalize=True,
                )
            except (OSError, ValueError, RuntimeError) as error:
                raise EmbeddingError(
                    f"The embedding model in {self._folder} cannot be loaded: {error}. Name a folder that "
                    "sentence-transformers can load in DOCENT_EMBEDDING_MODEL, or leave that out."
                ) from error
        return self._model


def open_embedder(name: str) -> ReferenceEmbedder:
    """The packaged model by its name, any other by its folder."""
    if name == PACKAGED:
        folder = packaged_folder()
        return ReferenceEmbedder(
            name=name,
            folder=folder,
            fingerprint=f"{name} {WEIGHTS[:12]}",
            max_tokens=MAX_TOKENS,
            tokenizer=open_tokenizer(folder),
        )
    folder = Path(name)
    if not (folder / "tokenizer.json").is_file():
        raise EmbeddingError(
            f"DOCENT_EMBEDDING_MODEL is {name!r}, which is no folder with a model in it (there is no "
            "tokenizer.json). Download the model into a folder and name that, or leave the setting out."
        )
    return ReferenceEmbedder(
        name=name,
        folder=folder,
        fingerprint=f"{folder.name} {_weights(folder)}",
        max_tokens=MAX_TOKENS,
        tokenizer=open_tokenizer(folder),
    )


def _weights(folder: Path) -> str:
    """A short name of the weights: of two folders with the same one, the vectors agree."""
    from docent.indexing.packaged import file_sha256

    files = sorted([*folder.glob("*.safetensors"), *folder.glob("*.bin")])
    if not files:
        raise EmbeddingError(f"{folder} holds no weights (*.safetensors). Download the whole model again.")
    return file_sha256(files[0])[:12]
