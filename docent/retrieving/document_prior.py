"""Prior."""

from __future__ import annotations

import math
import re
import unicodedata
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from docent.retrieving.fusion import Weights
from docent.retrieving.query import YEAR, with_years
from docent.store.protocols import Hit
from docent.types import StoredDocument


def document_prior(
    by_name: Mapping[str, float],
    by_meaning: Mapping[str, float],
    by_words: Mapping[str, float],
    weights: Weights,
) -> dict[str, float]:
    """Documents with how likely they are meant, 0 to 1; each kind of evidence over its own maximum."""
    found: dict[str, float] = defaultdict(float)
    for weight, scores in (
        (weights.name, by_name),
        (weights.evidence, by_meaning),
        (weights.evidence, by_words),
    ):
        most = max(scores.values(), default=0.0)
        for document, score in scores.items():
            found[document] += weight * score / most if most else 0.0
    return dict(found)


def document_evidence(hits: Sequence[Hit], document_of: Mapping[str, str]) -> dict[str, float]:
    """What a search says of whole documents: their best piece, above the last one found. Best hit first."""
    lowest = hits[-1].score if hits else 0.0
    found: dict[str, float] = {}
    for hit in hits:
        if (document := document_of.get(hit.id)) is not None:
            found.setdefault(document, hit.score - lowest)
    return found


def likely_documents(priors: Mapping[str, float], most: int) -> tuple[str, ...]:
    """The documents most likely meant, best first."""
    return tuple(sorted(priors, key=lambda document: (-priors[document], document))[:most])


OLDER = 0.5  # a report of an earlier year than the latest asked about
BEGUN = 0.7  # "MGM" is the beginning of "mgmresorts"
LONG = 5  # letters; a shorter word inside the question is chance
MAX_QUESTION = 40
SHELVES = 8
SAYS_NOTHING = re.compile(
    r"scan(?:ned)?|image|photo|document|file|download|untitled|output|export|copy|page|[0-9a-f\-]{16,}"
)
"""What a scanner, a camera or a download calls its files."""
SILENT = 0.5  # of the names; beyond it they cannot tell documents apart
MOST_OPENINGS = 20_000
NAMED = re.compile(r"(?<!^)(?<![.?!:;]\s)\b[^\W\d_a-zß-ÿ][\w'’.&\-]*|\b\w*\d\w*")
"""Words with a capital that do not begin a sentence, and whatever holds a digit."""
SMALL = frozenset(
    "a an and are as at be by can do does for from has have how in is it its my new no not of on or our that "
    "the their this to was we were what when where which who why will with you your "
    "le la les des et en une un du de au est que qui der die das und ein eine ist im von zu el los las y una "
    "il lo gli e di che per o os um uma het een op te".split()
)


class NameIndex:
    """The names of the documents in scope, ready to be matched."""

    def __init__(self, names: Sequence[tuple[str, str]]) -> None:
        """Pairs of document id and name."""
        holders: dict[str, list[str]] = defaultdict(list)
        for document, name in names:
            for word in words_of(name):
                holders[word].append(document)
        self._holders = dict(holders)
        self._sorted = sorted(self._holders)
        self._heads = {word[:LONG] for word in self._sorted if len(word) >= LONG}
        self._documents = len(names)

    def match(self, question: str) -> dict[str, float]:
        """Documents whose name the question mentions, and how tellingly."""
        asked = _fold(with_years(question))
        words = set(re.findall(r"[^\W_]+", asked)) - SMALL
        latest = max((word for word in words if YEAR.fullmatch(word)), default="")
        found: dict[str, float] = defaultdict(float)
        for word, share in self._shares(words, "".join(re.findall(r"[^\W_]+", asked))).items():
            weight = share * self._rarity(word)
            if YEAR.fullmatch(word) and word != latest:
                weight = OLDER * self._rarity(latest if latest in self._holders else word)
            for document in self._holders[word]:
                found[document] += weight
        return dict(found)

    def _shares(self, words: set[str], run_together: str) -> dict[str, float]:
        """The words of names that the question holds: begun, whole, or run together ("americanexpress")."""
        shares: dict[str, float] = {}
        for word in words:
            if len(word) >= 3 and not word.isdigit():
                at = bisect_left(self._sorted, word)
                while at < len(self._sorted) and self._sorted[at].startswith(word):
                    if len(self._sorted[at]) >= LONG:
                        shares[self._sorted[at]] = BEGUN
                    at += 1
        for start in range(len(run_together)):
            if run_together[start : start + LONG] not in self._heads:
                continue  # 100 looks instead of 3,500
            for end in range(start + LONG, min(start + MAX_QUESTION, len(run_together)) + 1):
                if (piece := run_together[start:end]) in self._holders and not piece.isdigit():
                    shares[piece] = 1.0
        return shares | {word: 1.0 for word in words if word in self._holders}

    def _rarity(self, word: str) -> float:
        held = len(self._holders[word])
        return math.log(1 + (self._documents - held + 0.5) / (held + 0.5))


Opening = Callable[[StoredDocument], str]
"""How a document begins."""


@dataclass(frozen=True, slots=True)
class _Shelf:
    names: NameIndex
    openings: NameIndex | None = None
    """How documents begin whose name says nothing; None where enough names say something."""

    def match(self, question: str) -> dict[str, float]:
        found = Counter(self.names.match(question))
        if self.openings:
            # All words of a first page would point at a document that merely speaks of the same.
            found.update(self.openings.match(" ".join(NAMED.findall(question))))
        return dict(found)


class _Kept:
    """The names of the shelves asked last, latest first, and how documents begin."""

    def __init__(self) -> None:
        self._shelves: list[tuple[list[StoredDocument], _Shelf]] = []
        self._openings: dict[tuple[str, str, int], str] = {}

    def of(self, shelf: list[StoredDocument], opening: Opening) -> _Shelf:
        # Lists of the same objects are equal at once; a key of 10,000 names would take 4 ms to make.
        names = next((names for kept, names in self._shelves if kept == shelf), None)
        if names is None:
            names = self._read(shelf, opening)
        others = [one for one in self._shelves if one[1] is not names]
        self._shelves = [(shelf, names), *others][:SHELVES]
        return names

    def _read(self, shelf: list[StoredDocument], opening: Opening) -> _Shelf:
        silent = [document for document in shelf if _says_nothing(document.name)]
        if len(silent) <= SILENT * len(shelf):
            return _Shelf(NameIndex([(one.id, _telling(one.name, one.title)) for one in shelf]))
        return _Shelf(
            NameIndex([(one.id, one.name) for one in shelf]),
            NameIndex([(one.id, f"{one.title} {self._begins(one, opening)}") for one in silent]),
        )

    def _begins(self, document: StoredDocument, opening: Opening) -> str:
        if document.pages < 2:
            return ""  # a page that is all there is was read by the two searches already
        key = (document.id, document.sha256, document.loader)
        if (begins := self._openings.get(key)) is None:
            if len(self._openings) >= MOST_OPENINGS:
                self._openings.clear()
            begins = self._openings[key] = opening(document)
        return begins


_kept = _Kept()


def name_matcher(documents: Sequence[StoredDocument], opening: Opening) -> _Shelf:
    """Kept from one question to the next, as long as the documents are the same."""
    return _kept.of(list(documents), opening)


@lru_cache(maxsize=100_000)
def words_of(name: str) -> frozenset[str]:
    """The words of a file's name: "AMCOR_2023Q4.pdf" is amcor, 2023 and q4."""
    stem = re.sub(r"\.[A-Za-z0-9]{1,5}$", "", name)
    stem = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])|(?<=\d{4})(?=[QqHh]\d)", " ", stem)
    return frozenset(re.findall(r"[^\W_]+", _fold(stem))) - SMALL


@lru_cache(maxsize=100_000)
def _telling(name: str, title: str) -> str:
    """The file's name, with the title where the name holds no word."""
    return f"{title} {name}" if _says_nothing(name) else name


@lru_cache(maxsize=100_000)
def _says_nothing(name: str) -> bool:
    stem = SAYS_NOTHING.sub(" ", _fold(name.rpartition(".")[0] or name))
    return not re.search(r"[^\W\d_]{4,}", stem)


def _fold(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.lower())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
