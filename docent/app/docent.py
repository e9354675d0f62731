"""Everything that one run works with, and what it can be asked for."""

from __future__ import annotations

import gc
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from docent.answering.models.client import ModelClient, ModelStatus
from docent.answering.policy import Policy
from docent.answering.prompt.personas import PLAIN, Persona
from docent.answering.prompt.tokens import LearningCounter, counter_for
from docent.app.models import open_model
from docent.errors import InputError, ModelError, UnknownLibrary
from docent.indexing.embedder import Embedder
from docent.indexing.reranker import Reranker
from docent.ingesting import (
    Again,
    Intake,
    Progress,
    Standing,
    Ticket,
    Uploads,
    ingest,
    rebuild,
)
from docent.ingesting.watch import follow, in_container
from docent.loading import LOADER_VERSION, Loader, Spans
from docent.retrieving import Synonyms, retrieve
from docent.retrieving.question_limits import check_length
from docent.settings import Settings
from docent.store import Store
from docent.types import (
    NO_PREFERENCES,
    SYNONYMS,
    Answer,
    Deletion,
    Event,
    FileReport,
    Passage,
    Preferences,
    Scope,
    StoredDocument,
    Turn,
    private_library,
)

if TYPE_CHECKING:
    from docent.evaluating import Golden, Question

FOUND = 20
"""Passages found for a question; the settings say how many of them are sent."""


@dataclass(frozen=True, slots=True)
class Docent:
    """Everything that one run works with, opened; close it, or use it in a `with` block."""

    settings: Settings
    store: Store
    embedder: Embedder
    loader: Loader
    intake: Intake
    uploads: Uploads
    again: Again
    counters: dict[str, LearningCounter]
    """By model: they count tokens, and learn from the server's own counts as long as the house is open."""
    personas: tuple[Persona, ...]
    policy: Policy
    synonyms: Synonyms
    rerank: Reranker | None

    @property
    def model(self) -> ModelClient:
        """Made when it is asked for: an ingest does without, and its package takes 0.2 s to import."""
        return open_model(self.settings)

    def retrieve(self, question: str, scope: Scope, limit: int = FOUND) -> list[Passage]:
        return retrieve(
            question,
            scope=scope,
            store=self.store,
            embedder=self.embedder,
            limit=limit,
            synonyms=self.synonyms,
            rerank=self.rerank,
        )

    def answer(
        self,
        question: str,
        *,
        history: Sequence[Turn],
        scope: Scope,
        use_model: bool = True,
        persona: str = "",
        anyway: bool = False,
        preferences: Preferences = NO_PREFERENCES,
    ) -> AsyncGenerator[Event, None]:
        """`persona` is a key of personas.toml; its library is where it looks, unless the scope names one.

        What the person prefers goes before what the persona says, and that before the settings. Raises
        InputError at once for a question that is too long.
        """
        check_length(question)
        from docent.answering import AnswerLimits, answer  # 0.1 s to import; an ingest does without

        speaker = self.persona(persona)
        if speaker.library and not scope.libraries:
            scope = replace(scope, libraries=(speaker.library,))
        name = preferences.model or speaker.model
        model = self._model(name) if name else self.model
        return answer(
            question,
            history=history,
            scope=scope,
            retrieve=self.retrieve,
            model=model if use_model else None,
            bounds=AnswerLimits(
                context_tokens=self.settings.context_tokens,
                answer_tokens=self.settings.answer_tokens,
                passages=self.settings.passages,
                relevant_from=self.settings.relevant_from,
                tool_steps=self.settings.tool_steps,
            ),
            preferences=preferences,
            reader=self.store,
            counter=self.counters.setdefault(model.name, LearningCounter(counter_for(model.name))),
            persona=speaker,
            policy=self.policy,
            anyway=anyway,
        )

    def persona(self, key: str) -> Persona:
        """The persona of this key; the plain one for an empty key."""
        if not key:
            return PLAIN
        for one in self.personas:
            if one.key == key:
                return one
        known = ", ".join(one.key for one in self.personas) or "none"
        raise InputError(
            "There is no persona {name!r} in {file}. There are: {known}.",
            name=key,
            file=self.settings.personas,
            known=known,
        )

    def ingest(
        self,
        paths: Sequence[Path],
        *,
        retry_failed: bool,
        password: str | None,
        on_progress: Callable[[Progress], None],
    ) -> list[FileReport]:
        reports = ingest(
            paths,
            data=self.settings.data,
            follow_links=self.settings.follow_links,
            intake=self.intake,
            retry_failed=retry_failed,
            password=password,
            on_progress=on_progress,
        )
        return reports + [
            FileReport(library, SYNONYMS, "failed", mistake)
            for library in sorted({report.library for report in reports})
            for mistake in self.synonyms.mistakes(library)
        ]

    def watch(
        self,
        paths: Sequence[Path],
        *,
        retry_failed: bool,
        password: str | None,
        on_reports: Callable[[Sequence[FileReport]], None],
        on_trouble: Callable[[str], None],
    ) -> None:
        """Keep the index in step with the files, from now until interrupted."""
        polling = self.settings.watch_polling
        follow(
            paths,
            ingest=lambda: self.ingest(
                paths, retry_failed=retry_failed, password=password, on_progress=lambda _: None
            ),
            polling=in_container() if polling == "auto" else polling == "on",
            on_reports=on_reports,
            on_trouble=on_trouble,
        )

    def take_in(self, path: Path, *, name: str, library: str = "uploads", owner: str | None) -> Ticket:
        """Keep a file that somebody hands in, and read it in the background.

        It belongs to the owner (a user, or a chat when there is no login) alone; to everybody when None.
        """
        return self.uploads.take_in(path, name=name, library=library, owner=owner)

    def standing(self, ticket: Ticket) -> Standing:
        return self.uploads.standing(ticket)

    def follow(self, ticket: Ticket) -> AsyncIterator[Standing]:
        """How far a file has come, each time there is news; ends when it is wholly searchable, or failed."""
        return self.uploads.follow(ticket)

    def cancel(self, ticket: Ticket) -> bool:
        """Give up a file that is not wholly searchable yet; False when it was too late for that."""
        return self.uploads.cancel(ticket)

    def unlock(self, ticket: Ticket, password: str) -> None:
        """Read a locked PDF once more with its password, which is not stored."""
        self.uploads.unlock(ticket, password)

    def share(self, document_id: str, *, reader: str, library: str) -> str:
        """Move a reader's own document to a shared library, for everybody; returns its id there."""
        return self.store.share(document_id, library, Scope(reader=reader))

    def unshare(self, document_id: str, *, reader: str) -> str:
        """Take back what a reader shared: it is theirs alone again; returns its id there."""
        return self.store.unshare(document_id, private_library(reader, "uploads"), Scope(reader=reader))

    def delete_library(self, library: str, *, reader: str) -> Deletion:
        """Delete a reader's own library (by its stored name) with everything in it, and prove it."""
        return self.store.delete_library(library, Scope(reader=reader))

    def forget_owner(self, reader: str) -> int:
        """Delete what is a reader's alone, and their name in what they shared; how many documents went."""
        return self.store.forget_owner(reader)

    def highlighted(self, document_id: str, spans: Spans, *, file: str, scope: Scope) -> bytes:
        """A copy of a PDF with the characters cited on each page marked; see Loader.highlight_pdf."""
        pages = [self.store.page(document_id, number, scope) for number in spans]
        original = self.store.original(document_id, scope)
        return self.loader.highlight_pdf(original, spans, pages=pages, name=file)

    def picture(
        self, document_id: str, number: int, spans: Sequence[tuple[int, int]], *, file: str, scope: Scope
    ) -> bytes:
        """A PNG of a page with the characters cited on it boxed; see Loader.draw_page."""
        page = self.store.page(document_id, number, scope)
        return self.loader.draw_page(self.store.original(document_id, scope), page, spans, name=file)

    def rebuild(self, *, full: bool, on_progress: Callable[[Progress], None]) -> list[FileReport]:
        """Fill this house's store from the index that answers now; what could not be carried over."""
        return rebuild(self.settings.storage, intake=self.intake, full=full, on_progress=on_progress)

    def is_older(self, document: StoredDocument) -> bool:
        """Whether it was read by an older loader than the one of today."""
        return document.pages > 0 and document.loader < LOADER_VERSION

    @property
    def golden(self) -> Golden:
        """The user's own questions whose pages are known, for `eval`."""
        from docent.evaluating import Golden

        return Golden(self.store.folder / "golden.jsonl")

    def keep_golden(self, answer: Answer) -> Question | None:
        """Keep the question of a good answer; not one that cites nothing, or somebody's private document."""
        from docent.evaluating import from_answer

        question = from_answer(answer)
        if question is None or question.library not in self.store.libraries(None):
            return None
        self.golden.add(question)
        return question

    async def check_model(self) -> ModelStatus:
        return await self.model.check()

    async def models(self) -> tuple[str, ...]:
        """The models that the server has, for a person to choose from. Raises ModelError."""
        return await self.model.models()

    def pull_model(self, name: str = "") -> AsyncGenerator[Event, None]:
        """Let the server fetch a model (the one of the settings); done and total are bytes."""
        return open_model(self.settings, name=name, url=self.settings.pull_url).pull()

    def _model(self, name: str) -> ModelClient:
        return open_model(self.settings, name=name)

    def check_library(self, name: str | None) -> None:
        """Refuse a library that nobody has ingested, by naming those that are there."""
        there = self.store.libraries(None)
        if name and name not in there:
            known = f"There are: {', '.join(there)}." if there else "Nothing has been ingested yet."
            raise UnknownLibrary(
                "There is no library {name!r}. {known} A folder of {data} becomes one with: python ingest.py",
                name=name,
                known=known,
                data=self.settings.data,
            )

    def warm(self) -> None:
        """Load both models and what answers in the background: the first question does not wait for them."""
        for load in (self._warm_embedder, self._warm_model):
            threading.Thread(target=load, name="warming", daemon=True).start()

    def _warm_embedder(self) -> None:
        self.embedder.warm()
        import docent.answering  # noqa: F401  with the rest, before it is frozen

        # Else every fiftieth question waits 80 ms while Python looks for garbage among all that was loaded.
        gc.collect()
        gc.freeze()

    def _warm_model(self) -> None:
        import asyncio

        with suppress(ModelError):  # whoever asks a question is told what is missing
            asyncio.run(self.model.warm())

    def work(self) -> None:
        """Go on in the background with what is not wholly searchable yet."""
        self.intake.background.start()
        self.uploads.resume()

    def close(self) -> None:
        """Each part, the store last, whatever becomes of those before."""
        background = self.intake.background  # closes the embedder, too
        with ExitStack() as parts:
            for part in (self.store, background, self.again, self.loader, self.uploads):
                parts.callback(part.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
