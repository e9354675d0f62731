"""Check everything that Docent needs, and say what to do about what is not in order."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from docent.errors import DocentError, FilesUnreachable, StorageBusy
from docent.resources import FILES
from docent.settings import Settings
from docent.types import Scope, State

if TYPE_CHECKING:
    from docent.app import Docent

OLDEST_PYTHON = (3, 11)
LEAST_FREE_BYTES = 1_000_000_000
LOST = "add the files named here again, or restore a backup: python -m docent restore FILE"
DISTRIBUTION = "docent-rag"
REQUIREMENTS = FILES / "requirements.txt"
"""The pinned list of a checkout; an installed package states its requirements itself."""


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    ok: bool
    found: str
    remedy: str = ""


def examine(*, mend: bool) -> list[Finding]:
    """Return the result of every check, in the order in which to repair; with `mend`, repair the index."""
    findings = [python(), versions()]
    try:
        settings = Settings.read()
    except DocentError as error:
        return [*findings, Finding("settings", False, str(error), "correct that setting")]
    findings += [Finding("settings", True, "read"), data(settings), disk(settings)]
    return [*findings, *_opened(settings, mend=mend)]


def python() -> Finding:
    ok = sys.version_info >= OLDEST_PYTHON
    remedy = "" if ok else "install Python 3.11 or newer, then: make install PYTHON=python3.11"
    return Finding("Python", ok, platform.python_version(), remedy)


def versions() -> Finding:
    """Compare the installed packages with the pinned list, or with what the installed Docent requires."""
    checkout = REQUIREMENTS.exists()
    lines = (
        REQUIREMENTS.read_text(encoding="utf-8").splitlines() if checkout else metadata.requires(DISTRIBUTION)
    )
    wrong = []
    for requirement in map(Requirement, lines or ()):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            installed = metadata.version(requirement.name).split("+")[0]
        except metadata.PackageNotFoundError:
            installed = "missing"
        if installed == "missing" or installed not in requirement.specifier:
            wrong.append(
                f"{requirement.name} {installed}, not {requirement.specifier}".replace("not ==", "not ")
            )
    if wrong:
        remedy = "make install" if checkout else f"pip install --upgrade {DISTRIBUTION}"
        return Finding("packages", False, "; ".join(wrong[:5]), remedy)
    return Finding(
        "packages", True, "as pinned in requirements.txt" if checkout else "as this version requires"
    )


def data(settings: Settings) -> Finding:
    if not settings.data.is_dir():
        return Finding("data", False, f"{settings.data} is no folder", f"mkdir -p {settings.data}")
    if not os.access(settings.data, os.R_OK | os.X_OK):
        return Finding("data", False, f"{settings.data} cannot be read", f"chmod u+rx {settings.data}")
    return Finding("data", True, str(settings.data))


def disk(settings: Settings) -> Finding:
    """Check the free space on the disk of storage/, or of its nearest folder that exists."""
    folder = next(
        path for path in (settings.storage.resolve(), *settings.storage.resolve().parents) if path.exists()
    )
    free = shutil.disk_usage(folder).free
    ok = free >= LEAST_FREE_BYTES
    remedy = "" if ok else "free some space, or point DOCENT_STORAGE at a larger disk"
    return Finding("disk", ok, f"{free / 1e9:.1f} GB free for {settings.storage}", remedy)


def _opened(settings: Settings, *, mend: bool) -> Iterator[Finding]:
    """Yield the findings for which Docent must be opened."""
    # Imported late: in a broken installation `versions` must still name the missing package.
    from docent.app import mend_catalog, open_docent

    try:
        if mend and not settings.database and (mended := mend_catalog(settings.storage)):
            yield Finding("catalog", True, mended)
        with open_docent(settings) as docent:
            yield from storage(docent)
            yield from files(docent)
            yield in_step(docent, mend=mend)
            yield size(docent)
            yield model_server(docent)
    except StorageBusy as error:
        yield Finding("storage", True, str(error))
    except DocentError as error:
        yield Finding("storage", False, str(error))


def storage(docent: Docent) -> Iterator[Finding]:
    """Report documents, failures and documents of an older loader; opening has compared the settings."""
    documents = docent.store.documents(Scope())
    failed = [document.name for document in documents if document.state is State.FAILED]
    failed += [failure.path for failure in docent.store.failures(Scope())]
    yield Finding("storage", True, f"{docent.settings.storage}: {len(documents)} documents")
    yield Finding("index", True, f"built with {docent.embedder.name}, as the settings ask")
    if failed:
        remedy = "python -m docent list says why; repair the files and run: python -m docent ingest"
        yield Finding("documents", False, f"could not be read: {', '.join(failed[:5])}", remedy)
    older = [document.name for document in documents if docent.is_older(document)]
    if older:
        found = f"{len(older)} were read by an older loader and can still be searched: {', '.join(older[:5])}"
        yield Finding("documents", True, found, "python -m docent ingest --rebuild=full")


def files(docent: Docent) -> Iterator[Finding]:
    """Check that the bucket of the originals answers, where one is set."""
    if not docent.settings.files_url:
        return
    try:
        docent.store.files.check()
    except FilesUnreachable as error:
        yield Finding("files", False, str(error))
    else:
        yield Finding("files", True, f"{docent.settings.files_url} answers")


def in_step(docent: Docent, *, mend: bool) -> Finding:
    """Check that words, vectors and originals match the catalog."""
    problems = docent.store.complaints()
    if problems and mend:
        docent.store.mend()
        left = docent.store.complaints()
        report = "; ".join(left) or f"repaired ({'; '.join(problems)})"
        return Finding("in step", not left, report, LOST if left else "")
    remedy = "python -m docent doctor --mend" if problems else ""
    return Finding("in step", not problems, "; ".join(problems) or "words, vectors and originals", remedy)


def size(docent: Docent) -> Finding:
    """Report the size of the index beside the originals, for each chunk."""
    index = docent.settings.storage / "index"
    parts = {
        "catalog": "catalog.db*",
        "words": "*/words/**/*",
        "vectors": "*/chroma/**/*",
        "snapshot": "snapshots/*",
    }
    chunks = max(1, sum(document.chunks for document in docent.store.documents(Scope())))
    kilobytes = {
        name: sum(path.stat().st_size for path in index.glob(pattern) if path.is_file()) / chunks / 1000
        for name, pattern in parts.items()
    }
    shares = ", ".join(f"{name} {size:.1f}" for name, size in kilobytes.items())
    return Finding("size", True, f"{sum(kilobytes.values()):.1f} kB a chunk ({shares})")


def model_server(docent: Docent) -> Finding:
    status = asyncio.run(docent.check_model())
    return Finding("model server", status.ready, status.sentence, status.remedy)
