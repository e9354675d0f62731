"""`docent worker`: read and embed what others have queued, until it is told to stop."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from docent.errors import SettingsError
from docent.settings import Settings


def define_worker(command: argparse.ArgumentParser) -> None:
    command.epilog = (
        "Any number of workers share the jobs of a database (DOCENT_DATABASE_URL), on any number of machines "
        "that reach its original files (DOCENT_FILES_URL). Ctrl+C or SIGTERM stops it; another worker goes "
        "on with what it had."
    )


def run_worker(arguments: argparse.Namespace) -> None:
    from docent.app import open_docent

    settings = Settings.read()
    if not settings.database:
        raise SettingsError(
            "`docent worker` takes its jobs from a database, and DOCENT_DATABASE_URL names none. Without a "
            "database the server reads and embeds by itself: python -m docent serve"
        )
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with open_docent(settings.model_copy(update={"read_files": "auto"}), searches=False) as docent:
        docent.work()
        print("The worker takes jobs until it is stopped.", file=sys.stderr, flush=True)
        stopping.wait()
