"""An embedding model of another package; its vectors are checked before they are stored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from docent.errors import EmbeddingError
from docent.indexing.embedder import Embedder
from docent.plugins import check_protocol, failed_plugin, load_plugin

TOLERANCE = 0.01
"""By which the length of a vector may differ from one."""


class PluginEmbedder:
    """The embedder that a plugin opens."""

    def __init__(self, plugin: str, *, cache: Path, threads: int) -> None:
        self._plugin = plugin
        opener = load_plugin("embedders", plugin)
        try:
            embedder = opener(cache=cache, threads=threads)
            check_protocol(embedder, Embedder, plugin)
            self.fingerprint = f"plugin:{plugin} {embedder.fingerprint}"
            self.dimensions, self.max_tokens = int(embedder.dimensions), int(embedder.max_tokens)
            self.tokenizer: Tokenizer = embedder.tokenizer
        except Exception as error:  # a foreign package may raise anything
            raise failed_plugin(plugin, error) from error
        self._embedder: Embedder = embedder
        self.name = f"plugin:{plugin}"

    def embed_query(self, text: str) -> list[float]:
        try:
            vector = self._embedder.embed_query(text)
        except EmbeddingError:
            raise
        except Exception as error:
            raise EmbeddingError(failed_plugin(self._plugin, error).message) from error
        return [float(value) for value in self._checked(np.asarray([vector], dtype=np.float32), 1)[0]]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        try:
            vectors = np.asarray(self._embedder.embed(texts), dtype=np.float32)
        except EmbeddingError:
            raise
        except Exception as error:
            raise EmbeddingError(failed_plugin(self._plugin, error).message) from error
        return self._checked(vectors, len(texts)) if texts else vectors

    def warm(self) -> None:
        self._embedder.warm()

    def close(self) -> None:
        self._embedder.close()

    def _checked(self, vectors: NDArray[np.float32], rows: int) -> NDArray[np.float32]:
        """Return vectors if they are what the protocol says. Raises EmbeddingError."""
        if vectors.shape != (rows, self.dimensions):
            raise EmbeddingError(
                "The plugin {name!r} returned vectors of the shape {shape} for {n} texts. Update its "
                "package, or set DOCENT_EMBEDDING_MODEL to another.",
                name=self._plugin,
                shape=str(vectors.shape),
                n=rows,
            )
        lengths = np.linalg.norm(vectors, axis=1)
        if not np.allclose(lengths, 1.0, atol=TOLERANCE):
            raise EmbeddingError(
                "The plugin {name!r} returned vectors that do not have the length one. Update its package, "
                "or set DOCENT_EMBEDDING_MODEL to another.",
                name=self._plugin,
            )
        return vectors
