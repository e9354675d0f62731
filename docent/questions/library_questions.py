"""Questions for a whole library: one document after the other, checked, spread, and only once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from typing import Protocol

from docent.answering.answer_context import ScopedDocuments
from docent.errors import UnknownDocument
from docent.evaluating import Question
from docent.question_pairs import PairFiles, Row
from docent.questions.checking import Checker
from docent.questions.document_names import document_name
from docent.questions.page_questions import Asked, page_questions
from docent.questions.question_candidates import Candidate, DocumentName
from docent.types import ANSWERING, Passage, StoredDocument

VERSION = 1
"""Raised when questions are made in another way, so that documents are gone through again."""
LEAST_OF_A_DOCUMENT, MOST_OF_A_DOCUMENT = 8, 100
"""Pairs of one document, where no count is asked for."""
CHUNKS_PER_PAIR = 3
"""A longer document gives a pair more for so many chunks, about a page."""
CHECKS_ON_A_PAGE = 6
"""Searches for one pair of a page, each time that its turn comes."""
MOST_CHECKS = 5
"""Searches for each pair that is wanted of a document; each takes about 80 ms."""
MOST_OF_A_PAGE = 20
"""Pairs of one page."""
MOST_CANDIDATES = 30
"""Candidates of one page that are held until its turn comes again."""


class WritesQuestions(Protocol):
    """A language model that writes questions about a page."""

    name: str

    def write(self, passages: Sequence[Passage], name: DocumentName, language: str) -> list[Candidate]:
        """Return candidates for a page; none where the model gave nothing that can be used."""


@dataclass(slots=True)
class QuestionProgress:
    """The progress of going through a library."""

    documents: int = 0
    of_documents: int = 0
    pages: int = 0
    checked: int = 0
    pairs: int = 0
    skipped: int = 0
    """Documents that were gone through before."""
    kinds: Counter[str] = field(default_factory=Counter)
    stopped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionMaker:
    """Makes the pairs of one library."""

    documents: ScopedDocuments
    """With a scope of that library alone."""
    checker: Checker
    files: PairFiles
    known: Sequence[Question]
    """The questions of the library so far, people's own too: none of them is made again."""
    writer: WritesQuestions | None = None
    on_progress: Callable[[QuestionProgress], None] = lambda progress: None
    stop: threading.Event = field(default_factory=threading.Event)

    def make(self, count: int | None = None) -> QuestionProgress:
        """Make at most `count` pairs, the library's earlier ones included; what is made is stored at once.

        Documents that were gone through before are skipped. Raise what the store raises.
        """
        readable = [one for one in self.documents.all() if one.state in ANSWERING]
        readable.sort(key=lambda document: (document.name, document.id))
        progress = QuestionProgress(of_documents=len(readable))
        asked = Asked()
        made_before = Counter(
            one.document_id
            for one in self.known
            if one.synthetic and (one.kind == "model" or not self.writer)
        )
        for known in self.known:
            asked.add(known.question)
        done, total = self.files.done(), sum(made_before[one.id] for one in readable)
        for number, document in enumerate(readable):
            left = None if count is None else max(count - total, 0)
            before = made_before[document.id]
            quota = _quota(document, before, left, len(readable) - number)
            if self._is_done(done.get(document.id), quota + before):
                progress.skipped += 1
            else:
                total += self._go_through(document, quota, before, asked, progress)
            if progress.stopped:
                break
            progress.documents += 1
            self.on_progress(progress)
        return progress

    def _is_done(self, done: Row | None, wanted: int) -> bool:
        if done is None or done.get("version") != VERSION or done.get("model", "") != self._model:
            return False
        return bool(done.get("whole")) or int(done.get("wanted", 0)) >= wanted

    @property
    def _model(self) -> str:
        return self.writer.name if self.writer else ""

    def _go_through(
        self, document: StoredDocument, quota: int, before: int, asked: Asked, progress: QuestionProgress
    ) -> int:
        """Make and store the pairs of one document; return how many."""
        asked.next_document()
        pairs: list[Question] = []
        try:
            passages = self.documents.read_whole([document])
            for candidate in self._accepted(document, passages, quota, asked, progress):
                pairs.append(as_question(candidate, document))
        except UnknownDocument:
            return 0  # it was deleted meanwhile
        progress.pages += document.pages
        done = {
            "document_id": document.id,
            "library": document.library,
            "version": VERSION,
            "model": self._model,
            "wanted": 0 if progress.stopped else quota + before,
            "whole": len(pairs) < quota and not progress.stopped,
        }
        self.files.add([asdict(pair) for pair in pairs], done)
        if not self._is_there(document):  # deleted while its pairs were made
            self.files.forget({document.id})
        progress.pairs += len(pairs)
        progress.kinds.update(pair.kind for pair in pairs)
        return len(pairs)

    def _is_there(self, document: StoredDocument) -> bool:
        scope = replace(self.documents.scope, documents=(document.id,))
        return bool(self.documents.store.documents(scope))

    def _accepted(
        self,
        document: StoredDocument,
        passages: Sequence[Passage],
        quota: int,
        asked: Asked,
        progress: QuestionProgress,
    ) -> Iterator[Candidate]:
        """Yield checked candidates, one of each page in turn, until there are enough."""
        name = document_name(document, passages)
        pages = [list(group) for _, group in groupby(passages, key=lambda passage: passage.page)]
        waiting: dict[int, Iterator[Candidate]] = {}
        made, most_checks = 0, progress.checked + MOST_CHECKS * quota
        for turn in range(MOST_OF_A_PAGE):
            for number in spread(len(pages)):
                if self.stop.is_set():
                    progress.stopped = True
                if made >= quota or progress.checked >= most_checks or progress.stopped:
                    return
                if turn == 0:
                    waiting[number] = iter(self._candidates(pages[number], name, document.language))
                if (accepted := self._next_accepted(waiting[number], asked, progress)) is not None:
                    made += 1
                    yield accepted

    def _next_accepted(
        self, candidates: Iterator[Candidate], asked: Asked, progress: QuestionProgress
    ) -> Candidate | None:
        """Return the next candidate of a page that is new and passes the checks; None after some tries."""
        tries = 0
        for candidate in candidates:
            if asked.has_like(candidate.question) or asked.has_place(candidate):
                continue
            progress.checked += 1
            tries += 1
            if self.checker.accepts(candidate):
                asked.add(candidate.question)
                asked.add_place(candidate)
                return candidate
            if tries == CHECKS_ON_A_PAGE or self.stop.is_set():
                return None
        return None

    def _candidates(self, page: Sequence[Passage], name: DocumentName, language: str) -> list[Candidate]:
        written = self.writer.write(page, name, language) if self.writer else []
        return [*written, *page_questions(page, name, language)[:MOST_CANDIDATES]]


def _quota(document: StoredDocument, before: int, left: int | None, documents_left: int) -> int:
    """Return how many more pairs to make of a document: the usual number, or its share of what is left."""
    if left is not None:
        return -(-left // documents_left)
    return max(min(LEAST_OF_A_DOCUMENT + document.chunks // CHUNKS_PER_PAIR, MOST_OF_A_DOCUMENT) - before, 0)


def spread(count: int) -> list[int]:
    """Return the numbers below `count`, each far from those before: 0, the middle, the quarters."""
    order: dict[int, None] = {}
    parts = 1
    while len(order) < count:
        for part in range(parts):
            order.setdefault(part * count // parts)
        parts *= 2
    return list(order)


def as_question(candidate: Candidate, document: StoredDocument) -> Question:
    """Return a candidate in the form in which questions are stored."""
    return Question(
        question=candidate.question,
        file=document.name,
        pages=(candidate.passage.page,),
        library=document.library,
        answer=" ".join(candidate.answer.split()),
        evidence=candidate.evidence,
        document_id=document.id,
        synthetic=True,
        kind=candidate.kind,
    )
