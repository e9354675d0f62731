"""A cross-encoder that reads question and passage together, for those who have one."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from docent.errors import EmbeddingError

BATCH = 32


class Reranker:
    """A sentence-transformers CrossEncoder. Safe to call from several threads."""

    def __init__(self, name: str, *, cache: Path, device: str) -> None:
        from docent.indexing.reference_embedder import OFFLINE, first_line

        os.environ.update(dict.fromkeys(OFFLINE, "1"))
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
        """How well each text answers the question; higher is better, on the model's own scale."""
        pairs = [(question, text) for text in texts]
        with self._turn:
            scores = self._model.predict(pairs, batch_size=BATCH, show_progress_bar=False)
        return [float(score) for score in scores]


def open_reranker(name: str, *, cache: Path, device: str) -> Reranker | None:
    """The reranker a setting names, a folder or a hub name already in `cache`; none for an empty one."""
    return Reranker(name, cache=cache, device=device) if name else None
