"""`docent ingest`: read documents into storage/, once or whenever they change, and rebuild the index."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING

from docent.cli import run
from docent.errors import InputError, StoreError
from docent.settings import Settings
from docent.types import FileReport

if TYPE_CHECKING:  # imported late: `--help` should not wait for the libraries
    from docent.ingesting import IngestProgress

CHANGES = 5  # of the old index, between the end of a rebuild and the switch
OUTCOMES = ("added", "changed", "moved", "unchanged", "removed", "partial", "failed")


def main(argv: Sequence[str] | None = None) -> int:
    """Run `ingest.py`: the command without the others, whose modules take 0.1 s to import."""
    parser = argparse.ArgumentParser(
        prog="ingest.py",
        description="Read documents into storage/. Only what is new or changed is read again.",
    )
    parser.set_defaults(run=run_ingest)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    define_ingest(parser)
    return run(parser.parse_args(argv))


def define_ingest(command: argparse.ArgumentParser) -> None:
    command.add_argument("paths", nargs="*", type=Path, help="files or folders (default: the data folder)")
    command.add_argument(
        "--rebuild",
        nargs="?",
        const="quick",
        choices=("quick", "full"),
        help="build the whole index anew beside the old one, then switch to it; full: also read every file "
        "again",
    )
    command.add_argument(
        "--rollback", action="store_true", help="go back to the index before the last --rebuild, or forward"
    )
    command.add_argument(
        "--forget-previous", action="store_true", help="remove the index before the last --rebuild"
    )
    command.add_argument("--password", action="store_true", help="ask for the password of locked files")
    command.add_argument("--retry-failed", action="store_true", help="try again what failed before")
    command.add_argument(
        "--watch", action="store_true", help="stay, and read whatever changes, until stopped with Ctrl+C"
    )
    command.epilog = (
        "Exit code: 0 all well, 1 some files failed, 2 could not run, "
        "130 stopped, 141 the reader of stdout has gone."
    )


def run_ingest(arguments: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _watch(arguments) if arguments.watch else _ingest_and_report(arguments)
    except KeyboardInterrupt as stop:
        from docent.ingesting import IngestStopped

        if arguments.json and not arguments.watch:
            _print_json(stop.reports if isinstance(stop, IngestStopped) else [], stopped=True)
        print("Stopped. What was finished is kept; run it again for the rest.", file=sys.stderr)
        return 130


def _ingest_and_report(arguments: argparse.Namespace) -> int:
    reports = _ingest(arguments)
    if arguments.json:
        arguments.json = False  # interrupted from here on, it does not print a second one
        _print_json(reports or [], stopped=False)
    elif reports is not None:
        _print_table(reports)
    return 1 if any(report.outcome == "failed" for report in reports or []) else 0


def _paths(arguments: argparse.Namespace, settings: Settings) -> list[Path]:
    """Return the paths asked for, or the data folder, which is made if nothing was ever read."""
    if not arguments.paths and not settings.data.exists():
        if (settings.storage / "index").exists():  # an empty folder in its place would remove its documents
            raise InputError(
                "The data folder {data} is missing; its drive may not be mounted. Nothing was removed from "
                "the index. Bring it back, or, if an empty one is meant: mkdir -p '{data}'",
                data=settings.data,
            )
        settings.data.mkdir(parents=True)
    return arguments.paths or [settings.data]


def _watch(arguments: argparse.Namespace) -> int:
    """Print a line for each file that changes, until stopped."""
    from docent.app import open_docent

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
                on_trouble=lambda sentence: print(sentence, file=sys.stderr, flush=True),
            )
        except KeyboardInterrupt:
            print("Stopped watching.", file=sys.stderr)
    return 0


def _print_lines(reports: Sequence[FileReport]) -> None:
    for report in reports:
        pages = f"  {report.pages} {'page' if report.pages == 1 else 'pages'}" if report.pages else ""
        reason = f"  ({report.reason})" if report.reason else ""
        print(f"{report.outcome}  {report.library}  {report.path}{pages}{reason}", flush=True)


def _print_json_lines(reports: Sequence[FileReport]) -> None:
    for report in reports:
        print(json.dumps(asdict(report), ensure_ascii=False), flush=True)


def _password(arguments: argparse.Namespace) -> str | None:
    return getpass("Password of the locked files: ") if arguments.password else None


def _ingest(arguments: argparse.Namespace) -> list[FileReport] | None:
    """Return what happened to each file; None if no file was read."""
    from docent.app import forget_previous, roll_back

    settings = Settings.read()
    if arguments.rollback:
        made_with = roll_back(settings.storage, database_url=settings.database)
        print(f"The earlier index answers again; it was made with {made_with}.", file=sys.stderr)
        return None
    if arguments.forget_previous:
        removed = forget_previous(
            settings.storage, chroma_url=settings.chroma_url, database_url=settings.database
        )
        print("The earlier index is removed." if removed else "There is no earlier index.", file=sys.stderr)
        return None
    paths = _paths(arguments, settings)
    if arguments.rebuild and (settings.storage / "index" / "catalog.db").exists():
        failed = _rebuild(settings, arguments)
        if failed is not None:
            return failed or None
    return _read_files(settings, paths, arguments)


def _rebuild(settings: Settings, arguments: argparse.Namespace) -> list[FileReport] | None:
    """Build the new index and switch to it.

    Returns None if it is in use, and files can be read into it; else the reports of files that failed.
    """
    from docent.app import open_docent

    with open_docent(settings, building=True) as docent, _progress_bar(arguments) as bar:
        for _ in range(CHANGES):
            if failed := docent.rebuild(full=arguments.rebuild == "full", on_progress=bar):
                print("Not everything could be carried over, so the old index stays.", file=sys.stderr)
                return failed
            match docent.store.switch():
                case "switched":
                    print(
                        "The new index answers; python -m docent ingest --rollback goes back.",
                        file=sys.stderr,
                    )
                    return None
                case "busy":
                    print(
                        "The new index is complete. Another Docent, perhaps the chat, uses the old one and "
                        "cannot use this one, because it runs with other settings. Start it again with the "
                        "current settings, and it uses the new one.",
                        file=sys.stderr,
                    )
                    return []
    raise StoreError(
        "Documents change faster than the index can be built. Try again when fewer of them change."
    )


def _read_files(settings: Settings, paths: Sequence[Path], arguments: argparse.Namespace) -> list[FileReport]:
    from docent.app import open_docent
    from docent.ingesting import IngestStopped

    reports: list[FileReport] = []
    try:
        with open_docent(settings) as docent, _progress_bar(arguments) as bar:
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
    except KeyboardInterrupt as interrupt:  # perhaps a second one, while Docent is being closed
        raise IngestStopped(reports) from interrupt
    return reports


def _progress_bar(arguments: argparse.Namespace) -> AbstractContextManager[Callable[[IngestProgress], None]]:
    """Return a progress bar on stderr; nothing is shown where that is not a terminal."""
    return _ProgressBar() if sys.stderr.isatty() and not arguments.json else nullcontext(lambda _: None)


class _ProgressBar:
    """Make a `_RichBar` in a thread while the first pages are read: rich takes 0.12 s to import."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "progress bar")
        self._bar = self._executor.submit(_RichBar)

    def __enter__(self) -> Callable[[IngestProgress], None]:
        return self._show

    def __exit__(self, *_: object) -> None:
        self._bar.result().stop()
        self._executor.shutdown()

    def _show(self, progress: IngestProgress) -> None:
        self._bar.result().show(progress)


class _RichBar:
    """Show files, pages a second and time left on stderr."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Rich

        self._rich = Rich(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[text]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._reading = self._rich.add_task("Reading", total=None, text="")
        self._finishing = self._rich.add_task("Finishing", total=None, text="", visible=False)
        self._most = 0
        self._rich.start()

    def stop(self) -> None:
        self._rich.stop()

    def show(self, progress: IngestProgress) -> None:
        """Show files as their words become searchable; then the vectors that are still to be made."""
        elapsed = self._rich.tasks[0].elapsed
        speed = progress.pages / elapsed if elapsed else 0.0
        text = f"files  {progress.pages} pages  {speed:.1f} pages/s  {progress.path}"
        self._rich.update(self._reading, total=progress.of_files, completed=progress.files, text=text)
        if progress.files == progress.of_files:
            self._most = max(self._most, progress.waiting)
            done = self._most - progress.waiting
            text = "pieces  all words are searchable already"
            self._rich.update(
                self._finishing, total=self._most, completed=done, text=text, visible=self._most > 0
            )


def _print_json(reports: Sequence[FileReport], *, stopped: bool) -> None:
    files = [asdict(report) for report in reports]
    result = {"counts": _counts(reports), "stopped": stopped, "files": files}
    print(json.dumps(result, ensure_ascii=False, indent=2), flush=True)


def _counts(reports: Sequence[FileReport]) -> dict[str, int]:
    counts: Counter[str] = Counter(report.outcome for report in reports)
    empty = sum(report.nothing_to_search for report in reports)
    return {**{outcome: counts[outcome] for outcome in OUTCOMES}, "nothing_to_search": empty}


def _print_table(reports: Sequence[FileReport]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    class PipeConsole(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # handled in `main`; rich would exit with 1, which means that files failed

    console = PipeConsole()
    if not reports:
        folder = escape(str(Settings.read().data))
        console.print(
            f"There are no documents yet. Put PDF, Markdown or text files into {folder} and run this again.",
            soft_wrap=True,  # the path stays whole, to be copied
        )
        return
    shown = [report for report in reports if report.outcome != "unchanged"]
    if shown:
        table = Table("library", "file", "what happened", "pages", "why", box=None, header_style="bold")
        for report in shown:
            row = (report.library, report.path, report.outcome, report.coverage, report.reason)
            table.add_row(*(escape(cell) for cell in row))
        console.print(table)
    counts = _counts(reports)
    summary = ", ".join(f"{counts[outcome]} {outcome}" for outcome in OUTCOMES if counts[outcome])
    empty = counts["nothing_to_search"]
    console.print(f"{summary}; {empty} with nothing to search" if empty else summary)
