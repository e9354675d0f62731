"""The default embedder: all cores for documents, a lane of its own for questions."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tokenizers import Tokenizer

from docent.errors import EmbeddingError
from docent.indexing.packaged_model import DIMENSIONS, MAX_TOKENS, WEIGHTS, open_tokenizer

if TYPE_CHECKING:  # 0.15 s to import: documents are read and cut without them
    import numpy as np
    from numpy.typing import NDArray

    from docent.indexing.openvino_bert import CompiledModel, InferenceRequest, Precision

BATCH_TOKENS = 1024  # larger batches leave the cache and are slower; padding included
WINDOW = 2048  # texts tokenized at once: bounds memory, long enough for batches of equal length
QUESTION = 128  # tokens; 500 letters of prose. 256 take up to 160 ms where 20 take 20
QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of a container
POLITE = 10  # niceness of the document lane: a question on the same cores goes first


class FastEmbedder:
    """The packaged model without torch: several one-thread streams beat one that uses all cores."""

    dimensions = DIMENSIONS
    max_tokens = MAX_TOKENS

    def __init__(self, folder: Path, *, name: str, threads: int, precision: Precision | None = None) -> None:
        self.name = name
        # Precisions agree nearly (cosine .9986, docs/decisions/0007): an index built by one serves another.
        self.fingerprint = f"{name}@{WEIGHTS[:16]}/{MAX_TOKENS}"
        self.tokenizer: Tokenizer = open_tokenizer(folder)
        self._threads = threads
        self._folder, self._precision = folder, precision
        self._opening = threading.RLock()
        self._closed = False
        self._opened: _Opened | None = None
        self._questions, self._long = Turns(), Turns()
        self._here = threading.local()
        self._documents = ThreadPoolExecutor(threads, "embedding", initializer=_yield_to_others)

    def warm(self) -> None:
        """Half a second, once; nothing when it was closed meanwhile."""
        with self._opening:
            if not self._closed:
                self._model()

    @property
    def precision(self) -> Precision:
        return self._model().precision

    def embed_query(self, text: str) -> list[float]:
        """A question's vector, waiting for no document. A very long one is the mean of its parts.

        What is longer than a question shares the documents' lane instead: the others do not wait for it.
        """
        import numpy as np

        parts = list(_parts(self.tokenizer.encode(text, add_special_tokens=True).ids, self.max_tokens))
        model = self._model()
        short = len(parts) == 1 and len(parts[0]) <= QUESTION
        caller, turns = (model.question, self._questions) if short else (model.long, self._long)
        vectors = []
        for part in parts:
            with turns.turn():
                vectors.append(caller.run([part]))
        mean = np.concatenate(vectors).mean(axis=0)
        return [float(value) for value in mean / (np.linalg.norm(mean) or 1.0)]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One normalised row for each text. Refuses a text the model would have to cut."""
        import numpy as np

        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        for first in range(0, len(texts), WINDOW):
            window = texts[first : first + WINDOW]
            ids = [encoding.ids for encoding in self.tokenizer.encode_batch_fast(list(window))]
            refuse_long(map(len, ids), self.max_tokens, self.name)
            self._fill(vectors[first : first + len(ids)], ids)
        return vectors

    def close(self) -> None:
        """Finish the batches under way, drop the rest."""
        # A thread that is still opening the model when Python ends takes the whole process down with it.
        with self._opening:
            self._closed = True
        self._documents.shutdown(wait=True, cancel_futures=True)

    def _fill(self, rows: NDArray[np.float32], ids: list[list[int]]) -> None:
        lane = self._model().documents

        def run(batch: list[int]) -> None:
            if not hasattr(self._here, "caller"):
                self._here.caller = lane.caller()
            rows[batch] = self._here.caller.run([ids[row] for row in batch])

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

                model = OpenVinoModel(self._folder, precision=self._precision)
                question = model.lane(streams=1, exact=True).caller()
                # Asked for by a polite thread, so that the lane's own threads are polite, too.
                polite = self._documents.submit(model.lane, streams=self._threads)
                documents = polite.result()
                self._opened = _Opened(model.precision, question, documents.caller(), documents)
            return self._opened


class Turns:
    """One at a time, in the order in which they came; a plain lock is often taken again by who had it."""

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._came = self._served = 0

    @property
    def waiting(self) -> int:
        """How many have come and are not done."""
        return self._came - self._served

    @contextmanager
    def turn(self) -> Iterator[None]:
        with self._free:
            mine, self._came = self._came, self._came + 1
            self._free.wait_for(lambda: self._served == mine)
        try:
            yield
        finally:
            with self._free:
                self._served += 1
                self._free.notify_all()


class _Opened(NamedTuple):
    precision: Precision
    question: InferenceRequest
    long: InferenceRequest
    """For questions that are longer than most."""
    documents: CompiledModel


def _yield_to_others() -> None:
    if sys.platform == "linux":  # elsewhere niceness belongs to the whole process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), POLITE)


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Positions of texts of similar length, longest first, each batch within the budget when padded."""
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
            "A text of {longest} tokens was to be embedded, but {name} reads {limit} and would "
            "silently drop the rest. Lower DOCENT_CHUNK_TOKENS and run: python ingest.py --rebuild",
            longest=longest,
            name=name,
            limit=limit,
        )


def available_cores() -> int:
    """Processors this process may use, a container's quota included."""
    allowed = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    if QUOTA.exists():
        share, period = QUOTA.read_text().split()
        if share != "max":
            allowed = min(allowed, max(1, round(int(share) / int(period))))
    return allowed


def _parts(ids: list[int], limit: int) -> Iterator[list[int]]:
    """The ids in pieces that the model reads, each between the same special tokens."""
    first, last, inner = ids[0], ids[-1], ids[1:-1]
    for at in range(0, max(len(inner), 1), limit - 2):
        yield [first, *inner[at : at + limit - 2], last]
