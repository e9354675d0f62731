"""The prior of each document: how likely a question is about it, by its name and by what was found in it.

A question names a document by words of its file name, weighed by how few files share them. Where most names
say nothing, as "scan0007.pdf", the names in the question are looked for in first pages, too.
"""

from __future__ import annotations

import math
import re
import unicodedata
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from docent.retrieving.query import YEAR, with_years
from docent.retrieving.scoring import Weights
from docent.store.protocols import Hit
from docent.types import StoredDocument

OLDER_YEAR = 0.5  # factor for a report of an earlier year than the latest asked about
PREFIX = 0.7  # factor for a prefix: "MGM" is the beginning of "mgmresorts"
MIN_PART = 5  # letters; a shorter word inside the question is chance
MAX_PART = 40
CACHED_MATCHERS = 8
CACHED_OPENINGS = 20_000
GENERIC = re.compile(
    r"scan(?:ned)?|image|photo|document|file|download|untitled|output|export|copy|page|[0-9a-f\-]{16,}"
)
"""Names that a scanner, a camera or a download gives its files."""
MAX_GENERIC = 0.5  # of the names; beyond it they cannot tell documents apart
NAMED = re.compile(r"(?<!^)(?<![.?!:;]\s)\b[^\W\d_a-zß-ÿ][\w'’.&\-]*|\b\w*\d\w*")
"""Words with a capital that do not begin a sentence, and words with a digit."""
SMALL_WORDS = frozenset(
    "a an and are as at be by can do does for from has have how in is it its my new no not of on or our that "
    "the their this to was we were what when where which who why will with you your "
    "le la les des et en une un du de au est que qui der die das und ein eine ist im von zu el los las y una "
    "il lo gli e di che per o os um uma het een op te".split()
)

Opening = Callable[[StoredDocument], str]
"""Return how a document begins."""


def document_priors(
    by_name: Mapping[str, float],
    by_meaning: Mapping[str, float],
    by_words: Mapping[str, float],
    weights: Weights,
) -> dict[str, float]:
    """Return how likely each document is meant, 0 to 1; each kind of evidence over its own maximum."""
    priors: dict[str, float] = defaultdict(float)
    for weight, scores in (
        (weights.name, by_name),
        (weights.evidence, by_meaning),
        (weights.evidence, by_words),
    ):
        highest = max(scores.values(), default=0.0)
        for document, score in scores.items():
            priors[document] += weight * score / highest if highest else 0.0
    return dict(priors)


def document_evidence(hits: Sequence[Hit], document_of: Mapping[str, str]) -> dict[str, float]:
    """Return the score of each document's best chunk above that of the last hit. Best hit first."""
    lowest = hits[-1].score if hits else 0.0
    evidence: dict[str, float] = {}
    for hit in hits:
        if (document := document_of.get(hit.id)) is not None:
            evidence.setdefault(document, hit.score - lowest)
    return evidence


def likely_documents(priors: Mapping[str, float], count: int) -> tuple[str, ...]:
    """Return the documents most likely meant, best first."""
    return tuple(sorted(priors, key=lambda document: (-priors[document], document))[:count])


class NameIndex:
    """The names of the documents in scope, ready to be matched with questions."""

    def __init__(self, names: Sequence[tuple[str, str]]) -> None:
        """Take pairs of document id and name."""
        documents_of: dict[str, list[str]] = defaultdict(list)
        for document, name in names:
            for word in words_of(name):
                documents_of[word].append(document)
        self._documents_of = dict(documents_of)
        self._sorted_words = sorted(self._documents_of)
        self._heads = {word[:MIN_PART] for word in self._sorted_words if len(word) >= MIN_PART}
        self._count = len(names)

    def match(self, question: str) -> dict[str, float]:
        """Return the documents whose name the question mentions, each with the weight of the mention."""
        asked = _fold(with_years(question))
        words = set(re.findall(r"[^\W_]+", asked)) - SMALL_WORDS
        latest = max((word for word in words if YEAR.fullmatch(word)), default="")
        scores: dict[str, float] = defaultdict(float)
        for word, share in self._mentioned(words, "".join(re.findall(r"[^\W_]+", asked))).items():
            weight = share * self._rarity(word)
            if YEAR.fullmatch(word) and word != latest:
                weight = OLDER_YEAR * self._rarity(latest if latest in self._documents_of else word)
            for document in self._documents_of[word]:
                scores[document] += weight
        return dict(scores)

    def _mentioned(self, words: set[str], run_together: str) -> dict[str, float]:
        """Return words of names that the question holds: as a prefix, whole, or run together.

        "American Express" run together mentions "americanexpress".
        """
        shares: dict[str, float] = {}
        for word in words:
            if len(word) >= 3 and not word.isdigit():
                position = bisect_left(self._sorted_words, word)
                while position < len(self._sorted_words) and self._sorted_words[position].startswith(word):
                    if len(self._sorted_words[position]) >= MIN_PART:
                        shares[self._sorted_words[position]] = PREFIX
                    position += 1
        for start in range(len(run_together)):
            if run_together[start : start + MIN_PART] not in self._heads:
                continue  # 100 look-ups instead of 3,500
            for end in range(start + MIN_PART, min(start + MAX_PART, len(run_together)) + 1):
                if (part := run_together[start:end]) in self._documents_of and not part.isdigit():
                    shares[part] = 1.0
        return shares | {word: 1.0 for word in words if word in self._documents_of}

    def _rarity(self, word: str) -> float:
        holding = len(self._documents_of[word])
        return math.log(1 + (self._count - holding + 0.5) / (holding + 0.5))


@dataclass(frozen=True, slots=True)
class NameMatcher:
    """Matches questions with names, and with first pages where names say nothing."""

    names: NameIndex
    openings: NameIndex | None = None
    """First pages of documents with a generic name; None where enough names say something."""

    def match(self, question: str) -> dict[str, float]:
        scores = Counter(self.names.match(question))
        if self.openings:
            # All words of a first page would point at a document that merely speaks of the same.
            scores.update(self.openings.match(" ".join(NAMED.findall(question))))
        return dict(scores)


class _MatcherCache:
    """The matchers of the scopes asked last, latest first, and the first pages read for them."""

    def __init__(self) -> None:
        self._matchers: list[tuple[list[StoredDocument], NameMatcher]] = []
        self._openings: dict[tuple[str, str, int], str] = {}

    def get(self, documents: list[StoredDocument], opening: Opening) -> NameMatcher:
        # Lists of the same objects are equal at once; a key of 10,000 names would take 4 ms to make.
        matcher = next((matcher for cached, matcher in self._matchers if cached == documents), None)
        if matcher is None:
            matcher = self._build(documents, opening)
        others = [entry for entry in self._matchers if entry[1] is not matcher]
        self._matchers = [(documents, matcher), *others][:CACHED_MATCHERS]
        return matcher

    def _build(self, documents: list[StoredDocument], opening: Opening) -> NameMatcher:
        generic = [document for document in documents if _is_generic(document.name)]
        if len(generic) <= MAX_GENERIC * len(documents):
            return NameMatcher(
                NameIndex(
                    [(document.id, _name_or_title(document.name, document.title)) for document in documents]
                )
            )
        return NameMatcher(
            NameIndex([(document.id, document.name) for document in documents]),
            NameIndex(
                [
                    (document.id, f"{document.title} {self._opening(document, opening)}")
                    for document in generic
                ]
            ),
        )

    def _opening(self, document: StoredDocument, opening: Opening) -> str:
        if document.pages < 2:
            return ""  # both searches have read the only page already
        key = (document.id, document.sha256, document.loader)
        if (text := self._openings.get(key)) is None:
            if len(self._openings) >= CACHED_OPENINGS:
                self._openings.clear()
            text = self._openings[key] = opening(document)
        return text


_cache = _MatcherCache()


def name_matcher(documents: Sequence[StoredDocument], opening: Opening) -> NameMatcher:
    """Return the matcher of these documents, cached as long as they are the same."""
    return _cache.get(list(documents), opening)


@lru_cache(maxsize=100_000)
def words_of(name: str) -> frozenset[str]:
    """Return the words of a file's name: "AMCOR_2023Q4.pdf" is amcor, 2023 and q4."""
    stem = re.sub(r"\.[A-Za-z0-9]{1,5}$", "", name)
    stem = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])|(?<=\d{4})(?=[QqHh]\d)", " ", stem)
    return frozenset(re.findall(r"[^\W_]+", _fold(stem))) - SMALL_WORDS


@lru_cache(maxsize=100_000)
def _name_or_title(name: str, title: str) -> str:
    """Return the file's name, with the title where the name holds no word."""
    return f"{title} {name}" if _is_generic(name) else name


@lru_cache(maxsize=100_000)
def _is_generic(name: str) -> bool:
    stem = GENERIC.sub(" ", _fold(name.rpartition(".")[0] or name))
    return not re.search(r"[^\W\d_]{4,}", stem)


def _fold(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.lower())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
