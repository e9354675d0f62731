"""A long PDF is read by several workers; nobody could tell from what comes out."""

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
from docent.loading.worker.parallel_reading import MIN_PAGES
from docent.loading.worker.worker_process import WorkerSlots
from docent.types import ReadBy
from tests.loading import makers

PAGES = 3 * 24 + 5
FURNITURE = "Harbour Kitchen, 3 Cold Quay, Whitby"


@pytest.fixture(scope="module")
def together():
    with Loader(limits=Limits(), ocr=Ocr(engine="off"), workers=4) as loader:
        yield loader


@pytest.fixture
def alone():
    with Loader(limits=Limits(), ocr=Ocr(engine="off"), workers=1) as loader:
        yield loader


def talking_across_pages(sheet, number):
    """What becomes of a line depends on pages far before it and a few after it."""
    if number % 40 > 2:
        makers.write(sheet, [FURNITURE], y=815, size=9)
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


def nothing_on_most(sheet, number):
    if number in (1, 24, 25, 60):
        makers.write(sheet, [f"Page {number} says something that is long enough to be no scan of anything."])


@pytest.mark.parametrize(
    ("draw", "last"),
    [
        pytest.param(
            talking_across_pages,
            "nontaxable and long-term",  # by the words of page 3
            id="headers, hyphens, headings, an outline, hidden text",
        ),
        pytest.param(nothing_on_most, "", id="empty pages"),
    ],
)
def test_several_workers_read_what_one_reads(draw, last, together, alone, tmp_path):
    """To the letter, to the position, to the role of every line; language, title and notes, too."""
    path = tmp_path / "long.pdf"
    path.write_bytes(makers.pdf(draw, pages=PAGES))
    assert PAGES > MIN_PAGES
    shared = together.load(path)
    assert shared == alone.load(path)
    assert [page.number for page in shared.pages] == list(range(1, PAGES + 1))
    assert last in " ".join(shared.pages[-1].text.split())


def test_a_long_file_that_came_when_all_were_busy_gets_help_later(alone, tmp_path):
    """It is read by one worker until another is free; nobody could tell from what comes out."""
    path = tmp_path / "long.pdf"
    path.write_bytes(makers.pdf(talking_across_pages, pages=2 * PAGES))
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


def test_a_worker_is_not_replaced_for_the_size_of_its_parent(tmp_path, monkeypatch):
    """A server with a large store holds much; its readers hold little, and go on from file to file."""
    monkeypatch.setattr(file_worker, "RETIRE_BYTES", 150_000_000)
    held = bytes(range(1, 201)) * 1_000_000
    (tmp_path / "note.txt").write_text("The museum opens at nine.")
    with Loader(limits=Limits(), ocr=Ocr(engine="off"), workers=1) as one:
        one.load(tmp_path / "note.txt")
        assert one.pool.idle
    assert len(held) > file_worker.RETIRE_BYTES


def test_who_has_read_the_last_page_reads_the_next_file(tmp_path):
    """Nobody is ended for being ready, least of all when they have begun with another file by then."""
    path = tmp_path / "long.pdf"
    path.write_bytes(makers.pdf(nothing_on_most, pages=PAGES))
    with Loader(limits=Limits(), ocr=Ocr(engine="off"), workers=2) as two, ThreadPoolExecutor(2) as threads:
        alone = two.load(path)
        first = set(two.pool.idle)
        assert list(threads.map(two.load, [path] * 12)) == [alone] * 12
        assert first & set(two.pool.idle)


def test_a_worker_that_is_killed_costs_a_page_at_most(together, alone, tmp_path):
    """Its range is read once more, without the page that it was at; all else is as ever."""
    path = tmp_path / "long.pdf"
    path.write_bytes(book(110))
    with together.stream(path) as reading:
        pages = [next(reading.pages) for _ in range(30)]
        os.kill(next(iter(together.pool.busy)).process.pid, signal.SIGKILL)
        pages += reading.pages
    failed = [page for page in pages if page.read_by is ReadBy.FAILED]
    assert [page.note for page in failed] in (
        [],
        ["This page ended its reader (it was ended by SIGKILL), most likely for want of memory."],
    )
    truth = alone.load(path).pages
    assert [page for page in pages if page not in failed] == [
        page for page in truth if page.number not in {one.number for one in failed}
    ]


def test_a_file_that_nobody_wants_any_more_is_left_at_once(together, tmp_path):
    """Whoever stops in the middle leaves no thread and no busy worker behind, and the next file is read."""
    path = tmp_path / "long.pdf"
    path.write_bytes(book(80))
    with together.stream(path) as reading:
        next(reading.pages)
    assert not [thread for thread in threading.enumerate() if thread.name == "parallel reading"]
    assert not together.pool.busy
    (tmp_path / "next.txt").write_text("All is well.")
    assert together.load(tmp_path / "next.txt").pages[0].text == "All is well."


@pytest.mark.parametrize("workers", [1, 3])
def test_closing_ends_what_is_being_read_with_a_sentence(workers, tmp_path):
    """Whoever waits for pages is told that Docent stops, and no pipe is closed under those who hear it."""
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
def test_limits_hold_for_the_file_whoever_reads_it(limits, said, tmp_path):
    """What several workers read together is counted together."""
    path = tmp_path / "long.pdf"
    path.write_bytes(book(PAGES))
    with Loader(limits=limits, ocr=Ocr(engine="off"), workers=4) as loader:
        with pytest.raises(HarmfulFile, match=said):
            loader.load(path)


def test_every_worker_opens_a_locked_file(together, tmp_path):
    """With the password for one there is one for all; a wrong one is refused as for a short file."""
    path = tmp_path / "locked.pdf"
    path.write_bytes(makers.pdf(talking_across_pages, pages=PAGES, encrypt="open sesame"))
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
    """Helpers take free slots, and the files that come then get theirs all the same."""
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
