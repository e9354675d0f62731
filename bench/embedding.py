"""Compare embedding engines: tokens per second, retrieval quality, and latency of a question.

    python -m bench.embedding --pdfs FOLDER --questions FILE.jsonl [--squad dev.json]

The questions file has one JSON object a line: question, file, pages (docs/measuring.md). All engines run in
one process, in turns, because machines are noisy: compare the ratios, not the absolute figures.
"""

from __future__ import annotations

import argparse
import json
import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.questions import answerable, bare_name
from docent.evaluating import Question
from docent.indexing import Embedder, chunk, embedded_text
from docent.indexing.embedder import FastEmbedder, available_cores, packaged_model
from docent.indexing.packaged_model import PACKAGED_MODEL, packaged_folder
from docent.indexing.torch_models import ReferenceEmbedder
from docent.loading import Limits, Loader, Ocr
from docent.types import Document, Page, document_id

Matrix = NDArray[np.float32]
ROUNDS = 3
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Text:
    """A chunk as the model reads it, with its source."""

    file: str
    page: int
    text: str
    tokens: int


def main() -> None:
    args = _arguments()
    engines = _engines()
    texts = _texts(sorted(args.pdfs.glob("*.pdf"))[: args.files], engines["fp32"])
    print(f"{len(texts)} chunks, {sum(text.tokens for text in texts):,} tokens\n")
    speed(engines, random.Random(1).sample(texts, min(args.sample, len(texts))))
    waiting(engines["default"], [text.text for text in texts[:2000]])
    del engines["torch fp32"]  # its vectors equal those of "fp32" to five digits, as tests/indexing check
    retrieval(engines, texts, args.questions, args.squad)


def speed(engines: dict[str, Embedder], texts: Sequence[Text]) -> None:
    """Print tokens per second, the best of the rounds, with engines in turns."""
    tokens = sum(text.tokens for text in texts)
    best = dict.fromkeys(engines, 0.0)
    for _ in range(ROUNDS):
        for name, engine in engines.items():
            seconds = _seconds(partial(engine.embed, [text.text for text in texts]))
            best[name] = max(best[name], tokens / seconds)
    print("| engine | tokens/s | against torch |\n|---|---|---|")
    for name, rate in best.items():
        print(f"| {name} | {rate:,.0f} | {rate / best['torch fp32']:.1f} |")


def waiting(engine: Embedder, texts: Sequence[str]) -> None:
    """Print a question's latency, alone and while documents are embedded."""
    stop = threading.Event()

    def ingest() -> None:
        while not stop.is_set():
            engine.embed(texts)

    def ask() -> list[float]:
        return sorted(
            _seconds(lambda: engine.embed_query("What were net sales in 2018?")) for _ in range(100)
        )

    ask()
    idle = ask()
    with ThreadPoolExecutor(1) as pool:
        bulk = pool.submit(ingest)
        time.sleep(0.5)
        busy = ask()
        stop.set()
        bulk.result()
    print("\n| a question takes | median | 95 % |\n|---|---|---|")
    for name, took in (("alone", idle), ("during an ingest", busy)):
        print(f"| {name} | {1000 * median(took):.1f} ms | {1000 * took[94]:.1f} ms |")


def retrieval(
    engines: dict[str, Embedder], texts: Sequence[Text], questions: Path, squad: Path | None
) -> None:
    """Print the quality of vector search alone, with a paired bootstrap of the difference to fp32."""
    files = {bare_name(text.file) for text in texts}
    selected = [question for question in answerable(questions) if bare_name(question.file) in files]
    if not selected:
        print("\nNo question is about these files.")
        return
    hits: dict[str, dict[str, Matrix]] = {}
    for name, engine in engines.items():
        hits[name] = {"page-hit@5": _page_hits(engine, texts, selected)}
        if squad:
            hits[name]["squad hit@1"] = _squad_hits(engine, squad)
    print("\n| engine | measure (questions) | value | difference to fp32, 95 % |\n|---|---|---|---|")
    for name, measures in hits.items():
        for measure, values in measures.items():
            low, high = _interval(values - hits["fp32"][measure])
            counted = f"{measure} ({len(values)})"
            print(f"| {name} | {counted} | {values.mean():.3f} | {low:+.3f} to {high:+.3f} |")


def _page_hits(engine: Embedder, texts: Sequence[Text], questions: Sequence[Question]) -> Matrix:
    vectors = engine.embed([text.text for text in texts])
    hits = []
    for question in questions:
        order = np.argsort(-(vectors @ np.asarray(engine.embed_query(question.question), dtype=np.float32)))
        pages = list(dict.fromkeys((bare_name(texts[at].file), texts[at].page) for at in order[:200]))[:5]
        hits.append(any(file == bare_name(question.file) and page in question.pages for file, page in pages))
    return np.asarray(hits, dtype=np.float32)


def _squad_hits(engine: Embedder, squad: Path) -> Matrix:
    """Return 1 for each question whose paragraph comes first; a chunk counts as its paragraph."""
    articles = json.loads(squad.read_text("utf-8"))["data"]
    paragraphs = [paragraph for article in articles for paragraph in article["paragraphs"]]
    pieces = [
        (number, embedded_text(piece))
        for number, paragraph in enumerate(paragraphs)
        for piece in _chunks(_document(f"{number}", [paragraph["context"]]), engine)
    ]
    vectors = engine.embed([text for _, text in pieces])
    hits = []
    for number, paragraph in enumerate(paragraphs):
        for question in paragraph["qas"][:3]:
            if not question["is_impossible"]:
                vector = np.asarray(engine.embed_query(question["question"]), dtype=np.float32)
                hits.append(pieces[int(np.argmax(vectors @ vector))][0] == number)
    return np.asarray(hits, dtype=np.float32)


def _interval(differences: Matrix) -> tuple[float, float]:
    draws = np.random.default_rng(1).choice(differences, (RESAMPLES, len(differences))).mean(axis=1)
    return float(np.quantile(draws, 0.025)), float(np.quantile(draws, 0.975))


def _engines() -> dict[str, Embedder]:
    folder = packaged_folder()
    reference = ReferenceEmbedder(PACKAGED_MODEL, source=str(folder), cache=folder, device="cpu")
    engines: dict[str, Embedder] = {"torch fp32": reference}
    for precision in ("fp32", "int8 weights", "bf16", "int8"):
        engines[precision] = FastEmbedder(
            packaged_model(), name=PACKAGED_MODEL, threads=available_cores(), precision=precision
        )
    engines["default"] = FastEmbedder(packaged_model(), name=PACKAGED_MODEL, threads=available_cores())
    for engine in engines.values():
        engine.embed(["warm"] * 64)
    return engines


def _texts(paths: Sequence[Path], engine: Embedder) -> list[Text]:
    with (
        Loader(limits=Limits(), ocr=Ocr(), workers=available_cores()) as loader,
        ThreadPoolExecutor(available_cores()) as pool,
    ):
        documents: Iterable[Document] = pool.map(loader.load, paths)
        return [
            Text(document.name, piece.page, embedded_text(piece), piece.tokens)
            for document in documents
            for piece in _chunks(document, engine)
        ]


def _chunks(document: Document, engine: Embedder) -> list[Any]:
    return chunk(
        document,
        document_id=document_id("bench", document.sha256),
        tokenizer=engine.tokenizer,
        size=200,
        overlap=25,
        limit=engine.max_tokens,
    )


def _document(name: str, texts: Sequence[str]) -> Document:
    pages = tuple(Page(number=number, text=text) for number, text in enumerate(texts, 1))
    return Document(sha256="0" * 64, name=name, kind="text", pages=pages)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pdfs", type=Path, required=True, help="folder of PDF files")
    parser.add_argument("--questions", type=Path, required=True, help="JSON lines: question, file, pages")
    parser.add_argument("--files", type=int, help="number of files, by name; default all")
    parser.add_argument("--squad", type=Path, help="a SQuAD 2.0 file, for prose")
    parser.add_argument("--sample", type=int, default=640, help="chunks timed per engine and round")
    return parser.parse_args()


if __name__ == "__main__":
    main()
