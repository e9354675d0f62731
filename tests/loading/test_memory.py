"""What a long document costs: the same as a short one."""

from __future__ import annotations

from bench.reading import one_file
from bench.scanning import book


def test_six_times_the_pages_take_no_more_memory(tmp_path):
    """Pages are read, handed over and forgotten; 5,000 of them: `python -m bench.loading long`."""
    rows = []
    for pages in (100, 600):
        path = tmp_path / f"{pages}.pdf"
        path.write_bytes(book(pages))
        rows.append(one_file(path, ocr=False, seconds=120))
    short, long = rows
    assert [row["pages"] for row in rows] == [100, 600]
    assert long["worker_mb"] < short["worker_mb"] + 12, rows
    assert long["caller_mb"] < short["caller_mb"] + 6, rows
