"""Boxes drawn on a picture, to show what is cited on it."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw

from docent.loading.words import Box

MARKER = (255, 214, 10)  # yellow
EDGE = (220, 140, 0, 255)
MOST_SHOWN = 2_400  # dots on a side; more is not seen in a browser and takes long to load


def boxed_png(image: Image.Image, boxes: Sequence[Box], *, scale: float) -> bytes:
    """The picture as a PNG with a box around each place; `scale` is dots per unit of the boxes."""
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
