"""Pages and vectors as bytes, and back.

Text and geometry are deflated to half of their size (docs/decisions/0001-sqlite-is-the-truth.md). Boxes keep
a hundredth of a point, which is finer than any screen draws.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

from docent.messages import restored, stored
from docent.store.protocols import Hit
from docent.types import Heading, Line, Page, ReadBy

if TYPE_CHECKING:  # 0.12 s to import: pages are kept without it
    import numpy as np
    from numpy.typing import NDArray

LEVEL = 6
ROLES: tuple[Literal["body", "heading", "margin"], ...] = ("body", "heading", "margin")
PAGE_COLUMNS = "number, text, layout, label, place, read_by, note, hidden, confidence, width, height"


def pack_text(text: str) -> bytes:
    # surrogatepass: a file name or a broken font may leave a lone surrogate, which must survive
    return zlib.compress(text.encode("utf-8", "surrogatepass"), LEVEL)


def unpack_text(data: bytes) -> str:
    return zlib.decompress(data).decode("utf-8", "surrogatepass")


def pack_page(page: Page) -> tuple[Any, ...]:
    """Return a page as the columns named in PAGE_COLUMNS."""
    lines = [
        [
            line.start,
            line.end - line.start,
            *(round(value * 100) for value in line.box),
            ROLES.index(line.role),
        ]
        for line in page.lines
    ]
    headings = [[heading.start, heading.text, heading.level] for heading in page.headings]
    layout = json.dumps([headings, lines], separators=(",", ":"))
    return (
        page.number,
        pack_text(page.text),
        zlib.compress(layout.encode(), LEVEL),
        page.label,
        page.place,
        page.read_by.value,
        stored(page.note),
        page.hidden,
        page.confidence,
        *page.size,
    )


def unpack_page(row: Sequence[Any]) -> Page:
    number, text, layout, label, place, read_by, note, hidden, confidence, width, height = row
    headings, lines = json.loads(zlib.decompress(layout))
    return Page(
        number=number,
        text=unpack_text(text),
        label=label,
        place=place,
        read_by=ReadBy(read_by),
        note=restored(note),
        hidden=hidden,
        confidence=confidence,
        headings=tuple(Heading(start, words, level) for start, words, level in headings),
        lines=tuple(_line(line) for line in lines),
        size=(width, height),
    )


def _line(packed: list[int]) -> Line:
    start, length, *box, role = packed
    return Line(
        start,
        start + length,
        cast(tuple[float, float, float, float], tuple(v / 100 for v in box)),
        ROLES[role],
    )


def as_vector(numbers: Sequence[float]) -> NDArray[np.float32]:
    import numpy as np

    return np.asarray(numbers, dtype=np.float32)


def pack_vectors(vectors: NDArray[np.float32]) -> list[bytes]:
    import numpy as np

    return [row.tobytes() for row in np.asarray(vectors, dtype=np.float16)]


def unpack_vectors(rows: Sequence[bytes]) -> NDArray[np.float32]:
    import numpy as np

    if not rows:
        return np.zeros((0, 0), dtype=np.float32)
    return np.frombuffer(b"".join(rows), dtype=np.float16).reshape(len(rows), -1).astype(np.float32)


def nearest_of(
    blocks: Iterable[tuple[list[str], NDArray[np.float32]]], vector: Sequence[float], limit: int
) -> list[Hit]:
    """Return the nearest of these vectors, of equally near ones the first by id."""
    wanted, best = as_vector(vector), list[Hit]()
    for ids, vectors in blocks:
        scores = vectors @ wanted
        least = scores[scores.argsort()[-limit:][0]]
        best += [Hit(ids[at], float(scores[at])) for at in (scores >= least).nonzero()[0]]
    return sorted(best, key=lambda hit: (-hit.score, hit.id))[:limit]
