"""`docent eval`: measure retrieval with questions whose pages are known; answers are in `eval_answers`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docent.cli import CLEAR_LINE, add_library, print_json, scope
from docent.cli.eval_answers import compare_saved, evaluate_answers, finish_answers
from docent.errors import IndexMismatch, InputError
from docent.settings import Settings

if TYPE_CHECKING:  # imported late: `--help` should not wait for the libraries
    from docent.app import Docent
    from docent.evaluating import Comparison, EvalReport, EvalRun, Figure, Outcome, Question

WITHIN = 50  # passages looked at: the usual twenty hold fewer than ten different pages


def define_eval(command: argparse.ArgumentParser) -> None:
    add_library(command)
    command.epilog = "Exit code: 0 well, 1 below the floor, 2 could not run. Details: docs/measuring.md."
    command.add_argument(
        "questions",
        nargs="?",
        type=Path,
        help="a JSON object a line: question, file, pages (counted from 1), or answerable: false "
        "(default: your golden questions)",
    )
    command.add_argument(
        "--synthetic", action="store_true", help="ask the questions that `docent questions` made"
    )
    command.add_argument(
        "--answers", action="store_true", help="answer the questions, and score the answers instead"
    )
    command.add_argument("--model", metavar="M", help="with --answers: another model of the server")
    command.add_argument(
        "--no-model", action="store_true", help="with --answers: the best sentences found are the answers"
    )
    command.add_argument(
        "--report", type=Path, metavar="FILE", help="with --answers: write a report that a browser shows"
    )
    command.add_argument(
        "--floor",
        type=float,
        metavar="X",
        help="exit 1 if page-hit@5 is below X; with --answers, the completeness",
    )
    command.add_argument(
        "--documents", type=Path, metavar="FOLDER", help="ask this folder, ingested into a temporary storage"
    )
    command.add_argument(
        "--keep",
        type=Path,
        metavar="FOLDER",
        help="with --documents: keep that storage here, to be used again",
    )
    command.add_argument("--save", type=Path, metavar="FILE", help="keep this run, to compare with later")
    command.add_argument(
        "--compare",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="compare this run with a saved one; or, with two files, the second with the first",
    )


def run_eval(arguments: argparse.Namespace) -> int:
    from docent.evaluating import read_run, save_run

    if len(arguments.compare or ()) > 2:
        raise InputError("--compare takes one saved run, or two. Leave the others out.")
    if len(arguments.compare or ()) == 2:
        others = (arguments.questions, arguments.documents, arguments.save, arguments.floor, arguments.model)
        if any(argument is not None for argument in others):
            raise InputError(
                "With two saved runs nothing is asked. Leave out the questions, --documents, --model, --save "
                "and --floor, or one run."
            )
    if arguments.answers:
        return _run_answers(arguments)
    if arguments.model or arguments.no_model or arguments.report:
        raise InputError("--model, --no-model and --report are about answers. Add --answers.")
    against = [read_run(path) for path in arguments.compare or ()]
    if len(against) == 2:
        _show_comparisons(_compare(*against), as_json=arguments.json)
        return 0
    with _opened(arguments) as docent:
        run, shared, given = _measure(docent, arguments)
        if arguments.documents is None and arguments.questions is None and not arguments.synthetic:
            docent.past_evaluations.add(shared, library=arguments.library or "")
    figures = figures_json(shared, given)
    compared = _compare(against[0], run) if against else {}
    if arguments.json:
        comparisons = {way: asdict(comparison) for way, comparison in compared.items()}
        print_json(figures | ({"compared": comparisons} if comparisons else {}))
    else:
        if compared:
            _show_comparisons(compared, as_json=False)
            print()
        _show_reports(shared, given)
    if arguments.save:  # last: if it cannot be written, the figures are shown already
        save_run(run, arguments.save, summary=figures)
    return _exit_code(shared, arguments.floor)


def _run_answers(arguments: argparse.Namespace) -> int:
    from docent.evaluating import read_answers

    paths = arguments.compare or ()
    if len(paths) == 2:
        return compare_saved(paths, arguments)
    before = read_answers(paths[0]) if paths else None
    with _opened(arguments) as docent:
        run = evaluate_answers(docent, _questions(docent, arguments), arguments, _progress)
        if arguments.documents is None and arguments.questions is None and not arguments.synthetic:
            docent.past_answer_evaluations.add(run, library=arguments.library or "")
    return finish_answers(run, before, arguments)


def _measure(docent: Docent, arguments: argparse.Namespace) -> tuple[EvalRun, EvalReport, EvalReport]:
    from docent.evaluating import EvalRun, ask, report

    questions = _questions(docent, arguments)
    answerable = [question for question in questions if question.answerable]
    if not answerable:
        raise InputError(
            "None of these questions has an answer, so there is nothing to find. Add one that has."
        )
    documents = docent.store.documents(scope(arguments))
    docent.embedder.warm()  # loading the model is not part of any question
    total = len(questions) + len(answerable)

    def outcomes(some: Sequence[Question], *, given_document: bool, before: int) -> tuple[Outcome, ...]:
        return tuple(
            ask(
                some,
                retrieve=lambda question, scope: docent.retrieve(question, scope, WITHIN),
                documents=documents,
                library=arguments.library or "",
                given_document=given_document,
                count=lambda text: len(docent.embedder.tokenizer.encode(text, add_special_tokens=False).ids),
                on_progress=lambda done: _progress(f"Asking: {before + done} of {total}"),
            )
        )

    shared = outcomes(questions, given_document=False, before=0)
    given = outcomes(answerable, given_document=True, before=len(questions))
    _progress("")
    relevant_from = docent.settings.relevant_from
    return (
        EvalRun(shared, given),
        report(shared, relevant_from=relevant_from),
        report(given, relevant_from=relevant_from),
    )


def _questions(docent: Docent, arguments: argparse.Namespace) -> list[Question]:
    from docent.evaluating import read_questions

    if arguments.questions is not None:
        if arguments.synthetic:
            raise InputError("--synthetic asks its own questions. Leave out the file, or --synthetic.")
        return read_questions(arguments.questions)
    if arguments.synthetic:
        if questions := docent.synthetic.all(arguments.library or ""):
            return questions
        raise InputError(
            "No questions were made here yet. Make some with: python -m docent questions --library L"
        )
    if questions := docent.golden.all(arguments.library or ""):
        return questions
    raise InputError(
        "There are no golden questions yet. Name a file of questions, or keep one with: "
        'python -m docent golden add "QUESTION" --file FILE --page N'
    )


@contextmanager
def _opened(arguments: argparse.Namespace) -> Iterator[Docent]:
    """Open the Docent of the settings, or one over a folder in a storage that is removed afterwards."""
    from docent.app import open_docent

    settings = Settings.read()
    if arguments.documents is None:
        if arguments.keep:
            raise InputError("--keep says where the index of --documents FOLDER goes. Name that folder too.")
        with open_docent(settings) as docent:
            docent.check_library(arguments.library)
            yield docent
        return
    if not arguments.documents.is_dir():
        raise InputError(
            "{documents} is not a folder. Name the folder that holds the documents.",
            documents=arguments.documents,
        )
    own = settings.model_copy(update={"data": arguments.documents})
    with ExitStack() as stack:
        storage = arguments.keep or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="docent-eval-"))
        )
        try:
            docent = open_docent(own, storage=storage)
        except IndexMismatch as error:
            raise InputError(
                "{storage} was made with other settings or another version of Docent. Remove it, or "
                "name another folder with --keep.",
                storage=storage,
            ) from error
        with docent:
            _ingest(docent)
            docent.check_library(arguments.library)
            yield docent


def _ingest(docent: Docent) -> None:
    folder = docent.settings.data
    print(f"Ingesting {folder} …", file=sys.stderr)
    reports = docent.ingest(
        [folder],
        retry_failed=False,
        password=None,
        on_progress=lambda step: _progress(
            f"Read: {step.files} of {step.of_files} files, {step.pages} pages; {step.waiting} pieces to embed"
        ),
    )
    _progress("")
    for report in reports:
        if report.outcome in ("failed", "partial"):
            print(f"{report.path}: {report.outcome}. {report.reason}", file=sys.stderr)


def _exit_code(shared: EvalReport, floor: float | None) -> int:
    if shared.missing_questions:
        count = (
            "1 question names"
            if shared.missing_questions == 1
            else f"{shared.missing_questions} questions name"
        )
        print(
            f"{count} a file that is not in the library, and counted as not found: "
            f"{', '.join(shared.missing)}. `python -m docent list` shows what is there.",
            file=sys.stderr,
        )
    if floor is not None and shared.found["page_hit_5"].value < floor:
        print(f"page_hit_5 is below the floor of {floor}.", file=sys.stderr)
        return 1
    return 0


def figures_json(shared: EvalReport, given: EvalReport) -> dict[str, Any]:
    """Return the output of `eval --json`."""
    abstention = shared.abstention
    return {
        "questions": shared.questions,
        "unanswerable": shared.unanswerable,
        "missing": list(shared.missing),
        "missing_questions": shared.missing_questions,
        **_found_json(shared),
        "right_document_given": _found_json(given),
        "abstention": None
        if abstention is None
        else {
            "relevant_from": abstention.relevant_from,
            "precision": abstention.precision and abstention.precision.value,
            "recall": abstention.recall.value,
            "intervals": {
                "precision": abstention.precision and [abstention.precision.low, abstention.precision.high],
                "recall": [abstention.recall.low, abstention.recall.high],
            },
        },
    }


def _found_json(report: EvalReport) -> dict[str, Any]:
    return {
        **{name: figure.value for name, figure in report.found.items()},
        "seconds_p50": report.seconds_p50,
        "seconds_p95": report.seconds_p95,
        "intervals": {name: [figure.low, figure.high] for name, figure in report.found.items()},
    }


def _show_reports(shared: EvalReport, given: EvalReport) -> None:
    print(f"{shared.questions} questions with an answer, {shared.unanswerable} without; 95 % intervals\n")
    print(f"{'':<16} {'every document':<22} right document given")
    for name, figure in shared.found.items():
        print(f"{name:<16} {_interval(figure):<22} {_interval(given.found[name])}")
    for name in ("seconds_p50", "seconds_p95"):
        print(f"{name:<16} {getattr(shared, name):<22} {getattr(given, name)}")
    if (abstention := shared.abstention) is not None:
        print(f"\n“Not in your documents”, at a relevance below {abstention.relevant_from}:")
        precision = _interval(abstention.precision) if abstention.precision else "– (it was never said)"
        print(f"{'precision':<16} {precision}\n{'recall':<16} {_interval(abstention.recall)}")


def _compare(before: EvalRun, after: EvalRun) -> dict[str, Comparison]:
    from docent.evaluating import compare

    return {
        "every_document": compare(before.shared, after.shared),
        "right_document_given": compare(before.given, after.given),
    }


def _show_comparisons(compared: Mapping[str, Comparison], *, as_json: bool) -> None:
    if as_json:
        print_json({way: asdict(comparison) for way, comparison in compared.items()})
        return
    for way, comparison in compared.items():
        _show_comparison(way.replace("_", " ").capitalize(), comparison)


def _show_comparison(title: str, comparison: Comparison) -> None:
    print(f"{title}: {comparison.questions} questions in both runs", end="")
    print(f", {comparison.only_one_run} in one only" if comparison.only_one_run else "")
    for change_kind, changes in (("gained", comparison.gained), ("lost", comparison.lost)):
        print(f"  {change_kind} {len(changes)}")
        for change in changes:
            ranks = f"page {change.before or 'not found'} → {change.after or 'not found'}"
            print(f"    {ranks}: {change.question.question}  ({change.question.file})")
    for name, figure in comparison.difference.items():
        certain = "" if figure.low <= 0 <= figure.high else "  beyond chance"
        print(f"  {name:<16} {figure.value:+.3f} ({figure.low:+.3f} to {figure.high:+.3f}){certain}")


def _interval(figure: Figure) -> str:
    return f"{figure.value:.3f} ({figure.low:.3f}–{figure.high:.3f})"


def _progress(text: str) -> None:
    """Show a line that replaces the one before; nothing where stderr is not a terminal."""
    if sys.stderr.isatty():
        print(f"{CLEAR_LINE}{text}", end="", file=sys.stderr, flush=True)
