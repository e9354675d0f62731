"""PNG and JPEG: one page, read by OCR."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from PIL import Image, ImageOps, UnidentifiedImageError

from docent.errors import HarmfulFile, UnreadableFile
from docent.loading.job import Contents, InputFile, Job, StepReporter
from docent.loading.ocr import OcrQueue
from docent.messages import Message
from docent.types import Page, ReadBy

MAX_PIXELS = 80_000_000  # 9,000 by 9,000: an A3 sheet at 600 dots per inch
MAX_SIDE = 5_000  # OCR of a larger image takes longer and is no better
MIN_SIDE = 1_200  # a smaller image is enlarged, or small letters are lost


class ImagePage:
    """An image as a page: one pixel is one point."""

    def __init__(self, source: InputFile) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            source.stream.seek(0)
            image = Image.open(source.stream, formats=("PNG", "JPEG"))
        if image.width * image.height > MAX_PIXELS:
            raise HarmfulFile(
                "{name} has {width:,} by {height:,} pixels, too many to be read. Save it smaller.",
                name=source.name,
                width=image.width,
                height=image.height,
            )
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I"):  # 16-bit grey; `convert` alone would make all values above 255 white
            upright = upright.point(lambda grey: grey * (1 / 256)).convert("L")
        self.image = upright
        self.size = (float(upright.width), float(upright.height))
        self._grey = _on_white(upright)

    def draw_image(self, dots_per_inch: float) -> tuple[Image.Image, float]:
        scale = min(1.0, MAX_SIDE / max(self.size))
        if max(self.size) < MIN_SIDE:
            scale = 2.0
        width, height = (max(1, round(edge * scale)) for edge in self.size)
        return self._grey.resize((width, height)) if scale != 1.0 else self._grey, scale


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        background = Image.new("RGBA", rgba.size, "white")
        image = Image.alpha_composite(background, rgba)
    return image.convert("L")


def open_image(source: InputFile) -> ImagePage:
    """Open a PNG or JPEG. Raises UnreadableFile or HarmfulFile."""
    try:
        return ImagePage(source)
    except Image.DecompressionBombError as error:
        raise HarmfulFile(
            "{name} has too many pixels to be read. Save it smaller.", name=source.name
        ) from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise UnreadableFile(
            "{name} is a damaged picture ({why}). Copy or download it again.", name=source.name, why=error
        ) from error


def read(source: InputFile, *, job: Job, report_step: StepReporter) -> Contents:
    return Contents(pages=_pages(source, job, report_step))


def _pages(source: InputFile, job: Job, report_step: StepReporter) -> Iterator[Page]:
    if 1 in job.skip:
        yield Page(1, "", place="picture", read_by=ReadBy.FAILED, note=job.skip[1])
        return
    report_step(1, "text")
    image_page = open_image(source)
    with OcrQueue(job=job, report_step=report_step) as ocr_queue:
        page = Page(1, "", place="picture", read_by=ReadBy.EMPTY, size=image_page.size)
        yield ocr_queue.finish(ocr_queue.begin(image_page, page, Message("The page is a scan.")))
