"""Generate documents with known text: a long book, and scans of it; measure OCR on the scans."""

from __future__ import annotations

import io
import os
import random
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pypdfium2
from PIL import Image, ImageFilter
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from docent.loading import Limits, Loader, Ocr

WORDS = (
    "the annual report of a harbour company tells how many ships were mended which crews were hired what "
    "grain and timber cost how storms closed two quays in winter and why revenue grew by some percent "
    "although insurance tariffs and fuel rose while customers waited longer than before for their cargo"
).split()
SCANNED = 6  # pages


class Scanner(NamedTuple):
    """The quality of a scan."""

    dots: int
    """Dots per inch."""
    turned: float
    """Largest rotation in degrees."""
    blur: float
    noise: float


SCANNERS = {
    "office, 200 dots per inch": Scanner(200, 0.6, 0.7, 0.12),
    "poor, 100 dots per inch": Scanner(100, 1.0, 0.6, 0.2),
}


def page_lines(number: int, count: int = 46) -> list[str]:
    """Return prose with figures, always the same for a page number."""
    chance = random.Random(number)
    lines = [f"Page {number} of the harbour's book"]
    for _ in range(count):
        words = [*chance.choices(WORDS, k=11), f"{chance.randrange(10, 99_999):,}"]
        chance.shuffle(words)
        lines.append(" ".join(words).capitalize())
    return lines


def book(pages: int) -> bytes:
    """Return a PDF of that many different pages of prose."""
    out = io.BytesIO()
    sheet = Canvas(out, pagesize=A4, invariant=True)
    for number in range(1, pages + 1):
        sheet.setFont("Helvetica", 10)
        for at, line in enumerate(page_lines(number)):
            sheet.drawString(60, 780 - 15 * at, line)
        sheet.showPage()
    sheet.save()
    return out.getvalue()


def scanned(pages: int, scanner: Scanner) -> bytes:
    """Return the same book as a scan: grey, slightly rotated, blurred, with noise, and without text."""
    dots = scanner.dots
    document = pypdfium2.PdfDocument(book(pages))
    sheets: list[Image.Image] = []
    for index in range(pages):
        chance = random.Random(index)
        picture = document[index].render(scale=dots / 72, grayscale=True).to_pil()
        picture = picture.rotate(
            chance.uniform(-scanner.turned, scanner.turned), fillcolor=255, resample=Image.Resampling.BICUBIC
        )
        picture = picture.filter(ImageFilter.GaussianBlur(scanner.blur))
        noise = Image.effect_noise(picture.size, 80)
        sheets.append(Image.blend(picture, noise, scanner.noise))
    out = io.BytesIO()
    sheets[0].save(out, "PDF", save_all=True, append_images=sheets[1:], resolution=dots)
    return out.getvalue()


def errors(read: str, truth: str) -> int:
    """Return the edit distance in characters between the text read and the true text."""
    row = list(range(len(read) + 1))
    for at, wanted in enumerate(truth):
        last = [at + 1]
        for index, (left, above) in enumerate(pairwise(row)):
            last.append(min(left + (read[index] != wanted), above + 1, last[-1] + 1))
        row = last
    return row[-1]


def scans() -> None:
    """Measure good and poor scans with all cores, and the good ones page by page."""
    cores = len(os.sched_getaffinity(0))
    print("| scan | pages at a time | pages | pages/min | wrong characters | confidence |")
    print("|---|---|---|---|---|---|")
    first, *_ = SCANNERS
    for name, parallel in ((first, 1), *((name, cores) for name in SCANNERS)):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "scan.pdf"
            path.write_bytes(scanned(SCANNED, SCANNERS[name]))
            print(f"| {name} | {parallel} | {_row(path, parallel)} |", flush=True)


def _row(path: Path, parallel: int) -> str:
    ocr = Ocr(languages=("eng",), parallel=parallel)
    with Loader(limits=Limits(), ocr=ocr, workers=1) as loader:
        began = time.perf_counter()
        pages = loader.load(path).pages
        seconds = time.perf_counter() - began
    truth = [" ".join(page_lines(page.number)) for page in pages]
    read = [" ".join(page.text.split()) for page in pages]
    wrong = sum(map(errors, read, truth)) / sum(map(len, truth))
    confidence = sum(page.confidence for page in pages) / len(pages)
    return f"{len(pages)} | {len(pages) * 60 / seconds:.0f} | {wrong:.2%} | {confidence:.2f}"
