"""`docent export`: examples for tools that fine-tune language models, and a Modelfile for Ollama."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from docent.cli import add_library
from docent.cli.learn_commands import show_progress
from docent.errors import InputError
from docent.settings import Settings

CHAT = ("openai", "axolotl", "unsloth", "alpaca")


def add_export_command(commands: Any) -> None:
    about = "Write examples for tools that fine-tune language models, or a Modelfile for Ollama."
    command = commands.add_parser("export", help=about, description=about)
    kinds = command.add_subparsers(title="what to export", metavar="WHAT", required=True)

    def add(name: str, run: Any, description: str) -> argparse.ArgumentParser:
        kind: argparse.ArgumentParser = kinds.add_parser(name, help=description, description=description)
        kind.add_argument("--out", type=Path, metavar="FILE", help="write to this file (default: stdout)")
        kind.set_defaults(run=run)
        return kind

    answers = add("answers", run_answers, "Cited answers of a person's conversations, a JSON object a line.")
    answers.add_argument("--format", choices=CHAT, default="openai", help="default: openai")
    answers.add_argument(
        "--user", default="", metavar="NAME", help="whose conversations, where people log in"
    )
    answers.add_argument("--liked", action="store_true", help="only answers with a thumbs-up")
    pairs = add("pairs", run_pairs, "Questions with the pages that answer them, a JSON object a line.")
    pairs.add_argument("--format", choices=(*CHAT, "triplets"), default="triplets", help="default: triplets")
    add_library(pairs)
    file = add("modelfile", run_modelfile, "A Modelfile with Docent's instructions and parameters.")
    file.add_argument(
        "--gguf", required=True, metavar="FILE", help="the GGUF file, as the Modelfile is to name it"
    )


def run_answers(arguments: argparse.Namespace) -> None:
    from docent.app import open_docent
    from docent.learning.exports import answer_examples
    from docent.learning.rated_answers import read_answers

    settings = Settings.read()
    user = _person(settings, arguments.user)
    with open_docent(settings) as docent:
        answers = read_answers(settings.storage, database_url=settings.database, user=user)
        examples = list(answer_examples(answers, docent.store, user=user, liked_only=arguments.liked))
    _write(arguments, (example.row(arguments.format) for example in examples))
    left_out = len(answers) - len(examples)
    _report(arguments, len(examples), f"{left_out} answers left out" if left_out else "")


def run_pairs(arguments: argparse.Namespace) -> None:
    from docent.app import open_docent
    from docent.learning.exports import TRIPLETS, pair_example, triplet
    from docent.learning.mining import mine
    from docent.learning.trials import WITHIN, known_pairs, shared_scope

    library = arguments.library or ""
    with open_docent(Settings.read()) as docent:
        pairs = known_pairs(docent, library)
        mined = mine(
            pairs,
            lambda pair, scope: docent.retrieve(pair.question.question, scope, WITHIN),
            shared=shared_scope(library),
            on_progress=lambda done: show_progress("Searching", done, len(pairs)),
        )
    show_progress("", 0, 0)
    rows: list[Mapping[str, object]] = []
    for one in mined:
        if arguments.format == TRIPLETS:
            rows += [triplet(one.pair, one.positive, negative) for negative in one.negatives[:1]]
        elif example := pair_example(one.pair, one.right, one.wrong):
            rows.append(example.row(arguments.format))
    _write(arguments, rows)
    left_out = len(pairs) - len(rows)
    _report(arguments, len(rows), f"{left_out} pairs left out, whose answer is not known" if left_out else "")


def run_modelfile(arguments: argparse.Namespace) -> None:
    from docent.learning.exports import modelfile

    settings = Settings.read()
    text = modelfile(
        arguments.gguf,
        context_tokens=settings.context_tokens,
        answer_tokens=settings.answer_tokens,
        temperature=settings.temperature,
    )
    _write_lines(arguments, [text])


def _person(settings: Settings, name: str) -> str:
    """Return whose conversations are meant; where people log in, one of them has to be named."""
    from docent.web.accounts.users import LOCAL, Users, as_name

    known = [account.name for account in Users(settings.storage, database_url=settings.database).all()]
    if not name and not known:
        return LOCAL
    if not name or as_name(name) not in {*known, LOCAL}:
        raise InputError(
            "Whose conversations? Name one person with --user: {names}.", names=", ".join([*known, LOCAL])
        )
    return as_name(name)


def _write(arguments: argparse.Namespace, rows: Iterable[Mapping[str, object]]) -> None:
    _write_lines(arguments, (json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _write_lines(arguments: argparse.Namespace, lines: Iterable[str]) -> None:
    if arguments.out is None:
        sys.stdout.writelines(lines)
        return
    try:
        with arguments.out.open("w", encoding="utf-8") as file:
            file.writelines(lines)
    except OSError as error:
        raise InputError(
            "{path} cannot be written: {strerror}. Name another file.",
            path=arguments.out,
            strerror=error.strerror,
        ) from error


def _report(arguments: argparse.Namespace, count: int, left_out: str) -> None:
    """Say how many examples there are, and if they are enough for the tool."""
    from docent.learning.exports import FEWEST_FOR_OPENAI

    print(f"{count} examples{f'; {left_out}' if left_out else ''}.", file=sys.stderr)
    if arguments.format == "openai" and count < FEWEST_FOR_OPENAI:
        print(f"OpenAI accepts files of {FEWEST_FOR_OPENAI} examples or more.", file=sys.stderr)
