"""The values that every step of an answer is given: services, documents in scope, the draft so far."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

from docent.answering.answer_limits import OWN_TOOLS, AnswerLimits
from docent.answering.content_policy import ContentPolicy
from docent.answering.models.client import GenerationOptions, ModelClient, Piece
from docent.answering.prompt.personas import Persona
from docent.answering.prompt.token_budget import Budget, LearningCounter
from docent.answering.saved_summaries import SavedSummaries
from docent.errors import InputError
from docent.messages import Message
from docent.retrieving.query import is_long
from docent.retrieving.translation import Translation
from docent.store.protocols import Reader
from docent.types import (
    ANSWERING,
    Answer,
    Answered,
    AnswerRequest,
    Chunk,
    Dropped,
    Event,
    Hop,
    LeadingRows,
    Notice,
    Page,
    Passage,
    Preferences,
    Receipt,
    Scope,
    State,
    StoredDocument,
)

if TYPE_CHECKING:  # 0.09 s to import; the web pages start without
    from docent.answering.citing.citations import CitedAnswer
    from docent.answering.tools.lent_tools import LentTools
    from docent.answering.tools.tool_servers import ToolServers

Retrieve = Callable[..., Sequence[Passage]]
"""Find passages for a question in a scope; takes `translations` of the question by their name."""
Translate = Callable[[str, Scope], Sequence[Translation]]
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

MOST_PASSAGES = 50
TOO_MANY_INSTRUCTIONS = Message(
    "The further instructions (the system message) are longer than {most:,} characters and were not followed."
)

_long_questions = ThreadPoolExecutor(1, "long questions")

LONGEST_PASSAGE = 3000
"""Characters of neighbouring chunks that are joined into one passage."""
STATES = {
    State.QUEUED: Message("queued"),
    State.LOADING: Message("loading"),
    State.SEARCHABLE: Message("searchable"),
    State.READY: Message("ready"),
    State.PARTIAL: Message("partial"),
    State.FAILED: Message("failed"),
}
MARK = re.compile(r"\[(\d{1,3})\]")
"""A number as the filter passes it: never in pieces, never two in one bracket."""


class AnswersFromTables(Protocol):
    """Answers questions over many documents with a table."""

    def answer(self, request: AnswerRequest, draft: Draft) -> AsyncGenerator[Event, None]:
        """Yield the events of a table and its answer; nothing for a question that asks for no table."""

    def leading(self, question: str, scope: Scope) -> LeadingRows | None:
        """Return the documents that come first by what a question compares; None if it compares nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerServices:
    """Everything that answering works with beside the request."""

    retrieve: Retrieve
    store: Reader
    model: ModelClient | None
    """None: the best sentences of the passages are the answer."""
    persona: Persona
    limits: AnswerLimits
    counter: LearningCounter
    """Carries what the server's token counts have taught from one answer to the next."""
    policy: ContentPolicy
    translate: Translate = lambda question, scope: ()
    """Returns the question in the other languages of the documents, as far as dictionaries go."""
    summaries: SavedSummaries | None = None
    """None: every summary is written anew."""
    sizes: dict[str, int | None] = field(default_factory=dict)
    """The number of parameters of each model that was asked for it."""
    tool_servers: ToolServers | None = None
    tables: AnswersFromTables | None = None
    """None: every question is answered from passages."""
    lent: LentTools | None = None
    """The tools that other servers lend for this answer."""
    offered: frozenset[str] = frozenset()
    """Docent's own tools that this question needs, where `limits.tools` is auto."""
    today: Callable[[], dt.date] = dt.date.today

    @property
    def tools_offered(self) -> frozenset[str]:
        """The names of Docent's own tools that the model may use for this question."""
        if not self.limits.tool_steps or self.limits.tools == "off":
            return frozenset()
        return OWN_TOOLS if self.limits.tools == "always" or self.lent is not None else self.offered

    @property
    def options(self) -> GenerationOptions:
        return GenerationOptions(self.limits.answer_tokens, self.persona.temperature)

    def preferring(self, preferences: Preferences) -> AnswerServices:
        """Return the services with a person's preferences, which precede the persona and the settings.

        Raises InputError for a value that no control offers.
        """
        allowed = {
            "temperature": (0, 2),
            "answer_tokens": (16, self.limits.context_tokens // 2),
            "passages": (1, MOST_PASSAGES),
        }
        for name, (least, most) in allowed.items():
            value = getattr(preferences, name)
            if value is not None and not least <= value <= most:
                raise InputError(
                    "{name} is {value}; it must be from {least} to {most}. Choose another.",
                    name=name,
                    value=value,
                    least=least,
                    most=most,
                )
        temperature = preferences.temperature
        return replace(
            self,
            limits=replace(
                self.limits,
                answer_tokens=preferences.answer_tokens or self.limits.answer_tokens,
                passages=preferences.passages or self.limits.passages,
            ),
            persona=replace(
                self.persona,
                temperature=self.persona.temperature if temperature is None else temperature,
                further="" if self.ignored_instructions(preferences) else preferences.instructions,
            ),
        )

    def ignored_instructions(self, preferences: Preferences) -> str:
        """Return the sentence that says that further instructions are too long to follow; empty if they fit.

        They may take about an eighth of the window: editors that send tens of thousands of characters
        would leave no room for passages.
        """
        most = self.limits.context_tokens // 2  # characters, about four to a token
        return Message(TOO_MANY_INSTRUCTIONS, most=most) if len(preferences.instructions) > most else ""


async def search_in_thread(
    question: str, search: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    """Run a search for this question in a thread.

    All long questions share one thread, so that those which wait leave the other threads free.
    """
    if not is_long(question):
        return await asyncio.to_thread(search, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_long_questions, partial(search, *args, **kwargs))


@dataclass(frozen=True, slots=True)
class ScopedDocuments:
    """The documents of a store that a scope allows to read."""

    store: Reader
    scope: Scope

    def all(self) -> list[StoredDocument]:
        return self.store.documents(self.scope)

    def chunks_of(self, document_id: str) -> list[Chunk]:
        """Return every chunk of a document, in reading order."""
        return self.store.chunks_of(document_id, self.scope)

    def page(self, document_id: str, number: int) -> Page:
        return self.store.page(document_id, number, self.scope)

    def read_whole(self, documents: Sequence[StoredDocument]) -> tuple[Passage, ...]:
        """Return the text of documents from beginning to end, one after the other, each passage placed."""
        pages: dict[tuple[str, int], Page] = {}
        passages = []
        for document in documents:
            for passage in whole(document, self.chunks_of(document.id)):
                key = (passage.document_id, passage.page)
                if key not in pages:
                    pages[key] = self.page(*key)
                passages.append(placed(passage, pages[key]))
        return tuple(passages)


def answering(documents: Iterable[StoredDocument]) -> list[StoredDocument]:
    """Return the documents that answer questions now."""
    return [document for document in documents if document.state in ANSWERING]


def not_ready(documents: Iterable[StoredDocument]) -> tuple[str, ...]:
    """Return the names of documents that are not wholly searchable, each with its state and reason."""
    return tuple(
        Message(
            "{name}: {state} ({why})", name=document.name, state=STATES[document.state], why=document.reason
        )
        if document.reason
        else Message("{name}: {state}", name=document.name, state=STATES[document.state])
        for document in documents
        if document.state != State.READY
    )


def passage_of(document: StoredDocument, chunk: Chunk) -> Passage:
    return Passage(
        chunk_id=chunk.id, document_id=document.id, file=document.name, library=document.library,
        page=chunk.page, page_label="", place=f"p. {chunk.page}", heading=chunk.heading, header=chunk.header,
        text=chunk.text, start=chunk.start, end=chunk.end, score=0.0, relevance=1.0,
    )  # fmt: skip


def whole(document: StoredDocument, chunks: Sequence[Chunk]) -> Iterator[Passage]:
    """Yield a document in reading order, each character once: chunks overlap, these passages do not."""
    last: Passage | None = None
    for chunk in chunks:
        passage = passage_of(document, chunk)
        if last is not None and passage.page == last.page and passage.start <= last.end:
            rest = passage.text[last.end - passage.start :]
            if len(last.text) + len(rest) <= LONGEST_PASSAGE:
                if rest:
                    last = replace(last, text=last.text + rest, end=passage.end)
                continue
            passage = replace(passage, text=rest, start=last.end)
        if last is not None:
            yield last
        last = passage
    if last is not None:
        yield last


def placed(passage: Passage, page: Page) -> Passage:
    """Return the passage with its place in the words of its page: a label, a slide, lines."""
    return replace(passage, page_label=page.label, place=page.at(passage.start, passage.end))


class Draft:
    """The answer so far; `answered` makes the answer and the receipt of it."""

    def __init__(self, question: str) -> None:
        self.question = question
        self.searched = question
        self.translations: tuple[Translation, ...] = ()
        """The question as it was searched in documents of other languages."""
        self.model = ""
        self.text = ""
        """As it was shown, with the model's own numbers."""
        self.thought = 0
        """Characters of the model's thoughts, which are not shown."""
        self.last = Piece()
        """The last piece that had counts."""
        self.found = 0
        self.sent: tuple[str, ...] = ()
        self.dropped: tuple[Dropped, ...] = ()
        self.history_turns = 0
        self.tokens = 0
        self.removed: list[str] = []
        self.not_ready: tuple[str, ...] = ()
        self.looked_up: tuple[Passage, ...] = ()
        """Passages that the model found with tools."""
        self.hops: list[Hop] = []
        """Facts that were found before the question could be searched."""
        self.steps: list[str] = []
        self.lent = False
        """A tool of another server returned something."""
        self.computed: list[str] = []
        """Calls of tools and their results: figures that no passage has."""
        self.tables: list[str] = []
        """Queries and their rows, shown below the answer."""
        self.not_found = False
        self.failed = ""
        """The error of the model server."""
        self.looped = False
        """The model repeated itself and was stopped."""
        self.finished = True
        """The text ends with a whole sentence, as far as the model's end tells."""
        self.small = False
        """The model is small, and was given an easier task."""
        self.closely = False
        """The model is small, and only what it copies is cited."""
        self.replaced = False
        """The best sentences are shown instead of what the model wrote."""
        self.shown = False
        """Some words of the model's answer have been shown."""
        self.refused = ""
        """The sentence of the content policy that stopped the answer."""
        self.instead: CitedAnswer | None = None
        """The answer where the model writes none; without one, the sentences that match the question best."""
        self._order: dict[str, int] = {}
        """The model's numbers so far, with those shown for them."""
        self._notices: list[str] = []
        self._seconds: dict[str, float] = {}
        self._start = self._lap = time.perf_counter()

    @property
    def rests_on_tools(self) -> bool:
        """A tool found passages, or returned rows or a result, on which an answer may rest."""
        return bool(self.lent or self.looked_up or self.tables)

    @property
    def translated(self) -> str:
        """The question's words in the other languages of the documents."""
        return " ".join(translation.words for translation in self.translations)

    def lap(self, step: str) -> None:
        """Count the time since the last lap to this step."""
        now = time.perf_counter()
        self._seconds[step] = round(self._seconds.get(step, 0.0) + now - self._lap, 4)
        self._lap = now

    def send(self, budget: Budget) -> None:
        """Note what the model is sent; a second prompt replaces the first."""
        self.sent = tuple(passage.chunk_id for passage in budget.passages)
        self.dropped = budget.dropped
        self.history_turns = len(budget.history)
        self.tokens = budget.tokens

    def take(self, piece: Piece) -> None:
        """Note the time and the counts of a piece; its text is added when the filter has passed it."""
        self.thought += len(piece.thought)
        if not self.text:
            self.lap("first_token")
        if piece.prompt_tokens or piece.answer_tokens or piece.cut_short:
            self.last = piece

    def add(self, text: str) -> str:
        """Add filtered text, and return it as it is shown: numbered from 1 in the order of appearance.

        The draft's text keeps the model's numbers, which are the passages'.
        """
        self.text += text
        self.shown = self.shown or bool(text)
        return MARK.sub(lambda mark: f"[{self.number(mark[1])}]", text)

    def number(self, of_model: str) -> int:
        """Return the number that is shown for one of the model's, in the order of appearance."""
        return self._order.setdefault(of_model, len(self._order) + 1)

    def stop_repeating(self, cut: int | None, *, whole: bool) -> None:
        """Leave out what the model repeated: the text after `cut`; None where only its thoughts repeat."""
        self.looped = True
        self.finished = whole
        self.text = self.text[:cut]

    def notice(self, text: str) -> Notice:
        """Add a notice, and return its event."""
        self._notices.append(text)
        return Notice(text)

    def answered(self, cited: CitedAnswer, passages: Sequence[Passage]) -> Answered:
        """Return the last event: the answer in its cited form, with its receipt."""
        total = round(time.perf_counter() - self._start, 4)
        receipt = Receipt(
            question=self.question,
            searched=self.searched,
            model=self.model,
            found=self.found,
            sent=self.sent,
            dropped=self.dropped,
            history_turns=self.history_turns,
            tokens_budgeted=self.tokens,
            tokens_counted=self.last.prompt_tokens,
            tokens_answered=self.last.answer_tokens,
            thought=self.thought,
            cut_short=self.last.cut_short,
            broken_off=self.failed if self.shown else "",
            looped=self.looped,
            not_found=self.not_found,
            unsupported=cited.unsupported,
            doubtful=cited.doubtful,
            removed=tuple(dict.fromkeys((*self.removed, *cited.removed))),
            steps=tuple(self.steps),
            not_ready=self.not_ready,
            hops=tuple(self.hops),
            notices=tuple(self._notices),
            seconds={**self._seconds, "total": total},
        )
        return Answered(Answer(cited.text, cited.citations, tuple(passages), receipt))
