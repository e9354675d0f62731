"""Cut pages into chunks of whole lines, counted in the embedding model's own tokens.

A chunk never crosses a page, begins and ends with a line unless one line alone is too long, and
fits the model together with its header. Nothing but running headers and footers is left out.

A tokenizer of BERT's kind splits a text at white space first, so a text costs the sum of its words, and most
words were counted before: a tenth of the tokenizer's own time (docs/decisions/0006-chunks-and-headers.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from docent.indexing.headers import HEADER_VERSION, Header, Outline, descriptive_name
from docent.types import Chunk, Document, Page, chunk_id

CHUNKER_VERSION = f"1.{HEADER_VERSION}"

CHARACTERS_PER_TOKEN = 10  # one token may stand for a "word" of 10 MB; no chunk may be that long
MAX_GAP = 400  # white space costs no tokens; a chunk does not reach across a megabyte of it
BATCH = 256  # texts counted at once: bounds the memory of a 10 MB file
LINE = re.compile(r"[^\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")
SENTENCE_END = re.compile(r"(?<=[.!?;…])\s+|(?<=[。！？；])\s*")

PageSpan = tuple[Page, int, int]
"""Characters `start:end` of a page."""


class Span(NamedTuple):
    """Characters `start:end` of a page that stay together, with their number of tokens."""

    start: int
    end: int
    cost: int = 0


def embedded_text(chunk: Chunk) -> str:
    """Return the text of a chunk that the embedding model reads."""
    return f"{chunk.header}\n{chunk.text}"


def chunk(
    document: Document, *, document_id: str, tokenizer: Tokenizer, size: int, overlap: int, limit: int
) -> list[Chunk]:
    """Cut a document into chunks of at most `size` tokens, up to `overlap` of them shared with the neighbour.

    `limit` is what the model reads: header, text and special tokens together never exceed it.
    """
    cutter = Chunker(tokenizer=tokenizer, size=size, overlap=overlap, limit=limit)
    for page in document.pages:
        cutter.add(page)
    return cutter.chunks(document, document_id=document_id)


class Chunker:
    """Cuts pages while a document is being read, and makes chunks with headers once all have been read."""

    def __init__(self, *, tokenizer: Tokenizer, size: int, overlap: int, limit: int) -> None:
        self._budget = TokenBudget(tokenizer, size=size, limit=limit)
        self._overlap = overlap
        self._outline = Outline()
        self._spans: list[PageSpan] = []

    def add(self, page: Page) -> None:
        self._outline.add(page)
        for run in _runs(page):
            units = _units(page.text, run, self._budget)
            self._spans += [(page, *piece) for piece in _pack(units, self._budget, self._overlap)]

    def chunks(self, document: Document, *, document_id: str) -> list[Chunk]:
        """Return the chunks of the document, all of whose pages were added."""
        self._outline.close(descriptive_name(document))
        return [
            made
            for first in range(0, len(self._spans), BATCH)
            for made in _chunks(self._spans[first : first + BATCH], document_id, self._outline, self._budget)
        ]


class TokenBudget:
    """Counts tokens as the model does, and holds how many fit into a chunk and its header."""

    def __init__(self, tokenizer: Tokenizer, *, size: int, limit: int) -> None:
        if tokenizer.truncation is not None:
            raise ValueError("A tokenizer that truncates cannot count. Call its no_truncation() first.")
        self._tokenizer = tokenizer
        self._headers: dict[Header, str] = {}
        self.limit = limit
        self.header_tokens = limit // 5
        self.special = tokenizer.num_special_tokens_to_add(False)
        self.size = min(size, limit - self.header_tokens - self.special)
        if self.size < 16:
            raise ValueError(f"A model that reads {limit} tokens has no room for text beside a header.")

    def costs(self, text: str, spans: Sequence[tuple[int, int]]) -> Iterator[Span]:
        """Yield the spans with their cost; very long words count by their characters."""
        for first in range(0, len(spans), BATCH):
            some = spans[first : first + BATCH]
            for (start, end), tokens in zip(some, self.counts([text[s:e] for s, e in some]), strict=True):
                yield Span(start, end, max(tokens, (end - start) // CHARACTERS_PER_TOKEN))

    def counts(self, texts: Sequence[str]) -> list[int]:
        return counts(texts, self._tokenizer)

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return the position of each token in the text."""
        return self._tokenizer.encode(text, add_special_tokens=False).offsets

    def shortened(self, header: Header) -> str:
        """Return the header as a line that fits; its least descriptive parts are left out first."""
        if header not in self._headers:
            self._headers[header] = next(
                line for line in header.shortenings() if self.counts([line])[0] <= self.header_tokens
            )
        return self._headers[header]


def _runs(page: Page) -> Iterator[tuple[int, int]]:
    """Yield the parts of the page between its running headers and footers."""
    at = 0
    for line in sorted((line for line in page.lines if line.role == "margin"), key=lambda line: line.start):
        if at < line.start:
            yield at, line.start
        at = max(at, line.end)
    if at < len(page.text):
        yield at, len(page.text)


def _units(text: str, run: tuple[int, int], budget: TokenBudget) -> Iterator[Span]:
    """Yield the run's lines; one that is longer than a chunk by its sentences, else by its words."""
    lines = [trimmed for match in LINE.finditer(text, *run) if (trimmed := _trimmed(text, *match.span()))]
    for line in budget.costs(text, lines):
        if line.cost <= budget.size:
            yield line
            continue
        sentences = list(_sentences(text, line, budget.size * CHARACTERS_PER_TOKEN))
        for sentence in budget.costs(text, sentences):
            if sentence.cost <= budget.size:
                yield sentence
            else:
                yield from budget.costs(text, list(_cut_words(text, sentence, budget)))


def _sentences(text: str, line: Span, longest: int) -> Iterator[tuple[int, int]]:
    """Yield the line's sentences, none longer than `longest` characters."""
    at = line.start
    for match in SENTENCE_END.finditer(text, line.start, line.end):
        yield from _windows(text, at, match.start(), longest)
        at = match.end()
    yield from _windows(text, at, line.end, longest)


def _windows(text: str, start: int, end: int, longest: int) -> Iterator[tuple[int, int]]:
    while end - start > longest:
        cut = _space_before(text, start + longest // 2, start + longest)
        if trimmed := _trimmed(text, start, cut):
            yield trimmed
        start = cut
    if trimmed := _trimmed(text, start, end):
        yield trimmed


def _cut_words(text: str, span: Span, budget: TokenBudget) -> Iterator[tuple[int, int]]:
    """Cut a span with too many tokens, between words where there are any."""
    offsets = [
        (left + span.start, right + span.start) for left, right in budget.offsets(text[span.start : span.end])
    ]
    start, token = span.start, 0
    while len(offsets) - token > budget.size:
        furthest = max(offsets[token + budget.size][0], start + 1)
        cut = _space_before(text, (start + furthest) // 2, furthest)
        if trimmed := _trimmed(text, start, cut):
            yield trimmed
        start = cut
        while token < len(offsets) and offsets[token][0] < cut:
            token += 1
    if trimmed := _trimmed(text, start, span.end):
        yield trimmed


def _space_before(text: str, low: int, high: int) -> int:
    """Return the last position up to `high` where a space begins, or `high` if there is none after `low`."""
    return next((at for at in range(high, low, -1) if text[at : at + 1].isspace()), high)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int] | None:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return (start, end) if start < end else None


def _pack(units: Iterator[Span], budget: TokenBudget, overlap: int) -> Iterator[tuple[int, int]]:
    """Yield as many whole units as fit, each time beginning with the last few of the one before."""
    piece: list[Span] = []
    cost = 0
    for unit in units:
        apart = bool(piece) and unit.start - piece[-1].end > MAX_GAP
        if piece and (apart or cost + unit.cost > budget.size):
            yield piece[0].start, piece[-1].end
            piece = [] if apart else _tail(piece, min(overlap, budget.size - unit.cost))
            cost = sum(kept.cost for kept in piece)
        piece.append(unit)
        cost += unit.cost
    if piece:
        yield piece[0].start, piece[-1].end


def _tail(piece: list[Span], room: int) -> list[Span]:
    """Return the last units that together cost at most `room`, never all of them."""
    first = len(piece)
    while first > 1 and piece[first - 1].cost <= room:
        first -= 1
        room -= piece[first].cost
    return piece[first:]


def _chunks(
    cut: Sequence[PageSpan], document_id: str, outline: Outline, budget: TokenBudget
) -> Iterator[Chunk]:
    """Yield the spans as chunks with headers, counted once more as the model will read them."""
    headers = [outline.header(page, start) for page, start, _ in cut]
    lines = [budget.shortened(header) for header in headers]
    whole = [f"{line}\n{page.text[start:end]}" for line, (page, start, end) in zip(lines, cut, strict=True)]
    for header, line, (page, start, end), count in zip(
        headers, lines, cut, budget.counts(whole), strict=True
    ):
        tokens = count + budget.special
        if tokens > budget.limit:
            # Some tokenizers count a whole higher than its lines: halve until it fits.
            middle = _space_before(page.text, start + 1, (start + end) // 2 + 1)
            halves = [
                (page, *half)
                for a, b in ((start, middle), (middle, end))
                if (half := _trimmed(page.text, a, b))
            ]
            yield from _chunks(halves, document_id, outline, budget)
            continue
        yield Chunk(
            id=chunk_id(document_id, page.number, start, end, CHUNKER_VERSION),
            document_id=document_id,
            page=page.number,
            start=start,
            end=end,
            text=page.text[start:end],
            header=line,
            heading=header.section,
            tokens=tokens,
        )


DROPPED_SPACE = re.compile("[\x0b\x0c\x1c-\x1f\x85]")
"""White space for Python that the tokenizer drops, so that it joins the words on either side."""
PART = re.compile("[0-9A-Za-z]+|[^0-9A-Za-z]")
MAX_WORDS = 50_000  # some 5 MB
MAX_WORD = 100  # longer ones are too many to remember


def counts(texts: Sequence[str], tokenizer: Tokenizer) -> list[int]:
    """Count the tokens of each text, without special ones."""
    known = _word_counts(tokenizer)
    if known is None or any(map(DROPPED_SPACE.search, texts)):
        return [len(one.ids) for one in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]
    return [sum(map(known.__getitem__, text.split())) for text in texts]


class _WordCounts(dict[str, int]):
    """The number of tokens of each word that was counted."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._added = _added_words(tokenizer)

    def __missing__(self, word: str) -> int:
        # The tokenizer splits at signs, too, so that the parts of a word such as "12,345" are common words.
        plain = word.isascii() and word.isprintable() and not any(token in word for token in self._added)
        parts = PART.findall(word) if plain else [word]
        if len(parts) > 1:
            tokens = sum(map(self.__getitem__, parts))
        else:
            tokens = len(self._tokenizer.encode(word, add_special_tokens=False).ids)
        if len(word) <= MAX_WORD:
            if len(self) >= MAX_WORDS:
                self.clear()
            self[word] = tokens
        return tokens


@lru_cache(maxsize=2)
def _word_counts(tokenizer: Tokenizer) -> _WordCounts | None:
    """Return the tokenizer's counts by word; None where words cannot be counted by themselves."""
    parts = (tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.model)
    kinds = (BertNormalizer, BertPreTokenizer, WordPiece)
    apart = all(isinstance(part, kind) for part, kind in zip(parts, kinds, strict=True))
    apart &= all(len(token.split()) == 1 for token in _added_words(tokenizer))
    return _WordCounts(tokenizer) if apart else None


def _added_words(tokenizer: Tokenizer) -> list[str]:
    """Return words such as "[MASK]", which are one token wherever they occur."""
    return [token.content for token in tokenizer.get_added_tokens_decoder().values()]
