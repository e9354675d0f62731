"""Counting tokens by the vocabulary of a model file, in this process.

Why not by llama.cpp's server, and why not by the estimate: docs/decisions/0033-count-with-the-model-file.md.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from docent.answering.models.gguf import ModelVocabulary, read_vocabulary
from docent.answering.prompt.token_budget import EstimatedTokens
from docent.errors import ModelError

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
WORD_RULES = {
    "gpt-2": (GPT2,),
    "smollm": (r"\p{N}", GPT2),
    "llama-bpe": (LLAMA3,),
    "qwen2": (LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}"),),
}
"""How a text is cut into words before its bytes are joined, by llama.cpp's names."""
UNKNOWN = "<unk>"
SPACE = "▁"


class ModelFileTokens:
    """The tokenizer of a model file, read with the first text; an estimate for a kind that is not known."""

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self._path = path

    @property
    def exact(self) -> bool:
        return self._tokenizer is not None

    def count(self, text: str) -> int:
        if self._tokenizer is None:
            return EstimatedTokens().count(text)
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    @cached_property
    def _tokenizer(self) -> Tokenizer | None:
        try:
            return tokenizer_of(read_vocabulary(self._path))
        except ModelError:
            return None  # the model's client says what is wrong with the file


def tokenizer_of(vocabulary: ModelVocabulary) -> Tokenizer | None:
    """Return the tokenizer of a vocabulary; None for a kind that is not known."""
    numbers = {token: number for number, token in enumerate(vocabulary.tokens)}
    if vocabulary.kind == "gpt2" and vocabulary.words in WORD_RULES and vocabulary.merges:
        return _of_bytes(numbers, vocabulary)
    if vocabulary.kind == "llama" and UNKNOWN in numbers and len(vocabulary.scores) == len(numbers):
        return _of_pieces(numbers, vocabulary)
    return None


def _of_bytes(numbers: dict[str, int], vocabulary: ModelVocabulary) -> Tokenizer:
    pairs = (merge.partition(" ") for merge in vocabulary.merges)
    merges = [
        (first, second) for first, _, second in pairs if {first, second, first + second} <= numbers.keys()
    ]
    tokenizer = Tokenizer(
        models.BPE(vocab=numbers, merges=merges, ignore_merges=vocabulary.words == "llama-bpe")
    )
    words = [pre_tokenizers.Split(Regex(rule), "isolated") for rule in WORD_RULES[vocabulary.words]]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [*words, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    return tokenizer


def _of_pieces(numbers: dict[str, int], vocabulary: ModelVocabulary) -> Tokenizer:
    """Return a tokenizer that joins the neighbours whose piece has the best score, as SentencePiece does."""
    scored = [
        (score, (piece[:cut], piece[cut:]))
        for piece, score in zip(vocabulary.tokens, vocabulary.scores, strict=True)
        for cut in range(1, len(piece))
        if piece[:cut] in numbers and piece[cut:] in numbers
    ]
    merges = [pair for _, pair in sorted(scored, key=lambda merge: -merge[0])]
    tokenizer = Tokenizer(
        models.BPE(vocab=numbers, merges=merges, unk_token=UNKNOWN, fuse_unk=True, byte_fallback=True)
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)])
    return tokenizer
