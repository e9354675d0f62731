"""PNG and JPEG: one page, read by OCR."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator

from PIL import Image, ImageOps, UnidentifiedImageError

from docent.errors import HarmfulFile, UnreadableFile
from docent.glossary import Page, ReadBy
from docent.loading.input_file import Source
from docent.loading.job import Contents, Job, Watch
from docent.loading.ocr.page_image import boxed_png
from docent.loading.ocr.tesseract import Recogniser
from docent.loading.pdf.geometry import Box

MOST_DOTS = 80_000_000  # 9,000 by 9,000: an A3 sheet at 600 dots per inch
LONGEST_SIDE = 5_000  # larger takes OCR longer and reads no better
SMALLEST_PRINT = 1_200  # dots; a picture narrower than this is enlarged, or small letters are lost


class Picture:
    """A picture as a page: one dot is one point."""

    def __init__(self, source: Source) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            source.stream.seek(0)
            image = Image.open(source.stream, formats=("PNG", "JPEG"))
        if image.width * image.height > MOST_DOTS:
            raise HarmfulFile(
                f"{source.name} is {image.width:,} by {image.height:,} dots, more than are read. "
                "Save it smaller."
            )
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I"):  # 65,536 greys, of which `convert` makes all but 256 white
            upright = upright.point(lambda grey: grey * (1 / 256)).convert("L")
        self.size = (float(upright.width), float(upright.height))
        self._upright = upright
        self._grey = _on_white(upright)

    def draw_png(self, boxes: list[Box]) -> bytes:
        """The picture with boxes drawn around what is cited."""
        return boxed_png(self._upright, boxes, scale=1.0)

    def draw_grey_png(self, dots_per_inch: float) -> tuple[bytes, float, int]:
        scale = min(1.0, LONGEST_SIDE / max(self.size))
        if max(self.size) < SMALLEST_PRINT:
            scale = 2.0
        width, height = (max(1, round(edge * scale)) for edge in self.size)
        grey = self._grey.resize((width, height)) if scale != 1.0 else self._grey
        darkest, lightest = grey.getextrema()
        out = io.BytesIO()
        grey.save(out, "PNG", compress_level=1)
        return out.getvalue(), scale, int(lightest) - int(darkest)  # type: ignore[arg-type]


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layered = image.convert("RGBA")
        paper = Image.new("RGBA", layered.size, "white")
        image = Image.alpha_composite(paper, layered)
    return image.convert("L")


def open_picture(source: Source) -> Picture:
    """Raises UnreadableFile with the reason."""
    try:
        return Picture(source)
    except Image.DecompressionBombError as error:
        raise HarmfulFile(f"{source.name} has more dots than are read. Save it smaller.") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise UnreadableFile(
            f"{source.name} is a damaged picture ({error}). Copy or download it again."
        ) from error


def read(source: Source, *, job: Job, watch: Watch) -> Contents:
    return Contents(pages=_pages(source, job, watch))


def _pages(source: Source, job: Job, watch: Watch) -> Iterator[Page]:
    if 1 in job.skip:
        yield Page(1, "", place="picture", read_by=ReadBy.FAILED, note=job.skip[1])
        return
    watch(1, "text")
    picture = open_picture(source)
    with Recogniser(job=job, watch=watch) as recogniser:
        page = Page(1, "", place="picture", read_by=ReadBy.EMPTY, size=picture.size)
        yield recogniser.finish(recogniser.begin(picture, page, "The page is a scan."))
