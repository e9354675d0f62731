"""`docent questions`: make pairs of question and page from the documents of a library."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

from docent.cli import CLEAR_LINE, positive, print_json
from docent.settings import Settings

if TYPE_CHECKING:  # imported late: `--help` should not wait for the libraries
    from docent.app import Docent
    from docent.evaluating import Question
    from docent.questions.library_questions import QuestionProgress


def define_questions(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--library", metavar="L", required=True, help="the library (a folder of data/) to make questions of"
    )
    command.add_argument(
        "--count",
        type=positive,
        metavar="N",
        help="at most so many in the library, spread over its documents (default: about one a page)",
    )
    command.add_argument("--model", action="store_true", help="let the language model write questions, too")
    what = command.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="only show those that were made")
    what.add_argument("--clear", action="store_true", help="remove those that were made")
    command.epilog = "Stop it with Ctrl+C; what was made is kept. Measure with: docent eval --synthetic"


def run_questions(arguments: argparse.Namespace) -> int:
    from docent.app import open_docent

    with open_docent(Settings.read()) as docent:
        docent.check_library(arguments.library)
        if arguments.clear:
            removed = docent.clear_questions(arguments.library)
            if arguments.json:
                print_json({"removed": removed})
            else:
                print(f"Questions removed: {removed}.")
            return 0
        stopped = False
        if not arguments.list:
            stopped = _make(docent, arguments)
        questions = docent.synthetic.all(arguments.library)
        if arguments.json:
            print_json([asdict(question) for question in questions])
        elif arguments.list:
            _show(questions)
        else:
            _show_counts(questions)
    return 130 if stopped else 0


def _make(docent: Docent, arguments: argparse.Namespace) -> bool:
    """Make questions in a thread, so that Ctrl+C ends it well; return True if somebody stopped it."""
    stop = threading.Event()
    result: list[QuestionProgress] = []
    failure: list[BaseException] = []
    began = time.monotonic()

    def show(progress: QuestionProgress) -> None:
        if sys.stderr.isatty():
            line = (
                f"{CLEAR_LINE}Documents: {progress.documents} of {progress.of_documents}, pages: "
                f"{progress.pages}, questions: {progress.pairs}"
            )
            print(line, end="", file=sys.stderr, flush=True)

    def work() -> None:
        try:
            result.append(
                docent.make_questions(
                    arguments.library,
                    count=arguments.count,
                    use_model=arguments.model,
                    on_progress=show,
                    stop=stop,
                )
            )
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=work, name="questions")
    thread.start()
    try:
        thread.join()
    except KeyboardInterrupt:
        stop.set()
        thread.join()
    if sys.stderr.isatty():
        print(CLEAR_LINE, end="", file=sys.stderr)
    if failure:
        raise failure[0]
    (progress,) = result
    print(
        f"New questions: {progress.pairs}, of {progress.pages} pages and {progress.checked} proposals, in "
        f"{time.monotonic() - began:.0f} s. Documents skipped, done before: {progress.skipped}."
        f"{' Stopped; run it again to go on.' if progress.stopped else ''}",
        file=sys.stderr,
    )
    return progress.stopped


def _show(questions: list[Question]) -> None:
    for question in questions:
        pages = ", ".join(map(str, question.pages))
        print(f"{question.file}, p. {pages}  {question.question}  → {question.answer}")


def _show_counts(questions: list[Question]) -> None:
    kinds = Counter(question.kind for question in questions)
    files = Counter(question.file for question in questions)
    print(f"{len(questions)} questions of {len(files)} documents")
    for kind, count in kinds.most_common():
        print(f"  {kind:<12} {count}")
