"""The embedder protocol, and the default embedder: the packaged model, verified, in OpenVINO on all cores."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from tokenizers import Tokenizer

from docent.errors import EmbeddingError
from docent.indexing.chunking import CHUNKER_VERSION
from docent.indexing.packaged_model import DIMENSIONS, MAX_TOKENS, PACKAGED_MODEL, WEIGHTS, packaged_folder
from docent.indexing.sentence_model import SentenceModel, damaged_model, model_folder, read_sentence_model
from docent.plugins import PREFIX

if TYPE_CHECKING:  # 0.15 s to import: documents are read and cut without them
    import numpy as np
    from numpy.typing import NDArray

    from docent.indexing.openvino_bert import CompiledModel, InferenceRequest, Precision

OLLAMA = "ollama:"
Device = Literal["auto", "cpu", "cuda", "mps"]


class Embedder(Protocol):
    """Turns texts into vectors of length one. Safe to call from several threads."""

    @property
    def name(self) -> str:
        """Return the name in the settings."""

    @property
    def fingerprint(self) -> str:
        """Return a text that is equal where vectors may be compared: weights and limits, not the engine."""

    @property
    def dimensions(self) -> int: ...

    @property
    def max_tokens(self) -> int:
        """Return how many tokens of one text the model reads, special tokens included."""

    @property
    def tokenizer(self) -> Tokenizer:
        """Return the model's own tokenizer; it neither truncates nor pads."""

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a question, ahead of documents that are being embedded."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row for each text. Raises EmbeddingError rather than cut a text short."""

    def warm(self) -> None:
        """Load the model now rather than at its first use."""

    def close(self) -> None: ...


def open_embedder(
    name: str, *, cache: Path, threads: int, device: Device, model_url: str, model_key: str
) -> Embedder:
    """Open the embedder a setting names: the packaged model, "ollama:NAME", a folder, or a hub name.

    A hub model must already be in `cache`, as the hub's own tools store it: nothing is fetched.
    """
    if name.startswith(OLLAMA):  # the imports of engines not asked for are left out
        from docent.indexing.ollama_embedder import OllamaEmbedder

        return OllamaEmbedder(name.removeprefix(OLLAMA), url=model_url, key=model_key)
    if name.startswith(PREFIX):
        from docent.indexing.plugin_embedder import PluginEmbedder

        return PluginEmbedder(name.removeprefix(PREFIX), cache=cache, threads=threads or available_cores())
    if name != PACKAGED_MODEL:
        model = read_sentence_model(model_folder(name, cache), name)
        if model is not None and device in ("auto", "cpu"):
            return FastEmbedder(model, name=name, threads=threads or available_cores())
        from docent.indexing.torch_models import ReferenceEmbedder

        source = name if model is None else str(model.folder)
        return ReferenceEmbedder(name, source=source, cache=cache, device=device)
    if device in ("cuda", "mps"):
        from docent.indexing.torch_models import ReferenceEmbedder

        return ReferenceEmbedder(name, source=str(packaged_folder()), cache=cache, device=device)
    return FastEmbedder(packaged_model(), name=name, threads=threads or available_cores())


def index_fingerprint(embedder: Embedder, *, size: int, overlap: int) -> str:
    """Return a text of all that an index depends on; with another one, its chunks or vectors do not fit."""
    return f"{embedder.fingerprint} chunks {CHUNKER_VERSION}/{size}/{overlap}"


def packaged_tokenizer() -> Tokenizer:
    """Return the packaged model's tokenizer without truncation: its file would cut at 128 tokens."""
    return open_tokenizer(packaged_folder())


def packaged_model() -> SentenceModel:
    """Return the description of the packaged model, whose files are verified."""
    return SentenceModel(
        packaged_folder(), layers=6, heads=12, dimensions=DIMENSIONS, epsilon=1e-12, max_tokens=MAX_TOKENS,
        pooling="mean", languages=frozenset({"en"}),
    )  # fmt: skip


def open_tokenizer(folder: Path) -> Tokenizer:
    """Open a model's tokenizer. Raises EmbeddingError."""
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # tokenizers raises nothing narrower
        raise damaged_model(folder, error) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


BATCH_TOKENS = 1024  # larger batches leave the cache and are slower; padding included
WINDOW = 2048  # texts tokenized at once: bounds memory, long enough for batches of equal length
MAX_SHORT = 128  # tokens; 500 letters of prose. 256 take up to 160 ms where 20 take 20
QUOTA = Path("/sys/fs/cgroup/cpu.max")  # a container's share of processors
NICENESS = 10  # of the threads for documents: a question on the same cores goes first


class FastEmbedder:
    """A BERT-like model without torch; one stream a core beats one stream on all cores."""

    def __init__(
        self, model: SentenceModel, *, name: str, threads: int, precision: Precision | None = None
    ) -> None:
        self.name = name
        self.dimensions = model.dimensions
        self.languages = model.languages
        self.tokenizer: Tokenizer = open_tokenizer(model.folder)
        self._is_packaged = name == PACKAGED_MODEL
        # Precisions agree nearly (cosine .9986, docs/decisions/0007): an index built by one serves another.
        weights = WEIGHTS if self._is_packaged else model.weights_sha256()
        wanted = (
            f"{model.before_query}|{model.before_text}" if model.before_query or model.before_text else ""
        )
        self.fingerprint = f"{name}@{weights[:16]}/{model.max_tokens}{wanted and f' {wanted}'}"
        # What the model wants before every text takes its share of what it reads.
        before = self.tokenizer.encode(model.before_text, add_special_tokens=False).ids
        self.max_tokens = model.max_tokens - len(before)
        self._described = model
        self._threads = threads
        self._precision = precision
        self._opening = threading.RLock()
        self._closed = False
        self._opened: _Opened | None = None
        self._short_questions, self._long_questions = FairLock(), FairLock()
        self._local = threading.local()  # an inference request for each thread
        self._documents = ThreadPoolExecutor(threads, "embedding", initializer=_lower_priority)

    def warm(self) -> None:
        """Load the model (half a second), unless the embedder was closed meanwhile."""
        with self._opening:
            if not self._closed:
                self._model()

    @property
    def precision(self) -> Precision:
        return self._model().precision

    def embed_query(self, text: str) -> list[float]:
        """Return a question's vector, ahead of all documents; a very long question is the mean of its parts.

        A long question runs on the documents' threads, so that short ones do not wait for it.
        """
        import numpy as np

        asked = f"{self._described.before_query}{text}"
        first, *inner, last = self.tokenizer.encode(asked, add_special_tokens=True).ids
        step = self._described.max_tokens - 2  # each part stands between the same special tokens
        parts = [[first, *inner[at : at + step], last] for at in range(0, max(len(inner), 1), step)]
        model = self._model()
        short = len(parts) == 1 and len(parts[0]) <= MAX_SHORT
        if short:
            request, lock = model.short_question, self._short_questions
        else:
            request, lock = model.long_question, self._long_questions
        vectors = []
        for part in parts:
            with lock.turn():
                vectors.append(request.run([part]))
        mean = np.concatenate(vectors).mean(axis=0)
        return [float(value) for value in mean / (np.linalg.norm(mean) or 1.0)]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one normalised row for each text. Raises EmbeddingError for a text that would be cut."""
        import numpy as np

        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        for first in range(0, len(texts), WINDOW):
            window = [f"{self._described.before_text}{text}" for text in texts[first : first + WINDOW]]
            ids = [encoding.ids for encoding in self.tokenizer.encode_batch_fast(window)]
            refuse_long(map(len, ids), self._described.max_tokens, self.name)
            self._fill(vectors[first : first + len(ids)], ids)
        return vectors

    def close(self) -> None:
        """Finish the batches under way and drop the rest."""
        # A thread that is still opening the model when Python ends would crash the process.
        with self._opening:
            self._closed = True
        self._documents.shutdown(wait=True, cancel_futures=True)

    def _fill(self, rows: NDArray[np.float32], ids: list[list[int]]) -> None:
        compiled = self._model().documents

        def run(batch: list[int]) -> None:
            if not hasattr(self._local, "request"):
                self._local.request = compiled.request()
            rows[batch] = self._local.request.run([ids[row] for row in batch])

        lengths = list(map(len, ids))
        under_way = [self._documents.submit(run, batch) for batch in batches(lengths, BATCH_TOKENS)]
        try:
            for future in under_way:
                future.result()
        finally:
            for future in under_way:
                future.cancel()

    def _model(self) -> _Opened:
        with self._opening:
            if self._opened is None:
                from docent.indexing.openvino_bert import OpenVinoModel

                model = OpenVinoModel(
                    self._described, precision=self._precision, ranges_known=self._is_packaged
                )
                short = model.compile(streams=1, exact=True).request()
                # Compiled on a thread of low priority, since OpenVINO's threads inherit its niceness.
                documents = self._documents.submit(model.compile, streams=self._threads).result()
                self._opened = _Opened(model.precision, short, documents.request(), documents)
            return self._opened


class FairLock:
    """Lets callers in one at a time, in order; a plain lock often goes to its last holder again."""

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._came = self._served = 0

    @property
    def waiting(self) -> int:
        """Return how many callers hold the lock or wait for it."""
        return self._came - self._served

    @contextmanager
    def turn(self) -> Iterator[None]:
        with self._free:
            ticket, self._came = self._came, self._came + 1
            self._free.wait_for(lambda: self._served == ticket)
        try:
            yield
        finally:
            with self._free:
                self._served += 1
                self._free.notify_all()


class _Opened(NamedTuple):
    precision: Precision
    short_question: InferenceRequest
    long_question: InferenceRequest
    documents: CompiledModel


def _lower_priority() -> None:
    if sys.platform == "linux":  # elsewhere niceness belongs to the whole process
        thread = threading.get_native_id()
        # A process that was started with a higher niceness may not lower it again.
        os.setpriority(os.PRIO_PROCESS, thread, max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Yield positions of texts of similar length, longest first, each batch within the budget when padded."""
    order = sorted(range(len(lengths)), key=lambda position: -lengths[position])
    batch: list[int] = []
    for position in order:
        if batch and (len(batch) + 1) * lengths[batch[0]] > budget:
            yield batch
            batch = []
        batch.append(position)
    if batch:
        yield batch


def refuse_long(lengths: Iterable[int], limit: int, name: str) -> None:
    longest = max(lengths, default=0)
    if longest > limit:
        raise EmbeddingError(
            "A text of {longest} tokens is too long for the model {name}, which reads {limit}. Lower "
            "DOCENT_CHUNK_TOKENS and run: python -m docent ingest --rebuild",
            longest=longest,
            name=name,
            limit=limit,
        )


def available_cores() -> int:
    """Count the processors this process may use, a container's quota included."""
    allowed = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    if QUOTA.exists():
        share, period = QUOTA.read_text().split()
        if share != "max":
            allowed = min(allowed, max(1, round(int(share) / int(period))))
    return allowed
