"""How many tokens a text has for a model, without reading the same word twice.

A tokenizer of BERT's kind parts a text at white space before it does anything else, so a text costs what
its words cost, and most words were met before: a tenth of the tokenizer's own time (docs/decisions/0006).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

NOT_SPACE = re.compile("[\x0b\x0c\x1c-\x1f\x85]")
"""White space for Python; the tokenizer drops it, and joins what stands on either side."""
PART = re.compile("[0-9A-Za-z]+|[^0-9A-Za-z]")
MOST_WORDS = 50_000  # some 5 MB
LONGEST_WORD = 100  # there is no end of longer ones


def counts(texts: Sequence[str], tokenizer: Tokenizer) -> list[int]:
    """The tokens of each text, special ones apart."""
    known = _words_of(tokenizer)
    if known is None or any(map(NOT_SPACE.search, texts)):
        return [len(one.ids) for one in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]
    return [sum(map(known.__getitem__, text.split())) for text in texts]


class _Words(dict[str, int]):
    """Words, and how many tokens each has."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._added = _added(tokenizer)

    def __missing__(self, word: str) -> int:
        parts = self._parts(word)
        tokens = sum(map(self.__getitem__, parts)) if len(parts) > 1 else self._asked(word)
        if len(word) <= LONGEST_WORD:
            if len(self) >= MOST_WORDS:
                self.clear()
            self[word] = tokens
        return tokens

    def _parts(self, word: str) -> list[str]:
        """A figure such as "12,345" is met once, its parts often; signs stand alone for a tokenizer, too."""
        plain = word.isascii() and word.isprintable() and not any(token in word for token in self._added)
        return PART.findall(word) if plain else [word]

    def _asked(self, word: str) -> int:
        return len(self._tokenizer.encode(word, add_special_tokens=False).ids)


@lru_cache(maxsize=2)
def _words_of(tokenizer: Tokenizer) -> _Words | None:
    """None where words cannot be counted by themselves."""
    parts = (tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.model)
    kinds = (BertNormalizer, BertPreTokenizer, WordPiece)
    apart = all(isinstance(part, kind) for part, kind in zip(parts, kinds, strict=True))
    apart &= all(len(token.split()) == 1 for token in _added(tokenizer))
    return _Words(tokenizer) if apart else None


def _added(tokenizer: Tokenizer) -> list[str]:
    """Such as "[MASK]": one token wherever they stand."""
    return [token.content for token in tokenizer.get_added_tokens_decoder().values()]
