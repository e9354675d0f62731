"""A small deterministic embedder: texts that share words have close vectors.

Every word is hashed to a direction; a text is the normalised sum of its words' directions. Tests use
it where they are about storing, searching or concurrency rather than about meaning.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace


class WordHashEmbedder:
    """Implements the embedding protocol of docent.indexing."""

    def __init__(self, *, dimensions: int = 64, version: str = "1") -> None:
        self.name = "word-hash"
        self.dimensions = dimensions
        self.max_tokens = 256
        self.fingerprint = f"word-hash-{dimensions}-{version}"
        self.tokenizer = word_tokenizer()
        self.embedded = 0
        """Texts embedded so far, so that a test can see that nothing was embedded twice."""
        self._directions: dict[str, NDArray[np.float32]] = {}

    def embed_query(self, text: str) -> list[float]:
        return [float(value) for value in self._vector(text)]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.embedded += len(texts)
        return np.stack([self._vector(text) for text in texts]) if texts else self._none()

    def warm(self) -> None: ...

    def close(self) -> None: ...

    def _none(self) -> NDArray[np.float32]:
        return np.zeros((0, self.dimensions), dtype=np.float32)

    def _vector(self, text: str) -> NDArray[np.float32]:
        words = re.findall(r"\w+", text.lower()) or [""]
        total = np.sum([self._direction(word) for word in words], axis=0)
        return np.asarray(total / (np.linalg.norm(total) or 1.0), dtype=np.float32)

    def _direction(self, word: str) -> NDArray[np.float32]:
        if word not in self._directions:
            seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
            drawn = np.random.default_rng(seed).standard_normal(self.dimensions)
            self._directions[word] = drawn.astype(np.float32)
        return self._directions[word]


def word_tokenizer() -> Tokenizer:
    """Return a real tokenizer that counts one token for each word or run of signs."""
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    return tokenizer
