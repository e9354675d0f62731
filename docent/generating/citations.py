"""Which characters of which page support each sentence of an answer. No second model is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from docent.generating import sentences
from docent.glossary import Citation, Passage

MARK = re.compile(r"\s?\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")
FIGURE = re.compile(r"\d+(?:[.,:]\d+)*")

SUPPORT = 0.5
"""Share of a sentence's meaning words that its source must have: paraphrase keeps about two thirds."""
LEAST_WORDS = 3  # "Yes." and "Of course!" need no support


@dataclass(frozen=True, slots=True)
class Cited:
    """An answer whose numbers are known, with what they point at."""

    text: str
    citations: tuple[Citation, ...]
    unsupported: tuple[str, ...]
    doubtful: tuple[str, ...]
    removed: tuple[str, ...]


def cite(answer: str, passages: Sequence[Passage]) -> Cited:
    """Keep the numbers that exist, add those that are missing, and point each at its sentence."""
    removed: list[str] = []
    unsupported: list[str] = []
    found: list[Citation] = []
    written: list[str] = []
    at = 0
    for start, end in _cited_sentences(answer):
        sentence = answer[start:end]
        plain = MARK.sub("", sentence)
        named = [int(n) for mark in MARK.finditer(sentence) for n in mark[1].split(",")]
        known = list(dict.fromkeys(n for n in named if 1 <= n <= len(passages)))
        removed += [f"[{n}]" for n in named if not 1 <= n <= len(passages)]
        sources = _sources(plain, known, passages)
        if not sources and len(sentences.words(plain)) >= LEAST_WORDS:
            unsupported.append(plain.strip())
        found += [source for source in sources if source not in found]
        written += [answer[at:start], _numbered(plain, [source.n for source in sources])]
        at = end
    text = "".join([*written, MARK.sub("", answer[at:])]).strip()
    everything = " ".join(passage.text for passage in passages)
    doubtful = [
        figure for figure in FIGURE.findall(MARK.sub("", answer)) if not _stands_in(figure, everything)
    ]
    return Cited(text, tuple(found), tuple(unsupported), tuple(dict.fromkeys(doubtful)), tuple(removed))


def only_cited(cited: Cited, passages: Sequence[Passage]) -> tuple[Cited, tuple[Passage, ...]]:
    """The same answer with the passages that it cites, numbered from 1 in the order of their appearance."""
    order = dict.fromkeys(int(n) for mark in MARK.finditer(cited.text) for n in mark[1].split(","))
    number = {old: new for new, old in enumerate(order, 1)}
    text = MARK.sub(
        lambda mark: mark[0].replace(mark[1], ", ".join(str(number[int(n)]) for n in mark[1].split(","))),
        cited.text,
    )
    citations = tuple(
        replace(one, n=number[one.n]) for one in sorted(cited.citations, key=lambda one: number[one.n])
    )
    return replace(cited, text=text, citations=citations), tuple(passages[old - 1] for old in number)


def _cited_sentences(answer: str) -> Iterator[tuple[int, int]]:
    """Sentences, each with the numbers that follow its full stop."""
    found = list(sentences.spans(answer))
    for index, (start, end) in enumerate(found):
        if index + 1 < len(found):
            start_next, end_next = found[index + 1]
            leading = re.match(r"(?:\[\d[\d,\s]*\]\s*)+", answer[start_next:end_next])
            if leading:
                found[index + 1] = (start_next + leading.end(), end_next)
                end = start_next + len(leading[0].rstrip())
        if start < end:
            yield start, end


def _sources(sentence: str, named: Sequence[int], passages: Sequence[Passage]) -> list[Citation]:
    """The passages named, where they support the sentence; else the one that supports it best."""
    candidates = named or range(1, len(passages) + 1)
    scored = [(*_best_span(sentence, passages[n - 1]), n) for n in candidates]
    supporting = [one for one in scored if one[0] >= SUPPORT]
    if not supporting and named:
        return _sources(sentence, (), passages)
    if not named:
        supporting = sorted(supporting, key=lambda one: (-one[0], one[3]))[:1]
    return [citation(n, passages[n - 1], start, end) for _, start, end, n in supporting]


def _best_span(sentence: str, passage: Passage) -> tuple[float, int, int]:
    """How much of the sentence one or two neighbouring sentences of the passage say, and which."""
    wanted = sentences.words(sentence)
    if not wanted:
        return 0.0, 0, 0
    best = (0.0, 0, 0)
    about = sentences.words(passage.header)
    found = list(sentences.spans(passage.text))
    for width in (1, 2):
        for first, last in zip(found, found[width - 1 :], strict=False):
            start, end = first[0], last[1]
            said = sentences.words(passage.text[start:end])
            overlap = wanted & (said | about)
            if wanted & said and len(overlap) / len(wanted) > best[0] + 0.1 * (width - 1):
                best = (len(overlap) / len(wanted), start, end)
    return best


def citation(n: int, passage: Passage, start: int, end: int) -> Citation:
    """Characters `start:end` of a passage, as a place on its page."""
    return Citation(
        n=n,
        chunk_id=passage.chunk_id,
        document_id=passage.document_id,
        file=passage.file,
        library=passage.library,
        page=passage.page,
        page_label=passage.page_label,
        place=passage.place,
        start=passage.start + start,
        end=passage.start + end,
        quote=passage.text[start:end],
    )


def _numbered(sentence: str, numbers: Sequence[int]) -> str:
    """The sentence with its numbers before the full stop."""
    if not numbers:
        return sentence
    body = sentence.rstrip()
    stop = body[-1] if body[-1:] in ".!?…" else ""
    marks = "".join(f" [{n}]" for n in dict.fromkeys(numbers))
    return body.removesuffix(stop) + marks + stop + sentence[len(body) :]


def _stands_in(figure: str, text: str) -> bool:
    """Whether a figure is in the passages, however its thousands are written."""
    return figure in text or re.sub(r"[.,]", "", figure) in re.sub(r"(?<=\d)[.,](?=\d)", "", text)
