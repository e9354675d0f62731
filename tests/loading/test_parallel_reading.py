"""A long PDF is read by several workers, with exactly the result of one."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from bench.scanning import book
from docent.errors import EncryptedFile, HarmfulFile, LoadError
from docent.loading import Limits, Loader, Ocr
from docent.loading.worker import file_worker
from docent.loading.worker.parallel_reading import MIN_PAGES, WorkerSlots
from docent.types import ReadBy
from tests.loading import makers

PAGES = 3 * 24 + 5
RUNNING_HEADER = "Harbour Kitchen, 3 Cold Quay, Whitby"


@pytest.fixture(scope="module")
def together():
    with Loader(limits=Limits(), ocr=Ocr(engine="off"), workers=4) as loader:
        yield loader


@pytest.fixture
def alone():
    with Loader(limits=Limits(), ocr=Ocr(engine="off"), workers=1) as loader:
        yield loader


def pages_that_depend_on_each_other(sheet, number):
    """Draw a page whose lines depend on pages far before it and a few after it."""
    if number % 40 > 2:
        makers.write(sheet, [RUNNING_HEADER], y=815, size=9)
    makers.write(sheet, [f"Page {number} of {PAGES}"], x=280, y=30, size=9)
    said = ["A nontaxable gain, a long-term debt, some pre and some tax."] if number == 3 else []
    said += [
        f"Chapter {number} tells of a year",
        "that was non-",
        "taxable and long-",
        "term and pre-",
        "tax.",
    ]
    makers.write(
        sheet, said, y=700, size=9 if number < 50 else 13
    )  # what is large on one is plain on another
    makers.write(sheet, [f"Opening hours {number}"], y=500, size=13)
    makers.write(sheet, ["We open at noon."] * (number % 7), y=480, size=9)
    if number % 10 == 0:
        sheet.bookmarkPage(f"at {number}")
        sheet.addOutlineEntry("We open at noon.", f"at {number}", level=0)
        sheet.setFillGray(1)
        makers.write(sheet, ["Nobody sees this."], y=100)
        sheet.setFillGray(0)


def mostly_empty_pages(sheet, number):
    if number in (1, 24, 25, 60):
        makers.write(sheet, [f"Page {number} says something that is long enough to be no scan of anything."])


@pytest.mark.parametrize(
    ("draw", "last"),
    [
        pytest.param(
            pages_that_depend_on_each_other,
            "nontaxable and long-term",  # by the words of page 3
            id="headers, hyphens, headings, an outline, hidden text",
        ),
        pytest.param(mostly_empty_pages, "", id="empty pages"),
    ],
)
def test_several_workers_read_the_same_as_one(draw, last, together, alone, tmp_path):
    """Text, positions, roles of lines, language, title and notes are equal."""
    path = tmp_path / "long.pdf"
    path.write_bytes(makers.pdf(draw, pages=PAGES))
    assert PAGES > MIN_PAGES
    shared = together.load(path)
    assert shared == alone.load(path)
    assert [page.number for page in shared.pages] == list(range(1, PAGES + 1))
    assert last in " ".join(shared.pages[-1].text.split())


def test_helpers_join_a_long_file_later(alone, tmp_path):
    """A file that began while all workers were busy gets a helper once one is free, with the same result."""
    path = tmp_path / "long.pdf"
    path.write_bytes(makers.pdf(pages_that_depend_on_each_other, pages=2 * PAGES))
    most = 0
    with Loader(limits=Limits(), ocr=Ocr(engine="off"), workers=2) as two, ExitStack() as late:
        with two.stream(path):
            reading = late.enter_context(two.stream(path))
        pages = []
        for page in reading.pages:
            pages.append(page)
            most = max(most, sum(thread.name == "parallel reading" for thread in threading.enumerate()))
    assert most == 2
    assert tuple(pages) == alone.load(path).pages


def test_a_worker_is_reused_whatever_memory_its_parent_takes(tmp_path, monkeypatch):
    """The memory of the parent does not count as the worker's."""
    monkeypatch.setattr(file_worker, "RETIRE_BYTES", 150_000_000)
    held = bytes(range(1, 201)) * 1_000_000
    (tmp_path / "note.txt").write_text("The museum opens at nine.")
    with Loader(limits=Limits(), ocr=Ocr(engine="off"), workers=1) as one:
        one.load(tmp_path / "note.txt")
        assert one.pool.idle
    assert len(held) > file_worker.RETIRE_BYTES


def test_workers_are_reused_after_parallel_reading(tmp_path):
    """A worker that finished is not ended, also when it has begun with another file."""
    path = tmp_path / "long.pdf"
    path.write_bytes(makers.pdf(mostly_empty_pages, pages=PAGES))
    with Loader(limits=Limits(), ocr=Ocr(engine="off"), workers=2) as two, ThreadPoolExecutor(2) as threads:
        alone = two.load(path)
        first = set(two.pool.idle)
        assert list(threads.map(two.load, [path] * 12)) == [alone] * 12
        assert first & set(two.pool.idle)


def test_a_killed_worker_costs_a_page_at_most(together, alone, tmp_path):
    """Its range is read again without the page that it was at; all other pages are the same."""
    path = tmp_path / "long.pdf"
    path.write_bytes(book(110))
    with together.stream(path) as reading:
        pages = [next(reading.pages) for _ in range(30)]
        os.kill(next(iter(together.pool.busy)).process.pid, signal.SIGKILL)
        pages += reading.pages
    failed = [page for page in pages if page.read_by is ReadBy.FAILED]
    assert [page.note for page in failed] in (
        [],
        ["The process that read this page ended (killed by SIGKILL), most likely for lack of memory."],
    )
    truth = alone.load(path).pages
    assert [page for page in pages if page not in failed] == [
        page for page in truth if page.number not in {one.number for one in failed}
    ]


def test_an_abandoned_file_leaves_no_thread_and_no_worker(together, tmp_path):
    """After a stream is left in the middle, the next file is read."""
    path = tmp_path / "long.pdf"
    path.write_bytes(book(80))
    with together.stream(path) as reading:
        next(reading.pages)
    assert not [thread for thread in threading.enumerate() if thread.name == "parallel reading"]
    assert not together.pool.busy
    (tmp_path / "next.txt").write_text("All is well.")
    assert together.load(tmp_path / "next.txt").pages[0].text == "All is well."


@pytest.mark.parametrize("workers", [1, 3])
def test_closing_the_loader_ends_its_streams_with_an_error(workers, tmp_path):
    """A caller that waits for pages gets a LoadError that says that Docent is shutting down."""
    path = tmp_path / "long.pdf"
    path.write_bytes(book(300))
    loader = Loader(limits=Limits(), ocr=Ocr(engine="off"), workers=workers)
    with loader.stream(path) as reading:
        next(reading.pages)
        loader.close()
        with pytest.raises(LoadError, match="shutting down"):
            list(reading.pages)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        pytest.param(Limits(document_chars=100_000), "expands to more than 100,000 characters", id="letters"),
        pytest.param(Limits(pages=70), "at most 70 are read", id="pages"),
        pytest.param(Limits(file_seconds=0.3), "was not read within 0 s", id="seconds"),
    ],
)
def test_limits_count_all_workers_of_a_file_together(limits, said, tmp_path):
    """Characters, pages and seconds of all workers are added up."""
    path = tmp_path / "long.pdf"
    path.write_bytes(book(PAGES))
    with Loader(limits=limits, ocr=Ocr(engine="off"), workers=4) as loader:
        with pytest.raises(HarmfulFile, match=said):
            loader.load(path)


def test_every_worker_opens_a_locked_file(together, tmp_path):
    """The password is passed to all workers; a wrong one is refused as for a short file."""
    path = tmp_path / "locked.pdf"
    path.write_bytes(makers.pdf(pages_that_depend_on_each_other, pages=PAGES, encrypt="open sesame"))
    assert len(together.load(path, password="open sesame").pages) == PAGES
    with pytest.raises(EncryptedFile, match="does not open it"):
        together.load(path, password="a guess")


@pytest.mark.parametrize(
    ("most", "helpers"),
    [
        pytest.param(1, 0, id="one core: nobody helps"),
        pytest.param(2, 1, id="two cores: one helps"),
        pytest.param(4, 2, id="four cores: one of them is for cutting, and for questions"),
    ],
)
def test_a_file_never_waits_for_a_helper(most, helpers):
    """Helpers take free slots only, and later files get theirs all the same."""
    slots = WorkerSlots(most)
    with ExitStack() as files:
        files.enter_context(slots.reserve_for_file())
        assert [slots.acquire_helper() for _ in range(helpers + 1)] == [True] * helpers + [False]
        for _ in range(most - 1):
            files.enter_context(slots.reserve_for_file())
        assert slots.oversubscribed == (helpers > 0)
        for _ in range(helpers):
            slots.release_helper()
        assert not slots.oversubscribed
