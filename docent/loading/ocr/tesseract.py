"""Scanned pages: drawn, and read by the OCR engine that is installed, several at a time."""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
from collections import defaultdict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol, Self

from docent.glossary import Line, Page, ReadBy
from docent.loading.job import Job, Watch

DOTS_PER_INCH = 300  # below 200 errors double, above 300 only time grows
COMMON = ("eng", "fra", "deu", "spa", "ita", "por", "nld")
MOST_LANGUAGES = 4
BLANK = 24  # of 255; less contrast than this is paper, not print
SPARSE = "11"  # tesseract's page mode for text that is scattered; second try after "3", whole pages
REMEDY = (
    "Run: sudo apt-get install tesseract-ocr (macOS: brew install tesseract), then read the file again: on "
    "the documents page, or with python ingest.py --rebuild=full"
)


class Drawable(Protocol):
    """A page that can be drawn."""

    @property
    def size(self) -> tuple[float, float]: ...

    def draw_grey_png(self, dots_per_inch: float) -> tuple[bytes, float, int]:
        """A PNG in grey, its dots per point, and the contrast between its lightest and darkest dot."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """What was read on one picture."""

    text: str
    confidence: float
    lines: tuple[Line, ...]


class OcrFailed(Exception):
    """The engine did not do its work, with the reason."""


class Recogniser:
    """Reads pictures of pages while the next pages are prepared."""

    def __init__(self, *, job: Job, watch: Watch) -> None:
        self._job = job
        self._watch = watch
        self._running: dict[int, Future[Recognised]] = {}
        self._threads = ThreadPoolExecutor(max_workers=max(1, job.ocr.parallel))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def begin(self, sheet: Drawable, page: Page, what: str) -> Page:
        """Start reading a page that shows something but says nothing; `finish` collects it.

        `what` is a sentence: what the page is, for the coverage report where it stays unread.
        """
        self._watch(page.number, "text")
        program = shutil.which("tesseract")
        if self._job.ocr.engine == "off":
            return _unread(page, f"{what} Reading scans is switched off (DOCENT_OCR=off).")
        png, scale, contrast = sheet.draw_grey_png(DOTS_PER_INCH)
        if contrast < BLANK:
            blank = replace(page, read_by=ReadBy.EMPTY, note="The page is blank.")
            return blank if not page.text else page
        if program is None:
            return _unread(page, f"{what} No program that reads scans is installed. {REMEDY}")
        self._running[page.number] = self._threads.submit(recognise, png, scale, self._job, program)
        return page

    def finish(self, page: Page) -> Page:
        """The page with what was recognised on it, once it has been."""
        running = self._running.pop(page.number, None)
        if running is None:
            return page
        self._watch(page.number, "ocr")
        try:
            found = running.result()
        except OcrFailed as error:
            return _unread(page, str(error))
        finally:
            self._watch(page.number, "text")
        if not found.text:
            empty = page.read_by is ReadBy.EMPTY
            return replace(page, note="A picture without text.") if empty else page
        kept = page.text if page.text and page.text not in found.text else ""
        shift = len(kept) + 1 if kept else 0
        return replace(
            page,
            text=f"{kept}\n{found.text}" if kept else found.text,
            read_by=ReadBy.OCR,
            note="Read by OCR from a picture of the page.",
            confidence=found.confidence,
            headings=(),
            lines=(
                *(page.lines if kept else ()),
                *(replace(line, start=line.start + shift, end=line.end + shift) for line in found.lines),
            ),
        )


def _unread(page: Page, why: str) -> Page:
    """A scan with a stamp of real text keeps that text, but counts as unread."""
    return replace(page, read_by=ReadBy.FAILED, note=why)


def recognise(png: bytes, scale: float, job: Job, program: str) -> Recognised:
    """Read one picture. An empty result is tried again as scattered text."""
    languages = "+".join(job.ocr.languages or _installed(program, job))
    for mode in ("3", SPARSE):
        table = _tesseract([program, "-", "-", "-l", languages, "--psm", mode, "tsv"], png, job)
        found = _read_table(table, scale)
        if found.text:
            return found
    return Recognised("", 0.0, ())


def _tesseract(command: list[str], png: bytes, job: Job) -> str:
    done = _run(command, png, job)
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise OcrFailed(f"tesseract could not read this page: {said[-1] if said else done.returncode}.")
    return done.stdout.decode("utf-8", "replace")


def _run(command: list[str], given: bytes, job: Job) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            command,
            input=given,
            capture_output=True,
            timeout=job.limits.ocr_seconds * 0.9,
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},  # four threads are ten times slower on one page
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise OcrFailed(f"Reading this scan was stopped after {job.limits.ocr_seconds:.0f} s.") from error
    except OSError as error:
        raise OcrFailed(f"tesseract could not be started ({error.strerror}). {REMEDY}") from error


def _installed(program: str, job: Job) -> list[str]:
    found = set(_run([program, "--list-langs"], b"", job).stdout.decode("utf-8", "replace").split())
    return [language for language in COMMON if language in found][:MOST_LANGUAGES] or ["eng"]


def _read_table(table: str, scale: float) -> Recognised:
    """Tesseract's words, put together as lines with their boxes."""
    rows: dict[tuple[str, ...], list[dict[str, str]]] = defaultdict(list)
    for row in csv.DictReader(io.StringIO(table), delimiter="\t", quoting=csv.QUOTE_NONE):
        if row.get("level") == "5" and (row.get("text") or "").strip():
            rows[(row["block_num"], row["par_num"], row["line_num"])].append(row)
    parts: list[str] = []
    lines: list[Line] = []
    trust, length = 0.0, 0
    for words in rows.values():
        text = " ".join(word["text"].strip() for word in words)
        lefts, tops = [float(word["left"]) for word in words], [float(word["top"]) for word in words]
        rights = [left + float(word["width"]) for left, word in zip(lefts, words, strict=True)]
        bottoms = [top + float(word["height"]) for top, word in zip(tops, words, strict=True)]
        box = (min(lefts) / scale, min(tops) / scale, max(rights) / scale, max(bottoms) / scale)
        lines.append(Line(length, length + len(text), box))
        parts.append(text)
        length += len(text) + 1
        trust += sum(float(word["conf"]) * len(word["text"]) for word in words)
    letters = sum(len(part.replace(" ", "")) for part in parts)
    return Recognised("\n".join(parts), round(trust / 100 / letters, 3) if letters else 0.0, tuple(lines))
