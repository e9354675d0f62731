"""Images of pages: boxes drawn around citations, and the contrast of an area."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from docent.loading.pdf.geometry import Box

if TYPE_CHECKING:  # takes a tenth of a worker's start, and few files are drawn
    from PIL import Image

MARKER_COLOUR = (255, 214, 10)  # yellow
BORDER_COLOUR = (220, 140, 0, 255)
MAX_SIDE = 2_400  # pixels; more is not seen in a browser and takes long to load


def draw_boxes(image: Image.Image, boxes: Sequence[Box], *, scale: float) -> bytes:
    """Return the image as a PNG with boxes drawn on it; `scale` is pixels per unit of the boxes."""
    from PIL import ImageDraw

    reduction = min(1.0, MAX_SIDE / max(image.size))
    if reduction < 1.0:
        width, height = (max(1, round(edge * reduction)) for edge in image.size)
        image = image.resize((width, height))
    image = image.convert("RGB")
    canvas = ImageDraw.Draw(image, "RGBA")
    for box in boxes:
        canvas.rectangle(
            [edge * scale * reduction for edge in box], fill=(*MARKER_COLOUR, 80), outline=BORDER_COLOUR
        )
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def encode_grey_png(image: Image.Image) -> tuple[bytes, int]:
    """Return a grey image as a PNG, and the contrast between its lightest and darkest pixel."""
    darkest, lightest = image.getextrema()
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue(), int(lightest) - int(darkest)  # type: ignore[arg-type]


class GreyBitmap(NamedTuple):
    """Grey pixels, row by row; 255 is white."""

    width: int
    height: int
    stride: int
    pixels: bytes
    scale: float

    def contrast(self, box: Box) -> int:
        """Return the difference between the lightest and the darkest pixel in a box: 0 when nothing shows."""
        left, top, right, bottom = (int(edge * self.scale) for edge in box)
        left, right = max(left, 0), min(right + 1, self.width)
        darkest, lightest = 255, 0
        for row in range(max(top, 0), min(bottom + 1, self.height)):
            pixels = self.pixels[row * self.stride + left : row * self.stride + right]
            if pixels:
                darkest, lightest = min(darkest, min(pixels)), max(lightest, max(pixels))
        return max(lightest - darkest, 0)
