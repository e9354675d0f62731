"""The processes that read files: whatever they say, and however they end, only their file is concerned."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from bench.scanning import book
from docent.errors import HarmfulFile, LoadError
from docent.loading import Limits, Loader, Ocr
from docent.loading.job import Job
from docent.loading.worker import wire_format, worker_process
from docent.loading.worker.file_worker import FileWorker, ReadingCosts
from docent.loading.worker.parallel_reading import MIN_PAGES
from docent.loading.worker.worker_process import WorkerPool, WorkerTimeout
from docent.types import Page

ROOT = Path(__file__).resolve().parents[2]
PAGE = wire_format.page_to_wire(Page(1, "All is well."))
OPENED = {"opened": True, "sha256": "0" * 64, "kind": "text", "shared": False, "expected": 0}
LIAR = """
import struct, sys, time
say = lambda body: sys.stdout.buffer.write(struct.pack(">I", len(body)) + body)
sys.stdin.buffer.read(4)
say({opened!r})
for _ in range({times}):
    say({lie!r})
sys.stdout.buffer.flush()
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("lie", "times", "said"),
    [
        pytest.param(b"no JSON", 1, "what it said makes no sense", id="no message"),
        pytest.param(b"[1]", 1, "what it said makes no sense", id="another sort of message"),
        pytest.param(json.dumps({"read": {"number": 1}}).encode(), 1, "makes no sense", id="half a page"),
        pytest.param(
            json.dumps({"read": PAGE | {"headings": [(99, "Leave", 1)]}}).encode(),
            1,
            "makes no sense",
            id="a heading where there is no text",
        ),
        pytest.param(
            json.dumps({"read": PAGE | {"text": ""}}).encode(),
            60,
            "more than 50 pages",
            id="pages without end",
        ),
        pytest.param(
            json.dumps({"read": PAGE}).encode(), 40, "more than 400 characters", id="letters without end"
        ),
    ],
)
def test_a_worker_that_a_file_took_over_costs_its_file_only(lie, times, said, tmp_path, monkeypatch):
    """Nothing that it says is believed, and whoever reads a folder is told of one file in a sentence."""
    opened = json.dumps(OPENED | {"title": "", "created": ""}).encode()
    package = tmp_path / "docent/loading/worker"
    package.mkdir(parents=True)
    (package / "parser_process.py").write_text(LIAR.format(opened=opened, times=times, lie=lie))
    monkeypatch.setattr(worker_process, "ROOT", tmp_path)
    (tmp_path / "a.txt").write_text("x")
    limits = Limits(pages=50, document_chars=400)
    with Loader(limits=limits, ocr=Ocr(engine="off"), workers=1) as loader:
        with pytest.raises(HarmfulFile, match=rf"a\.txt .*{said}"):
            loader.load(tmp_path / "a.txt")
        assert not loader.pool.busy


def test_no_room_for_a_process_costs_its_file_only(tmp_path, monkeypatch):
    """It is said in a sentence, and once there is room the file is read."""
    (tmp_path / "a.txt").write_text("All is well.")
    with Loader(limits=Limits(), ocr=Ocr(engine="off"), workers=1) as loader:
        with monkeypatch.context() as without:
            without.setattr(sys, "executable", str(tmp_path / "nothing"))
            with pytest.raises(LoadError, match=r"a\.txt was not read: no process could be started for it"):
                loader.load(tmp_path / "a.txt")
        assert loader.load(tmp_path / "a.txt").pages[0].text == "All is well."


def test_trouble_on_the_way_is_told_by_its_own_reason(tmp_path):
    """Only where no process could be started that is said; a process that was there did start."""
    (tmp_path / "a.txt").write_text("All is well.")
    with Loader(limits=Limits(), ocr=Ocr(engine="off"), workers=1) as loader:
        loader.load(tmp_path / "a.txt")
        (worker,) = loader.pool.idle
        folder = os.open(tmp_path, os.O_RDONLY)
        os.dup2(folder, worker.answers.fileno())  # from a folder nothing can be read
        os.close(folder)
        with pytest.raises(LoadError, match=r"a\.txt was not read: .*go on \(Is a directory\)"):
            loader.load(tmp_path / "a.txt")
        assert loader.load(tmp_path / "a.txt").pages[0].text == "All is well."


def test_a_limit_holds_when_a_new_worker_goes_on(tmp_path):
    """A file that ends its readers cannot say more than one that does not."""
    path = tmp_path / "long.pdf"
    path.write_bytes(book(MIN_PAGES))
    with Loader(limits=Limits(), ocr=Ocr(engine="off"), workers=1) as loader:
        letters = sum(len(page.text) + len(page.hidden) for page in loader.load(path).pages)
    limits = Limits(document_chars=letters * 3 // 4)
    with Loader(limits=limits, ocr=Ocr(engine="off"), workers=1) as loader, loader.stream(path) as reading:
        for _ in range(MIN_PAGES // 2):
            next(reading.pages)
        (worker,) = loader.pool.busy
        os.kill(worker.process.pid, signal.SIGKILL)
        with pytest.raises(HarmfulFile, match="expands to more than"):
            list(reading.pages)


@pytest.fixture
def opened(tmp_path):
    """The worker of a file that it has opened, and that waits for a page range."""
    path = tmp_path / "a.pdf"
    path.write_bytes(book(2))
    job = Job(path=str(path), limits=Limits(ocr_seconds=77), ocr=Ocr(engine="off"))
    with closing(WorkerPool()) as pool:
        worker = FileWorker(pool, ReadingCosts(job), "a.pdf")
        worker.open(share_from=1)
        yield worker
        worker.release()
        assert not pool.busy


def test_a_worker_that_dies_with_nothing_left_to_read_costs_nothing(opened):
    """It waited for the caller, who was slow; all its pages are here."""
    os.kill(opened.worker.process.pid, signal.SIGKILL)
    opened.worker.process.wait()
    opened.end_ranges()


def test_a_scan_is_given_up_after_the_time_that_a_scan_has(opened):
    """The page says how long its reader was waited for."""
    opened.current_step = (2, "ocr")
    opened.set_page_aside(WorkerTimeout())
    assert opened.costs.job.skip == {2: "Reading this page was stopped after 77 s."}


READ = """
import sys
from pathlib import Path
from docent.loading import Limits, Ocr, load
load(Path(sys.argv[1]), limits=Limits(), password=None, ocr=Ocr(languages=("eng",)))
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
def test_nothing_goes_on_when_docent_is_killed(tmp_path):
    """The worker ends, and so does the program that recognises a scan for it, however long that takes."""
    from tests.loading.test_scans import picture

    (tmp_path / "scan.png").write_bytes(picture("Nobody reads this."))
    slow, noted = tmp_path / "tesseract", tmp_path / "pid"
    slow.write_text(f"#!/bin/sh\necho $$ > {noted}.new && mv {noted}.new {noted}\nexec sleep 300\n")
    slow.chmod(0o755)
    docent = subprocess.Popen(
        [sys.executable, "-c", READ, str(tmp_path / "scan.png")],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )
    try:
        _wait(noted.exists)
        running = Path("/proc") / noted.read_text().strip()
        assert running.is_dir()
    finally:
        docent.kill()
        docent.wait()
    _wait(lambda: not running.is_dir() or "\nState:\tZ" in (running / "status").read_text())


def _wait(done, seconds=60):
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until
        time.sleep(0.05)
