"""OCR of scanned pages by tesseract, several at a time."""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
from collections import defaultdict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, Self

from docent.loading.job import MAX_REASON_CHARS, Job, StepReporter
from docent.messages import Message, joined
from docent.types import Line, Page, ReadBy

if TYPE_CHECKING:  # takes a tenth of a worker's start, and few files are drawn
    from PIL import Image

DOTS_PER_INCH = 300  # below 200 errors double, above 300 only time grows
COMMON_LANGUAGES = ("eng", "fra", "deu", "spa", "ita", "por", "nld")
MAX_LANGUAGES = 4
MIN_CONTRAST = 24  # of 255; less contrast than this is a blank page
SPARSE_TEXT_MODE = "11"  # tesseract's page mode for text that is scattered; second try after "3", whole pages
SWITCHED_OFF = Message("Reading scans is switched off (DOCENT_OCR=off).")
NOT_INSTALLED = Message("No program that reads scans is installed.")
INSTALL_HINT = Message(
    "Run: sudo apt-get install tesseract-ocr (macOS: brew install tesseract), then read the file again: on "
    "the documents page, or with python -m docent ingest --rebuild=full"
)


class DrawablePage(Protocol):
    """A page that can be drawn."""

    def draw_image(self, dots_per_inch: float) -> tuple[Image.Image, float]:
        """Return the page as a grey image, and its pixels per point."""


@dataclass(frozen=True, slots=True)
class OcrText:
    """The text recognised on one image."""

    text: str
    confidence: float
    lines: tuple[Line, ...]


class OcrFailed(Exception):
    """The OCR engine failed."""

    def __init__(self, reason: Message) -> None:
        super().__init__(reason)
        self.reason = reason


class OcrQueue:
    """Recognises pages in threads while the next pages are prepared."""

    def __init__(self, *, job: Job, report_step: StepReporter) -> None:
        self._job = job
        self._report_step = report_step
        self._running: dict[int, Future[OcrText]] = {}
        self._threads = ThreadPoolExecutor(max_workers=max(1, job.ocr.parallel))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def begin(self, drawable: DrawablePage, page: Page, description: Message) -> Page:
        """Start the OCR of a page that has an image and no text; `finish` collects the result.

        `description` is a sentence on the page, for the coverage report where it stays unread.
        """
        self._report_step(page.number, "text")
        program = shutil.which("tesseract")
        if self._job.ocr.engine == "off":
            return _unread(page, joined((description, SWITCHED_OFF), " "))
        image, scale = drawable.draw_image(DOTS_PER_INCH)
        if contrast(image) < MIN_CONTRAST:
            blank = replace(page, read_by=ReadBy.EMPTY, note=Message("The page is blank."))
            return blank if not page.text else page
        if program is None:
            return _unread(page, joined((description, NOT_INSTALLED, INSTALL_HINT), " "))
        png = io.BytesIO()
        image.save(png, "PNG", compress_level=1)
        self._running[page.number] = self._threads.submit(
            recognise, png.getvalue(), scale, self._job, program
        )
        return page

    def finish(self, page: Page) -> Page:
        """Wait for the OCR of a page, if any was started, and return the page with its text."""
        running = self._running.pop(page.number, None)
        if running is None:
            return page
        self._report_step(page.number, "ocr")
        try:
            recognised = running.result()
        except OcrFailed as error:
            return _unread(page, error.reason)
        finally:
            self._report_step(page.number, "text")
        if not recognised.text:
            empty = page.read_by is ReadBy.EMPTY
            return replace(page, note=Message("A picture without text.")) if empty else page
        kept_text = page.text if page.text and page.text not in recognised.text else ""
        shift = len(kept_text) + 1 if kept_text else 0
        return replace(
            page,
            text=f"{kept_text}\n{recognised.text}" if kept_text else recognised.text,
            read_by=ReadBy.OCR,
            note=Message("Read by OCR from a picture of the page."),
            confidence=recognised.confidence,
            headings=(),
            lines=(
                *(page.lines if kept_text else ()),
                *(replace(line, start=line.start + shift, end=line.end + shift) for line in recognised.lines),
            ),
        )


def contrast(grey: Image.Image) -> int:
    """Return the difference between the lightest and the darkest pixel: small on a blank page."""
    darkest, lightest = grey.getextrema()
    return int(lightest) - int(darkest)  # type: ignore[arg-type]


def _unread(page: Page, reason: Message) -> Page:
    """Return the page as unread; a scan with a stamp of real text keeps that text."""
    return replace(page, read_by=ReadBy.FAILED, note=reason)


def recognise(png: bytes, scale: float, job: Job, program: str) -> OcrText:
    """Recognise one image. An empty result is tried again as scattered text."""
    languages = "+".join(job.ocr.languages or _installed_languages(program, job))
    for mode in ("3", SPARSE_TEXT_MODE):
        tsv = _recognise_tsv([program, "-", "-", "-l", languages, "--psm", mode, "tsv"], png, job)
        recognised = _read_table(tsv, scale)
        if recognised.text:
            return recognised
    return OcrText("", 0.0, ())


def _recognise_tsv(command: list[str], png: bytes, job: Job) -> str:
    process = _run_tesseract(command, png, job)
    if process.returncode != 0:
        stderr = process.stderr.decode("utf-8", "replace").strip().splitlines()
        why = stderr[-1][:MAX_REASON_CHARS] if stderr else process.returncode
        raise OcrFailed(Message("tesseract could not read this page: {why}.", why=why))
    return process.stdout.decode("utf-8", "replace")


def _run_tesseract(command: list[str], stdin: bytes, job: Job) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            timeout=job.limits.ocr_seconds * 0.9,
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},  # four threads are ten times slower on one page
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise OcrFailed(
            Message("Reading this scan was stopped after {seconds:.0f} s.", seconds=job.limits.ocr_seconds)
        ) from error
    except OSError as error:
        failed = Message("tesseract could not be started ({why}).", why=error.strerror)
        raise OcrFailed(joined((failed, INSTALL_HINT), " ")) from error


def _installed_languages(program: str, job: Job) -> list[str]:
    process = _run_tesseract([program, "--list-langs"], b"", job)
    installed = set(process.stdout.decode("utf-8", "replace").split())
    return [language for language in COMMON_LANGUAGES if language in installed][:MAX_LANGUAGES] or ["eng"]


def _read_table(tsv: str, scale: float) -> OcrText:
    """Return tesseract's words joined as lines with their boxes."""
    words_by_line: dict[tuple[str, ...], list[dict[str, str]]] = defaultdict(list)
    for row in csv.DictReader(io.StringIO(tsv), delimiter="\t", quoting=csv.QUOTE_NONE):
        if row.get("level") == "5" and (row.get("text") or "").strip():
            words_by_line[(row["block_num"], row["par_num"], row["line_num"])].append(row)
    texts: list[str] = []
    lines: list[Line] = []
    confidence, length = 0.0, 0
    for words in words_by_line.values():
        text = " ".join(word["text"].strip() for word in words)
        lefts, tops = [float(word["left"]) for word in words], [float(word["top"]) for word in words]
        rights = [left + float(word["width"]) for left, word in zip(lefts, words, strict=True)]
        bottoms = [top + float(word["height"]) for top, word in zip(tops, words, strict=True)]
        box = (min(lefts) / scale, min(tops) / scale, max(rights) / scale, max(bottoms) / scale)
        lines.append(Line(length, length + len(text), box))
        texts.append(text)
        length += len(text) + 1
        confidence += sum(float(word["conf"]) * len(word["text"]) for word in words)
    letters = sum(len(part.replace(" ", "")) for part in texts)
    return OcrText("\n".join(texts), round(confidence / 100 / letters, 3) if letters else 0.0, tuple(lines))
