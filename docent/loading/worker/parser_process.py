"""The process that parses: reads jobs on stdin, answers on stdout, and may die at any time.

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
from docent.glossary import Page
from docent.loading.file_types import detect, mismatch, open_contents
from docent.loading.input_file import read_source
from docent.loading.job import Limits, Part
from docent.loading.pdf.page_context import Gist
from docent.loading.text_cleaning import SAMPLE, language_of
from docent.loading.worker import wire_format

COLLECTING = (100_000, 50, 100)  # words of a page make no cycles; looking for some took 7 % of a page's time

Say = Callable[..., None]
Hear = Callable[[], dict[str, Any] | None]


def main() -> None:
    requests = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # a library that prints must not garble the answers
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    gc.set_threshold(*COLLECTING)
    threading.Thread(target=_die_with_parent, args=(os.getppid(),), daemon=True).start()
    while (message := wire_format.read(requests)) is not None:
        _confine(Limits(**message["job"]["limits"]))
        _serve(message, answers, partial(wire_format.read, requests))


def _die_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    if os.getpgrp() == os.getpid():  # with what it started itself: tesseract has no limit of time
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _confine(limits: Limits) -> None:
    for what, most in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, max(limits.file_bytes, 1 << 28)),
    ):
        hard = resource.getrlimit(what)[1]
        resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _memory() -> int:
    """The most that this process has held. On Linux getrusage would begin with what its parent holds."""
    with suppress(OSError):
        return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _serve(message: dict[str, Any], answers: IO[bytes], hear: Hear) -> None:
    def say(**what: Any) -> None:
        wire_format.write(answers, what)

    try:
        TASKS[message["task"]](message, say, hear)
        say(done=True, memory=_memory())
    except DocentError as error:
        say(error=type(error).__name__, why=str(error))
    except RecursionError:
        name = Path(message["job"]["path"]).name
        why = (
            f"{name} is nested deeper than any honest file, so it was not read. Save it again, or remove it."
        )
        say(error="HarmfulFile", why=why)
    except MemoryError:
        say(broken="memory")
    except Exception as error:  # the parent names the file and reports it; nothing is hidden
        say(broken=f"{type(error).__name__}: {str(error)[:300]}")


def _load(message: dict[str, Any], say: Say, hear: Hear) -> None:
    job = wire_format.job_from_wire(message["job"])
    source = read_source(Path(job.path), largest=job.limits.file_bytes)
    kind = detect(source, job.limits)
    contents = open_contents(source, kind, job, watch=lambda page, step: say(page=page, step=step))
    known = {"title": contents.title, "created": contents.created, "expected": contents.expected}
    shared = contents.part is not None and 0 < message["share_from"] <= contents.expected
    say(opened=True, sha256=source.sha256, kind=kind, shared=shared, **known)
    note = " ".join(filter(None, (mismatch(source, kind), contents.note)))
    if shared and contents.part is not None:
        _ranges(contents.part, job.limits, note, say, hear)
        return
    sample = ""
    for page in contents.pages:
        if page.number < job.first:
            continue  # delivered before a later page stopped the reader
        page = _bounded(page, job.limits, note if page.number == 1 else "")
        if len(sample) < SAMPLE:
            sample += page.text[:SAMPLE] + "\n"
        say(read=wire_format.page_to_wire(page))
    say(language=contents.language or language_of(sample))


def _ranges(part: Part, limits: Limits, note: str, say: Say, hear: Hear) -> None:
    """Pages by ranges, as one is asked for after the other."""
    so_far = Gist()
    while (asked := hear()) is not None and "range" in asked:
        first, last = asked["range"]
        meeting = _Meeting(so_far, say, hear)
        for page in part(first, last, meeting):
            say(read=wire_format.page_to_wire(_bounded(page, limits, note if page.number == 1 else "")))
        so_far.add(meeting.own)
        say(ranged=True)


class _Meeting:
    """With the workers that read other ranges, by way of the parent."""

    def __init__(self, so_far: Gist, say: Say, hear: Hear) -> None:
        self._so_far = so_far
        self._say = say
        self._hear = hear
        self.own = Gist()

    def tell_head(self, gists: Sequence[Gist]) -> None:
        self._say(head=[gist.to_wire() for gist in gists])

    def around(self, own: Gist) -> tuple[Gist, Sequence[Gist] | None]:
        self.own = own
        self._say(gist=own.to_wire())
        told = self._hear()
        if told is None:
            raise SystemExit  # nobody is there any more
        for gist in told["before"]:
            self._so_far.add(Gist.from_wire(gist))
        after = told["after"]
        return self._so_far.copy(), None if after is None else [Gist.from_wire(gist) for gist in after]


def _mark(message: dict[str, Any], say: Say, _: Hear) -> None:
    from docent.loading.pdf.highlight import Places, mark

    job = wire_format.job_from_wire(message["job"])
    source = replace(read_source(Path(job.path), largest=job.limits.file_bytes), name=message["name"])
    places = [
        Places(
            wire_format.page_from_wire(place["page"]), tuple((start, end) for start, end in place["spans"])
        )
        for place in message["places"]
    ]
    marked = mark(source, places, job=job, wanted=message["wanted"])
    say(marked=b64encode(marked.data).decode(), follows=marked.follows)


TASKS = {"load": _load, "mark": _mark}


def _bounded(page: Page, limits: Limits, note: str) -> Page:
    """The page with its note, cut where a single page says more than any honest page does."""
    note = " ".join(filter(None, (note, page.note)))
    most = limits.page_chars
    if len(page.text) <= most and len(page.hidden) <= most:
        return replace(page, note=note) if note != page.note else page
    return replace(
        page,
        text=page.text[:most],
        hidden=page.hidden[:most],
        note=f"{note} Only the first {most:,} characters of this page were kept.".strip(),
        headings=tuple(heading for heading in page.headings if heading.start < most),
        lines=tuple(line for line in page.lines if line.end <= most),
    )


if __name__ == "__main__":
    main()
