"""The store: the catalog is the truth, originals, words and vectors follow it.

A document is visible in the one transaction that writes it, after its words are in place; its
vectors follow. What a killed process left over in a derived index is in no catalog row, answers
nothing, and is swept at the next start.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from docent.errors import IndexMismatch, StoreError
from docent.store.catalog import Catalog
from docent.store.derived import open_derived
from docent.store.guard import Lock
from docent.store.mending import lost_originals, sweep_originals
from docent.store.originals import Originals
from docent.store.previous import kept_elsewhere, sweep_unfinished
from docent.store.sharing import Sharing
from docent.store.switching import settle


class Store(Sharing):
    """Everything at rest. Every method may be called from any thread."""

    def __init__(self, folder: Path, *, fingerprint: str, chroma_url: str = "") -> None:
        self.folder = folder
        self._lock = Lock(folder)
        try:
            settle(folder, fingerprint=fingerprint, chroma_url=chroma_url)
            self._open(fingerprint, chroma_url)
        except BaseException:
            self._lock.release()
            raise

    @property
    def owned(self) -> bool:
        """Whether this process is the one that works on the folder."""
        return True

    def complaints(self) -> list[str]:
        """What does not hold together here, in words; empty when everything does."""
        with self._catalog.turn:
            found = [f"the catalog: {line}" for line in self._catalog.complaints()]
            steps = self._derived.steps(self._catalog)
            found += [f"{name}: {step}" for name, step in steps if not step.sound]
        lost = lost_originals(self._catalog, self._originals)
        return found + ([f"originals missing: {', '.join(lost[:5])}"] if lost else [])

    def mend(self) -> None:
        """Bring words and vectors in step with the catalog."""
        with self._catalog.turn:
            self._derived.mend(self._catalog)

    def save(self) -> None:
        """Called when nothing has changed for a while: room is made, and a snapshot taken of the catalog."""
        self._derived.vectors.compact()
        self._catalog.save()

    def close(self) -> None:
        self._derived.close(in_step=not self._catalog.turn.broken_off)
        self._save_quietly()
        self._catalog.close()
        self._lock.release()

    def _open(self, fingerprint: str, chroma_url: str) -> None:
        """The index that is in place now."""
        index = self.folder / "index"
        self._forget_read()
        self._catalog = Catalog(index / "catalog.db")
        try:
            self._check(fingerprint)
            self._originals = Originals(self.folder / "originals")
            self._derived = open_derived(index, self._catalog, chroma_url=chroma_url)
        except BaseException:
            self._catalog.close()
            raise
        self._vectors, self._words = self._derived.vectors, self._derived.words
        if not self._derived.was_closed:
            kept = kept_elsewhere(self.folder)
            sweep_originals(self._catalog, self._originals, besides=kept)
            sweep_unfinished(self.folder, {*kept, *self._originals.held()})
            self._purge()

    def _save_quietly(self) -> None:
        """A catalog that cannot be read was complained of before; it is closed all the same."""
        with suppress(StoreError):
            self._catalog.save()

    def _check(self, fingerprint: str) -> None:
        stored = self._catalog.value("fingerprint")
        if stored and stored != fingerprint:
            raise IndexMismatch(
                "storage/ was indexed with {stored}; settings ask for {fingerprint}. Run: python "
                "ingest.py --rebuild",
                stored=stored,
                fingerprint=fingerprint,
            )
        if not stored:
            self._catalog.set_value("fingerprint", fingerprint)
