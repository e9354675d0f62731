"""Pictures of pages: boxes drawn on them, to show what is cited, and the dots of one."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from docent.loading.pdf.geometry import Box

if TYPE_CHECKING:  # few files are ever drawn, and it takes a tenth of a reader's start
    from PIL import Image

MARKER = (255, 214, 10)  # yellow
EDGE = (220, 140, 0, 255)
MOST_SHOWN = 2_400  # dots on a side; more is not seen in a browser and takes long to load


def boxed_png(image: Image.Image, boxes: Sequence[Box], *, scale: float) -> bytes:
    """The picture as a PNG with a box around each place; `scale` is dots per unit of the boxes."""
    from PIL import ImageDraw

    shrink = min(1.0, MOST_SHOWN / max(image.size))
    if shrink < 1.0:
        width, height = (max(1, round(edge * shrink)) for edge in image.size)
        image = image.resize((width, height))
    image = image.convert("RGB")
    brush = ImageDraw.Draw(image, "RGBA")
    for box in boxes:
        brush.rectangle([edge * scale * shrink for edge in box], fill=(*MARKER, 80), outline=EDGE)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


class Dots(NamedTuple):
    """Grey dots, row by row; 255 is white."""

    width: int
    height: int
    stride: int
    dots: bytes
    scale: float

    def spread(self, box: Box) -> int:
        """Difference between the lightest and the darkest dot in a box: 0 when nothing shows."""
        left, top, right, bottom = (int(edge * self.scale) for edge in box)
        left, right = max(left, 0), min(right + 1, self.width)
        darkest, lightest = 255, 0
        for row in range(max(top, 0), min(bottom + 1, self.height)):
            dots = self.dots[row * self.stride + left : row * self.stride + right]
            if dots:
                darkest, lightest = min(darkest, min(dots)), max(lightest, max(dots))
        return max(lightest - darkest, 0)
