"""An embedder whose question vectors pass a learned linear map; the vectors of documents stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import Tokenizer

from docent.errors import EmbeddingError
from docent.indexing.embedder import Embedder

if TYPE_CHECKING:  # 0.15 s to import: documents are read and cut without them
    import numpy as np
    from numpy.typing import NDArray

ADAPTER = "adapter.safetensors"
MODEL = "model"
"""Key of the file's metadata: the fingerprint of the model whose vectors it maps."""


class AdaptedEmbedder:
    """An embedder with the map in a file beside the store, if there is one for its model.

    A map that is written or removed counts with the next question. Indexes fit as before.
    """

    def __init__(
        self, embedder: Embedder, storage: Path, *, follow: Callable[[], None] = lambda: None
    ) -> None:
        """`follow` brings the file up to date where another machine may have changed it."""
        self._embedder = embedder
        self._follow = follow
        self._path = storage / ADAPTER
        self._read: tuple[int, NDArray[np.float32] | None] = (0, None)

    @property
    def plain(self) -> Embedder:
        """Return the embedder without the map."""
        return self._embedder

    @property
    def name(self) -> str:
        return self._embedder.name

    @property
    def fingerprint(self) -> str:
        return self._embedder.fingerprint

    @property
    def dimensions(self) -> int:
        return self._embedder.dimensions

    @property
    def max_tokens(self) -> int:
        return self._embedder.max_tokens

    @property
    def tokenizer(self) -> Tokenizer:
        return self._embedder.tokenizer

    @property
    def languages(self) -> frozenset[str]:
        return frozenset(getattr(self._embedder, "languages", ()))

    def embed_query(self, text: str) -> list[float]:
        vector = self._embedder.embed_query(text)
        adapter = self._adapter()
        return vector if adapter is None else mapped(vector, adapter)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._embedder.embed(texts)

    def warm(self) -> None:
        self._embedder.warm()

    def close(self) -> None:
        self._embedder.close()

    def _adapter(self) -> NDArray[np.float32] | None:
        self._follow()
        try:
            modified = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return None
        if modified != self._read[0]:
            self._read = modified, read_adapter(self._path, self._embedder.fingerprint)
        return self._read[1]


def mapped(vector: Sequence[float], adapter: NDArray[np.float32]) -> list[float]:
    """Return a question's vector after the map, of length one."""
    import numpy as np

    moved = adapter @ np.asarray(vector, dtype=np.float32)
    return [float(value) for value in moved / (np.linalg.norm(moved) or 1.0)]


def read_adapter(path: Path, fingerprint: str) -> NDArray[np.float32] | None:
    """Return the map in a file; None for one of another model. Raises EmbeddingError."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            if file.metadata().get(MODEL) != fingerprint:
                return None
            adapter: NDArray[np.float32] = file.get_tensor("map")
            return adapter
    except (SafetensorError, OSError, AttributeError) as error:
        raise EmbeddingError(
            "The learned map {path} cannot be read ({why}). Remove it: python -m docent learn undo embedding",
            path=path,
            why=f"{type(error).__name__}: {error}",
        ) from error


def write_adapter(path: Path, adapter: NDArray[np.float32], fingerprint: str) -> None:
    """Write a map of the vectors of a model, whole or not at all."""
    import numpy as np
    from safetensors.numpy import save_file

    part = path.with_suffix(".part")
    save_file({"map": np.ascontiguousarray(adapter, dtype=np.float32)}, part, metadata={MODEL: fingerprint})
    part.replace(path)
