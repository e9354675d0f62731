"""The one protocol behind which embedding happens, and how to open the engine a setting names."""

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
        """As the settings call it."""

    @property
    def fingerprint(self) -> str:
        """Equal where vectors may be compared: the weights and how they are read, not the engine."""

    @property
    def dimensions(self) -> int: ...

    @property
    def max_tokens(self) -> int:
        """What the model reads of one text, special tokens included."""

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's own; it neither truncates nor pads."""

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question, ahead of whatever else is being embedded."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row for each text. Raises EmbeddingError rather than cut a text short."""

    def warm(self) -> None:
        """Load now what would otherwise be loaded when first used."""

    def close(self) -> None: ...


def open_embedder(
    name: str, *, cache: Path, threads: int, device: Device, model_url: str, model_key: str
) -> Embedder:
    """The embedder a setting names: the packaged model, "ollama:NAME", a folder, or a hub name.

    A hub model must already lie in `cache`, as the hub's own tools keep it: nothing is fetched.
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
    """What an index was built with; another fingerprint means chunks or vectors do not fit it."""
    return f"{embedder.fingerprint} chunks {CHUNKER_VERSION}/{size}/{overlap}"
