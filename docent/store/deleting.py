"""Deletions: what goes is removed everywhere, and what is left of it is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from docent.conversations import Place, Quoted, quoted
from docent.errors import StoreError, UnknownDocument, UnknownLibrary
from docent.question_pairs import PairFiles
from docent.saved_tables import SavedTables
from docent.store.catalog import changes, contents, documents
from docent.store.catalog.dialect import among
from docent.store.catalog.scoping import in_scope
from docent.store.protocols import Catalog
from docent.store.writing import Writer, catalogs_aside
from docent.types import Deletion, Quotes, Scope, StoredDocument, document_id


class Deleter:
    """Deletes documents, libraries and readers, with what answers quote of them."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def delete(self, document_id: str, scope: Scope, *, quotes: Quotes = "blank") -> Deletion:
        """Delete a document, and the answers or quotes made from it; count what is left.

        Raises StoreError, before it is deleted, where the conversations cannot be changed.
        """
        known = self._known([document_id], scope)
        if not known:
            raise UnknownDocument("There is no document {name!r} that you may delete.", name=document_id)
        return self._delete(known, document_id, known[0].name, quotes)

    def delete_several(self, ids: Sequence[str], scope: Scope, *, quotes: Quotes = "blank") -> Deletion:
        """Delete documents in one step; those that are gone by now are left out."""
        return self._delete(self._known(ids, scope), "", "", quotes)

    def delete_library(self, library: str, scope: Scope, *, shared: bool = False) -> Deletion:
        """Delete a private library with everything in it, or a shared one where `shared` allows it."""
        with self._writer.catalog.read() as db:
            everybodys = documents.libraries_of(db, None)
            own = scope.reader is not None and library in documents.libraries_of(db, scope.reader)
        if not own:
            raise UnknownLibrary("There is no private library {name!r} that you may delete.", name=library)
        if library in everybodys and not shared:
            raise UnknownLibrary("{name!r} is shared; it is not one reader's to delete.", name=library)
        deletion = self._delete(self._documents("l.name = ?", library), "", library, "blank")
        with self._writer.change() as db:
            n = documents.library_row(db, library)
            for (document,) in db.execute("SELECT n FROM documents WHERE library = ?", (n,)).fetchall():
                documents.withdraw(db, document)  # also what came meanwhile
            db.execute("DELETE FROM failures WHERE library = ?", (n,))
        with self._writer.catalog.write() as db:
            db.execute("DELETE FROM libraries WHERE name = ?", (library,))
            changes.append(db, self._writer.serving().generation, "library", library=library)
        self._writer.serving().index.follow()
        self._writer.catalog.forget_copies()  # it names the library's owner
        self._writer.catalog.forget_deleted()
        return deletion

    def forget_owner(self, owner: str) -> int:
        """Delete every private library of a reader, and their name in what they shared; count the documents.

        Raises StoreError if something of them is left.
        """
        count = len(self._documents("l.owner = ?", owner))
        with self._writer.catalog.read() as db:
            own = set(documents.libraries_of(db, owner)) - set(documents.libraries_of(db, None))
        for library in sorted(own):
            self.delete_library(library, Scope(reader=owner))
        _forget_name(self._writer.catalog, owner)
        for folder, database_url in self._writer.places():
            SavedTables(folder, database_url=database_url).forget_reader(owner)
        for catalog in catalogs_aside(self._writer.folder):
            _forget_name(catalog, owner)
        with self._writer.catalog.read() as db:
            if documents.is_named(db, owner):
                raise StoreError(
                    "Something of {name} is left in the catalog of documents. Try again; if it happens "
                    "again, see what is wrong with: python -m docent doctor",
                    name=owner,
                )
        return count

    def _delete(self, known: Sequence[StoredDocument], key: str, name: str, quotes: Quotes) -> Deletion:
        """Delete documents and what answers quote of them; count what there was and what is left."""
        answers = self._quoted(known)
        erased = self._erase(answers, quotes)
        with self._writer.catalog.read() as db:
            ids = {document.id: contents.document_chunk_ids(db, document.id) for document in known}
        found = self._census(known, ids)
        originals = {document.sha256: self._writer.files.stamp(document.sha256) for document in known}
        with self._writer.change() as db:
            for document in known:
                if (row := documents.document_row(db, document.id)) is not None:
                    documents.withdraw(db, row)
        left = self._census(known, ids, originals)
        if any(left.values()):  # perhaps another process has stored and deleted it again meanwhile
            self._writer.serving().index.follow()
            left = self._census(known, ids, originals)
        self._writer.catalog.forget_deleted()
        # Again, because an answer under way may have been stored meanwhile.
        erased += self._erase(answers, quotes)
        still = sum(answers.count(place) for place in self._conversations())
        still += sum(
            SavedTables(folder, database_url=url).count_rows(answers.documents)
            for folder, url in self._writer.places()
        )
        return Deletion(key, name, {**found, "answers": erased}, {**left, "answers": still})

    def _known(self, keys: Sequence[str], scope: Scope) -> list[StoredDocument]:
        condition, values = in_scope(scope)
        chosen, ids = among("d.id", keys)
        where = f"{chosen} AND d.visible = 1 AND {condition}"
        return self._documents(where, ids, *values, scope=scope)

    def _documents(
        self, condition: str, *values: str | None, scope: Scope | None = None
    ) -> list[StoredDocument]:
        with self._writer.catalog.read(scope) as db:
            return documents.documents_where(db, self._writer.serving().generation, condition, *values)

    def _quoted(self, known: Sequence[StoredDocument]) -> Quoted:
        """Return what answers may quote of documents, also under ids from before they were shared."""
        generation = self._writer.serving().generation
        with self._writer.catalog.read() as db:
            there = {key for (key,) in db.execute("SELECT id FROM documents")}
            names = documents.every_library(db)
            earlier = {document_id(name, one.sha256) for name in names for one in known} - there
            pages = [contents.pages_where(db, generation, "d.id = ?", [one.id]) for one in known]
            chunk_ids = [key for one in known for key in contents.document_chunk_ids(db, one.id)]
        texts = ["\n".join(page.text for page in some) for some in pages]
        return quoted({one.id for one in known} | earlier, chunk_ids, texts)

    def _erase(self, answers: Quoted, quotes: Quotes) -> int:
        """Erase documents from answers and from research tables, and count both."""
        count = sum(answers.erase(place, quotes) for place in self._conversations())
        return count + sum(
            SavedTables(folder, database_url=url).forget_documents(answers.documents)
            for folder, url in self._writer.places()
        )

    def _conversations(self) -> list[Place]:
        """Return where conversations may be, also those from before a database was set."""
        url = self._writer.database_url
        folders = dict.fromkeys(folder for folder, _ in self._writer.places())
        return [*([url] if url else []), *folders]

    def _census(
        self,
        known: Sequence[StoredDocument],
        ids: Mapping[str, Sequence[str]],
        originals: Mapping[str, object | None] | None = None,
    ) -> dict[str, int]:
        """Count what each part of the store holds of these documents.

        With `originals`, as they were before a deletion, leave out what another process has stored since.
        """
        index = self._writer.serving().index
        total: Counter[str] = Counter(
            dict.fromkeys(("pages", "chunks", "words", "vectors", "originals", "copies"), 0)
        )
        keys = {document.id for document in known}
        total["questions"] = sum(
            PairFiles(folder, database_url=url).count(keys) for folder, url in self._writer.places()
        )
        for document in known:
            words, vectors = index.held(document.library, document.id, ids[document.id])
            original = self._writer.files.stamp(document.sha256)
            copies = self._writer.files.copies.held(document.sha256)
            with self._writer.catalog.read() as db:  # last, so that it knows of all that was stored again
                pages, chunks = contents.count_of(db, document.id, ids[document.id])
                shared = documents.is_used(db, document.sha256, besides=document.id)
                again = originals is not None and documents.document_row(db, document.id) is not None
            if not again:
                total.update(pages=pages, chunks=chunks, words=words, vectors=vectors)
            # Another process stores a file before it stores its document.
            other = original is not None and originals and original != originals[document.sha256]
            if not (again or shared or other):
                total.update(originals=int(original is not None), copies=copies)
        return dict(total)


def _forget_name(catalog: Catalog, reader: str) -> None:
    with catalog.write() as db:
        documents.forget_name(db, reader)
    catalog.forget_copies()
    catalog.forget_deleted()
