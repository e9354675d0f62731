"""Try what can be learned on documents that it was not learned from; keep it only if it finds more."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from docent.errors import EmbeddingError, InputError
from docent.indexing.adapted_embedder import ADAPTER, mapped, write_adapter
from docent.indexing.embedder import packaged_model
from docent.indexing.packaged_model import PACKAGED_MODEL
from docent.indexing.sentence_model import SentenceModel, model_folder, read_sentence_model
from docent.learning.adapter_fit import VectorPair, fit_adapter
from docent.learning.embedder_training import TrainingRun, train_embedder
from docent.learning.held_out import HeldOutGain, judge_gain
from docent.learning.mining import Search, ask_pairs, mine
from docent.learning.rated_answers import read_answers
from docent.learning.training_pairs import LearningPair, collect_pairs, split_groups
from docent.learning.weight_fit import RankedQuestion, fit_weights, held_out_weights
from docent.retrieving.candidates import embed_question
from docent.retrieving.learned_weights import LearnedStep
from docent.retrieving.scoring import DEFAULT_WEIGHTS, ScoredCandidate, Weights
from docent.types import Passage, Scope

if TYPE_CHECKING:
    from docent.app import Docent
    from docent.evaluating.run import Outcome
    from docent.indexing import Embedder
    from docent.settings import Settings

FEWEST_QUESTIONS = 20
FEWEST_GROUPS = 5
MOST_PAIRS = 1000
"""Each is searched for several times; people's own come first."""
PARTS = 5
WITHIN = 50
FACTS = "learned.json"
"""In the folder of a fine-tuned model: the model that it replaced, and what it gained."""

Progress = Callable[[str, int, int], None]
"""Is told of a step, and how much of it is done."""


@dataclass(frozen=True, slots=True)
class Trial:
    """The outcome of one attempt to learn."""

    pairs: int
    of_people: int
    gain: HeldOutGain
    weights: Weights | None = None
    training: TrainingRun | None = None


def known_pairs(docent: Docent, library: str) -> list[LearningPair]:
    """Return the pairs of a shared library, or of all of them, people's own first."""
    docent.check_library(library)
    storage = docent.store.folder
    documents = docent.store.documents(shared_scope(library))
    return collect_pairs(docent.golden.all(), docent.synthetic.all(), read_answers(storage), documents)


def gather_pairs(docent: Docent, library: str, *, times: int = 1) -> list[LearningPair]:
    """Return the pairs to learn from. Raises InputError below so many times the fewest."""
    pairs = known_pairs(docent, library)[:MOST_PAIRS]
    groups = len({pair.group for pair in pairs})
    if len(pairs) < times * FEWEST_QUESTIONS or groups < times * FEWEST_GROUPS:
        raise InputError(
            "There are {pairs} questions with known pages, about {groups} documents or folders; this needs "
            "{most} about {least}. A thumbs-up in the chat gives one; so does: python -m docent golden add",
            pairs=len(pairs),
            groups=groups,
            most=times * FEWEST_QUESTIONS,
            least=times * FEWEST_GROUPS,
        )
    return pairs


def shared_scope(library: str) -> Scope:
    """Return one shared library, whoever may see it; without a name, all that are open to everybody."""
    return Scope(libraries=(library,)) if library else Scope(reader="")


def judged(pairs: Sequence[LearningPair]) -> list[LearningPair]:
    """Return the pairs that decide: people's own where there are enough of them."""
    of_people = [pair for pair in pairs if pair.is_of_people]
    enough = len(of_people) >= FEWEST_QUESTIONS and len({pair.group for pair in of_people}) >= FEWEST_GROUPS
    return of_people if enough else list(pairs)


def halve(pairs: Sequence[LearningPair]) -> tuple[list[LearningPair], list[LearningPair]]:
    """Return the pairs to train on, and those that judge: half of people's own, with other documents."""
    deciding = judged(pairs)
    halves = [{pair.group for pair in half} for half in split_groups(deciding, 2)]
    held = min(halves, key=lambda groups: sum(pair.group in groups for pair in pairs))
    return (
        [pair for pair in pairs if pair.group not in held],
        [pair for pair in deciding if pair.group in held],
    )


# --- the weights of the fusion ---------------------------------------------------------------


def learn_weights(docent: Docent, library: str, on_progress: Progress) -> Trial:
    """Fit the weights of a library, or of all together, and keep them if they find more."""
    pairs = gather_pairs(docent, library)
    shared = shared_scope(library)
    ranked = []
    for number, pair in enumerate(pairs, 1):
        candidates: list[ScoredCandidate] = []
        docent.retrieve(pair.question.question, shared, WITHIN, on_candidates=candidates.extend)
        ranked.append(RankedQuestion(pair, candidates))
        on_progress("Searching", number, len(pairs))
    on_progress("Fitting", 0, 1)
    by_group = held_out_weights(ranked)
    decide = judged(pairs)

    def after(pair: LearningPair, scope: Scope) -> Sequence[Passage]:
        weights = by_group[pair.group]
        return docent.retrieve(pair.question.question, scope, WITHIN, weights=weights)

    gain = _compare(docent, decide, _search(docent), after, shared, on_progress)
    weights = fit_weights(ranked)
    if gain.is_kept:
        differences = {
            name: (figure.value, figure.low, figure.high) for name, figure in gain.difference.items()
        }
        docent.learned_weights.add(
            LearnedStep(_now(), library, weights, len(pairs), gain.groups, differences)
        )
    return _trial(pairs, gain, weights=weights)


# --- a map of question vectors ---------------------------------------------------------------


class MappedQuestions:
    """An embedder whose question vectors pass a map that is being tried out."""

    def __init__(self, embedder: Embedder, adapter: Any) -> None:
        self._embedder, self._adapter = embedder, adapter

    def embed_query(self, text: str) -> list[float]:
        return mapped(self._embedder.embed_query(text), self._adapter)

    def embed(self, texts: Sequence[str]) -> Any:
        return self._embedder.embed(texts)


def learn_adapter(docent: Docent, library: str, on_progress: Progress) -> Trial:
    """Fit a map of question vectors, and keep it if it finds more; it serves questions of all libraries."""
    pairs = gather_pairs(docent, library)
    shared, plain = shared_scope(library), docent.embedder.plain
    mined = mine(
        pairs,
        lambda pair, scope: docent.retrieve(pair.question.question, scope, WITHIN, embedder=plain),
        shared=shared,
        on_progress=lambda done: on_progress("Searching", done, len(pairs)),
    )
    texts = list(dict.fromkeys(text for one in mined for text in (one.positive, *one.negatives)))
    on_progress("Embedding", 0, len(texts))
    vector_of = dict(zip(texts, plain.embed(texts), strict=True))
    data = [
        VectorPair(
            one.pair,
            np.array(embed_question(one.pair.question.question, plain, DEFAULT_WEIGHTS)),
            np.array([vector_of[text] for text in (one.positive, *one.negatives)]),
        )
        for one in mined
    ]
    on_progress("Fitting", 0, 1)
    by_pair = {one.pair: one for one in data}
    map_of: dict[str, Any] = {}
    divided = [part for part in split_groups([one.pair for one in data], PARTS) if part]
    for held in divided:
        rest = [by_pair[pair] for part in divided if part is not held for pair in part]
        map_of |= dict.fromkeys((pair.group for pair in held), fit_adapter(rest))
    decide = judged([one.pair for one in data])

    def after(pair: LearningPair, scope: Scope) -> Sequence[Passage]:
        embedder = MappedQuestions(plain, map_of[pair.group])
        return docent.retrieve(pair.question.question, scope, WITHIN, embedder=embedder)

    gain = _compare(docent, decide, _search(docent), after, shared, on_progress)
    if gain.is_kept:
        write_adapter(docent.store.folder / ADAPTER, fit_adapter(data).astype(np.float32), plain.fingerprint)
    return _trial(pairs, gain)


# --- the embedding model itself --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A fine-tuned model in storage/models, and the questions that will judge it."""

    name: str
    base: str
    folder: Path
    pairs: Sequence[LearningPair]
    held_out: Sequence[LearningPair]
    before: Sequence[Outcome]
    training: TrainingRun

    def remove(self) -> None:
        shutil.rmtree(self.folder)


def train_model(docent: Docent, library: str, *, seconds: float, on_progress: Progress) -> TrainedModel:
    """Fine-tune the embedding model on some of the documents, after asking about the others."""
    base = base_model(docent.settings)
    pairs = gather_pairs(docent, library, times=2)
    shared, search = shared_scope(library), _search(docent)
    train, decide = halve(pairs)
    mined = mine(
        train, search, shared=shared, on_progress=lambda done: on_progress("Searching", done, len(train))
    )
    before = ask_pairs(
        decide, search, shared=shared, on_progress=lambda done: on_progress("Asking", done, len(decide))
    )
    name = _new_name(docent.store.folder / "models")
    folder = docent.store.folder / "models" / name
    folder.parent.mkdir(exist_ok=True)
    training = train_embedder(
        base,
        folder,
        mined,
        device=docent.settings.embedding_device,
        threads=docent.settings.threads,
        seconds=seconds,
        on_progress=partial(on_progress, "Training"),
    )
    return TrainedModel(name, docent.settings.embedding_model, folder, pairs, decide, before, training)


def judge_model(trained: TrainedModel, built: Docent, library: str, on_progress: Progress) -> Trial:
    """Ask the held-out questions of the index that was built with the new model."""
    after = ask_pairs(
        trained.held_out,
        _search(built),
        shared=shared_scope(library),
        on_progress=lambda done: on_progress("Asking", done, len(trained.held_out)),
    )
    groups = [pair.group for pair in trained.held_out]
    gain = judge_gain(trained.before, after, groups, relevant_from=built.settings.relevant_from)
    facts = {"base": trained.base, "at": _now(), "pairs": len(trained.pairs), "gain": asdict(gain)}
    (trained.folder / FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")
    return _trial(trained.pairs, gain, training=trained.training)


def base_model(settings: Settings) -> SentenceModel:
    """Return the embedding model of the settings as fine-tuning needs it. Raises EmbeddingError."""
    if settings.embedding_model == PACKAGED_MODEL:
        return packaged_model()
    folder = model_folder(settings.embedding_model, settings.storage / "models")
    model = read_sentence_model(folder, settings.embedding_model) if folder.is_dir() else None
    if model is None:
        raise EmbeddingError(
            "The embedding model {name} cannot be fine-tuned here: that needs the files of a model of BERT's "
            "kind. Its questions can be mapped: python -m docent learn embedding --quick",
            name=settings.embedding_model,
        )
    return model


def replaced_model(settings: Settings) -> str | None:
    """Return the model that the present one was fine-tuned from; None where it was not fine-tuned here."""
    facts = settings.storage / "models" / settings.embedding_model / FACTS
    if "/" in settings.embedding_model or not facts.is_file():
        return None
    return str(json.loads(facts.read_text(encoding="utf-8"))["base"])


def _new_name(models: Path) -> str:
    """Return a name that no model has; what a killed process left half trained or unjudged is removed."""
    for folder in models.glob("learned-*"):
        if not (folder / FACTS).exists():
            shutil.rmtree(folder)
    number = 1
    while (models / f"learned-{number}").exists():
        number += 1
    return f"learned-{number}"


def _search(docent: Docent) -> Search:
    return lambda pair, scope: docent.retrieve(pair.question.question, scope, WITHIN)


def _compare(
    docent: Docent,
    pairs: Sequence[LearningPair],
    before: Search,
    after: Search,
    shared: Scope,
    on_progress: Progress,
) -> HeldOutGain:
    old, new = [
        ask_pairs(
            pairs, search, shared=shared, on_progress=lambda done: on_progress("Asking", done, len(pairs))
        )
        for search in (before, after)
    ]
    groups = [pair.group for pair in pairs]
    return judge_gain(old, new, groups, relevant_from=docent.settings.relevant_from)


def _trial(pairs: Sequence[LearningPair], gain: HeldOutGain, **more: Any) -> Trial:
    return Trial(len(pairs), sum(pair.is_of_people for pair in pairs), gain, **more)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def trial_json(trial: Trial, **more: Any) -> Mapping[str, Any]:
    """Return a trial as the commands print it."""
    return {"kept": trial.gain.is_kept, **asdict(trial), **more}
