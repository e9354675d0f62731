"""`docent eval --answers`: score the answers, compare two runs of them, and write a report."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docent.cli import print_json
from docent.errors import InputError

if TYPE_CHECKING:  # imported late: `--help` should not wait for the libraries
    from docent.app import Docent
    from docent.evaluating import AnswerComparison, AnswerRun, Question

WIDTH = 19


def evaluate_answers(
    docent: Docent,
    questions: Sequence[Question],
    arguments: argparse.Namespace,
    on_progress: Callable[[str], None],
) -> AnswerRun:
    """Answer the questions by the model that the arguments name, or of the settings if that is ready."""
    use_model = not arguments.no_model
    if use_model:
        status = asyncio.run(docent.check_model(arguments.model or ""))
        if not status.ready and arguments.model:
            raise InputError(
                "{sentence} --no-model measures the best sentences found instead.", sentence=status.sentence
            )
        if not status.ready:
            use_model = False
            print(f"{status.sentence} The best sentences found are measured instead.", file=sys.stderr)
    docent.embedder.warm()  # loading the model is not part of any question
    run = docent.evaluate_answers(
        questions,
        library=arguments.library or "",
        model=arguments.model or "",
        use_model=use_model,
        on_progress=lambda done: on_progress(f"Answering: {done} of {len(questions)}"),
    )
    on_progress("")
    return run


def finish_answers(run: AnswerRun, before: AnswerRun | None, arguments: argparse.Namespace) -> int:
    """Print the scores of a run and its comparison, write the files asked for, and return the exit code."""
    from docent.evaluating import compare_answers, html_report, save_answers
    from docent.evaluating.run import write_text

    comparison = compare_answers(before, run) if before else None
    if arguments.json:
        print_json(scores_json(run) | ({"compared": asdict(comparison)} if comparison else {}))
    else:
        if comparison:
            show_comparison(comparison)
            print()
        show_scores(run)
    if arguments.save:
        save_answers(run, arguments.save)
    if arguments.report:
        write_text(arguments.report, html_report(run, before))
        print(f"Report: {arguments.report}", file=sys.stderr)
    completeness = run.figures.get("completeness")
    if arguments.floor is not None and (completeness is None or completeness.value < arguments.floor):
        print(f"completeness is below the floor of {arguments.floor}.", file=sys.stderr)
        return 1
    return 0


def compare_saved(paths: Sequence[Path], arguments: argparse.Namespace) -> int:
    """Compare two saved runs of answers; nothing is asked."""
    from docent.evaluating import compare_answers, html_report, read_answers
    from docent.evaluating.run import write_text

    before, after = map(read_answers, paths)
    comparison = compare_answers(before, after)
    if arguments.json:
        print_json(asdict(comparison))
    else:
        show_comparison(comparison)
    if arguments.report:
        write_text(arguments.report, html_report(after, before))
        print(f"Report: {arguments.report}", file=sys.stderr)
    return 0


def scores_json(run: AnswerRun) -> dict[str, Any]:
    """Return the output of `eval --answers --json`."""
    figures = run.figures
    return {
        "questions": len(run.outcomes),
        "unanswerable": sum(not outcome.question.answerable for outcome in run.outcomes),
        "with_gold_answer": sum(bool(outcome.question.answer) for outcome in run.outcomes),
        "models": run.models,
        **{name: figure.value for name, figure in figures.items()},
        "intervals": {name: [figure.low, figure.high] for name, figure in figures.items()},
    }


def show_scores(run: AnswerRun) -> None:
    from docent.evaluating.answer_scores import SCORES

    counts = scores_json(run)
    by = ", ".join(f"{name or 'no model'} ({count})" for name, count in run.models.items())
    print(
        f"{counts['questions']} questions, {counts['with_gold_answer']} with a gold answer, "
        f"{counts['unanswerable']} that nothing answers; answered by {by}; 95 % intervals\n"
    )
    for name, figure in run.figures.items():
        value = f"{figure.value:.3f} ({figure.low:.3f}–{figure.high:.3f})"
        print(f"{name:<{WIDTH}} {value:<24} {SCORES[name]}")


def show_comparison(comparison: AnswerComparison) -> None:
    print(f"{comparison.questions} questions in both runs", end="")
    print(f", {comparison.only_one_run} in one only" if comparison.only_one_run else "")
    for kind, changes in (("gained", comparison.gained), ("lost", comparison.lost)):
        print(f"  {kind} facts: {len(changes)}")
        for change in changes:
            print(f"    {change.before:.2f} → {change.after:.2f}: {change.question.question}")
    for name, figure in comparison.difference.items():
        certain = "" if figure.low <= 0 <= figure.high else "  beyond chance"
        print(f"  {name:<{WIDTH}} {figure.value:+.3f} ({figure.low:+.3f} to {figure.high:+.3f}){certain}")
