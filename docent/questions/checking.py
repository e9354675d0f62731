"""Two checks of a question: the page states the answer, and asking the question finds it there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from docent.answering.citing.verification import verify
from docent.answering.intents import intent_of
from docent.answering.replies_without_model import find_best_sentences
from docent.questions.question_candidates import Candidate, folded
from docent.types import Passage

PAGES_CHECKED = 5
"""The page is to be among so many different ones found first."""

Search = Callable[[str], Sequence[Passage]]
"""Finds the passages that may answer a question, within a scope."""


@dataclass(frozen=True, slots=True)
class Checker:
    """Checks candidates with the search that answers questions."""

    search: Search
    relevant_from: float = 0.0
    """Below this relevance of the best passage, Docent says that the documents do not answer."""

    def relevant(self, question: str) -> Sequence[Passage]:
        """Return the passages found for a question; none where Docent would say that nothing answers it."""
        passages = self.search(question)
        best = max((passage.relevance for passage in passages), default=-1.0)
        return passages if best >= self.relevant_from else ()

    def accepts(self, candidate: Candidate) -> bool:
        return is_stated(candidate) and self.is_found(candidate)

    def is_found(self, candidate: Candidate) -> bool:
        """Tell whether the page is among the first found, and the answer without a model has the fact."""
        if intent_of(candidate.question, ()).kind != "question":
            return False
        passages = self.relevant(candidate.question)
        page = (candidate.passage.document_id, candidate.passage.page)
        pages = list(dict.fromkeys((passage.document_id, passage.page) for passage in passages))
        if page not in pages[: 1 if candidate.must_be_first else PAGES_CHECKED]:
            return False
        start, end = candidate.page_span
        answer = folded(candidate.answer)
        return any(
            (citation.document_id, citation.page) == page
            and citation.start < end
            and start < citation.end
            and answer in folded(citation.quote)
            for citation in find_best_sentences(candidate.question, passages).citations
        )


def is_stated(candidate: Candidate) -> bool:
    """Tell whether the check of claims finds the answer in the evidence, to the letter and as a statement."""
    if folded(candidate.answer) not in folded(candidate.evidence):
        return False
    start, end = candidate.page_span
    sentences = verify(candidate.statement, [candidate.passage])
    return bool(sentences) and all(
        sentence.verdict != "unsupported"
        and (not sentence.sources or any(one.start < end and start < one.end for one in sentence.sources))
        for sentence in sentences
    )
