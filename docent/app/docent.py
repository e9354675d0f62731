"""Docent as one object: open a storage folder, add documents, search, ask, and everything else on request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from docent.app.open_values import OpenAnswer, OpenPassage, open_answer, open_passages
from docent.app.question_sets import QuestionSets
from docent.app.source_schedule import events_with_origins
from docent.app.tables import Tables, run_to_end
from docent.app.traced_answer import traced_answer
from docent.errors import InputError, UnreadableFile
from docent.types import (
    DEFAULT_LIBRARY,
    Answered,
    AnswerRequest,
    Deletion,
    Event,
    FileReport,
    Scope,
    State,
    StoredDocument,
    private_library,
)

if TYPE_CHECKING:  # the libraries are imported when a storage folder is opened
    from docent.answering.models.client import ModelStatus, ServedModel
    from docent.answering.prompt.personas import Persona
    from docent.evaluating import AnswerRun, Question
    from docent.ingesting import IngestProgress, Ticket, UploadStatus
    from docent.loading import Spans
    from docent.settings import Settings
    from docent.sources import SourceReport

Result = TypeVar("Result")


class Docent(Tables, QuestionSets):
    """An opened storage folder, with its models and workers; close it, or use it in a `with` block.

    `add`, `search` and `ask` wait for their result, and work in a notebook as well. `aadd`, `asearch` and
    `aask` are the same in async code; `answer` yields an answer as it is written.
    """

    # --- documents, passages and answers ---------------------------------------------------

    def add(self, path: str | Path, *, library: str = DEFAULT_LIBRARY, name: str = "") -> StoredDocument:
        """Store a copy of a file, read it, and return it once it is wholly searchable.

        A file with the same bytes in the same library is the same document. Raises UnreadableFile with the
        reason where it cannot be read.
        """
        return run_to_end(self.aadd(path, library=library, name=name))

    async def aadd(
        self, path: str | Path, *, library: str = DEFAULT_LIBRARY, name: str = ""
    ) -> StoredDocument:
        source = Path(path)
        if not source.is_file():
            raise InputError("{path} is no file that can be read. Name another one.", path=source)
        ticket = await asyncio.to_thread(
            self.add_upload, source, name=name or source.name, library=library, owner=None
        )
        self.ingest_pipeline.background.start()  # makes the vectors
        async for status in self.follow(ticket):
            if status.state is State.FAILED:
                raise UnreadableFile(status.reason)
        return self.store.document(ticket.document_id, Scope())

    def search(
        self, question: str, *, library: str = "", limit: int = 10, scope: Scope | None = None
    ) -> list[OpenPassage]:
        """Return the passages that may answer the question, best first.

        `library` names the one to search; `scope` says more: documents, folder, types, dates, the reader.
        """
        scope = self._scope(library, scope)
        passages = self.retrieve(question, scope, limit)
        return open_passages(passages, docent=self, scope=Scope(reader=scope.reader))

    async def asearch(
        self, question: str, *, library: str = "", limit: int = 10, scope: Scope | None = None
    ) -> list[OpenPassage]:
        return await asyncio.to_thread(self.search, question, library=library, limit=limit, scope=scope)

    def ask(self, question: str | AnswerRequest, *, library: str = "", use_model: bool = True) -> OpenAnswer:
        """Return the answer to a question, with its checked citations.

        Without a model server, or with `use_model=False`, it is the best sentences found. An `AnswerRequest`
        says more than a question: earlier turns, a persona, another model, a longer answer.
        """
        return run_to_end(self.aask(question, library=library, use_model=use_model))

    async def aask(
        self, question: str | AnswerRequest, *, library: str = "", use_model: bool = True
    ) -> OpenAnswer:
        if isinstance(question, str):
            scope = self._scope(library, None)
            question = AnswerRequest(question=question, scope=scope, use_model=use_model)
        async for event in self.answer(question):
            if isinstance(event, Answered):
                return open_answer(event.answer, docent=self, scope=Scope(reader=question.scope.reader))
        raise InputError("No answer came. Ask again; if that does not help, run: python -m docent doctor")

    def documents(self, library: str = "", *, scope: Scope | None = None) -> list[StoredDocument]:
        """Return the documents of a library, or of all, by library and name."""
        found = self.store.documents(self._scope(library, scope))
        return sorted(found, key=lambda document: (document.library, document.name))

    # --- the same, with everything that the chat and the API decide --------------------------

    def answer(self, request: AnswerRequest) -> AsyncGenerator[Event, None]:
        """Answer a request, event by event. Raises InputError at once for a question that is too long."""
        events = self.summary_writer.giving_way(self.answer_behind(request))
        return traced_answer(events, self.tracer) if self.tracer.is_on else events

    def answer_behind(self, request: AnswerRequest) -> AsyncGenerator[Event, None]:
        """Answer a request that nobody waits for; what is written in the background goes on beside it."""
        from docent.retrieving.query import check_length

        check_length(request.question)
        from docent.answering.answer_context import AnswerServices
        from docent.answering.answer_limits import AnswerLimits
        from docent.answering.answer_pipeline import answer  # 0.1 s; an ingest needs none
        from docent.answering.prompt.token_budget import LearningCounter, counter_for
        from docent.app.answers_in_tables import TableAnswers
        from docent.app.summaries import SummaryFiles

        persona = self.persona(request.persona)
        if persona.library and not request.scope.libraries:
            request = replace(request, scope=replace(request.scope, libraries=(persona.library,)))
        model = self.open_model(name=request.preferences.model or persona.model)
        services = AnswerServices(
            retrieve=self.retrieve,
            translate=self.translate,
            store=self.store,
            model=model if request.use_model else None,
            persona=persona,
            limits=AnswerLimits(
                context_tokens=self.settings.context_tokens,
                answer_tokens=self.settings.answer_tokens,
                passages=self.settings.passages,
                relevant_from=self.settings.relevant_from,
                tools=self.settings.tools,
                tool_steps=self.settings.tool_steps,
                small_model=self.settings.small_model,
            ),
            counter=self.counters.setdefault(
                model.name, LearningCounter(counter_for(model.name, self.llamacpp and self.llamacpp.model))
            ),
            policy=self.policy,
            sizes=self.sizes,
            summaries=SummaryFiles(self.store, model.name, request.scope.reader),
            tool_servers=self.tool_servers,
            tables=TableAnswers(self),
        )
        events = answer(request, services)
        return events if self.sources is None else events_with_origins(events, self.sources)

    def persona(self, key: str) -> Persona:
        """Return the persona of this key; the default one for an empty key."""
        from docent.answering.prompt.personas import PLAIN

        if not key:
            return PLAIN
        for persona in self.personas:
            if persona.key == key:
                return persona
        raise InputError(
            "There is no persona {name!r} in {file}. There are: {known}.",
            name=key,
            file=self.settings.personas,
            known=", ".join(persona.key for persona in self.personas) or "none",
        )

    def ingest(
        self,
        paths: Sequence[str | Path],
        *,
        retry_failed: bool = False,
        password: str | None = None,
        on_progress: Callable[[IngestProgress], None] = lambda _: None,
    ) -> list[FileReport]:
        """Bring the index in step with files and folders; return a report on each file."""
        from docent.ingesting import ingest

        reports = ingest(
            [Path(path) for path in paths],
            data=self.settings.data,
            follow_links=self.settings.follow_links,
            pipeline=self.ingest_pipeline,
            retry_failed=retry_failed,
            password=password,
            on_progress=on_progress,
        )
        self.plugins.tell_of_ingest(reports)
        return reports + self.mistakes_in_libraries({report.library for report in reports})

    def sync_sources(self, names: Sequence[str] = ()) -> tuple[list[SourceReport], list[FileReport]]:
        """Bring sources level with what they have now, all by default, and ingest what they brought."""
        if self.sources is None:
            raise InputError(
                "There is no file {path}, which names the sources. docs/sources.md has examples.",
                path=self.settings.sources,
            )
        reports = self.sources.sync(names)
        for stopped in filter(None, (report.stopped for report in reports)):
            self.plugins.tell_of_failure(stopped)
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
        from docent.ingesting.folders import follow_folders, in_container

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
        from docent.ingesting import rebuild

        return rebuild(self.ingest_pipeline, full=full, on_progress=on_progress)

    def is_older(self, document: StoredDocument) -> bool:
        """Tell whether an older loader than the present one read the document."""
        from docent.loading import LOADER_VERSION

        return document.pages > 0 and document.loader < LOADER_VERSION

    def evaluate_answers(
        self,
        questions: Sequence[Question] = (),
        *,
        library: str = "",
        model: str = "",
        use_model: bool = True,
        on_progress: Callable[[int], None] = lambda _: None,
    ) -> AnswerRun:
        """Answer questions, by default the golden ones, and score the answers; see docs/measuring.md."""
        from docent.evaluating import ask_answers

        return run_to_end(
            ask_answers(
                questions or self.golden.all(library),
                answer=self.answer,
                library=library,
                model=model,
                use_model=use_model,
                on_progress=on_progress,
            )
        )

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

    def work(self) -> None:
        """Continue in the background with documents that are not wholly searchable yet."""
        self.ingest_pipeline.background.start()
        if self.jobs.shared:
            self.job_taker.start()
        else:
            self.uploads.resume()
        if self.sources is not None:
            self.schedule.start(self._sync_for_all)

    def _sync_for_all(self) -> None:
        """Sync the sources, unless another process does so for this one as well."""
        if self.jobs.claim("duty", "sources"):
            try:
                self.sync_sources()
            finally:
                self.jobs.release("duty", "sources")


def open_docent(
    settings: Settings, *, storage: Path | None = None, building: bool = False, searches: bool = True
) -> Docent:
    """Open Docent as the settings describe; see `Docent`."""
    return Docent(storage, settings=settings, building=building, searches=searches)
