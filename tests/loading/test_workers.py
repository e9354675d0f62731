"""The worker processes: whatever they send and however they end, only their file is affected."""

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
from docent.loading.worker import worker_process
from docent.loading.worker.file_worker import FileWorker, ReadingCosts
from docent.loading.worker.parallel_reading import MIN_PAGES
from docent.loading.worker.worker_process import WorkerPool, WorkerTimeout
from docent.messages import Message
from docent.types import Page

ROOT = Path(__file__).resolve().parents[2]
PAGE = worker_process.page_to_wire(Page(1, "All is well."))
INVALID = "it sent an invalid answer"
OPENED = {"opened": True, "sha256": "0" * 64, "kind": "text", "shared": False, "expected": 0}
HOSTILE_WORKER = """
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
        pytest.param(b"no JSON", 1, INVALID, id="no message"),
        pytest.param(b"[1]", 1, INVALID, id="another sort of message"),
        pytest.param(json.dumps({"read": {"number": 1}}).encode(), 1, INVALID, id="no text"),
        pytest.param(
            json.dumps({"read": PAGE | {"headings": [(99, "Leave", 1)]}}).encode(),
            1,
            INVALID,
            id="a heading where there is no text",
        ),
        pytest.param(b'{"error": "HarmfulFile"}', 1, INVALID, id="an error without reason"),
        pytest.param(b'{"page": "one", "step": "text"}', 1, INVALID, id="no page number"),
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
def test_a_hostile_worker_costs_its_file_only(lie, times, said, tmp_path, monkeypatch):
    """Invalid and endless answers end the file with an error that names it."""
    opened = json.dumps(OPENED | {"title": "", "created": ""}).encode()
    package = tmp_path / "docent/loading/worker"
    package.mkdir(parents=True)
    (package / "parser_process.py").write_text(HOSTILE_WORKER.format(opened=opened, times=times, lie=lie))
    monkeypatch.setattr(worker_process, "ROOT", tmp_path)
    (tmp_path / "a.txt").write_text("x")
    limits = Limits(pages=50, document_chars=400)
    with Loader(limits=limits, ocr=Ocr(engine="off"), workers=1) as loader:
        with pytest.raises(HarmfulFile, match=rf"a\.txt .*{said}"):
            loader.load(tmp_path / "a.txt")
        assert not loader.pool.busy


NOTE = Message("{name} has {parts}.", name="a.eml", parts=Message("{count} parts", count=7))


def as_json(value):
    return json.loads(json.dumps(value))


def test_messages_cross_the_pipe_with_their_parameters():
    """Notes and the reasons of skipped pages can be translated after they were sent as JSON."""
    page = worker_process.page_from_wire(as_json(worker_process.page_to_wire(Page(1, "", note=NOTE))))
    job = Job(path="a.eml", limits=Limits(), ocr=Ocr(), skip={3: NOTE})
    skipped = worker_process.job_from_wire(as_json(worker_process.job_to_wire(job))).skip[3]
    french = {"{name} has {parts}.": "{name} a {parts}.", "{count} parts": "{count} parties"}
    for message in (page.note, skipped):
        assert message == "a.eml has 7 parts."
        assert isinstance(message, Message)
        assert message.translated(lambda template: french.get(template, template)) == "a.eml a 7 parties."


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param('["{a.__class__}", {"a": "x"}]', id="an attribute"),
        pytest.param('["{a:>999999999}", {"a": "x"}]', id="a width"),
        pytest.param('["{a} {b}", {"a": "x"}]', id="a missing parameter"),
        pytest.param('["{a}"', id="half a message"),
    ],
)
def test_a_hostile_message_is_shown_as_plain_text(hostile):
    """A template that asks for more than its parameters is not filled in."""
    assert worker_process.message_from_wire(hostile) == hostile


def test_messages_from_a_worker_are_bounded_and_hold_no_lone_surrogates():
    """Half a character is replaced, also in a parameter; long messages are cut."""
    assert worker_process.message_from_wire(r'["{a}", {"a": "x\ud83d"}]') == "x\ufffd"
    repeated = json.dumps(["{a}" * 500, {"a": "x" * 5_000}])
    for message in ("x" * 99_999, repeated):
        assert len(worker_process.message_from_wire(message)) <= worker_process.MAX_MESSAGE_CHARS


def test_a_process_that_cannot_start_costs_its_file_only(tmp_path, monkeypatch):
    """The error says so, and the next attempt reads the file."""
    (tmp_path / "a.txt").write_text("All is well.")
    with Loader(limits=Limits(), ocr=Ocr(engine="off"), workers=1) as loader:
        with monkeypatch.context() as without:
            without.setattr(sys, "executable", str(tmp_path / "nothing"))
            with pytest.raises(LoadError, match=r"a\.txt was not read: no process could be started for it"):
                loader.load(tmp_path / "a.txt")
        assert loader.load(tmp_path / "a.txt").pages[0].text == "All is well."


def test_a_broken_pipe_is_reported_with_its_reason(tmp_path):
    """An OSError while reading is not reported as a process that could not start."""
    (tmp_path / "a.txt").write_text("All is well.")
    with Loader(limits=Limits(), ocr=Ocr(engine="off"), workers=1) as loader:
        loader.load(tmp_path / "a.txt")
        (worker,) = loader.pool.idle
        folder = os.open(tmp_path, os.O_RDONLY)
        os.dup2(folder, worker.answers.fileno())  # from a folder nothing can be read
        os.close(folder)
        with pytest.raises(LoadError, match=r"a\.txt was not read: .*failed \(Is a directory\)"):
            loader.load(tmp_path / "a.txt")
        assert loader.load(tmp_path / "a.txt").pages[0].text == "All is well."


def test_limits_hold_across_replaced_workers(tmp_path):
    """A file that crashes its workers cannot have more text than one that does not."""
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
    """Return a worker that has opened a file and waits for a page range."""
    path = tmp_path / "a.pdf"
    path.write_bytes(book(2))
    job = Job(path=str(path), limits=Limits(ocr_seconds=77), ocr=Ocr(engine="off"))
    with closing(WorkerPool()) as pool:
        worker = FileWorker(pool, ReadingCosts(job), "a.pdf")
        worker.open(share_from=1)
        yield worker
        worker.release()
        assert not pool.busy


def test_a_worker_that_dies_after_its_last_page_costs_nothing(opened):
    """All its pages have arrived, so its end is no error."""
    os.kill(opened.worker.process.pid, signal.SIGKILL)
    opened.worker.process.wait()
    opened.end_ranges()


def test_a_scan_is_stopped_after_the_ocr_limit(opened):
    """The note gives the limit for scans, and not the one for pages."""
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
def test_no_process_survives_docent(tmp_path):
    """The worker ends, and so does the OCR program that it started."""
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
