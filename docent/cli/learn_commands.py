"""`docent learn`: learn from thumbs and test questions what retrieval ranks by, and undo it."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from docent.cli import CLEAR_LINE, add_library, positive, print_json
from docent.cli.ingest_command import CHANGES, run_ingest
from docent.cli.model_commands import DOTENV, SETTING, refuse_other_environment, write_setting
from docent.errors import InputError, StoreError
from docent.messages import Message
from docent.settings import Settings

if TYPE_CHECKING:  # imported late: `--help` should not wait for the libraries
    from docent.learning.trials import TrainedModel, Trial

MINUTES = 10


def add_learn_command(commands: Any) -> None:
    about = "Learn from thumbs and test questions; kept only if more is found on documents left out."
    command = commands.add_parser("learn", help=about, description=about)
    kinds = command.add_subparsers(title="what to learn", metavar="WHAT", required=True)

    def add(name: str, run: Any, description: str) -> argparse.ArgumentParser:
        kind: argparse.ArgumentParser = kinds.add_parser(name, help=description, description=description)
        kind.add_argument("--json", action="store_true", help="print JSON for machines")
        kind.set_defaults(run=run)
        return kind

    weights = add("weights", run_weights, "Learn how much each signal of the ranking counts: seconds.")
    add_library(weights)
    embedding = add("embedding", run_embedding, "Fine-tune the embedding model, and rebuild: minutes.")
    add_library(embedding)
    embedding.add_argument(
        "--quick",
        action="store_true",
        help="learn a map of the questions' vectors only: no torch, no rebuild",
    )
    embedding.add_argument(
        "--minutes", type=positive, default=MINUTES, metavar="N", help=f"train no longer (default: {MINUTES})"
    )
    add("list", run_list, "Show what was learned and counts now.")
    undo = add("undo", run_undo, "Go back to before the last weights, or the last learning of the embedding.")
    undo.add_argument("what", choices=("weights", "embedding"))
    add_library(undo)


def run_weights(arguments: argparse.Namespace) -> None:
    from docent.app import open_docent
    from docent.learning.trials import learn_weights

    with open_docent(Settings.read()) as docent:
        trial = learn_weights(docent, arguments.library or "", show_progress)
    _show(
        trial,
        arguments,
        "The new weights count from the next question on; back: python -m docent learn undo weights",
    )


def run_embedding(arguments: argparse.Namespace) -> None:
    from docent.app import open_docent
    from docent.learning.embedder_training import require_finetune
    from docent.learning.trials import learn_adapter, train_model

    settings, library = Settings.read(), arguments.library or ""
    back = "back: python -m docent learn undo embedding"
    if arguments.quick:
        with open_docent(settings) as docent:
            trial = learn_adapter(docent, library, show_progress)
        _show(trial, arguments, f"The map counts from the next question on; {back}")
        return
    require_finetune()
    refuse_other_environment(settings.embedding_model)
    with open_docent(settings) as docent:
        chunks = sum(
            len(docent.store.chunks_of(document.id, _everything())) for document in docent.documents()
        )
        print(
            f"Training stops after {arguments.minutes} minutes at the latest. Then {chunks:,} pieces of text "
            "are embedded anew, beside the index that answers.",
            file=sys.stderr,
        )
        trained = train_model(docent, library, seconds=60.0 * arguments.minutes, on_progress=show_progress)
    trial = _build_and_judge(settings, trained, library)
    _show(
        trial,
        arguments,
        f"{DOTENV} now has {SETTING}={trained.name}. Restart a Docent that is running; {back}",
    )


def _everything() -> Any:
    from docent.types import Scope

    return Scope()


def _build_and_judge(settings: Settings, trained: TrainedModel, library: str) -> Trial:
    """Build an index with the trained model beside the old one, and switch to it if it finds more."""
    from docent.app import forget_built, open_docent
    from docent.learning.trials import judge_model

    new = settings.model_copy(update={"embedding_model": trained.name})
    kept = False
    try:
        with open_docent(new, building=True) as built:
            trial = None
            for _ in range(CHANGES):
                if failed := built.rebuild(
                    full=False,
                    on_progress=lambda step: show_progress("Rebuilding", step.files, step.of_files),
                ):
                    raise StoreError(
                        "{count} documents could not be carried over, so the old index stays: {reason}",
                        count=len(failed),
                        reason=failed[0].reason,
                    )
                trial = trial or judge_model(trained, built, library, show_progress)
                if not trial.gain.is_kept:
                    return trial
                write_setting(DOTENV, SETTING, trained.name)
                kept = True
                if built.store.switch() != "behind":  # busy: a Docent that is started again switches
                    return trial
        raise StoreError(
            "Documents change faster than the index can be built. Run: python -m docent ingest --rebuild"
        )
    finally:
        if not kept:
            forget_built(settings.storage, chroma_url=settings.chroma_url, database_url=settings.database)
            trained.remove()


def run_list(arguments: argparse.Namespace) -> None:
    from docent.indexing.adapted_embedder import ADAPTER
    from docent.learning.trials import replaced_model
    from docent.retrieving.learned_weights import LearnedWeights

    settings = Settings.read()
    steps = LearnedWeights(settings.storage, database_url=settings.database).steps()
    has_map, base = (settings.storage / ADAPTER).exists(), replaced_model(settings)
    if arguments.json:
        print_json({"weights": [asdict(step) for step in steps], "map": has_map, "fine_tuned_from": base})
        return
    for step in steps:
        mean, low, high = step.gain["mrr_10"]
        library = step.library or "all libraries together"
        figures = f"{step.questions} questions, MRR {mean:+.3f} ({low:+.3f} to {high:+.3f})"
        print(f"weights of {library}: {step.at}, {figures}")
    if has_map:
        print("embedding: a map of the questions' vectors")
    if base:
        print(f"embedding: {settings.embedding_model}, fine-tuned from {base}")
    if not (steps or has_map or base):
        print("Nothing learned counts.", file=sys.stderr)


def run_undo(arguments: argparse.Namespace) -> int:
    settings = Settings.read()
    if arguments.what == "weights":
        from docent.retrieving.learned_weights import LearnedWeights

        library = arguments.library or ""
        if LearnedWeights(settings.storage, database_url=settings.database).undo(library) is None:
            together = Message("all libraries together")
            raise InputError("No weights were learned for {library}.", library=library or together)
        _say(arguments, "The weights of before count from the next question on.")
        return 0
    return _undo_embedding(settings, arguments)


def _undo_embedding(settings: Settings, arguments: argparse.Namespace) -> int:
    """Remove the map, or go back to the model and the index of before."""
    from docent.app import roll_back
    from docent.indexing.adapted_embedder import ADAPTER
    from docent.learning.trials import replaced_model

    if (settings.storage / ADAPTER).exists():
        (settings.storage / ADAPTER).unlink()
        _say(arguments, "The map of the questions' vectors is removed.")
        return 0
    if (base := replaced_model(settings)) is None:
        raise InputError(
            "The embedding was not learned: {name} is as it came.", name=settings.embedding_model
        )
    refuse_other_environment(base)
    try:
        fits = roll_back(settings.storage, database_url=settings.database).startswith(f"{base}@")
        if not fits:
            roll_back(settings.storage, database_url=settings.database)  # an index that is older still
    except StoreError as error:
        print(error, file=sys.stderr)
        fits = False
    write_setting(DOTENV, SETTING, base)
    _say(arguments, f"{DOTENV} now has {SETTING}={base}. Restart a Docent that is running.")
    return run_ingest(
        argparse.Namespace(
            paths=[], rebuild=None if fits else "quick", rollback=False, forget_previous=False,
            password=False, retry_failed=False, watch=False, json=arguments.json,
        )
    )  # fmt: skip


def _show(trial: Trial, arguments: argparse.Namespace, sentence: str) -> None:
    from docent.learning.trials import trial_json

    show_progress("", 0, 0)
    gain = trial.gain
    verdict = sentence if gain.is_kept else "No gain beyond chance, so nothing is kept: all is as before."
    if arguments.json:
        print_json(trial_json(trial))
        print(verdict, file=sys.stderr)
        return
    print(
        f"Learned from {trial.pairs} questions ({trial.of_people} of people). Judged by {gain.questions} of "
        f"them, about {gain.groups} documents or folders that were left out:\n"
    )
    print(f"{'':<16} {'before':<8} {'after':<8} difference (95 % interval)")
    for name, figure in gain.difference.items():
        certain = "" if figure.low <= 0 <= figure.high else "  beyond chance"
        interval = f"{figure.value:+.3f} ({figure.low:+.3f} to {figure.high:+.3f})"
        print(f"{name:<16} {gain.before[name]:<8.3f} {gain.after[name]:<8.3f} {interval}{certain}")
    if (run := trial.training) is not None:
        print(
            f"\nTrained on {run.pairs} pairs in {run.seconds:.0f} s, {run.steps} of {run.of_steps} steps; "
            f"at most {run.peak_bytes / 1e9:.1f} GB of memory."
        )
    print(f"\n{verdict}")


def _say(arguments: argparse.Namespace, sentence: str) -> None:
    print(sentence, file=sys.stderr)


def show_progress(step: str, done: int, total: int) -> None:
    """Show a step in a line that replaces the one before; nothing where stderr is not a terminal."""
    if sys.stderr.isatty():
        text = f"{step}: {done} of {total}" if total > 1 else step
        print(f"{CLEAR_LINE}{text}", end="", file=sys.stderr, flush=True)
