"""Run two ingests, a watcher, four searchers and a deleter at once on one storage/, as processes.

    python -m tests.concurrency [--seconds 60]

Files are written, changed, renamed and removed meanwhile, and now and then one of the processes is
killed and started again. In the end storage/ must equal the result of a single ingest of the files.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from docent.errors import UnknownDocument
from docent.ingesting import ChunkSize, EmbeddingWorker, IngestPipeline, ingest
from docent.ingesting.folders import follow_folders
from docent.loading import Limits, Loader, Ocr
from docent.retrieving import retrieve
from docent.store import Store
from docent.types import FileReport, Scope
from tests.fakes.embedder import WordHashEmbedder
from tests.unmeasured import unmeasured

ROOT = Path(__file__).resolve().parent.parent
ROLES = ("ingest", "ingest", "watch", "search", "search", "search", "search", "delete")
STABLE, CHANGING = 8, 12
STOP_ATTEMPTS = 12  # ten seconds apart: each process may become the owner in turn
ANIMALS = "heron otter lynx marten viper ibex osprey beaver".split()
CLOSED = "closed"
HARMLESS = ("changed while it was read", "no longer there", "vanished while", "does not exist")
"""Reasons that an ingest may give for a file that is removed meanwhile."""


class Pipeline:
    """Store, loader and ingest of one process, with an embedder that needs no model."""

    def __init__(self, folder: Path, storage: str = "storage") -> None:
        self.data = folder / "data"
        self.embedder = WordHashEmbedder()
        self.store = Store(folder / storage, fingerprint="f")
        self.loader = Loader(limits=Limits(), ocr=Ocr(engine="off"), workers=1)
        self.background = EmbeddingWorker(store=self.store, embedder=self.embedder)
        self.ingest_pipeline = IngestPipeline(
            self.store, self.loader, self.embedder, self.background, ChunkSize(200, 25), workers=1
        )

    def ingest(self) -> list[FileReport]:
        reports = ingest(
            [self.data],
            data=self.data,
            pipeline=self.ingest_pipeline,
            retry_failed=True,
            password=None,
            on_progress=lambda _: None,
        )
        bad = [report for report in reports if report.outcome == "failed" and not _harmless(report.reason)]
        if bad:
            raise AssertionError(bad)
        return reports

    def close(self) -> None:
        self.loader.close()
        self.background.close()
        self.store.close()


def _harmless(reason: str) -> bool:
    return any(words in reason for words in HARMLESS)


# --- the processes -------------------------------------------------------------------------


def ingesting(pipeline: Pipeline) -> None:
    while True:
        pipeline.ingest()
        time.sleep(0.2)


def watching(pipeline: Pipeline) -> None:
    def fail(problem: str) -> None:
        raise AssertionError(problem)

    follow_folders(
        [pipeline.data], ingest=pipeline.ingest, polling=False, on_reports=lambda _: None, on_trouble=fail
    )


def searching(pipeline: Pipeline) -> None:
    """Search for unchanged files: each must be the first result, with its whole text."""
    while True:
        animal = random.choice(ANIMALS)
        passages = retrieve(
            f"Where does the {animal} live?",
            scope=Scope(),
            store=pipeline.store,
            embedder=pipeline.embedder,
            limit=5,
        )
        if not passages or animal not in passages[0].text:
            raise AssertionError(
                f"{animal} was missed: {[passage.text for passage in passages]}. "
                f"Files: {sorted(pipeline.data.rglob('*'))}, documents: {pipeline.store.documents(Scope())}"
            )


def deleting(pipeline: Pipeline) -> None:
    """Delete documents at random; the next ingest restores those whose file exists."""
    scope = Scope(libraries=("churn",))
    while True:
        if documents := pipeline.store.documents(scope):
            try:
                receipt = pipeline.store.delete(random.choice(documents).id, scope)
            except UnknownDocument:
                continue  # an ingest was faster
            if any(receipt.left.values()):
                raise AssertionError(receipt)
        time.sleep(0.1)


LOOPS: dict[str, Callable[[Pipeline], None]] = {
    "ingest": ingesting, "watch": watching, "search": searching, "delete": deleting
}  # fmt: skip


def run_role(role: str, folder: Path) -> None:
    """Run the loop of a role until SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.unraisablehook = _unless_interrupted
    import chromadb  # noqa: F401  # imported before: an interruption while it builds classes becomes another error

    pipeline = Pipeline(folder)
    try:
        print("ready", flush=True)  # from now on SIGTERM may come
        LOOPS[role](pipeline)
    except KeyboardInterrupt:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        pipeline.close()
        print(CLOSED, flush=True)
        # Python remembers an interruption that passed through exec, as in imports that build classes, and
        # ends the process by the signal although it was handled; another eval clears that.
        eval("None")


def _unless_interrupted(unraisable: sys.UnraisableHookArgs) -> None:
    """Ignore an interruption in a callback of an import: the process is sent the signal again."""
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)


# --- the files -----------------------------------------------------------------------------


def write_files(data: Path) -> None:
    for animal in ANIMALS[:STABLE]:
        (data / "stable").mkdir(parents=True, exist_ok=True)
        (data / "stable" / f"{animal}.txt").write_text(f"The {animal} lives in valley {animal[::-1]}.")
    (data / "churn").mkdir()


def change_file(data: Path, step: int) -> None:
    """Write, rename, copy or remove one file at random."""
    file = data / "churn" / f"{random.randrange(CHANGING)}.txt"
    other = data / "churn" / f"{random.randrange(CHANGING)}.txt"
    match random.choice(("write", "write", "write", "rename", "remove", "copy")):
        case "write":
            text = f"Note {file.stem}, revision {step}.\n\n" + f"Remark {step}. " * random.randrange(300)
            _write_atomically(file, text.encode())
        case "rename" if file.exists():
            file.rename(other)
        case "remove":
            file.unlink(missing_ok=True)
        case "copy" if file.exists():
            _write_atomically(other, file.read_bytes())


def _write_atomically(file: Path, content: bytes) -> None:
    """Write beside and move into place: a file caught between truncation and content reads as empty."""
    temporary = file.parents[2] / "temporary"
    temporary.write_bytes(content)
    temporary.replace(file)


# --- the run -------------------------------------------------------------------------------


def state(pipeline: Pipeline) -> dict[str, object]:
    """Return the contents of a storage/ that have to be equal."""
    documents = pipeline.store.documents(Scope())
    return {
        "documents": sorted(
            (document.library, document.sha256, document.state.value, sorted(document.paths))
            for document in documents
        ),
        "chunks": sorted(
            (chunk.id, chunk.text)
            for document in documents
            for chunk in pipeline.store.chunks_of(document.id, Scope())
        ),
        "contents": pipeline.store.contents(),
    }


def run(folder: Path, *, seconds: float, kill_every: float = 4.0) -> dict[str, int]:
    """Run everything at once, then compare; return the counts of changes and kills."""
    data = folder / "data"
    write_files(data)
    pipeline = Pipeline(folder)
    pipeline.ingest()
    pipeline.close()
    processes = [(role, _started(role, folder)) for role in ROLES]
    try:
        counts = _disturbed(processes, folder, seconds=seconds, kill_every=kill_every)
        for role, process in processes:
            output = _stop(process)
            assert CLOSED in output, f"{role} ended with {process.returncode}: {output}"
            assert process.returncode == 0, f"{role} ended with {process.returncode}: {output}"
            assert "Traceback" not in output, output
    finally:
        for _, process in processes:
            process.kill()
            process.wait()
    shared, single = _final(folder, "storage"), _final(folder, "single")
    differing = {key: (shared[key], single[key]) for key in single if shared[key] != single[key]}
    assert not differing, differing
    return counts


def _disturbed(
    processes: list[tuple[str, subprocess.Popen[str]]], folder: Path, *, seconds: float, kill_every: float
) -> dict[str, int]:
    """Change files, and kill a process now and then; return the counts of both."""
    starting = {process for _, process in processes}
    _all_ready(starting)
    counts = {"changes": 0, "kills": 0}
    began = killed = time.monotonic()
    while time.monotonic() - began < seconds:
        change_file(folder / "data", counts["changes"])
        counts["changes"] += 1
        time.sleep(0.05)
        _all_alive(processes)
        if time.monotonic() - killed > kill_every:
            killed = time.monotonic()
            at = random.randrange(len(processes))
            role, process = processes[at]
            process.kill()
            process.communicate()
            starting.discard(process)
            processes[at] = (role, _started(role, folder))
            starting.add(processes[at][1])
            counts["kills"] += 1
    _all_ready(starting)  # a process that is still starting cannot end in good order
    return counts


def _stop(process: subprocess.Popen[str]) -> str:
    """Stop a process and return its output; try again, because a library may swallow the interruption."""
    for _ in range(STOP_ATTEMPTS):
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return "".join(process.communicate(timeout=10))
    raise AssertionError(f"{process.args} does not end")


def _final(folder: Path, storage: str) -> dict[str, object]:
    pipeline = Pipeline(folder, storage)
    try:
        pipeline.ingest()
        return state(pipeline)
    finally:
        pipeline.close()


def _all_ready(processes: set[subprocess.Popen[str]]) -> None:
    while processes:
        process = processes.pop()
        assert process.stdout is not None
        process.stdout.readline()


def _all_alive(processes: list[tuple[str, subprocess.Popen[str]]]) -> None:
    for role, process in processes:
        if process.poll() is not None:
            raise AssertionError(f"{role} ended: {process.communicate()[1]}")


def _started(role: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.concurrency", "--role", role, "--folder", str(folder)]
    return subprocess.Popen(
        command, cwd=ROOT, env=unmeasured(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--role", choices=sorted(set(ROLES)), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.role:
        run_role(args.role, args.folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(run(Path(folder), seconds=args.seconds)))


if __name__ == "__main__":
    main()
