"""Everything that one run works with, opened as the settings describe, and closed together."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from docent.errors import DocentError, ModelError
from docent.types import FIGURES, SYNONYMS, FileReport, Scope

if TYPE_CHECKING:  # `from docent import Docent` takes 0.1 s; the libraries come with the first one opened
    from docent.answering.content_policy import ContentPolicy
    from docent.answering.models.client import ModelClient
    from docent.answering.models.llamacpp_server import LlamaCppServer
    from docent.answering.prompt.personas import Persona
    from docent.answering.prompt.token_budget import LearningCounter
    from docent.answering.tools.tool_servers import ToolServers
    from docent.app.plugin_steps import PluginSteps
    from docent.app.source_schedule import SourceSchedule
    from docent.app.summaries import SummaryWriter
    from docent.indexing.adapted_embedder import AdaptedEmbedder
    from docent.indexing.torch_models import Reranker
    from docent.ingesting import IngestPipeline, Jobs, JobTaker, Rereader, Uploads
    from docent.json_lines import SharedFile
    from docent.loading import Loader
    from docent.retrieving import Dictionaries, FigureLines, LearnedWeights, Synonyms
    from docent.settings import Settings
    from docent.sources import Sources
    from docent.store import Store
    from docent.tracing import Tracer


class Parts:
    """The opened store, models and workers of one run; close it, or use it in a `with` block."""

    settings: Settings
    open_model: Callable[..., ModelClient]
    """Returns a client of the model server, by default of the model and address of the settings."""
    llamacpp: LlamaCppServer | None
    """Where the settings name a model file: the process that serves it."""
    store: Store
    embedder: AdaptedEmbedder
    adapter_file: SharedFile | None
    """The file of the embedder's learned map, where several machines share it."""
    loader: Loader
    ingest_pipeline: IngestPipeline
    jobs: Jobs
    job_taker: JobTaker
    uploads: Uploads
    rereader: Rereader
    counters: dict[str, LearningCounter]
    """By model: they count tokens, and learn from the server's own counts."""
    sizes: dict[str, int | None]
    """By model: its parameters, once its server has said them."""
    personas: tuple[Persona, ...]
    policy: ContentPolicy
    tool_servers: ToolServers | None
    """MCP servers of others that lend their tools to the model."""
    learned_weights: LearnedWeights
    synonyms: Synonyms
    figure_lines: FigureLines
    dictionaries: Dictionaries
    rerank: Reranker | None
    sources: Sources | None
    """Where documents come from beside files; None where no file names any."""
    schedule: SourceSchedule
    summary_writer: SummaryWriter
    plugins: PluginSteps
    tracer: Tracer

    def __init__(
        self,
        storage: str | Path | None = None,
        *,
        settings: Settings | None = None,
        building: bool = False,
        searches: bool = True,
    ) -> None:
        """Open a storage folder. Raises DocentError with a sentence.

        Without settings they are read as the command line reads them, and `storage` replaces theirs.
        With settings, `storage` only says where the store is. With `building` it works on the index that is
        being built beside the one that answers. Without `searches` it reads and embeds, and answers nothing.
        """
        from docent.app.factory import open_parts
        from docent.settings import Settings

        folder = None if storage is None else Path(storage)
        if settings is None:
            settings = Settings.read()
            settings = settings if folder is None else settings.model_copy(update={"storage": folder})
        vars(self).update(open_parts(settings, storage=folder, building=building, searches=searches))
        self.closed = False

    @property
    def model(self) -> ModelClient:
        """A client of the model, made on demand: the package takes 0.2 s to import."""
        return self.open_model()

    def warm(self) -> None:
        """Load both models in the background, so that the first question does not wait for them."""
        for load in (self._warm_search, self._warm_model):
            threading.Thread(target=load, name="warming", daemon=True).start()

    def _warm_search(self) -> None:
        self.embedder.warm()
        import docent.answering.answer_pipeline  # noqa: F401  with the rest, before it is frozen
        from docent.retrieving import retrieve

        with suppress(DocentError):  # the first question reports what is wrong
            # The first search opens the indexes, and took twice as long as the next ones.
            retrieve("warm", scope=Scope(), store=self.store, embedder=self.embedder, limit=1)

        # Else every fiftieth question waits 80 ms for a garbage collection of everything that was loaded.
        gc.collect()
        gc.freeze()

    def _warm_model(self) -> None:
        import asyncio

        with suppress(ModelError):  # the first question reports what is missing
            asyncio.run(self.model.warm())

    def mistakes_in_libraries(self, libraries: Iterable[str]) -> list[FileReport]:
        """Return a report on each mistake in these libraries' own files of synonyms and figures."""
        files = ((SYNONYMS, self.synonyms.mistakes), (FIGURES, self.figure_lines.mistakes))
        return [
            FileReport(library, file, "failed", mistake)
            for library in sorted(libraries)
            for file, mistakes in files
            for mistake in mistakes(library)
        ]

    def close(self) -> None:
        """Close every part, the store last, even if another part fails to close."""
        self.closed = True
        self.schedule.stop()
        background = self.ingest_pipeline.background  # closes the embedder, too
        with ExitStack() as parts:
            parts.callback(self.store.close)
            parts.callback(self.jobs.close)
            parts.callback(self.schedule.wait)
            files = (background, self.rereader, self.loader, self.uploads, self.job_taker)
            for part in (*files, self.llamacpp, self.summary_writer):
                if part is not None:
                    parts.callback(part.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import asyncio

        await asyncio.to_thread(self.close)
