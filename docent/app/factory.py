"""Opening everything from settings; nothing else builds clients, stores and models."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docent.answering.content_policy import ContentPolicy, read_policy
from docent.answering.models.client import ModelClient, Timeouts
from docent.answering.models.llamacpp_server import LlamaCppServer
from docent.answering.prompt.personas import Persona, read_personas
from docent.app.plugin_steps import PluginSteps
from docent.app.source_schedule import SourceSchedule
from docent.app.summaries import SummaryWriter
from docent.indexing.adapted_embedder import ADAPTER, AdaptedEmbedder
from docent.indexing.embedder import Embedder, available_cores, index_fingerprint, open_embedder
from docent.indexing.torch_models import open_reranker
from docent.ingesting import (
    ChunkSize,
    EmbeddingWorker,
    IngestPipeline,
    JobTaker,
    Rereader,
    Uploads,
    open_jobs,
)
from docent.json_lines import SharedFile
from docent.loading import Limits, Loader, Ocr
from docent.plugins import PREFIX
from docent.resources import FILES
from docent.retrieving import Dictionaries, FigureLines, LearnedWeights, Synonyms
from docent.settings import Settings
from docent.store import Store
from docent.tracing import open_tracer

if TYPE_CHECKING:
    from docent.answering.tools.tool_servers import ToolServers
    from docent.sources import Sources


def open_parts(settings: Settings, *, storage: Path | None, building: bool, searches: bool) -> dict[str, Any]:
    """Open the store and everything that works on it, by the names that `Parts` gives them."""
    # The files of the settings first: nothing has to be closed if one of them is refused.
    personas = open_personas(settings)
    sources = open_sources(settings)
    plugins = PluginSteps(retrieval=settings.retrieval, notifiers=settings.notifiers)
    policy = open_policy(settings)
    tool_servers = open_tool_servers(settings)
    rerank = open_reranker(
        settings.reranker, cache=settings.storage / "models", device=settings.embedding_device
    )
    adapter_file = open_adapter_file(settings, storage)
    embedder = AdaptedEmbedder(
        open_embedding(settings),
        storage or settings.storage,
        **({"follow": adapter_file.follow} if adapter_file is not None else {}),
    )
    fingerprint = index_fingerprint(embedder, size=settings.chunk_tokens, overlap=settings.chunk_overlap)
    with ExitStack() as on_failure:
        on_failure.callback(embedder.close)
        store = Store(
            storage or settings.storage,
            fingerprint=fingerprint,
            chroma_url=settings.chroma_url,
            database_url=settings.database,
            files_url=settings.files_url,
            files_key=settings.files_secret,
            building=building,
            searches=searches,
        )
        on_failure.callback(store.close)
        jobs = open_jobs(settings.database)
        on_failure.pop_all()
    limits = Limits(file_bytes=settings.max_file_mb * 1_000_000)
    loader = Loader(limits=limits, ocr=Ocr(engine=settings.ocr), workers=available_cores())
    tracer = open_tracer(settings.traces_url)
    reads = not jobs.shared or settings.read_files != "no"
    background = EmbeddingWorker(store=store, embedder=embedder, tracer=tracer, jobs=jobs, works=reads)
    cut = ChunkSize(settings.chunk_tokens, settings.chunk_overlap)
    workers = available_cores()
    pipeline = IngestPipeline(
        store, loader, embedder, background, cut, workers=workers, jobs=jobs, reads=reads, tracer=tracer
    )
    uploads, rereader = Uploads(pipeline), Rereader(pipeline)
    llamacpp = _llamacpp_server(settings)
    return {
        "settings": settings,
        "open_model": partial(open_model, settings, llamacpp=llamacpp),
        "llamacpp": llamacpp,
        "store": store,
        "embedder": embedder,
        "adapter_file": adapter_file,
        "loader": loader,
        "ingest_pipeline": pipeline,
        "tracer": tracer,
        "jobs": jobs,
        "job_taker": JobTaker(pipeline, uploads, rereader),
        "uploads": uploads,
        "rereader": rereader,
        "counters": {},
        "sizes": {},
        "personas": personas,
        "policy": policy,
        "tool_servers": tool_servers,
        "learned_weights": LearnedWeights(storage or settings.storage, database_url=settings.database),
        "synonyms": Synonyms(settings.data),
        "figure_lines": FigureLines(settings.data),
        "dictionaries": Dictionaries(settings.dictionaries),
        "rerank": rerank,
        "sources": sources,
        "plugins": plugins,
        "schedule": SourceSchedule(60.0 * settings.sources_every),
        "summary_writer": SummaryWriter(),
    }


def open_adapter_file(settings: Settings, storage: Path | None = None) -> SharedFile | None:
    """Return the learned map's file that all machines share; None where there is one machine."""
    path = (storage or settings.storage) / ADAPTER
    return SharedFile(path, settings.database) if settings.database else None


def open_embedding(settings: Settings) -> Embedder:
    """Open the embedding model of the settings."""
    return open_embedder(
        settings.embedding_model,
        cache=settings.storage / "models",
        threads=settings.threads,
        device=settings.embedding_device,
        model_url=settings.model_url,
        model_key=settings.key,
    )


def open_sources(settings: Settings) -> Sources | None:
    """Read the sources; only the file of the default name may be missing."""
    unnamed = settings.sources == Settings.model_fields["sources"].default
    if unnamed and not settings.sources.exists():
        return None
    from docent.sources import AllowedHosts, Sources, read_sources  # 0.1 s, for those who name sources

    return Sources(
        settings=read_sources(settings.sources),
        data=settings.data,
        work=settings.storage / "sources",
        hosts=AllowedHosts(settings.source_hosts),
        largest=settings.max_file_mb * 1_000_000,
    )


def open_personas(settings: Settings) -> tuple[Persona, ...]:
    """Read the personas; only the file of the default name may be missing."""
    unnamed = settings.personas == Settings.model_fields["personas"].default
    return () if unnamed and not settings.personas.exists() else read_personas(settings.personas)


def open_policy(settings: Settings) -> ContentPolicy:
    """Read the content policy; without a file of the default name it is the one that comes with Docent."""
    path = settings.content_policy_file
    unnamed = path == Settings.model_fields["content_policy_file"].default
    if unnamed and not path.exists():
        path = FILES / path
    return read_policy(path, action=settings.content_policy)


def open_tool_servers(settings: Settings) -> ToolServers | None:
    """Return the MCP servers that lend tools, unconnected; only a file of the default name may be missing."""
    unnamed = settings.mcp_servers == Settings.model_fields["mcp_servers"].default
    if unnamed and not settings.mcp_servers.exists():
        return None
    from docent.answering.tools.lending_servers import read_servers
    from docent.answering.tools.tool_servers import ToolServers

    return ToolServers(read_servers(settings.mcp_servers))


def _llamacpp_server(settings: Settings) -> LlamaCppServer | None:
    """Return the server of a model file, where the settings name one; it starts with its first request."""
    if settings.model_file is None:
        return None
    return LlamaCppServer(
        settings.model_file,
        context_tokens=settings.context_tokens,
        threads=settings.threads or available_cores(),
        seconds_to_load=settings.first_token_timeout,
    )


def open_model(
    settings: Settings, *, name: str = "", url: str = "", llamacpp: LlamaCppServer | None = None
) -> ModelClient:
    """Return a client of the model server; it connects with its first request."""
    timeouts = Timeouts(settings.connect_timeout, settings.first_token_timeout, settings.token_timeout)
    if server := llamacpp or _llamacpp_server(settings):
        from docent.answering.models.llamacpp_client import LlamaCppClient

        return LlamaCppClient(
            server,
            name=name,
            answer_tokens=settings.answer_tokens,
            temperature=settings.temperature,
            timeouts=timeouts,
        )
    if settings.provider.startswith(PREFIX):
        from docent.answering.models.plugin_client import PluginModel

        return PluginModel(
            settings.provider.removeprefix(PREFIX),
            name=name or settings.model,
            url=url or settings.model_url,
            key=settings.key,
            context_tokens=settings.context_tokens,
            answer_tokens=settings.answer_tokens,
            temperature=settings.temperature,
            timeouts=timeouts,
        )
    if settings.provider == "openai":
        from docent.answering.models.openai_client import (
            OpenAIClient,  # 0.5 s to import, for those who use it
        )

        return OpenAIClient(
            name=name or settings.model,
            url=url or settings.model_url,
            key=settings.key,
            answer_tokens=settings.answer_tokens,
            temperature=settings.temperature,
            timeouts=timeouts,
        )
    from docent.answering.models.ollama_client import OllamaClient

    return OllamaClient(
        name=name or settings.model,
        url=url or settings.model_url,
        key=settings.key,
        context_tokens=settings.context_tokens,
        answer_tokens=settings.answer_tokens,
        temperature=settings.temperature,
        keep_alive=settings.keep_alive,
        timeouts=timeouts,
    )
