"""How well the right page is found: the tutorial's way, and each step of Docent's, side by side.

    nice python -m bench.retrieval --reports FOLDER --squad FILE --cache FOLDER [--tutorial]

FOLDER holds questions.jsonl (question, file, pages) and pdfs/; FILE is SQuAD 2.0 as published, of which
1,000 answerable questions, evenly taken, are asked over all paragraphs, each a file named by a number.
The tutorial's way is pypdf's text page by page, llama-index's SentenceSplitter (1024/200) and the reference
model, nearest first. What was ingested is kept under the cache folder for the next run.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from docent.assembly import House, open_house
from docent.evaluating import Outcome, Question, ask, read_questions, report
from docent.glossary import Passage, Scope
from docent.indexing.packaged import packaged_folder
from docent.retrieving import Weights, retrieve
from docent.settings import Settings
from docent.store.protocols import Hit

WITHIN = 50
SQUAD_QUESTIONS = 1000
LADDER = {
    "both searches, fused": Weights(prior=0, page=0, title=0, figures=0, neighbours=0, parts=0),
    "+ pages lifted by their other pieces": Weights(prior=0, title=0, figures=0, neighbours=0, parts=0),
    "+ the document meant": Weights(title=0, figures=0, neighbours=0, parts=0),
    "+ headings said": Weights(figures=0, neighbours=0, parts=0),
    "+ figures wanted": Weights(neighbours=0, parts=0),
    "+ neighbouring words": Weights(parts=0),
    "+ parts of the question: Docent": Weights(),
}
"""Each step with those before it; a weight of 0 is a step not taken."""

Retrieve = Callable[[str, Scope], Sequence[Passage]]


def main() -> None:
    asked = _arguments()
    print("| questions | way | setting | page-hit@1 | page-hit@5 | MRR@10 | p50, ms |")
    print("|---|---|---|---|---|---|---|")
    if asked.reports:
        questions = read_questions(asked.reports / "questions.jsonl")
        measure(
            "reports", questions, asked.reports / "pdfs", asked.cache / "reports", tutorial=asked.tutorial
        )
    if asked.squad:
        data = asked.cache / "squad" / "data"
        measure("SQuAD", _squad(asked.squad, data), data, asked.cache / "squad", tutorial=asked.tutorial)


def measure(name: str, questions: Sequence[Question], data: Path, cache: Path, *, tutorial: bool) -> None:
    where = {"DOCENT_STORAGE": str(cache / "storage"), "DOCENT_DATA": str(data)}
    with open_house(Settings.read(environ=where, folder=cache)) as house:
        house.ingest([data], retry_failed=False, password=None, on_progress=lambda step: None)
        house.embedder.warm()
        ways: dict[str, Retrieve] = {"tutorial": _tutorial(data, cache, house)} if tutorial else {}
        ways["meaning alone"] = _by(
            house,
            lambda question, scope: house.store.nearest(house.embedder.embed_query(question), WITHIN, scope),
        )
        ways["words alone"] = _by(
            house, lambda question, scope: house.store.matching(question, WITHIN, scope)
        )
        ways |= {name: _step(house, weights) for name, weights in LADDER.items()}
        for way, search in ways.items():
            for given in (False, True):
                if given and name == "SQuAD":
                    continue  # a document is one paragraph
                _row(name, way, given, _asked(questions, house, search, given))


def _asked(questions: Sequence[Question], house: House, search: Retrieve, given: bool) -> list[Outcome]:
    return ask(
        questions,
        retrieve=search,
        documents=house.store.documents(Scope()),
        library="",
        given_document=given,
        count=lambda text: len(house.embedder.tokenizer.encode(text, add_special_tokens=False).ids),
        on_progress=lambda done: None,
    )


def _row(name: str, way: str, given: bool, outcomes: Sequence[Outcome]) -> None:
    told = report(outcomes, relevant_from=0.0)
    cells = [
        f"{figure.value:.3f} ({figure.low:.2f}–{figure.high:.2f})"
        for figure in (told.found[key] for key in ("page_hit_1", "page_hit_5", "mrr_10"))
    ]
    setting = "document known" if given else "shared store"
    count = f"{name} ({told.questions})"
    print(
        f"| {count} | {way} | {setting} | {' | '.join(cells)} | {told.seconds_p50 * 1000:.0f} |", flush=True
    )


def _step(house: House, weights: Weights) -> Retrieve:
    return lambda question, scope: retrieve(
        question, scope=scope, store=house.store, embedder=house.embedder, limit=WITHIN, weights=weights
    )


def _by(house: House, search: Callable[[str, Scope], Sequence[Hit]]) -> Retrieve:
    """One of the store's two searches, with nothing after it."""

    def found_by(question: str, scope: Scope) -> list[Passage]:
        hits = search(question, scope)
        chunks = house.store.chunks([hit.id for hit in hits], scope)
        return [
            _passage(chunks[hit.id].document_id, chunks[hit.id].page, chunks[hit.id].text, hit.score)
            for hit in hits
            if hit.id in chunks
        ]

    return found_by


def _tutorial(data: Path, cache: Path, house: House) -> Retrieve:
    """Text page by page, cut and embedded with every default; nearest first."""
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.core.schema import Document, MetadataMode
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding

    model = HuggingFaceEmbedding(model_name=str(packaged_folder()))
    kept = cache / "tutorial.npz"
    if not kept.exists():
        began = time.perf_counter()
        pages = [
            Document(text=text, metadata={"file_name": path.name, "page_label": str(number)})
            for path in sorted(data.rglob("*.*"))
            for number, text in enumerate(_page_texts(path), 1)
        ]
        nodes = SentenceSplitter().get_nodes_from_documents(pages)
        texts = [node.get_content(metadata_mode=MetadataMode.EMBED) for node in nodes]
        places = [(node.metadata["file_name"], node.metadata["page_label"]) for node in nodes]
        np.savez(kept, vectors=model.get_text_embedding_batch(texts), places=places, texts=texts)
        print(f"tutorial: {len(nodes)} chunks, {time.perf_counter() - began:.0f} s", file=sys.stderr)
    stored = np.load(kept)
    vectors, places, texts = stored["vectors"], stored["places"], stored["texts"]
    ids = {document.name: document.id for document in house.store.documents(Scope())}

    def found_by(question: str, scope: Scope) -> list[Passage]:
        scores = vectors @ np.asarray(model.get_query_embedding(question))
        found: list[Passage] = []
        for at in np.argsort(-scores):
            file, page = places[at]
            if not scope.documents or ids.get(file) in scope.documents:
                found.append(_passage(ids.get(file, ""), int(page), str(texts[at]), float(scores[at])))
            if len(found) == WITHIN:
                break
        return found

    return found_by


def _page_texts(path: Path) -> list[str]:
    if path.suffix != ".pdf":
        return [path.read_text(encoding="utf-8")]
    from pypdf import PdfReader

    return [page.extract_text() for page in PdfReader(path).pages]


def _passage(document: str, page: int, text: str, score: float) -> Passage:
    return Passage(
        chunk_id="", document_id=document, file="", library="", page=page, page_label="", place="",
        heading="", header="", text=text, start=0, end=len(text), score=score,
    )  # fmt: skip


def _squad(path: Path, data: Path) -> list[Question]:
    """Paragraphs as files, and the questions asked of them."""
    data.mkdir(parents=True, exist_ok=True)
    articles = json.loads(path.read_text(encoding="utf-8"))["data"]
    paragraphs = [paragraph for article in articles for paragraph in article["paragraphs"]]
    questions: list[Question] = []
    for number, paragraph in enumerate(paragraphs, 1):
        file = data / f"{number:04}.txt"
        if not file.exists():
            file.write_text(paragraph["context"], encoding="utf-8")
        questions += [
            Question(row["question"], file.name, (1,)) for row in paragraph["qas"] if not row["is_impossible"]
        ]
    step = max(len(questions) // SQUAD_QUESTIONS, 1)
    return questions[::step][:SQUAD_QUESTIONS]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--reports", type=Path, help="folder of questions.jsonl and pdfs/")
    parser.add_argument("--squad", type=Path, help="SQuAD 2.0 as JSON")
    parser.add_argument("--cache", type=Path, required=True, help="where what was ingested is kept")
    parser.add_argument(
        "--tutorial", action="store_true", help="the tutorial's way too; minutes of embedding"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
