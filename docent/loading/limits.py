"""What reading one file may cost, and how pages without text are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one file may take; over any of these it is refused with its reason."""

    file_bytes: int = 200_000_000
    memory_bytes: int = 1_400_000_000
    """Address space of a worker. A 1 GB bomb must not fit; the heaviest honest page needs 300 MB."""
    file_seconds: float = 300.0
    """Not counting recognition of scans, which has its own limit for each page."""
    page_seconds: float = 20.0
    ocr_seconds: float = 90.0
    """For one page; 2 to 5 s is usual."""
    pages: int = 20_000
    page_chars: int = 1_000_000
    document_chars: int = 100_000_000
    expanded_bytes: int = 600_000_000
    """Of everything inside a zipped format (docx, xlsx, epub …) together."""
    zip_entries: int = 20_000


@dataclass(frozen=True, slots=True)
class Ocr:
    """How scanned pages are read: with tesseract where it is installed, or not at all."""

    engine: Literal["auto", "off"] = "auto"
    languages: tuple[str, ...] = ()
    """Tesseract's names ("eng", "fra"); empty: English and whatever else is installed, at most four."""
    parallel: int = 2
    """Pages of one file recognised at a time, each on one core."""


def too_many_pages(name: str, limits: Limits) -> str:
    return f"{name} has more than {limits.pages:,} pages, the most that are read. Split it."


def too_many_characters(name: str, limits: Limits) -> str:
    return (
        f"{name} expands to more than {limits.document_chars:,} characters. "
        "Split it, or remove it if you do not know where it comes from."
    )
