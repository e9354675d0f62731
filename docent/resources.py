"""Files of Docent that are no code: the chat's page, personas, the content policy, sample documents."""

from __future__ import annotations

import shutil
from pathlib import Path

INSTALLED = Path(__file__).resolve().parent / "installed"
"""In an installed package; the build puts the files there, as pyproject.toml says."""

FILES = INSTALLED if INSTALLED.is_dir() else INSTALLED.parent.parent
"""Holds app.py, public/, .chainlit/, chainlit.md, personas.toml, policy.toml and data/."""

SAMPLES = ("handbook", "internships", "restaurants")
"""The libraries of the sample documents."""


def copy_samples(data: Path) -> list[bool]:
    """Copy the sample documents to a data folder; return for each if it was copied, not there already."""
    samples = sorted(path for library in SAMPLES for path in (FILES / "data" / library).iterdir())
    return [copy_unless_there(path, data / path.parent.name / path.name) for path in samples]


def copy_unless_there(source: Path, target: Path) -> bool:
    """Copy a file unless there is one; return True if it was copied."""
    if target.exists():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    return True
