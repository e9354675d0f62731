"""`docent …` or `python -m docent …`: ingest, ask, search, list, eval, user, key, serve and more.

Results go to stdout, everything else to stderr. Exit codes: 0 success, 1 partial success, 2 error, 130
interrupted, 141 the reader of stdout has gone. Longer commands are in docent/cli/.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from docent import __version__, memory
from docent.cli import (
    account_commands,
    ask_commands,
    document_commands,
    eval_commands,
    export_commands,
    golden_command,
    group_commands,
    ingest_command,
    learn_commands,
    mcp_command,
    model_commands,
    print_json,
    question_command,
    run,
    sample_command,
    source_commands,
    table_command,
)
from docent.errors import InputError
from docent.settings import Settings


def main(argv: Sequence[str] | None = None) -> int:
    return run(parser().parse_args(argv))


def serve_agent() -> int:
    """Run `docent mcp`, as the program `docent-mcp`."""
    return main(["mcp", *sys.argv[1:]])


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="docent",
        description="Ask questions of your own documents, and see the page each answer came from.",
        epilog="It works in the current folder: documents are in data/, everything stored is in storage/.",
    )
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, run: Any, description: str, define: Define, *, as_json: bool = True) -> None:
        command = commands.add_parser(name, help=description, description=description)
        command.set_defaults(run=run)
        if as_json:
            command.add_argument("--json", action="store_true", help="print JSON for machines")
        define(command)

    add(
        "ingest",
        ingest_command.run_ingest,
        "Read the documents in data/ into storage/; only what is new or changed is read again.",
        ingest_command.define_ingest,
    )
    add(
        "samples",
        sample_command.run_samples,
        "Copy the sample documents into data/, to try Docent with.",
        sample_command.define_samples,
        as_json=False,
    )
    add("ask", ask_commands.run_ask, "Answer a question, with citations.", ask_commands.define_ask)
    add(
        "table",
        table_command.run_table,
        "Compare many documents in a table, each cell with its citation.",
        table_command.define_table,
    )
    add(
        "pull",
        ask_commands.run_pull,
        "Let the model server fetch a model.",
        ask_commands.define_pull,
        as_json=False,
    )
    add(
        "search",
        ask_commands.run_search,
        "Show the passages that a question finds.",
        ask_commands.define_search,
    )
    add(
        "list",
        document_commands.run_list,
        "Show every document, its state and its size.",
        document_commands.define_list,
    )
    add(
        "delete",
        document_commands.run_delete,
        "Delete a document from storage/, and prove it.",
        document_commands.define_delete,
    )
    add("doctor", _doctor, "Check that everything Docent needs is in order.", _define_doctor)
    add("migrate", _migrate, "Bring the tables of DOCENT_DATABASE_URL up to date.", _define_migrate)
    add("backup", _backup, "Write everything into one file, while others go on.", _define_backup)
    add("restore", _restore, "Put a backup into the storage folder.", _define_restore)
    about = "Measure retrieval, or answers, with questions whose pages are known."
    add("eval", eval_commands.run_eval, about, eval_commands.define_eval)
    account_commands.add_user_command(commands)
    account_commands.add_key_command(commands)
    group_commands.add_group_command(commands)
    add(
        "golden",
        golden_command.run_golden,
        "Keep questions of your own for `eval`.",
        golden_command.define_golden,
    )
    add(
        "questions",
        question_command.run_questions,
        "Make questions whose pages are known from the documents of a library, for `eval`.",
        question_command.define_questions,
    )
    add(
        "mcp",
        mcp_command.run_mcp,
        "Serve an agent that speaks MCP, on stdin and stdout.",
        mcp_command.define_mcp,
        as_json=False,
    )
    source_commands.add_sources_command(commands)
    model_commands.add_model_command(commands)
    learn_commands.add_learn_command(commands)
    export_commands.add_export_command(commands)
    add("serve", _serve, "Serve the chat in the browser.", _define_serve, as_json=False)
    return top


Define = Callable[[argparse.ArgumentParser], None]
"""Gives a command its arguments."""


# --- storage -----------------------------------------------------------------------


def _define_migrate(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--conversations",
        action="store_true",
        help="carry the conversations of the storage folder over as well",
    )
    command.add_argument(
        "--records",
        action="store_true",
        help="carry its test questions, evaluations and what was learned over, where the database has none",
    )


def _migrate(arguments: argparse.Namespace) -> None:
    settings = Settings.read()
    if not settings.database:
        raise InputError(
            "DOCENT_DATABASE_URL names no database. The catalog in {storage} is brought up to date when it "
            "is opened, so there is nothing to do.",
            storage=settings.storage,
        )
    from docent.postgres import require_packages

    require_packages()
    from docent.postgres.migrating import migrate  # needs them

    revision = migrate(settings.database)
    result, sentence = {"revision": revision}, f"The tables are at revision {revision}."
    if arguments.conversations:
        from docent.web.chat.history_transfer import carry_over

        result["conversations"] = carry_over(settings.storage, settings.database)
        sentence += f" Conversations that were carried over: {result['conversations']}."
    if arguments.records:
        from docent.app.record_transfer import carry_over_records

        result["records"] = carry_over_records(settings.storage, settings.database)
        sentence += f" Records that were carried over: {result['records']}."
    _print_result(arguments, result, sentence)


def _refuse_database(settings: Settings) -> None:
    """Raise InputError where the catalog is not in the storage folder, which is what a backup copies."""
    if settings.database:
        raise InputError(
            "The catalog is in the database of DOCENT_DATABASE_URL. Back it up and restore it with pg_dump "
            "and pg_restore, and copy {originals} beside it.",
            originals=settings.files_url or settings.storage / "originals",
        )


def _define_backup(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", type=Path, help="a new file, about as large as the originals together")


def _backup(arguments: argparse.Namespace) -> None:
    # Imported late, here and below: `--help` and a wrong word should not wait for the libraries.
    from docent.app import back_up

    settings = Settings.read()
    _refuse_database(settings)
    written = back_up(settings.storage, arguments.file, originals=not settings.files_url)
    _print_result(
        arguments, {"file": str(arguments.file), "bytes": written}, f"{arguments.file}: {written:,} bytes"
    )


def _define_restore(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", type=Path, help="a file that `backup` wrote")
    command.add_argument("--force", action="store_true", help="move the existing storage aside, then restore")


def _restore(arguments: argparse.Namespace) -> None:
    from docent.app import restore

    settings = Settings.read()
    _refuse_database(settings)
    folder = settings.storage
    aside = restore(arguments.file, folder, force=arguments.force)
    moved = f" The storage before is in {aside}." if aside else ""
    _print_result(
        arguments, {"storage": str(folder), "aside": str(aside or "")}, f"Restored into {folder}.{moved}"
    )


def _print_result(arguments: argparse.Namespace, value: Any, sentence: str) -> None:
    if arguments.json:
        print_json(value)
    else:
        print(sentence)


def _define_doctor(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--mend", action="store_true", help="repair the index where it does not match the catalog"
    )


def _doctor(arguments: argparse.Namespace) -> int:
    from docent.doctor import examine

    findings = examine(mend=arguments.mend)
    if arguments.json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            print(f"{'ok    ' if finding.ok else 'not ok'}  {finding.what}: {finding.found}")
            if finding.remedy:
                print(f"        → {finding.remedy}")
    return 0 if all(finding.ok for finding in findings) else 1


def _define_serve(command: argparse.ArgumentParser) -> None:
    about = "only check that the settings and the port will do"
    command.add_argument("--check", action="store_true", help=about)


def _serve(arguments: argparse.Namespace) -> None:
    from docent.web import chainlit_folder, listen_address

    settings = Settings.read()
    listen_address.check(settings)
    if not arguments.check:
        memory.share_arenas()
        chainlit_folder.choose_folder(settings.storage)
        from docent.web import server

        server.serve(settings)


if __name__ == "__main__":
    sys.exit(main())
