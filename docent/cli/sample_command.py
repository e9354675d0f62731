"""`docent samples`: copy the sample documents and their personas to where a person can try them."""

from __future__ import annotations

import argparse
import sys

from docent.resources import FILES, copy_samples, copy_unless_there
from docent.settings import Settings


def define_samples(command: argparse.ArgumentParser) -> None:
    command.epilog = "A file that is there already stays as it is."


def run_samples(arguments: argparse.Namespace) -> None:
    settings = Settings.read()
    copied = copy_samples(settings.data)
    copy_unless_there(FILES / "personas.toml", settings.personas)
    print(f"{sum(copied)} sample documents copied to {settings.data}, {copied.count(False)} were there.")
    print("Read them with: python -m docent ingest", file=sys.stderr)
