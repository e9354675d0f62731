"""From settings to an open house."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from docent.answering import policy
from docent.answering.prompt import personas
from docent.answering.prompt.personas import Persona
from docent.app.docent import Docent
from docent.indexing.embedder import index_fingerprint, open_embedder
from docent.indexing.fast_embedder import available_cores
from docent.indexing.torch_models import open_reranker
from docent.ingesting import ChunkSize, EmbeddingWorker, IngestPipeline, Rereader, Uploads
from docent.loading import Limits, Loader, Ocr
from docent.retrieving import Synonyms
from docent.settings import Settings
from docent.store import SharedStore


def open_docent(settings: Settings, *, storage: Path | None = None) -> Docent:
    """Open what is at rest and everything that works on it. Raises DocentError with a sentence."""
    # Before anything is opened that would have to be closed again.
    speakers = read_personas(settings)
    rules = policy.read(settings.content_policy_file, action=settings.content_policy)
    rerank = open_reranker(
        settings.reranker, cache=settings.storage / "models", device=settings.embedding_device
    )
    embedder = open_embedder(
        settings.embedding_model,
        cache=settings.storage / "models",
        threads=settings.threads,
        device=settings.embedding_device,
        model_url=settings.model_url,
        model_key=settings.key,
    )
    fingerprint = index_fingerprint(embedder, size=settings.chunk_tokens, overlap=settings.chunk_overlap)
    with ExitStack() as unless_opened:
        unless_opened.callback(embedder.close)
        store = SharedStore(
            storage or settings.storage, fingerprint=fingerprint, chroma_url=settings.chroma_url
        )
        unless_opened.pop_all()
    limits = Limits(file_bytes=settings.max_file_mb * 1_000_000)
    loader = Loader(limits=limits, ocr=Ocr(engine=settings.ocr), workers=available_cores())
    background = EmbeddingWorker(store=store, embedder=embedder)
    cut = ChunkSize(settings.chunk_tokens, settings.chunk_overlap)
    intake = IngestPipeline(store, loader, embedder, background, cut, workers=available_cores())
    return Docent(
        settings=settings,
        store=store,
        embedder=embedder,
        loader=loader,
        intake=intake,
        uploads=Uploads(intake),
        again=Rereader(intake),
        counters={},
        personas=speakers,
        policy=rules,
        synonyms=Synonyms(settings.data),
        rerank=rerank,
    )


def read_personas(settings: Settings) -> tuple[Persona, ...]:
    """None where the file of the default name is not there; a file that was named must be."""
    unnamed = settings.personas == Settings.model_fields["personas"].default
    return () if unnamed and not settings.personas.exists() else personas.read(settings.personas)
