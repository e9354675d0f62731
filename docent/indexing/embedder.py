"""The embedder protocol, and the function that opens the embedder a setting names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from tokenizers import Tokenizer

from docent.indexing.chunking import CHUNKER_VERSION
from docent.indexing.packaged_model import PACKAGED_MODEL, packaged_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OLLAMA = "ollama:"
Device = Literal["auto", "cpu", "cuda", "mps"]


class Embedder(Protocol):
    """Turns texts into vectors of length one. Safe to call from several threads."""

    @property
    def name(self) -> str:
        """Return the name in the settings."""

    @property
    def fingerprint(self) -> str:
        """Return a text that is equal where vectors may be compared: weights and limits, not the engine."""

    @property
    def dimensions(self) -> int: ...

    @property
    def max_tokens(self) -> int:
        """Return how many tokens of one text the model reads, special tokens included."""

    @property
    def tokenizer(self) -> Tokenizer:
        """Return the model's own tokenizer; it neither truncates nor pads."""

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a question, ahead of documents that are being embedded."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row for each text. Raises EmbeddingError rather than cut a text short."""

    def warm(self) -> None:
        """Load the model now rather than at its first use."""

    def close(self) -> None: ...


def open_embedder(
    name: str, *, cache: Path, threads: int, device: Device, model_url: str, model_key: str
) -> Embedder:
    """Open the embedder a setting names: the packaged model, "ollama:NAME", a folder, or a hub name.

    A hub model must already be in `cache`, as the hub's own tools store it: nothing is fetched.
    """
    from docent.indexing.fast_embedder import (  # defers the imports of engines not asked for
        FastEmbedder,
        available_cores,
    )

    if name.startswith(OLLAMA):
        from docent.indexing.ollama_embedder import OllamaEmbedder

        return OllamaEmbedder(name.removeprefix(OLLAMA), url=model_url, key=model_key)
    if name != PACKAGED_MODEL:
        from docent.indexing.torch_models import ReferenceEmbedder

        return ReferenceEmbedder(name, source=name, cache=cache, device=device)
    folder = packaged_folder()
    if device in ("cuda", "mps"):
        from docent.indexing.torch_models import ReferenceEmbedder

        return ReferenceEmbedder(name, source=str(folder), cache=cache, device=device)
    return FastEmbedder(folder, name=name, threads=threads or available_cores())


def index_fingerprint(embedder: Embedder, *, size: int, overlap: int) -> str:
    """Return a text of all that an index depends on; with another one, its chunks or vectors do not fit."""
    return f"{embedder.fingerprint} chunks {CHUNKER_VERSION}/{size}/{overlap}"
