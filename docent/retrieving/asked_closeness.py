"""Doubt passages that speak of the thing that a question names, but not of what it asks about it.

"What is the parental leave at Atelier Nove Ruas?" is close to every passage of that document. Without the
words of the document's name, it must be close to one of their sentences. Looked at only where words of the
question stand nowhere in the scope, since the sentences have to be embedded; docs/performance.md has figures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from docent.retrieving.document_prior import words_of
from docent.retrieving.scoring import sentences
from docent.store.protocols import Reader
from docent.types import Chunk, Scope

if TYPE_CHECKING:  # 0.12 s to import; an ingest does without
    import numpy as np
    from numpy.typing import NDArray

WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")
ABSENT = 0.25
"""Share of the question's words, without small ones, that stand nowhere; with fewer nothing is doubted."""
SURE = 0.95
"""Relevance from which nothing is doubted."""
CLOSE = 0.25
"""Cosine of a sentence from which it speaks of what is asked."""
DOUBTFUL = 0.15
"""The most relevance of a doubted passage."""
READ = 3
"""Passages whose sentences are compared."""
MOST_SENTENCES = 15
"""Sentences that are compared; each costs up to 8 ms of a processor."""


class SentenceEmbedder(Protocol):
    def embed_query(self, text: str) -> list[float]: ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


def doubted(
    question: str,
    chunks: Sequence[Chunk],
    names: Iterable[str],
    relevances: Mapping[str, float],
    *,
    embedder: SentenceEmbedder,
    store: Reader,
    scope: Scope,
) -> dict[str, float]:
    """Return the relevances of the chunks, small ones where no sentence is close to what is asked."""
    known = {chunk.id: relevances[chunk.id] for chunk in chunks}
    best = max(known.values(), default=0.0)
    if not DOUBTFUL < best < SURE or absent_share(question, store, scope) < ABSENT:
        return known
    parts = [part for chunk in chunks[:READ] for part in sentences(chunk.text)][:MOST_SENTENCES]
    if not parts or closest(asked_of(question, names), parts, embedder) >= CLOSE:
        return known
    return {chunk_id: min(relevance, DOUBTFUL) for chunk_id, relevance in known.items()}


def absent_share(question: str, store: Reader, scope: Scope) -> float:
    """Return the share of the question's words that stand nowhere in the scope, in any inflection."""
    searched = store.searched(question)
    words = [word for word in WORD.findall(question) if words_of(word)]
    terms_of = {word: store.searched(word) & searched for word in words}
    telling = {word: terms for word, terms in terms_of.items() if terms}
    rarity = store.rarity(sorted({"", *(term for terms in telling.values() for term in terms)}), scope)
    absent = [word for word, terms in telling.items() if all(rarity[term] >= rarity[""] for term in terms)]
    return len(absent) / len(telling) if telling else 0.0


def asked_of(question: str, names: Iterable[str]) -> str:
    """Return the question without the words of these names; whole, if nothing else is left."""
    known = frozenset[str]().union(*map(words_of, names))
    return " ".join(word for word in WORD.findall(question) if not words_of(word) & known) or question


def closest(question: str, parts: Sequence[str], embedder: SentenceEmbedder) -> float:
    """Return the cosine of the sentence that is nearest to the question."""
    import numpy as np

    asked = np.asarray(embedder.embed_query(question))
    return float((np.asarray(embedder.embed(parts)) @ asked).max())
