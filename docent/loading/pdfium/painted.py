"""What a page is painted of: its texts and shapes in their order, where they are and how they look.

A page has thousands, so all that is asked of them is asked of all at once.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cached_property
from itertools import repeat
from struct import Struct
from typing import NamedTuple

from docent.loading.pdfium.calls import (
    OBJECT_BOUNDS,
    OBJECT_COLOR,
    OBJECT_TYPE,
    PAGE_OBJECT,
    PAGE_OBJECTS,
    PATH,
    PATH_MODE,
    RENDER_MODE,
    TEXT,
)

COLOR = Struct("4I")
LEAST_COVER = 5.0  # points; less hides no line of text
INVISIBLE = 3  # the render mode that paints nothing

Edges = tuple[float, float, float, float]
"""Left, bottom, right, top in the file's own coordinates."""


class Style(NamedTuple):
    """How a text object is painted."""

    mode: int
    darkest: int
    """The least of red, green and blue, to 255."""
    opaque: int
    """To 255."""


UNPAINTED = Style(0, 0, 255)  # a character that the engine adds has no object


class Painted:
    """A page's objects, by their addresses."""

    def __init__(self, page: ctypes.c_void_p) -> None:
        self._page = page
        self._edges = (ctypes.c_float * 4)()
        self._color = (ctypes.c_uint * 4)()
        self._modes = (ctypes.c_int * 2)()

    def __len__(self) -> int:
        count: int = PAGE_OBJECTS(self._page)
        return count

    @cached_property
    def objects(self) -> list[int]:
        """In the order in which they are painted."""
        return list(map(PAGE_OBJECT, repeat(self._page), range(len(self))))

    @cached_property
    def place(self) -> dict[int, int]:
        """Which in that order each is; what is painted within another object is none of them."""
        return dict(zip(self.objects, range(len(self.objects)), strict=True))

    def styles(self, painters: Sequence[int | None]) -> list[Style]:
        """How each of them paints; many words have the same one."""
        objects = [address for address in dict.fromkeys(painters) if address]
        colors = (ctypes.c_uint * (4 * len(objects)))()
        start, end = ctypes.addressof(colors), ctypes.addressof(colors) + ctypes.sizeof(colors)
        parts = [range(start + 4 * part, end, COLOR.size) for part in range(4)]
        painted = list(map(OBJECT_COLOR, objects, *parts))
        looks = list(zip(map(RENDER_MODE, objects), painted, COLOR.iter_unpack(colors), strict=True))
        known = {look: Style(look[0], min(look[2][:3]), look[2][3]) if look[1] else Style(look[0], 0, 255)
                 for look in set(looks)}  # fmt: skip
        styles = dict(zip(objects, map(known.__getitem__, looks), strict=True))
        return [UNPAINTED if address is None else styles[address] for address in painters]

    def covers(self) -> list[tuple[int, Edges]]:
        """Filled, opaque shapes that could hide a line of text: when each is painted, and where.

        Those before all text hide none of it: they are the colours of tables.
        """
        kinds = list(map(OBJECT_TYPE, self.objects))
        first = kinds.index(TEXT) if TEXT in kinds else len(kinds)
        return [
            (index, edges)
            for index in range(first, len(kinds))
            if kinds[index] == PATH and (edges := self._filled(self.objects[index])) is not None
        ]

    def _filled(self, address: int) -> Edges | None:
        edges = self._bounds(address)
        if edges is None:
            return None
        left, bottom, right, top = edges
        if right - left < LEAST_COVER or top - bottom < LEAST_COVER:
            return None
        modes, color = ctypes.addressof(self._modes), ctypes.addressof(self._color)
        PATH_MODE(address, modes, modes + 4)
        filled = self._modes[0] and OBJECT_COLOR(address, color, color + 4, color + 8, color + 12)
        return edges if filled and self._color[3] == 255 else None

    def is_blank(self, index: int) -> bool:
        """Whether the object of that index is a text without ink."""
        address = self.objects[index]
        if OBJECT_TYPE(address) != TEXT or (edges := self._bounds(address)) is None:
            return False
        left, bottom, right, top = edges
        return left == right and bottom == top

    def are_alike(self, one: int, other: int) -> bool:
        """Whether the objects of those indexes are texts whose ink is of one size: the same letter."""
        sizes = []
        for address in (self.objects[one], self.objects[other]):
            if OBJECT_TYPE(address) != TEXT:
                return False
            left, bottom, right, top = self._bounds(address) or (0.0, 0.0, 0.0, 0.0)
            sizes.append((right - left, top - bottom))
        (width, height), (other_width, other_height) = sizes
        return abs(width - other_width) < 0.1 * width and abs(height - other_height) < 0.1 * height

    def _bounds(self, address: int) -> Edges | None:
        start = ctypes.addressof(self._edges)
        if not OBJECT_BOUNDS(address, start, start + 4, start + 8, start + 12):
            return None
        left, bottom, right, top = self._edges
        return left, bottom, right, top
