"""The header of a GGUF model file, its vocabulary, and the memory that the model will need."""

from __future__ import annotations

import math
import os
import struct
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from docent.errors import ModelFailed, ModelMissing

MAGIC = b"GGUF"
VERSIONS = (2, 3)
SCALARS = dict(enumerate(("<B", "<b", "<H", "<h", "<I", "<i", "<f", "<?"))) | {10: "<Q", 11: "<q", 12: "<d"}
STRING, ARRAY = 8, 9
MOST_ENTRIES = 100_000
"""Entries or tensors; a large model has 2,000. A damaged file may claim any number."""
MOST_DIMENSIONS = 8
KEPT_LISTS = frozenset(f"tokenizer.ggml.{name}" for name in ("tokens", "merges", "scores"))
"""Lists of the header that a vocabulary is made of."""
BYTES_IN_CACHE = 2
"""For each number that attention remembers (16 bits)."""
WORKING_BYTES = 300_000_000
"""Beside weights and attention: measured 290 MB with SmolLM2-135M, most of it llama.cpp itself."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """The header of a model file."""

    path: Path
    architecture: str
    parameters: int
    trained_context: int
    """Tokens; 0 where the file does not say."""
    bytes: int
    cache_bytes_per_token: int
    """Memory that attention needs for each token of the context."""

    def memory_needed(self, context_tokens: int) -> int:
        return self.bytes + context_tokens * self.cache_bytes_per_token + WORKING_BYTES


@dataclass(frozen=True, slots=True)
class ModelVocabulary:
    """The tokens of a model file, by their numbers."""

    kind: str
    """gpt2 (pairs of bytes), llama (pieces with scores) …"""
    words: str
    """The rule that cuts a text into words first, as llama.cpp names it: smollm, llama-bpe …"""
    tokens: Sequence[str]
    merges: Sequence[str]
    """Two tokens with a space between them, the first to be joined first."""
    scores: Sequence[float]


def read_vocabulary(path: Path) -> ModelVocabulary:
    """Read the vocabulary of a GGUF file. Raises ModelError with a sentence for any other file."""
    entries, _, _ = _read_header(path, KEPT_LISTS)

    def entry(name: str) -> Any:
        return entries.get(f"tokenizer.ggml.{name}")

    return ModelVocabulary(
        kind=str(entry("model") or ""),
        words=str(entry("pre") or ""),
        tokens=entry("tokens") or (),
        merges=entry("merges") or (),
        scores=entry("scores") or (),
    )


def read_model_file(path: Path) -> ModelFile:
    """Read the header of a GGUF file. Raises ModelError with a sentence for any other file."""
    entries, parameters, size = _read_header(path)
    architecture = str(entries.get("general.architecture", ""))
    return ModelFile(
        path=path,
        architecture=architecture,
        parameters=parameters,
        trained_context=_whole(entries, f"{architecture}.context_length"),
        bytes=size,
        cache_bytes_per_token=_cache_bytes(entries, architecture),
    )


def _read_header(path: Path, kept: frozenset[str] = frozenset()) -> tuple[dict[str, Any], int, int]:
    """Return the entries, the number of parameters and the size of the file."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if file.read(len(MAGIC)) != MAGIC:
                raise ModelFailed(
                    "{file} is not a GGUF model file. Set DOCENT_MODEL to a file that ends in .gguf, or "
                    "choose another DOCENT_PROVIDER.",
                    file=path.name,
                )
            return *_Header(file, size, kept).read(), size
    except OSError as error:
        raise ModelMissing(
            "The model file {file} cannot be read ({why}). Correct DOCENT_MODEL.",
            file=path.name,
            why=error.strerror or type(error).__name__,
        ) from error
    except (struct.error, ValueError, KeyError) as error:
        raise ModelFailed(
            "The model file {file} is damaged or cut off: its header cannot be read. Download it again.",
            file=path.name,
        ) from error


def _cache_bytes(entries: Mapping[str, Any], architecture: str) -> int:
    heads = _whole(entries, f"{architecture}.attention.head_count")
    own_width = _whole(entries, f"{architecture}.embedding_length") // max(1, heads)
    widths = sum(
        _whole(entries, f"{architecture}.attention.{kind}_length") or own_width for kind in ("key", "value")
    )
    heads_kept = _whole(entries, f"{architecture}.attention.head_count_kv") or heads
    return _whole(entries, f"{architecture}.block_count") * heads_kept * widths * BYTES_IN_CACHE


def _whole(entries: Mapping[str, Any], key: str) -> int:
    value = entries.get(key)
    return value if isinstance(value, int) and 0 <= value < 1 << 32 else 0


class _Header:
    """Reads entries (of arrays only those `kept`) and the shapes of the tensors, in file order."""

    def __init__(self, file: BinaryIO, size: int, kept: frozenset[str]) -> None:
        self._file = file
        self._kept = kept
        self._left = size - len(MAGIC)

    def read(self) -> tuple[dict[str, Any], int]:
        """Return the entries and the number of parameters."""
        if self._number("<I") not in VERSIONS:
            raise ValueError("unknown version")
        tensors, count = self._number("<Q"), self._number("<Q")
        if max(tensors, count) > MOST_ENTRIES:
            raise ValueError("too many entries")
        entries = {}
        for _ in range(count):
            key = self._string()
            entries[key] = self._value(self._number("<I"), keep=key in self._kept)
        parameters = 0
        for _ in range(tensors):
            self._string()
            dimensions = self._number("<I")
            if dimensions > MOST_DIMENSIONS:
                raise ValueError("too many dimensions")
            parameters += math.prod(self._number("<Q") for _ in range(dimensions))
            self._take(struct.calcsize("<IQ"))  # its type and its place
        return entries, parameters

    def _value(self, kind: int, *, keep: bool) -> Any:
        if kind == STRING:
            return self._string()
        if kind != ARRAY:
            return self._number(SCALARS[kind])
        kind, length = self._number("<I"), self._number("<Q")
        if kind == STRING:
            texts = (self._string() for _ in range(length))
            if keep:
                return list(texts)
            deque(texts, maxlen=0)
            return None
        form = SCALARS[kind]
        numbers = self._take(struct.calcsize(form) * length)
        return [number for (number,) in struct.iter_unpack(form, numbers)] if keep else None

    def _number(self, form: str) -> Any:
        (number,) = struct.unpack(form, self._take(struct.calcsize(form)))
        return number

    def _string(self) -> str:
        return self._take(self._number("<Q")).decode("utf-8", errors="replace")

    def _take(self, length: int) -> bytes:
        self._left -= length
        if self._left < 0:
            raise ValueError("cut off")
        return self._file.read(length)
