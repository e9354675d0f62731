"""Docent as one object: everything that one run works with, opened, and the requests that it serves."""

from __future__ import annotations

import gc
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import ExitStack, aclosing, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from docent.answering.content_policy import ContentPolicy
from docent.answering.models.client import ModelClient, ModelStatus, ServedModel
from docent.answering.models.llamacpp_server import LlamaCppServer
from docent.answering.prompt.personas import PLAIN, Persona
from docent.answering.prompt.token_budget import LearningCounter, counter_for
from docent.app.source_schedule import SourceSchedule, events_with_origins, with_origins
from docent.app.summaries import SummaryFiles, SummaryWriter
from docent.errors import DocentError, InputError, ModelError, UnknownLibrary
from docent.indexing.embedder import Embedder
from docent.indexing.torch_models import Reranker
from docent.ingesting import (
    IngestPipeline,
    IngestProgress,
    Rereader,
    Ticket,
    Uploads,
    UploadStatus,
    ingest,
    rebuild,
)
from docent.ingesting.folders import follow_folders, in_container
from docent.loading import LOADER_VERSION, Loader, Spans
from docent.messages import Message
from docent.retrieving import Synonyms, retrieve
from docent.retrieving.query import check_length
from docent.settings import Settings
from docent.store import Store
from docent.types import (
    SYNONYMS,
    Answer,
    AnswerRequest,
    Deletion,
    Event,
    FileReport,
    Passage,
    Scope,
    StoredDocument,
    private_library,
)

if TYPE_CHECKING:
    from docent.answering.suggestions import Overview
    from docent.evaluating import GoldenQuestions, Question
    from docent.sources import SourceReport, Sources

CANDIDATES = 20
"""Passages found for a question; the settings say how many of them are sent."""


@dataclass(frozen=True, slots=True)
class Docent:
    """The opened store, models and workers of one run; close it, or use it in a `with` block."""

    settings: Settings
    open_model: Callable[..., ModelClient]
    """Returns a client of the model server, by default of the model and address of the settings."""
    llamacpp: LlamaCppServer | None
    """Where the settings name a model file: the process that serves it."""
    store: Store
    embedder: Embedder
    loader: Loader
    ingest_pipeline: IngestPipeline
    uploads: Uploads
    rereader: Rereader
    counters: dict[str, LearningCounter]
    """By model: they count tokens, and learn from the server's own counts."""
    sizes: dict[str, int | None]
    """By model: its parameters, once its server has said them."""
    personas: tuple[Persona, ...]
    policy: ContentPolicy
    synonyms: Synonyms
    rerank: Reranker | None
    summary_writer: SummaryWriter
    sources: Sources | None
    """Where documents come from beside files; None where no file names any."""
    schedule: SourceSchedule

    @property
    def model(self) -> ModelClient:
        """A client of the model, made on demand: the package takes 0.2 s to import."""
        return self.open_model()

    def retrieve(self, question: str, scope: Scope, limit: int = CANDIDATES) -> list[Passage]:
        """Return the passages that may answer the question, best first."""
        passages = retrieve(
            question,
            scope=scope,
            store=self.store,
            embedder=self.embedder,
            limit=limit,
            synonyms=self.synonyms,
            rerank=self.rerank,
        )
        return passages if self.sources is None else with_origins(passages, self.sources)

    def answer(self, request: AnswerRequest) -> AsyncGenerator[Event, None]:
        """Answer a request, event by event. Raises InputError at once for a question that is too long."""
        return self.summary_writer.giving_way(self._answer(request))

    def _answer(self, request: AnswerRequest) -> AsyncGenerator[Event, None]:
        check_length(request.question)
        from docent.answering.answer_context import AnswerLimits, AnswerServices
        from docent.answering.answer_pipeline import answer  # 0.1 s; an ingest needs none

        persona = self.persona(request.persona)
        if persona.library and not request.scope.libraries:
            request = replace(request, scope=replace(request.scope, libraries=(persona.library,)))
        model = self.open_model(name=request.preferences.model or persona.model)
        services = AnswerServices(
            retrieve=self.retrieve,
            store=self.store,
            model=model if request.use_model else None,
            persona=persona,
            limits=AnswerLimits(
                context_tokens=self.settings.context_tokens,
                answer_tokens=self.settings.answer_tokens,
                passages=self.settings.passages,
                relevant_from=self.settings.relevant_from,
                tool_steps=self.settings.tool_steps,
                small_model=self.settings.small_model,
            ),
            counter=self.counters.setdefault(model.name, LearningCounter(counter_for(model.name))),
            policy=self.policy,
            sizes=self.sizes,
            summaries=SummaryFiles(self.store, model.name, request.scope.reader),
        )
        events = answer(request, services)
        return events if self.sources is None else events_with_origins(events, self.sources)

    def summarise_later(self, document: StoredDocument, reader: str) -> None:
        """Let the model write the summary of a document in the background, so that nobody waits for it."""
        scope = Scope(reader=reader, libraries=(document.library,), documents=(document.id,))
        request = AnswerRequest(question="Summarise this document", scope=scope, at_hand=scope.documents)

        async def write() -> None:
            with suppress(DocentError):  # who asks for the summary is told what is wrong
                async with aclosing(self._answer(request)) as events:
                    async for _ in events:
                        pass

        self.summary_writer.add(document.id, write)

    def overview(self, document: StoredDocument, reader: str) -> Overview:
        """Return what a document is about and questions that it answers, in its own words."""
        from docent.answering.answer_context import ScopedDocuments
        from docent.answering.suggestions import overview

        scope = Scope(reader=reader, libraries=(document.library,), documents=(document.id,))
        passages = ScopedDocuments(self.store, scope).read_whole([document])
        return overview(passages, language=document.language, search=lambda text: self.retrieve(text, scope))

    def suggest(self, answer: Answer, scope: Scope, asked: Sequence[str]) -> list[str]:
        """Return questions that may follow an answer, each answered within the scope."""
        from docent.answering.suggestions import suggest

        cited = {citation.document_id for citation in answer.citations}
        passages = [passage for passage in answer.passages if passage.document_id in cited]
        documents = self.store.documents(replace(scope, documents=tuple(cited))) if cited else []
        language = documents[0].language if documents else ""
        search = partial(self.retrieve, scope=scope)
        return suggest(passages, language=language, search=search, asked=asked)

    def persona(self, key: str) -> Persona:
        """Return the persona of this key; the default one for an empty key."""
        if not key:
            return PLAIN
        for persona in self.personas:
            if persona.key == key:
                return persona
        known = ", ".join(persona.key for persona in self.personas) or "none"
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
        on_progress: Callable[[IngestProgress], None],
    ) -> list[FileReport]:
        """Bring the index in step with the files; return a report on each."""
        reports = ingest(
            paths,
            data=self.settings.data,
            follow_links=self.settings.follow_links,
            pipeline=self.ingest_pipeline,
            retry_failed=retry_failed,
            password=password,
            on_progress=on_progress,
        )
        return reports + [
            FileReport(library, SYNONYMS, "failed", mistake)
            for library in sorted({report.library for report in reports})
            for mistake in self.synonyms.mistakes(library)
        ]

    def sync_sources(self, names: Sequence[str] = ()) -> tuple[list[SourceReport], list[FileReport]]:
        """Bring sources level with what they have now, all by default, and ingest what they brought."""
        if self.sources is None:
            raise InputError(
                "There is no file {path}, which names the sources. docs/sources.md has examples.",
                path=self.settings.sources,
            )
        reports = self.sources.sync(names)
        folders = [folder for report in reports if (folder := self.sources.folder(report.source)).is_dir()]
        if not folders:
            return reports, []
        return reports, self.ingest(folders, retry_failed=False, password=None, on_progress=lambda _: None)

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
        follow_folders(
            paths,
            ingest=lambda: self.ingest(
                paths, retry_failed=retry_failed, password=password, on_progress=lambda _: None
            ),
            polling=in_container() if polling == "auto" else polling == "on",
            on_reports=on_reports,
            on_trouble=on_trouble,
        )

    def add_upload(self, path: Path, *, name: str, library: str = "uploads", owner: str | None) -> Ticket:
        """Store an uploaded file, and read it in the background.

        It belongs to its owner alone (a user, or a chat when there is no login); to everybody when None.
        """
        return self.uploads.add(path, name=name, library=library, owner=owner)

    def upload_status(self, ticket: Ticket) -> UploadStatus:
        return self.uploads.status(ticket)

    def follow(self, ticket: Ticket) -> AsyncIterator[UploadStatus]:
        """Yield the state of an upload whenever it changes, until it is wholly searchable or has failed."""
        return self.uploads.follow(ticket)

    def cancel(self, ticket: Ticket) -> bool:
        """Cancel an upload that is not wholly searchable yet; return False when it is too late."""
        return self.uploads.cancel(ticket)

    def unlock(self, ticket: Ticket, password: str) -> None:
        """Read a locked PDF once more with its password, which is not stored."""
        self.uploads.unlock(ticket, password)

    def share(self, document_id: str, *, reader: str, library: str) -> str:
        """Move a reader's own document to a shared library; return its id there."""
        return self.store.share(document_id, library, Scope(reader=reader))

    def unshare(self, document_id: str, *, reader: str) -> str:
        """Move a shared document back to the library of the reader who shared it; return its id there."""
        return self.store.unshare(document_id, private_library(reader, "uploads"), Scope(reader=reader))

    def delete_library(self, library: str, *, reader: str) -> Deletion:
        """Delete a reader's own library (by its stored name) with everything in it, and prove it."""
        return self.store.delete_library(library, Scope(reader=reader))

    def forget_owner(self, reader: str) -> int:
        """Delete a reader's own documents, and their name in shared ones; return the number deleted."""
        return self.store.forget_owner(reader)

    def highlighted(self, document_id: str, spans: Spans, *, file: str, scope: Scope) -> bytes:
        """Return a copy of a PDF with the cited characters of each page marked; see Loader.highlight_pdf."""
        pages = [self.store.page(document_id, number, scope) for number in spans]
        original = self.store.original(document_id, scope)
        return self.loader.highlight_pdf(original, spans, pages=pages, name=file)

    def picture(
        self, document_id: str, number: int, spans: Sequence[tuple[int, int]], *, file: str, scope: Scope
    ) -> bytes:
        """Return a PNG of a page with its cited characters boxed; see Loader.draw_page."""
        page = self.store.page(document_id, number, scope)
        return self.loader.draw_page(self.store.original(document_id, scope), page, spans, name=file)

    def rebuild(self, *, full: bool, on_progress: Callable[[IngestProgress], None]) -> list[FileReport]:
        """Fill the index that is being built; return reports on documents that could not be."""
        return rebuild(self.ingest_pipeline, full=full, on_progress=on_progress)

    def is_older(self, document: StoredDocument) -> bool:
        """Tell whether an older loader than the present one read the document."""
        return document.pages > 0 and document.loader < LOADER_VERSION

    @property
    def golden(self) -> GoldenQuestions:
        """The user's own questions with known pages, for `eval`."""
        from docent.evaluating import GoldenQuestions

        return GoldenQuestions(self.store.folder / "golden.jsonl")

    def keep_golden(self, answer: Answer) -> Question | None:
        """Add the question of a good answer, unless that cites nothing or a private document."""
        from docent.evaluating import from_answer

        question = from_answer(answer)
        if question is None or question.library not in self.store.libraries(None):
            return None
        self.golden.add(question)
        return question

    async def check_model(self, name: str = "") -> ModelStatus:
        """Ask the server whether it has a model, by default that of the settings."""
        return await self.open_model(name=name).check()

    async def models(self) -> tuple[str, ...]:
        """List the models of the server, for a person to choose from. Raises ModelError."""
        return await self.model.models()

    async def describe_models(self) -> tuple[ServedModel, ...]:
        """List the models of the server with their sizes. Raises ModelError."""
        return await self.model.describe()

    @property
    def can_pull(self) -> bool:
        """True for a server that can be told to fetch a model, as Ollama can."""
        return self.settings.provider == "ollama" and self.llamacpp is None

    def pull_model(self, name: str = "") -> AsyncGenerator[Event, None]:
        """Let the server fetch a model, by default that of the settings; progress is in bytes."""
        return self.open_model(name=name, url=self.settings.pull_url).pull()

    def check_library(self, name: str | None) -> None:
        """Raise UnknownLibrary, naming the libraries that exist, if there is none of this name."""
        existing = self.store.libraries(None)
        if name and name not in existing:
            known = (
                Message("There are: {names}.", names=", ".join(existing))
                if existing
                else Message("Nothing has been ingested yet.")
            )
            raise UnknownLibrary(
                "There is no library {name!r}. {known} A folder of {data} becomes one with: python ingest.py",
                name=name,
                known=known,
                data=self.settings.data,
            )

    def warm(self) -> None:
        """Load both models in the background, so that the first question does not wait for them."""
        for load in (self._warm_embedder, self._warm_model):
            threading.Thread(target=load, name="warming", daemon=True).start()

    def _warm_embedder(self) -> None:
        self.embedder.warm()
        import docent.answering.answer_pipeline  # noqa: F401  with the rest, before it is frozen

        # Else every fiftieth question waits 80 ms for a garbage collection of everything that was loaded.
        gc.collect()
        gc.freeze()

    def _warm_model(self) -> None:
        import asyncio

        with suppress(ModelError):  # the first question reports what is missing
            asyncio.run(self.model.warm())

    def work(self) -> None:
        """Continue in the background with documents that are not wholly searchable yet."""
        self.ingest_pipeline.background.start()
        self.uploads.resume()
        if self.sources is not None:
            self.schedule.start(self.sync_sources)

    def close(self) -> None:
        """Close every part, the store last, even if another part fails to close."""
        self.schedule.stop()
        background = self.ingest_pipeline.background  # closes the embedder, too
        with ExitStack() as parts:
            files = (self.store, background, self.rereader, self.loader, self.uploads)
            for part in (*files, self.llamacpp, self.summary_writer):
                if part is not None:
                    parts.callback(part.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
