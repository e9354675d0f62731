"""Read the documents in data/ into storage/: `python ingest.py [PATHS…]`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from getpass import getpass
from pathlib import Path

from docent.app import Docent, forget_previous, give_up, open_docent, roll_back, switch
from docent.errors import DocentError, IndexMismatch, InputError, StoreError
from docent.ingesting import IngestProgress, IngestStopped
from docent.settings import Settings
from docent.types import FileReport

CHANGES = 5  # of the old index, between the end of a rebuild and the switch
OUTCOMES = ("added", "changed", "moved", "unchanged", "removed", "partial", "failed")


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code = _watch(arguments) if arguments.watch else _reported(arguments)
        print(end="", flush=True)
        return code
    except DocentError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        if arguments.json and not arguments.watch:
            _print_json(stop.reports if isinstance(stop, IngestStopped) else [], stopped=True)
        print("Stopped. What was finished is kept; run it again for the rest.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # who reads has seen enough, as `head` does
        # What is left in the buffer goes nowhere; else Python complains of it at its end, with exit code 120.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _reported(arguments: argparse.Namespace) -> int:
    reports = _ingest(arguments)
    if arguments.json:
        arguments.json = False  # interrupted from here on, it does not print a second one
        _print_json(reports or [], stopped=False)
    elif reports is not None:
        _print_table(reports)
    return 1 if any(report.outcome == "failed" for report in reports or []) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ingest.py",
        description="Read documents into storage/. Only what is new or changed is read again.",
        epilog="Exit code: 0 all well, 1 some files failed, 2 could not run, 130 stopped, "
        "141 nobody reads any more.",
    )
    parser.add_argument("paths", nargs="*", type=Path, help="files or folders (default: the data folder)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument(
        "--rebuild",
        nargs="?",
        const="quick",
        choices=("quick", "full"),
        help="build the whole index anew beside the old one, then switch to it; full: also read every file "
        "again",
    )
    parser.add_argument(
        "--rollback", action="store_true", help="go back to the index before the last --rebuild, or forward"
    )
    parser.add_argument(
        "--forget-previous", action="store_true", help="remove the index before the last --rebuild"
    )
    parser.add_argument("--password", action="store_true", help="ask for the password of locked files")
    parser.add_argument("--retry-failed", action="store_true", help="try again what failed before")
    parser.add_argument(
        "--watch", action="store_true", help="stay, and read whatever changes, until stopped with Ctrl+C"
    )
    return parser


def _paths(arguments: argparse.Namespace, settings: Settings) -> list[Path]:
    """Those asked for, or the data folder, which is made where nothing was ever read."""
    if not arguments.paths and not settings.data.exists():
        if (settings.storage / "index").exists():  # an empty one in its place would take its documents out
            raise InputError(
                "The data folder {data} is not there; its drive may be away. Nothing was taken out "
                "of the index. Bring it back, or, if an empty one is meant: mkdir -p '{data}'",
                data=settings.data,
            )
        settings.data.mkdir(parents=True)
    return arguments.paths or [settings.data]


def _watch(arguments: argparse.Namespace) -> int:
    """Say what became of each file that changes, a line each, until somebody stops it."""
    settings = Settings.read()
    paths = _paths(arguments, settings)
    password = _password(arguments)
    with open_docent(settings) as docent:
        print(f"Watching {', '.join(map(str, paths))} (stop with Ctrl+C)", file=sys.stderr)
        try:
            docent.watch(
                paths,
                retry_failed=arguments.retry_failed,
                password=password,
                on_reports=_print_json_lines if arguments.json else _print_lines,
                on_trouble=lambda said: print(said, file=sys.stderr, flush=True),
            )
        except KeyboardInterrupt:
            print("Stopped watching.", file=sys.stderr)
    return 0


def _print_lines(reports: Sequence[FileReport]) -> None:
    for one in reports:
        pages = f"  {one.pages} {'page' if one.pages == 1 else 'pages'}" if one.pages else ""
        why = f"  ({one.reason})" if one.reason else ""
        print(f"{one.outcome}  {one.library}  {one.path}{pages}{why}", flush=True)


def _print_json_lines(reports: Sequence[FileReport]) -> None:
    for one in reports:
        print(json.dumps(asdict(one), ensure_ascii=False), flush=True)


def _password(arguments: argparse.Namespace) -> str | None:
    return getpass("Password of the locked files: ") if arguments.password else None


def _ingest(arguments: argparse.Namespace) -> list[FileReport] | None:
    """What became of each file; None when no file was looked at."""
    settings = Settings.read()
    if arguments.rollback:
        print(
            f"The earlier index answers again; it was made with {roll_back(settings.storage)}.",
            file=sys.stderr,
        )
        return None
    if arguments.forget_previous:
        there = forget_previous(settings.storage, chroma_url=settings.chroma_url)
        print("The earlier index is removed." if there else "There is no earlier index.", file=sys.stderr)
        return None
    paths = _paths(arguments, settings)
    if arguments.rebuild and (settings.storage / "index" / "catalog.db").exists():
        failed = _rebuilt(settings, arguments)
        if failed is not None:
            return failed or None
    return _into(settings, paths, arguments)


def _rebuilt(settings: Settings, arguments: argparse.Namespace) -> list[FileReport] | None:
    """Build the new index and switch to it; None when it answers, and the folders can be looked through."""
    for _ in range(CHANGES):
        with _building(settings) as docent, _bar(arguments) as bar:
            failed = docent.rebuild(full=arguments.rebuild == "full", on_progress=bar)
        if failed:
            print("Not everything could be carried over, so the old index stays.", file=sys.stderr)
            return failed
        match switch(settings.storage, chroma_url=settings.chroma_url):
            case "switched":
                print("The new index answers; python ingest.py --rollback goes back.", file=sys.stderr)
                return None
            case "busy":
                print(
                    "The new index is whole. Another Docent, perhaps the chat, answers from the old one and "
                    "cannot take this one, since it works with other settings: start that again with those "
                    "of now, and it takes the new one.",
                    file=sys.stderr,
                )
                return []
    raise StoreError("Documents come and go faster than the index can be built. Try again when it is quiet.")


def _building(settings: Settings) -> Docent:
    try:
        return open_docent(settings, storage=settings.storage / "building")
    except IndexMismatch:  # begun with other settings
        give_up(settings.storage, chroma_url=settings.chroma_url)
        return open_docent(settings, storage=settings.storage / "building")


def _into(settings: Settings, paths: Sequence[Path], arguments: argparse.Namespace) -> list[FileReport]:
    reports: list[FileReport] = []
    try:
        with open_docent(settings) as docent, _bar(arguments) as bar:
            try:
                reports = docent.ingest(
                    paths,
                    retry_failed=arguments.retry_failed or arguments.password,
                    password=_password(arguments),
                    on_progress=bar,
                )
            except IngestStopped as stop:
                reports = stop.reports
                raise
    except KeyboardInterrupt as interrupt:  # perhaps once more, while the house is closed
        raise IngestStopped(reports) from interrupt
    return reports


def _bar(arguments: argparse.Namespace) -> AbstractContextManager[Callable[[IngestProgress], None]]:
    """On stderr; none when nobody watches."""
    return _Bar() if sys.stderr.isatty() and not arguments.json else nullcontext(lambda _: None)


class _Bar:
    """What `_Drawn` shows, made beside the first pages: rich takes 0.12 s to import."""

    def __init__(self) -> None:
        self._aside = ThreadPoolExecutor(1, "bar")
        self._drawn = self._aside.submit(_Drawn)

    def __enter__(self) -> Callable[[IngestProgress], None]:
        return self._show

    def __exit__(self, *_: object) -> None:
        self._drawn.result().stop()
        self._aside.shutdown()

    def _show(self, progress: IngestProgress) -> None:
        self._drawn.result().show(progress)


class _Drawn:
    """Files, pages a second and time left, on stderr."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Rich

        self._rich = Rich(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[told]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._reading = self._rich.add_task("Reading", total=None, told="")
        self._finishing = self._rich.add_task("Finishing", total=None, told="", visible=False)
        self._most = 0
        self._rich.start()

    def stop(self) -> None:
        self._rich.stop()

    def show(self, progress: IngestProgress) -> None:
        """Files as they become searchable by their words; then the vectors that are still to be made."""
        elapsed = self._rich.tasks[0].elapsed
        speed = progress.pages / elapsed if elapsed else 0.0
        told = f"files  {progress.pages} pages  {speed:.1f} pages/s  {progress.path}"
        self._rich.update(self._reading, total=progress.of_files, completed=progress.files, told=told)
        if progress.files == progress.of_files:
            self._most = max(self._most, progress.waiting)
            done = self._most - progress.waiting
            told = "pieces  all is searchable by its words already"
            self._rich.update(
                self._finishing, total=self._most, completed=done, told=told, visible=self._most > 0
            )


def _print_json(reports: Sequence[FileReport], *, stopped: bool) -> None:
    files = [asdict(report) for report in reports]
    found = {"counts": _counts(reports), "stopped": stopped, "files": files}
    print(json.dumps(found, ensure_ascii=False, indent=2), flush=True)


def _counts(reports: Sequence[FileReport]) -> dict[str, int]:
    counts: Counter[str] = Counter(report.outcome for report in reports)
    empty = sum(report.nothing_to_search for report in reports)
    return {**{outcome: counts[outcome] for outcome in OUTCOMES}, "nothing_to_search": empty}


def _print_table(reports: Sequence[FileReport]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    class Open(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # for `main`; rich would end with 1, which says that files failed

    console = Open()
    if not reports:
        folder = escape(str(Settings.read().data))
        console.print(
            f"There are no documents yet. Put PDF, Markdown or text files into {folder} and run this again.",
            soft_wrap=True,  # the path stays whole, to be copied
        )
        return
    told = [report for report in reports if report.outcome != "unchanged"]
    if told:
        table = Table("library", "file", "what happened", "pages", "why", box=None, header_style="bold")
        for report in told:
            row = (report.library, report.path, report.outcome, report.coverage, report.reason)
            table.add_row(*(escape(cell) for cell in row))
        console.print(table)
    counts = _counts(reports)
    said = ", ".join(f"{counts[outcome]} {outcome}" for outcome in OUTCOMES if counts[outcome])
    empty = counts["nothing_to_search"]
    console.print(f"{said}; {empty} with nothing to search" if empty else said)


if __name__ == "__main__":
    sys.exit(main())
