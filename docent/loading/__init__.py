"""load(file) → Document: the text of a file, page by page, read in a sandboxed process."""

from __future__ import annotations

from docent.loading.file_types import supported_kinds
from docent.loading.job import Limits, Ocr
from docent.loading.loader import LOADER_VERSION, Loader, PageStream, Spans, load

__all__ = [
    "LOADER_VERSION",
    "Limits",
    "Loader",
    "Ocr",
    "PageStream",
    "Spans",
    "load",
    "supported_kinds",
]
