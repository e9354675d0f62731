"""`docent samples`: copy the sample documents and their personas to where a person can try them."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from docent.resources import FILES
from docent.settings import Settings

LIBRARIES = ("handbook", "internships", "restaurants")


def define_samples(command: argparse.ArgumentParser) -> None:
    command.epilog = "A file that is there already stays as it is."


def run_samples(arguments: argparse.Namespace) -> None:
    settings = Settings.read()
    samples = sorted(path for library in LIBRARIES for path in (FILES / "data" / library).iterdir())
    copied = [_copy(path, settings.data / path.parent.name / path.name) for path in samples]
    _copy(FILES / "personas.toml", settings.personas)
    print(f"{sum(copied)} sample documents copied to {settings.data}, {copied.count(False)} were there.")
    print("Read them with: python -m docent ingest", file=sys.stderr)


def _copy(source: Path, target: Path) -> bool:
    """Copy a file unless there is one; return True if it was copied."""
    if target.exists():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    return True
