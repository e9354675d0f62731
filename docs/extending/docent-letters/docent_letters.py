"""Vectors of how often each letter occurs: no good model, and a complete one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, pre_tokenizers

LETTERS = "abcdefghijklmnopqrstuvwxyz"


class LetterEmbedder:
    name = "letters"
    fingerprint = "letters 1"
    dimensions = len(LETTERS) + 1
    max_tokens = 256

    def __init__(self, *, cache: Path, threads: int) -> None:
        self.tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
        self.tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()

    def embed_query(self, text: str) -> list[float]:
        return [float(value) for value in self.embed([text])[0]]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        counts = [[*(text.lower().count(letter) for letter in LETTERS), 1] for text in texts]
        vectors = np.asarray(counts, dtype=np.float32).reshape(len(texts), self.dimensions)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def warm(self) -> None:
        return None

    def close(self) -> None:
        return None
