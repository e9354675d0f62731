"""The benchmark of reading: what counts as readable text, and the memory that a long document takes."""

from __future__ import annotations

import pytest

from bench.reading import letters, one_file, readable
from bench.scanning import book


@pytest.mark.parametrize(
    ("text", "count"),
    [
        pytest.param("Wines of 2019: 14 bottles", 20, id="prose counts whole"),
        pytest.param("TTTTeeeesssstttt test", 8, id="each letter painted four times"),
        pytest.param("One-StopOne-StopOne-Stop", 7, id="each word painted three times"),
        pytest.param("a donation!/g3 /G065", 9, id="names of glyphs"),
        pytest.param("´¿¢Ã°£¢ ¿ðº˜ ´’«¢¬", 0, id="codes that stand for no letters"),
        pytest.param("1000000 books, 222 committees, bookkeeper", 35, id="doubled letters are no overprint"),
    ],
)
def test_only_readable_text_counts(text, count):
    """Letters painted over each other, glyph names and noise do not count."""
    assert readable(text) == count <= letters(text)


def test_memory_does_not_grow_with_pages(tmp_path):
    """Six times the pages take no more memory; for 5,000 of them: `python -m bench.loading long`."""
    rows = []
    for pages in (100, 600):
        path = tmp_path / f"{pages}.pdf"
        path.write_bytes(book(pages))
        rows.append(one_file(path, ocr=False, seconds=120))
    short, long = rows
    assert [row["pages"] for row in rows] == [100, 600]
    assert long["worker_mb"] < short["worker_mb"] + 12, rows
    assert long["caller_mb"] < short["caller_mb"] + 6, rows
