"""Embedding engines side by side: tokens a second, retrieval, and what a question waits for.

    python -m bench.embedding --pdfs FOLDER --questions FILE.jsonl [--squad dev.json]

The questions file has one JSON object a line: question, file, pages (docs/measuring.md). All engines run in
one process, in turns, since machines are noisy: read the ratios, not the absolute figures.
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
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.asking import answerable, bare
from docent.evaluating import Question
from docent.glossary import Document, Page, document_id
from docent.indexing import Embedder, chunk, embedded_text
from docent.indexing.fast import FastEmbedder, cores
from docent.indexing.packaged import PACKAGED_MODEL, packaged_folder
from docent.indexing.reference import ReferenceEmbedder
from docent.loading import Limits, Loader, Ocr

Matrix = NDArray[np.float32]
ROUNDS = 3
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Text:
    """A chunk as the model reads it, and where it is from."""

    file: str
    page: int
    text: str
    tokens: int


def main() -> None:
    asked = _arguments()
    engines = _engines()
    texts = _texts(sorted(asked.pdfs.glob("*.pdf"))[: asked.files], engines["fp32"])
    print(f"{len(texts)} chunks, {sum(one.tokens for one in texts):,} tokens\n")
    speed(engines, random.Random(1).sample(texts, min(asked.sample, len(texts))))
    waiting(engines["default"], [one.text for one in texts[:2000]])
    del engines["torch fp32"]  # its vectors are those of "fp32" to five digits: tests/indexing hold that
    retrieval(engines, texts, asked.questions, asked.squad)


def speed(engines: dict[str, Embedder], texts: Sequence[Text]) -> None:
    """Tokens a second, best of the rounds, engines in turns."""
    tokens = sum(one.tokens for one in texts)
    best = dict.fromkeys(engines, 0.0)
    for _ in range(ROUNDS):
        for name, engine in engines.items():
            best[name] = max(best[name], tokens / _seconds(lambda: engine.embed([one.text for one in texts])))  # noqa: B023
    print("| engine | tokens/s | against torch |\n|---|---|---|")
    for name, rate in best.items():
        print(f"| {name} | {rate:,.0f} | {rate / best['torch fp32']:.1f} |")


def waiting(engine: Embedder, texts: Sequence[str]) -> None:
    """A question's latency, alone and while documents are embedded."""
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
    """Dense search alone; the interval is a paired bootstrap of the difference to fp32."""
    files = {bare(one.file) for one in texts}
    asked = [one for one in answerable(questions) if bare(one.file) in files]
    if not asked:
        print("\nNo question is about these files.")
        return
    hits: dict[str, dict[str, Matrix]] = {}
    for name, engine in engines.items():
        hits[name] = {"page-hit@5": _page_hits(engine, texts, asked)}
        if squad:
            hits[name]["squad hit@1"] = _squad_hits(engine, squad)
    print("\n| engine | measure (questions) | value | difference to fp32, 95 % |\n|---|---|---|---|")
    for name, measures in hits.items():
        for measure, values in measures.items():
            low, high = _interval(values - hits["fp32"][measure])
            counted = f"{measure} ({len(values)})"
            print(f"| {name} | {counted} | {values.mean():.3f} | {low:+.3f} to {high:+.3f} |")


def _page_hits(engine: Embedder, texts: Sequence[Text], questions: Sequence[Question]) -> Matrix:
    vectors = engine.embed([one.text for one in texts])
    hits = []
    for asked in questions:
        order = np.argsort(-(vectors @ np.asarray(engine.embed_query(asked.question), dtype=np.float32)))
        pages = list(dict.fromkeys((bare(texts[at].file), texts[at].page) for at in order[:200]))[:5]
        hits.append(any(file == bare(asked.file) and page in asked.pages for file, page in pages))
    return np.asarray(hits, dtype=np.float32)


def _squad_hits(engine: Embedder, squad: Path) -> Matrix:
    """The paragraph that holds the answer comes first of all; windows of long ones count as theirs."""
    paragraphs = [one for item in json.loads(squad.read_text("utf-8"))["data"] for one in item["paragraphs"]]
    pieces = [
        (number, embedded_text(piece))
        for number, one in enumerate(paragraphs)
        for piece in _cut(_document(f"{number}", [one["context"]]), engine)
    ]
    vectors = engine.embed([text for _, text in pieces])
    hits = []
    for number, one in enumerate(paragraphs):
        for question in one["qas"][:3]:
            if not question["is_impossible"]:
                asked = np.asarray(engine.embed_query(question["question"]), dtype=np.float32)
                hits.append(pieces[int(np.argmax(vectors @ asked))][0] == number)
    return np.asarray(hits, dtype=np.float32)


def _interval(differences: Matrix) -> tuple[float, float]:
    draws = np.random.default_rng(1).choice(differences, (RESAMPLES, len(differences))).mean(axis=1)
    return float(np.quantile(draws, 0.025)), float(np.quantile(draws, 0.975))


def _engines() -> dict[str, Embedder]:
    folder = packaged_folder()
    reference = ReferenceEmbedder(PACKAGED_MODEL, source=str(folder), cache=folder, device="cpu")
    found: dict[str, Embedder] = {"torch fp32": reference}
    for precision in ("fp32", "int8 weights", "bf16", "int8"):
        found[precision] = FastEmbedder(folder, name=PACKAGED_MODEL, threads=cores(), precision=precision)
    found["default"] = FastEmbedder(folder, name=PACKAGED_MODEL, threads=cores())
    for engine in found.values():
        engine.embed(["warm"] * 64)
    return found


def _texts(paths: Sequence[Path], engine: Embedder) -> list[Text]:
    with Loader(limits=Limits(), ocr=Ocr(), workers=cores()) as loader, ThreadPoolExecutor(cores()) as pool:
        documents: Iterable[Document] = pool.map(loader.load, paths)
        return [
            Text(document.name, piece.page, embedded_text(piece), piece.tokens)
            for document in documents
            for piece in _cut(document, engine)
        ]


def _cut(document: Document, engine: Embedder) -> list[Any]:
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
    parser.add_argument("--files", type=int, help="how many of them, by name; else all")
    parser.add_argument("--squad", type=Path, help="a SQuAD 2.0 file, for prose")
    parser.add_argument("--sample", type=int, default=640, help="chunks timed for each engine and round")
    return parser.parse_args()


if __name__ == "__main__":
    main()
