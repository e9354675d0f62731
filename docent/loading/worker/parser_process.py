"""The process that parses: takes jobs on stdin, answers on stdout, and may die at any time.

Nothing here trusts the file, and nothing outside trusts this process: it has limits of memory
and output, no settings, no keys in its environment, and is killed when it is late.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Any

from docent.errors import DocentError
from docent.loading.file_types import describe_mismatch, detect_kind, open_contents
from docent.loading.job import MAX_REASON_CHARS, Limits, RangeReader, read_input_file
from docent.loading.pdf.page_context import PageContext
from docent.loading.worker.worker_process import (
    job_from_wire,
    page_from_wire,
    page_to_wire,
    read_message,
    write_message,
)
from docent.messages import Message, joined, stored
from docent.text_language import LANGUAGE_SAMPLE, detect_language
from docent.types import Page

# Words of a page make no cycles; the default thresholds took 7 % of a page's time.
GC_THRESHOLDS = (100_000, 50, 100)

Send = Callable[..., None]
Receive = Callable[[], dict[str, Any] | None]


def main() -> None:
    requests = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # a library that prints must not garble the answers
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    gc.set_threshold(*GC_THRESHOLDS)
    threading.Thread(target=_exit_with_parent, args=(os.getppid(),), daemon=True).start()
    while (message := read_message(requests)) is not None:
        _limit_resources(Limits(**message["job"]["limits"]))
        _serve(message, answers, partial(read_message, requests))


def _exit_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    if os.getpgrp() == os.getpid():  # with what it started itself: tesseract has no limit of time
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _limit_resources(limits: Limits) -> None:
    for kind, most in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, max(limits.file_bytes, 1 << 28)),
    ):
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _peak_memory() -> int:
    """Return the most bytes this process has held. On Linux getrusage would start at its parent's size."""
    with suppress(OSError):
        return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _serve(message: dict[str, Any], answers: IO[bytes], receive: Receive) -> None:
    def send(**answer: Any) -> None:
        write_message(answers, answer)

    try:
        TASKS[message["task"]](message, send, receive)
        send(done=True, memory=_peak_memory())
    except DocentError as error:
        send(error=type(error).__name__, why=stored(error.message))
    except RecursionError:
        too_deep = Message(
            "{name} is nested too deeply, so it was not read. Save it again from its own program, or "
            "remove it.",
            name=Path(message["job"]["path"]).name,
        )
        send(error="HarmfulFile", why=stored(too_deep))
    except MemoryError:
        send(broken="memory")
    except Exception as error:  # the parent reports it with the file's name; nothing is hidden
        send(broken=f"{type(error).__name__}: {str(error)[:MAX_REASON_CHARS]}")


def _load(message: dict[str, Any], send: Send, receive: Receive) -> None:
    job = job_from_wire(message["job"])
    source = read_input_file(Path(job.path), largest=job.limits.file_bytes)
    kind = detect_kind(source, job.limits)
    contents = open_contents(source, kind, job, report_step=lambda page, step: send(page=page, step=step))
    read_range = contents.read_range if 0 < message["share_from"] <= contents.expected_pages else None
    send(
        opened=True,
        sha256=source.sha256,
        kind=kind,
        shared=read_range is not None,
        title=contents.title,
        created=contents.created,
        expected=contents.expected_pages,
    )
    note = joined((describe_mismatch(source, kind), contents.note), " ")
    if read_range is not None:
        _serve_ranges(read_range, job.limits, note, send, receive)
        return
    sample = ""
    for page in contents.pages:
        if page.number < job.first:
            continue  # delivered before a later page stopped the reader
        page = _within_limits(page, job.limits, note if page.number == 1 else "")
        if len(sample) < LANGUAGE_SAMPLE:
            sample += page.text[:LANGUAGE_SAMPLE] + "\n"
        send(read=page_to_wire(page))
    send(language=contents.language or detect_language(sample))


def _serve_ranges(read_range: RangeReader, limits: Limits, note: str, send: Send, receive: Receive) -> None:
    """Read page ranges as the parent asks for them."""
    so_far = PageContext()
    while (request := receive()) is not None and "range" in request:
        first, last = request["range"]
        neighbours = _ExchangeWithParent(so_far, send, receive)
        for page in read_range(first, last, neighbours):
            page = _within_limits(page, limits, note if page.number == 1 else "")
            send(read=page_to_wire(page))
        so_far.add(neighbours.own)
        send(range_done=True)


class _ExchangeWithParent:
    """Exchanges page contexts with the workers that read other ranges, through the parent."""

    def __init__(self, so_far: PageContext, send: Send, receive: Receive) -> None:
        self._so_far = so_far
        self._send = send
        self._receive = receive
        self.own = PageContext()

    def send_head(self, contexts: Sequence[PageContext]) -> None:
        self._send(head=[context.to_wire() for context in contexts])

    def exchange(self, own: PageContext) -> tuple[PageContext, Sequence[PageContext] | None]:
        self.own = own
        self._send(context=own.to_wire())
        answer = self._receive()
        if answer is None:
            raise SystemExit  # the parent has closed the pipe
        for context in answer["before"]:
            self._so_far.add(PageContext.from_wire(context))
        after = answer["after"]
        return self._so_far.copy(), None if after is None else [
            PageContext.from_wire(context) for context in after
        ]


def _mark(message: dict[str, Any], send: Send, _: Receive) -> None:
    from docent.loading.pdf.highlight import CitedSpans, mark_citations

    job = job_from_wire(message["job"])
    source = replace(read_input_file(Path(job.path), largest=job.limits.file_bytes), name=message["name"])
    citations = [
        CitedSpans(
            page_from_wire(citation["page"]),
            tuple((start, end) for start, end in citation["spans"]),
        )
        for citation in message["citations"]
    ]
    marked = mark_citations(source, citations, job=job, wanted=message["wanted"])
    send(marked=b64encode(marked.data).decode(), is_appendix=marked.is_appendix)


TASKS = {"load": _load, "mark": _mark}


def _within_limits(page: Page, limits: Limits, note: str) -> Page:
    """Return the page with its note, cut at the limit of characters."""
    most = limits.page_chars
    if len(page.text) <= most and len(page.hidden) <= most:
        return replace(page, note=joined((note, page.note), " ")) if note else page
    return replace(
        page,
        text=page.text[:most],
        hidden=page.hidden[:most],
        note=joined(
            (
                note,
                page.note,
                Message("Only the first {most:,} characters of this page were kept.", most=most),
            ),
            " ",
        ),
        headings=tuple(heading for heading in page.headings if heading.start < most),
        lines=tuple(line for line in page.lines if line.end <= most),
    )


if __name__ == "__main__":
    main()
