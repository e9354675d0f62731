"""`python -m docent …`: ask, search, list, eval, user, key, serve and more, from a terminal.

Results go to stdout, everything else to stderr. Exit codes: 0 well, 1 not all well, 2 could not run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from docent import __version__
from docent.commands import measuring
from docent.commands.showing import Showing
from docent.contracts import ask_json, passage_json
from docent.errors import DocentError, InputError, UnknownDocument
from docent.glossary import Answer, Answered, Notice, Page, Progress, Scope, State, StoredDocument
from docent.settings import Settings
from docent.web import key_commands, user_commands


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    try:
        return int(arguments.run(arguments) or 0)
    except DocentError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="docent",
        description="Ask questions of your own documents, and see the page each answer came from.",
        epilog="Documents are added with: python ingest.py. Settings: docs/settings.md.",
    )
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    ask = _command(commands, "ask", _ask, "Answer a question, with citations.")
    ask.add_argument("question")
    ask.add_argument("--no-model", action="store_true", help="answer with the best sentences found, no model")
    _library(ask)
    _filters(ask)

    pull = _command(commands, "pull", _pull, "Let the model server fetch a model.", json_output=False)
    pull.add_argument("model", nargs="?", default="", help="its name (default: the one of the settings)")

    search = _command(commands, "search", _search, "Show the passages that a question finds.")
    search.add_argument("question")
    search.add_argument("--limit", type=_positive, default=10, metavar="N", help="most passages (default 10)")
    search.add_argument("--document", metavar="FILE", help="only in the document of this file name")
    _library(search)
    _filters(search)

    listing = _command(commands, "list", _list, "Show every document, its state and its size.")
    listing.add_argument("--coverage", metavar="FILE", help="page by page: how it was read, and what was not")
    _library(listing)

    delete = _command(commands, "delete", _delete, "Delete a document from storage/, and prove it.")
    delete.add_argument("document", help="file name or document id, as `list` shows them")
    _library(delete)

    doctor = _command(commands, "doctor", _doctor, "Check that everything Docent needs is in order.")
    doctor.add_argument("--mend", action="store_true", help="bring the index in step again where it is not")

    backup = _command(commands, "backup", _backup, "Write everything into one file, while others go on.")
    backup.add_argument("file", type=Path, help="a new file, about as large as the originals together")

    restoring = _command(commands, "restore", _restore, "Put a backup into the storage folder.")
    restoring.add_argument("file", type=Path, help="what `backup` wrote")
    restoring.add_argument("--force", action="store_true", help="keep aside what is there, then restore")

    evaluate = _command(
        commands, "eval", measuring.run_eval, "Measure retrieval with questions whose pages are known."
    )
    measuring.define_eval(evaluate)
    _library(evaluate)

    user_commands.add_to(commands)
    key_commands.add_to(commands)

    golden = _command(commands, "golden", measuring.run_golden, "Keep questions of your own for `eval`.")
    measuring.define_golden(golden)
    _library(golden)

    serve = _command(commands, "serve", _serve, "Serve the chat in the browser.", json_output=False)
    serve.add_argument(
        "--check", action="store_true", help="only check that the settings and the port will do"
    )
    return top


def _command(
    commands: Any, name: str, run: Any, description: str, *, json_output: bool = True
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=description, description=description)
    command.set_defaults(run=run)
    if json_output:
        command.add_argument("--json", action="store_true", help="print JSON for machines")
    return command


def _library(command: argparse.ArgumentParser) -> None:
    command.add_argument("--library", metavar="L", help="only in this library (a folder of data/)")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _filters(command: argparse.ArgumentParser) -> None:
    command.add_argument("--folder", default="", metavar="F", help="only below this folder of the library")
    command.add_argument(
        "--type", action="append", metavar="T", help="only of this type: pdf, markdown, text …"
    )
    command.add_argument(
        "--since", default="", metavar="D", help="only documents from this date (2023-07) on"
    )
    command.add_argument("--until", default="", metavar="D", help="only documents up to this date")


def _scope(arguments: argparse.Namespace, **more: Any) -> Scope:
    given = vars(arguments)
    return Scope(
        libraries=(arguments.library,) if arguments.library else (),
        folder=given.get("folder", ""),
        kinds=tuple(given.get("type") or ()),
        since=given.get("since", ""),
        until=given.get("until", ""),
        **more,
    )


def _print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))


# --- ask and search ------------------------------------------------------------------------


def _ask(arguments: argparse.Namespace) -> None:
    # Imported late, here and below: `--help` and a wrong word should not wait for the libraries.
    from docent.assembly import open_house

    with open_house(Settings.read()) as house:
        house.check_library(arguments.library)
        if not arguments.no_model and sys.stdin.isatty() and sys.stderr.isatty():
            asyncio.run(_offer_model(house))
        answer = asyncio.run(_answered(house, arguments))
    if arguments.json:
        _print_json(ask_json(answer))


async def _answered(house: Any, arguments: argparse.Namespace) -> Answer:
    showing = Showing()
    use_model = not arguments.no_model
    async for event in house.answer(
        arguments.question, history=(), scope=_scope(arguments), use_model=use_model
    ):
        if not arguments.json:
            showing.take(event)
        elif isinstance(event, Notice):
            print(event.text, file=sys.stderr)
        if isinstance(event, Answered):
            return event.answer
    raise InputError("No answer came. Ask again; if it stays so, run: python -m docent doctor")


async def _offer_model(house: Any) -> None:
    """Where the server is there and only the model is missing, fetch it if the person wants that."""
    status = await house.check_model()
    if not status.can_pull:
        return
    print(
        f"{status.sentence}\nFetch it now? It may be several GB. [y/N] ", end="", file=sys.stderr, flush=True
    )
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        await _pulled(house.pull_model())


async def _pulled(steps: AsyncIterator[Progress]) -> None:
    async for progress in steps:
        print(f"\r\033[K{bar(progress)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def bar(progress: Progress) -> str:
    """How far a model has come; the server does not know the size of everything it does."""
    if not progress.total:
        return progress.what
    share = progress.done / progress.total
    size = f"{progress.done / 1e9:.1f} of {progress.total / 1e9:.1f} GB"
    return f"{progress.what}  {'█' * int(20 * share):░<20} {share:4.0%}  {size}"


def _pull(arguments: argparse.Namespace) -> None:
    from docent.assembly import open_model

    settings = Settings.read()
    asyncio.run(_pulled(open_model(settings, name=arguments.model).pull()))


def _search(arguments: argparse.Namespace) -> None:
    from docent.assembly import open_house

    with open_house(Settings.read()) as house:
        house.check_library(arguments.library)
        documents: tuple[str, ...] = ()
        if arguments.document:
            documents = tuple(document.id for document in _named(house, arguments, arguments.document))
        passages = house.retrieve(arguments.question, _scope(arguments, documents=documents), arguments.limit)
    if arguments.json:
        _print_json([passage_json(rank, passage) for rank, passage in enumerate(passages, 1)])
        return
    for rank, passage in enumerate(passages, 1):
        print(f"{rank}. {passage.where}  ({passage.library}, {passage.score:.3f})")
        print("   " + " ".join(passage.text.split())[:300] + "\n")
    if not passages:
        print("Nothing found. `python -m docent list` shows what is searchable.", file=sys.stderr)


# --- documents -----------------------------------------------------------------------------


def _named(house: Any, arguments: argparse.Namespace, name: str) -> list[StoredDocument]:
    found = [
        document
        for document in house.store.documents(_scope(arguments))
        if name in (document.id, document.name) or name in document.paths
    ]
    if not found:
        raise UnknownDocument(f"No document is called {name!r}. `python -m docent list` shows every name.")
    return found


def _list(arguments: argparse.Namespace) -> None:
    from docent.assembly import open_house

    with open_house(Settings.read()) as house:
        house.check_library(arguments.library)
        if arguments.coverage:
            _coverage(house, arguments)
            return
        documents = sorted(house.store.documents(_scope(arguments)), key=lambda d: (d.library, d.name))
        failures = house.store.failures(_scope(arguments))
        older = sum(house.is_older(document) for document in documents)
    if arguments.json:
        failed = [{**asdict(one), "name": one.path, "state": State.FAILED} for one in failures]
        _print_json([*(asdict(document) for document in documents), *failed])
        return
    for document in documents:
        unread = f", {document.unread_pages} unread" if document.unread_pages else ""
        reason = f"  ({document.reason})" if document.reason else ""
        pages = f"{document.pages} {'page' if document.pages == 1 else 'pages'}{unread}"
        print(f"{document.library}  {document.name}  {document.state}  {pages}{reason}  {document.id}")
    for one in failures:
        print(f"{one.library}  {one.path}  failed  ({one.reason})")
    if older:
        told = f"{older} of them were read by an older Docent; to read all again"
        print(f"{told}: python ingest.py --rebuild=full", file=sys.stderr)
    if not documents and not failures:
        print("No documents yet. Put files into data/ and run: python ingest.py", file=sys.stderr)


def _coverage(house: Any, arguments: argparse.Namespace) -> None:
    for document in _named(house, arguments, arguments.coverage):
        pages = house.store.pages(document.id, _scope(arguments))
        rows = [
            {
                "page": page.number,
                "label": page.label,
                "characters": len(page.text),
                "read_by": page.read_by,
                "hidden": len(page.hidden),
                "note": page.note,
            }
            for page in pages
        ]
        if arguments.json:
            _print_json(rows)
            continue
        print(f"{document.library}  {document.name}")
        print(f"  {_summary(pages)}")
        for row in rows:
            hidden = f", {row['hidden']} hidden characters" if row["hidden"] else ""
            note = f"  {row['note']}" if row["note"] else ""
            print(f"  p. {row['page']}: {row['characters']} characters, {row['read_by']}{hidden}{note}")


def _summary(pages: list[Page]) -> str:
    """Of a document's pages: how many were read how, and how many hide something."""
    ways = Counter(page.read_by.value for page in pages)
    hidden = sum(bool(page.hidden) for page in pages)
    names = {"text": "read as text", "ocr": "read by OCR", "empty": "empty", "failed": "unread"}
    parts = [f"{ways[way]} {name}" for way, name in names.items() if ways[way]]
    return ", ".join([*parts, *([f"{hidden} with hidden text, which is not searched"] if hidden else [])])


def _delete(arguments: argparse.Namespace) -> int:
    from docent.assembly import open_house

    with open_house(Settings.read()) as house:
        house.check_library(arguments.library)
        found = _named(house, arguments, arguments.document)
        if len(found) > 1:
            names = ", ".join(f"{document.id} ({document.library})" for document in found)
            raise InputError(f"{arguments.document!r} is more than one document: {names}. Give the id.")
        deletion = house.store.delete(found[0].id, _scope(arguments))
    if arguments.json:
        _print_json(asdict(deletion))
    else:
        what = ", ".join(f"{count} {thing}" for thing, count in deletion.found.items())
        print(f"Deleted {deletion.name}: {what}. Left behind: {sum(deletion.left.values())}.")
        print(
            "The file itself was not touched; if it is still in data/, the next ingest adds it again.",
            file=sys.stderr,
        )
    return 1 if any(deletion.left.values()) else 0


# --- doctor and serve ----------------------------------------------------------------------


def _backup(arguments: argparse.Namespace) -> None:
    from docent.assembly import back_up

    written = back_up(Settings.read().storage, arguments.file)
    _tell(arguments, {"file": str(arguments.file), "bytes": written}, f"{arguments.file}: {written:,} bytes")


def _restore(arguments: argparse.Namespace) -> None:
    from docent.assembly import restore

    folder = Settings.read().storage
    aside = restore(arguments.file, folder, force=arguments.force)
    kept = f" What was there is in {aside}." if aside else ""
    _tell(arguments, {"storage": str(folder), "aside": str(aside or "")}, f"Restored into {folder}.{kept}")


def _tell(arguments: argparse.Namespace, value: Any, sentence: str) -> None:
    if arguments.json:
        _print_json(value)
    else:
        print(sentence)


def _doctor(arguments: argparse.Namespace) -> int:
    from docent.doctor import examine

    findings = examine(mend=arguments.mend)
    if arguments.json:
        _print_json([asdict(finding) for finding in findings])
    for finding in findings if not arguments.json else ():
        print(f"{'ok    ' if finding.ok else 'not ok'}  {finding.what}: {finding.found}")
        if finding.remedy:
            print(f"        → {finding.remedy}")
    return 0 if all(finding.ok for finding in findings) else 1


def _serve(arguments: argparse.Namespace) -> None:
    from docent.web import listening

    settings = Settings.read()
    listening.check(settings)
    if not arguments.check:
        from docent.web import memory

        memory.share_arenas()
        from docent.web import serving

        serving.serve(settings)


if __name__ == "__main__":
    sys.exit(main())
