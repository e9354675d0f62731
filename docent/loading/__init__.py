"""load(file) → Document: what a file says, page by page, read where it can hurt nothing."""

from __future__ import annotations

from docent.loading.file_types import supported_kinds
from docent.loading.job import Limits, Ocr
from docent.loading.loader import LOADER_VERSION, Loader, Reading, Spans, load

__all__ = [
    "LOADER_VERSION",
    "Limits",
    "Loader",
    "Ocr",
    "Reading",
    "Spans",
    "load",
    "supported_kinds",
]
