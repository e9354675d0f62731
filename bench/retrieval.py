"""Measure how often the right page is found, by the tutorial's pipeline and by each step of Docent's ranking.

    nice python -m bench.retrieval --reports FOLDER --squad FILE --cache FOLDER [--tutorial]

FOLDER holds questions.jsonl (question, file, pages) and pdfs/; FILE is SQuAD 2.0 as published, of which
1,000 answerable questions, evenly spaced, are asked over all paragraphs, each a file named by a number.
The tutorial's pipeline is llama-index with its defaults, see bench.tutorial. Indexes are kept under the cache
folder for the next run.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bench import tutorial
from docent.app import Docent, open_docent
from docent.evaluating import Outcome, Question, ask, read_questions, report
from docent.retrieving import DEFAULT_WEIGHTS, Weights, retrieve
from docent.settings import Settings
from docent.store.protocols import Hit
from docent.types import Passage, Scope

WITHIN = 50
SQUAD_QUESTIONS = 1000
NONE = Weights(
    prior=0, page=0, title=0, figures=0, neighbours=0, sentence=0, clauses=0, lines=0, statement=0, row=0
)
STEPS: dict[str, tuple[str, ...]] = {
    "both searches, fused": (),
    "+ other chunks of the page": ("page",),
    "+ document prior": ("prior",),
    "+ matching headings": ("title",),
    "+ numbers, where asked for": ("figures",),
    "+ word proximity": ("neighbours",),
    "+ best sentence": ("sentence",),
    "+ parts of the question": ("clauses",),
    "+ lines behind a figure": ("lines", "statement"),
    "+ rows that the question names: Docent": ("row",),
}
"""Each step with those before it; a weight of 0 leaves a step out."""

Retrieve = Callable[[str, Scope], Sequence[Passage]]


def main() -> None:
    args = _arguments()
    print("| questions | method | setting | page-hit@1 | page-hit@5 | MRR@10 | p50, ms |")
    print("|---|---|---|---|---|---|---|")
    if args.reports:
        questions = read_questions(args.reports / "questions.jsonl")
        measure(
            "reports",
            questions,
            args.reports / "pdfs",
            args.cache / "reports",
            with_tutorial=args.tutorial,
        )
    if args.squad:
        data = args.cache / "squad" / "data"
        measure(
            "SQuAD",
            _squad(args.squad, data),
            data,
            args.cache / "squad",
            with_tutorial=args.tutorial,
        )


def measure(
    name: str, questions: Sequence[Question], data: Path, cache: Path, *, with_tutorial: bool
) -> None:
    environ = {"DOCENT_STORAGE": str(cache / "storage"), "DOCENT_DATA": str(data)}
    with open_docent(Settings.read(environ=environ, folder=cache)) as docent:
        docent.ingest([data], retry_failed=False, password=None, on_progress=lambda step: None)
        docent.embedder.warm()
        methods: dict[str, Retrieve] = {"tutorial": _tutorial(data, cache, docent)} if with_tutorial else {}
        methods["vectors alone"] = _by(
            docent,
            lambda question, scope: docent.store.nearest(
                docent.embedder.embed_query(question), WITHIN, scope
            ),
        )
        methods["full text alone"] = _by(
            docent, lambda question, scope: docent.store.matching(question, WITHIN, scope)
        )
        methods |= {name: _step(docent, weights) for name, weights in ladder().items()}
        for method, search in methods.items():
            for given in (False, True):
                if given and name == "SQuAD":
                    continue  # a document is one paragraph
                _row(name, method, given, _outcomes(questions, docent, search, given))


def ladder() -> dict[str, Weights]:
    """Return the weights for each step with those before it."""
    weights, ladders = NONE, {}
    for name, taken in STEPS.items():
        weights = replace(weights, **{step: getattr(DEFAULT_WEIGHTS, step) for step in taken})
        ladders[name] = weights
    return ladders


def _outcomes(questions: Sequence[Question], docent: Docent, search: Retrieve, given: bool) -> list[Outcome]:
    return ask(
        questions,
        retrieve=search,
        documents=docent.store.documents(Scope()),
        library="",
        given_document=given,
        count=lambda text: len(docent.embedder.tokenizer.encode(text, add_special_tokens=False).ids),
        on_progress=lambda done: None,
    )


def _row(name: str, method: str, given: bool, outcomes: Sequence[Outcome]) -> None:
    summary = report(outcomes, relevant_from=0.0)
    cells = [
        f"{figure.value:.3f} ({figure.low:.2f}–{figure.high:.2f})"
        for figure in (summary.found[key] for key in ("page_hit_1", "page_hit_5", "mrr_10"))
    ]
    setting = "document known" if given else "shared store"
    count = f"{name} ({summary.questions})"
    print(
        f"| {count} | {method} | {setting} | {' | '.join(cells)} | {summary.seconds_p50 * 1000:.0f} |",
        flush=True,
    )


def _step(docent: Docent, weights: Weights) -> Retrieve:
    return lambda question, scope: retrieve(
        question, scope=scope, store=docent.store, embedder=docent.embedder, limit=WITHIN, weights=weights
    )


def _by(docent: Docent, search: Callable[[str, Scope], Sequence[Hit]]) -> Retrieve:
    """Return passages by one of the store's two searches alone."""

    def retrieve_by(question: str, scope: Scope) -> list[Passage]:
        hits = search(question, scope)
        chunks = docent.store.chunks([hit.id for hit in hits], scope)
        return [
            _passage(chunks[hit.id].document_id, chunks[hit.id].page, chunks[hit.id].text, hit.score)
            for hit in hits
            if hit.id in chunks
        ]

    return retrieve_by


def _tutorial(data: Path, cache: Path, docent: Docent) -> Retrieve:
    """Return passages by the tutorial's pipeline, nearest first; see bench.tutorial."""
    tutorial.build(data, cache / "tutorial")
    find = tutorial.open_index(cache / "tutorial", WITHIN)
    names = {document.id: document.name for document in docent.store.documents(Scope())}
    ids = {name: document for document, name in names.items()}

    def retrieve_by(question: str, scope: Scope) -> list[Passage]:
        only = names.get(scope.documents[0], "") if scope.documents else ""
        if scope.documents and not only:
            return []  # the document is not in this store
        return [
            _passage(ids.get(hit.file, ""), hit.page, hit.text, hit.score) for hit in find(question, only)
        ]

    return retrieve_by


def _passage(document: str, page: int, text: str, score: float) -> Passage:
    return Passage(
        chunk_id="", document_id=document, file="", library="", page=page, page_label="", place="",
        heading="", header="", text=text, start=0, end=len(text), score=score,
    )  # fmt: skip


def _squad(path: Path, data: Path) -> list[Question]:
    """Write paragraphs as files, and return the questions about them."""
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
    parser.add_argument("--cache", type=Path, required=True, help="folder where indexes are kept")
    parser.add_argument(
        "--tutorial",
        action="store_true",
        help="also measure the tutorial's pipeline (minutes)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
