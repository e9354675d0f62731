"""load(file) → Document: what a file says, page by page, read where it can hurt nothing."""

from __future__ import annotations

from pathlib import Path

from docent.loading.kinds import detect, supported_kinds
from docent.loading.limits import Limits, Ocr
from docent.loading.loader import LOADER_VERSION, Loader, Reading, Spans, load
from docent.loading.source import read_source

__all__ = [
    "LOADER_VERSION",
    "Limits",
    "Loader",
    "Ocr",
    "Reading",
    "Spans",
    "kind_of",
    "load",
    "supported_kinds",
]


def kind_of(path: Path, *, limits: Limits) -> str:
    """The kind of a file by its content. Raises LoadError with a sentence."""
    return detect(read_source(path, largest=limits.file_bytes), limits)
