"""Building the index anew beside the old one, which answers until the new one is whole."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from docent.store.previous import Kept, Previous
from docent.store.store import Store
from docent.store.switching import WHOLE
from docent.types import Document


class Rebuild:
    """From the catalog in `folder` into a new store; killed and started again, it goes on from there."""

    def __init__(self, folder: Path, *, new: Store) -> None:
        self._new = new
        self._old = Previous(folder / "index", originals=folder / "originals")
        (new.folder / WHOLE).unlink(missing_ok=True)

    def missing(self) -> list[Kept]:
        """What the old index has and the new one does not; what was deleted meanwhile is forgotten here."""
        wanted = {kept.id: kept for kept in self._documents()}
        with self._new._catalog.read() as db:
            there = {str(key) for (key,) in db.execute("SELECT id FROM documents")}
        for gone in there - wanted.keys():
            self._new.withdraw(gone)
        return [kept for key, kept in wanted.items() if key not in there]

    def document(self, kept: Kept) -> Document:
        """With the text of its pages, as it was read before."""
        return self._old.whole(kept)

    def finish(self) -> None:
        """Paths, dates and failures as the old index has them now; everything derived is in step."""
        documents = self._documents()
        for kept in documents:
            for file in kept.files:
                self._new.attach(file, kept.document.sha256)
        for file, reason in self._old.failures():
            self._new.fail(file, reason)
        for kept, owner, reason in self._old.expected():
            self._expect(kept, owner, reason)
        with self._new._catalog.write() as db:
            db.executemany(
                "UPDATE documents SET added = ? WHERE id = ?", [(kept.added, kept.id) for kept in documents]
            )
        self._new.mend()
        (self._new.folder / WHOLE).touch()

    def _documents(self) -> list[Kept]:
        """What the old index has now; the new one knows each library's owner before it gets any of it."""
        documents = self._old.documents()
        with self._new._catalog.write() as db:
            db.executemany(
                "INSERT INTO libraries (name, owner, added) VALUES (?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, added = excluded.added",
                self._old.libraries(),
            )
        return documents

    def _expect(self, kept: Kept, owner: str | None, reason: str) -> None:
        """What was handed in and waits to be read, or could not be."""
        one = kept.document
        original = kept.files[0].full
        if original.exists():
            self._new.expect(original, one.sha256, name=one.name, library=kept.library, owner=owner)
            if reason:
                self._new.give_up(kept.id, reason)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._old.close()
