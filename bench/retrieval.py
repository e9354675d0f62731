"""How well the right page is found: the tutorial's way, and each step of Docent's, side by side.

    nice python -m bench.retrieval --reports FOLDER --squad FILE --cache FOLDER [--tutorial]

FOLDER holds questions.jsonl (question, file, pages) and pdfs/; FILE is SQuAD 2.0 as published, of which
1,000 answerable questions, evenly taken, are asked over all paragraphs, each a file named by a number.
The tutorial's way is llama-index with every default, see bench.tutorial. What was ingested is kept under the
cache folder for the next run.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bench import tutorial
from docent.assembly import House, open_house
from docent.evaluating import Outcome, Question, ask, read_questions, report
from docent.glossary import Passage, Scope
from docent.retrieving import OURS, Weights, retrieve
from docent.settings import Settings
from docent.store.protocols import Hit

WITHIN = 50
SQUAD_QUESTIONS = 1000
NONE = Weights(prior=0, page=0, title=0, figures=0, neighbours=0, sentence=0, parts=0)
STEPS: dict[str, tuple[str, ...]] = {
    "both searches, fused": (),
    "+ pages lifted by their other pieces": ("page",),
    "+ the document meant": ("prior",),
    "+ headings said": ("title",),
    "+ figures wanted": ("figures",),
    "+ neighbouring words": ("neighbours",),
    "+ the best sentence": ("sentence",),
    "+ parts of the question: Docent": ("parts",),
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
            "reports", questions, asked.reports / "pdfs", asked.cache / "reports", as_taught=asked.tutorial
        )
    if asked.squad:
        data = asked.cache / "squad" / "data"
        measure("SQuAD", _squad(asked.squad, data), data, asked.cache / "squad", as_taught=asked.tutorial)


def measure(name: str, questions: Sequence[Question], data: Path, cache: Path, *, as_taught: bool) -> None:
    where = {"DOCENT_STORAGE": str(cache / "storage"), "DOCENT_DATA": str(data)}
    with open_house(Settings.read(environ=where, folder=cache)) as house:
        house.ingest([data], retry_failed=False, password=None, on_progress=lambda step: None)
        house.embedder.warm()
        ways: dict[str, Retrieve] = {"tutorial": _tutorial(data, cache, house)} if as_taught else {}
        ways["meaning alone"] = _by(
            house,
            lambda question, scope: house.store.nearest(house.embedder.embed_query(question), WITHIN, scope),
        )
        ways["words alone"] = _by(
            house, lambda question, scope: house.store.matching(question, WITHIN, scope)
        )
        ways |= {name: _step(house, weights) for name, weights in ladder().items()}
        for way, search in ways.items():
            for given in (False, True):
                if given and name == "SQuAD":
                    continue  # a document is one paragraph
                _row(name, way, given, _asked(questions, house, search, given))


def ladder() -> dict[str, Weights]:
    """Weights for each step with those before it."""
    weights, found = NONE, {}
    for name, taken in STEPS.items():
        weights = replace(weights, **{step: getattr(OURS, step) for step in taken})
        found[name] = weights
    return found


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
    """Nearest first, every part and default as it comes; see bench.tutorial."""
    tutorial.build(data, cache / "tutorial")
    find = tutorial.opened(cache / "tutorial", WITHIN)
    names = {document.id: document.name for document in house.store.documents(Scope())}
    ids = {name: document for document, name in names.items()}

    def found_by(question: str, scope: Scope) -> list[Passage]:
        only = names.get(scope.documents[0], "") if scope.documents else ""
        if scope.documents and not only:
            return []  # the question is about no document at all
        return [
            _passage(ids.get(one.file, ""), one.page, one.text, one.score) for one in find(question, only)
        ]

    return found_by


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
