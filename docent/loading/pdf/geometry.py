"""Positions on a page: words, their boxes, and the pixels in a box."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # takes a tenth of a worker's start, and few files are drawn
    from PIL import Image


Box = tuple[float, float, float, float]
"""Left, top, right, bottom in points from the page's top left corner, as it is shown."""

HYPHEN = "\x02"
"""A hyphen that is only there because the line ends."""


class Word(NamedTuple):
    """Characters `first` to `last` of the engine's text, without a space between them."""

    text: str
    box: Box
    first: int
    last: int


class PageFrame(NamedTuple):
    """The bounds of a page in the file's coordinates, and its rotation in degrees when it is shown."""

    left: float
    bottom: float
    right: float
    top: float
    rotation: int

    def to_page(self, left: float, bottom: float, right: float, top: float) -> Box:
        """Convert from the file's coordinates to those of the page as it is shown."""
        match self.rotation:
            case 90:
                return (bottom - self.bottom, left - self.left, top - self.bottom, right - self.left)
            case 180:
                return (self.right - right, bottom - self.bottom, self.right - left, top - self.bottom)
            case 270:
                return (self.top - top, self.right - right, self.top - bottom, self.right - left)
            case _:
                return (left - self.left, self.top - top, right - self.left, self.top - bottom)

    def to_file(self, box: Box) -> Box:
        """Convert from the page as it is shown to left, bottom, right, top in the file's coordinates."""
        left, top, right, bottom = box
        match self.rotation:
            case 90:
                return (top + self.left, left + self.bottom, bottom + self.left, right + self.bottom)
            case 180:
                return (self.right - right, top + self.bottom, self.right - left, bottom + self.bottom)
            case 270:
                return (self.right - bottom, self.top - right, self.right - top, self.top - left)
            case _:
                return (left + self.left, self.top - bottom, right + self.left, self.top - top)


def union(box: Box, other: Box) -> Box:
    """Return the smallest box around both."""
    return (
        box[0] if box[0] < other[0] else other[0],
        box[1] if box[1] < other[1] else other[1],
        box[2] if box[2] > other[2] else other[2],
        box[3] if box[3] > other[3] else other[3],
    )


def beside(box: Box, other_box: Box) -> bool:
    """Return whether two boxes are on one line: they share at least half of the lower one's height."""
    _, top, _, bottom = box
    _, other_top, _, other_bottom = other_box
    height, other = bottom - top, other_bottom - other_top
    lower = height if height < other else other
    if lower <= 0:
        return abs(top - other_top) < 2
    # min and max would take half of the layout's time: this is called for every two words.
    shared = (bottom if bottom < other_bottom else other_bottom) - (top if top > other_top else other_top)
    return shared >= 0.5 * lower


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
