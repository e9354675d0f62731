"""Everything at once on one storage/: two ingests, a watcher, four searchers and a deleter, as processes.

    python -m tests.concurrency [--seconds 60]

Files are written, changed, renamed and removed meanwhile, and now and then one of the processes is
killed and started again. In the end storage/ must be what one ingest makes of the files.
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
from docent.glossary import FileReport, Scope
from docent.ingesting import Background, Cut, Intake, ingest
from docent.ingesting.watching import follow
from docent.loading import Limits, Loader, Ocr
from docent.retrieving import retrieve
from docent.store import SharedStore
from tests.fakes.embedder import WordHashEmbedder
from tests.unmeasured import unmeasured

ROOT = Path(__file__).resolve().parent.parent
ROLES = ("ingest", "ingest", "watch", "search", "search", "search", "search", "delete")
STABLE, CHURNING = 8, 12
ASKED = 12  # times, ten seconds apart: each may become the owner in turn
ANIMALS = "heron otter lynx marten viper ibex osprey beaver".split()
CLOSED = "closed"
HARMLESS = ("changed while it was read", "no longer there", "vanished while", "does not exist")
"""What an ingest may say of a file that is taken away under its eyes."""


class Place:
    """One process's house, with an embedder that needs no model."""

    def __init__(self, folder: Path, storage: str = "storage") -> None:
        self.data = folder / "data"
        self.embedder = WordHashEmbedder()
        self.store = SharedStore(folder / storage, fingerprint="f")
        self.loader = Loader(limits=Limits(), ocr=Ocr(engine="off"), workers=1)
        self.background = Background(store=self.store, embedder=self.embedder)
        self.intake = Intake(self.store, self.loader, self.embedder, self.background, Cut(200, 25), workers=1)

    def ingest(self) -> list[FileReport]:
        reports = ingest(
            [self.data],
            data=self.data,
            intake=self.intake,
            retry_failed=True,
            password=None,
            on_progress=lambda _: None,
        )
        bad = [one for one in reports if one.outcome == "failed" and not _harmless(one.reason)]
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


def ingesting(place: Place) -> None:
    while True:
        place.ingest()
        time.sleep(0.2)


def watching(place: Place) -> None:
    def trouble(said: str) -> None:
        raise AssertionError(said)

    follow([place.data], ingest=place.ingest, polling=False, on_reports=lambda _: None, on_trouble=trouble)


def searching(place: Place) -> None:
    """What nobody touches is found by every question for it, first, and to the letter."""
    while True:
        animal = random.choice(ANIMALS)
        found = retrieve(
            f"Where does the {animal} live?",
            scope=Scope(),
            store=place.store,
            embedder=place.embedder,
            limit=5,
        )
        if not found or animal not in found[0].text:
            raise AssertionError(
                f"{animal} was missed: {[one.text for one in found]}. "
                f"Files: {sorted(place.data.rglob('*'))}, documents: {place.store.documents(Scope())}"
            )


def deleting(place: Place) -> None:
    """Deletes at random; the next ingest brings back what is still a file."""
    scope = Scope(libraries=("churn",))
    while True:
        if documents := place.store.documents(scope):
            try:
                receipt = place.store.delete(random.choice(documents).id, scope)
            except UnknownDocument:
                continue  # an ingest was faster
            if any(receipt.left.values()):
                raise AssertionError(receipt)
        time.sleep(0.1)


RUN: dict[str, Callable[[Place], None]] = {
    "ingest": ingesting, "watch": watching, "search": searching, "delete": deleting
}  # fmt: skip


def play(role: str, folder: Path) -> None:
    """One process, until it is told to stop."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.unraisablehook = _unless_interrupted
    import chromadb  # noqa: F401  # whose making of classes turns an interruption into errors of its own

    place = Place(folder)
    try:
        print("ready", flush=True)  # from now on it may be told to stop
        RUN[role](place)
    except KeyboardInterrupt:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        place.close()
        print(CLOSED, flush=True)
        # An interruption that passed through text being executed, as where classes of an import are made,
        # is remembered, and ends the process by its signal although it was dealt with; this forgets it.
        eval("None")


def _unless_interrupted(swallowed: sys.UnraisableHookArgs) -> None:
    """An interruption that comes in a callback of an import goes no further; it is asked to end again."""
    if not issubclass(swallowed.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(swallowed)


# --- the files -----------------------------------------------------------------------------


def plant(data: Path) -> None:
    for animal in ANIMALS[:STABLE]:
        (data / "stable").mkdir(parents=True, exist_ok=True)
        (data / "stable" / f"{animal}.txt").write_text(f"The {animal} lives in valley {animal[::-1]}.")
    (data / "churn").mkdir()


def stir(data: Path, step: int) -> None:
    """One change: a file written, rewritten, renamed, copied or removed."""
    file = data / "churn" / f"{random.randrange(CHURNING)}.txt"
    other = data / "churn" / f"{random.randrange(CHURNING)}.txt"
    match random.choice(("write", "write", "write", "rename", "remove", "copy")):
        case "write":
            text = f"Note {file.stem}, revision {step}.\n\n" + f"Remark {step}. " * random.randrange(300)
            _whole(file, text.encode())
        case "rename" if file.exists():
            file.rename(other)
        case "remove":
            file.unlink(missing_ok=True)
        case "copy" if file.exists():
            _whole(other, file.read_bytes())


def _whole(file: Path, content: bytes) -> None:
    """Written beside and moved into place: a file caught between truncation and content reads as empty, and
    is rightly reported so."""
    aside = file.parents[2] / "aside"
    aside.write_bytes(content)
    aside.replace(file)


# --- the run -------------------------------------------------------------------------------


def state(place: Place) -> dict[str, object]:
    """Everything about a storage/ that has to be equal."""
    documents = place.store.documents(Scope())
    return {
        "documents": sorted(
            (one.library, one.sha256, one.state.value, sorted(one.paths)) for one in documents
        ),
        "chunks": sorted(
            (chunk.id, chunk.text) for one in documents for chunk in place.store.chunks_of(one.id, Scope())
        ),
        "vectors": {name: sorted(place.store._vectors.chunk_ids(name)) for name in ("churn", "stable")},
        "words": sorted(place.store._words.chunk_ids()),
        "originals": sorted(place.store._originals.held()),
    }


def run(folder: Path, *, seconds: float, kill_every: float = 4.0) -> dict[str, int]:
    """Let everything happen at once, then compare; how much happened."""
    data = folder / "data"
    plant(data)
    place = Place(folder)
    place.ingest()
    place.close()
    crowd = [(role, _started(role, folder)) for role in ROLES]
    starting = {process for _, process in crowd}
    _all_ready(starting)
    done = {"changes": 0, "kills": 0}
    began = killed = time.monotonic()
    while time.monotonic() - began < seconds:
        stir(data, done["changes"])
        done["changes"] += 1
        time.sleep(0.05)
        _all_alive(crowd)
        if time.monotonic() - killed > kill_every:
            killed = time.monotonic()
            at = random.randrange(len(crowd))
            role, process = crowd[at]
            process.kill()
            process.communicate()
            starting.discard(process)
            crowd[at] = (role, _started(role, folder))
            starting.add(crowd[at][1])
            done["kills"] += 1
    _all_ready(starting)  # one that is still being started cannot be asked to end in good order
    for role, process in crowd:
        said = _ended(process)
        assert CLOSED in said, f"{role} ended with {process.returncode}: {said}"
        assert process.returncode == 0, f"{role} ended with {process.returncode}: {said}"
        assert "Traceback" not in said, said
    together, alone = _final(folder, "storage"), _final(folder, "alone")
    differing = {what: (together[what], alone[what]) for what in alone if together[what] != alone[what]}
    assert not differing, differing
    return done


def _ended(process: subprocess.Popen[str]) -> str:
    """What it said at last; asked again, since a library may swallow the interruption where it comes."""
    for _ in range(ASKED):
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return "".join(process.communicate(timeout=10))
    raise AssertionError(f"{process.args} does not end")


def _final(folder: Path, storage: str) -> dict[str, object]:
    place = Place(folder, storage)
    try:
        place.ingest()
        return state(place)
    finally:
        place.close()


def _all_ready(processes: set[subprocess.Popen[str]]) -> None:
    while processes:
        process = processes.pop()
        assert process.stdout is not None
        process.stdout.readline()


def _all_alive(crowd: list[tuple[str, subprocess.Popen[str]]]) -> None:
    for role, process in crowd:
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
    asked = parser.parse_args()
    if asked.role:
        play(asked.role, asked.folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(run(Path(folder), seconds=asked.seconds)))


if __name__ == "__main__":
    main()
