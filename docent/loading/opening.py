"""A file of a known kind, handed to the one module that reads it."""

from __future__ import annotations

from importlib import import_module

from docent.loading.kinds import KINDS
from docent.loading.reading import Contents, Job, Watch
from docent.loading.source import Source

MODULES = {kind: kind for kind in KINDS} | {"jsonl": "json", "png": "image", "jpeg": "image"}


def open_contents(source: Source, kind: str, job: Job, *, watch: Watch) -> Contents:
    """What a file says; only its own reader's libraries are imported."""
    module = import_module(f"docent.loading.formats.{MODULES[kind]}")
    contents: Contents = module.read(source, job=job, watch=watch)
    return contents
