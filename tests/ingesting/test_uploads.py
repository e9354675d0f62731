"""Uploaded files: private, followed, cancelled, shared and deleted."""

from __future__ import annotations

import asyncio
import inspect
import os
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from docent.errors import InputError, UnknownDocument, UnknownLibrary, UnreadableFile
from docent.ingesting import (
    ChunkSize,
    EmbeddingWorker,
    IngestPipeline,
    Rereader,
    Ticket,
    Uploads,
    UploadStatus,
    find_files,
    ingest,
)
from docent.ingesting.uploads import plain_name
from docent.loading import Limits, Loader, Ocr
from docent.store import Store, roll_back, sha256_of
from docent.store.files import FolderFiles, KeptOriginal
from docent.store.index.local_index import LocalIndex
from docent.types import Deletion, Scope, State, document_id, private_library, shown_library
from tests.fakes.embedder import WordHashEmbedder
from tests.loading.makers import pdf, write
from tests.store.putting import found

ADA, BOB, ANYBODY = Scope(reader="ada"), Scope(reader="bob"), Scope()


class Desk:
    """Uploads with a store and a loader of their own, to be closed and opened again as an app does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.open()

    def open(self) -> None:
        self.embedder = WordHashEmbedder()
        self.store = Store(self.folder / "storage", fingerprint="f")
        loader = Loader(limits=Limits(), ocr=Ocr(engine="off"), workers=2)
        self.background = EmbeddingWorker(store=self.store, embedder=self.embedder)
        self.ingest_pipeline = IngestPipeline(
            self.store, loader, self.embedder, self.background, ChunkSize(200, 25), workers=2
        )
        self.uploads = Uploads(self.ingest_pipeline)

    def close(self) -> None:
        self.uploads.close()
        self.background.close()
        self.store.close()

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def take_in(
        self, name: str, text: str, *, owner: str | None = "ada", library: str = "uploads", wait: bool = True
    ) -> Ticket:
        ticket = self.uploads.add(self.write("upload.tmp", text), name=name, library=library, owner=owner)
        while wait and not self.uploads.status(ticket).over:
            time.sleep(0.02)
        return ticket


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path)
    yield desk
    desk.close()


def test_an_upload_is_read_and_followed(desk):
    """Every step is reported, and the last one is a document that its owner can search."""

    async def follow() -> list[State]:
        ticket = desk.take_in("hours.md", "# Hours\n\nThe museum opens at nine.", wait=False)
        return [standing.state async for standing in desk.uploads.follow(ticket)]

    states = asyncio.run(follow())
    assert states[-1] is State.READY
    assert set(states) <= {State.QUEUED, State.LOADING, State.SEARCHABLE, State.READY}
    (document,) = desk.store.documents(ADA)
    assert (document.name, document.kind, document.owner) == ("hours.md", "markdown", "ada")
    assert shown_library(document.library) == "uploads"
    assert found(desk.store, "when does the museum open", ADA)


def test_a_file_is_searchable_once_its_words_are_in_the_index(desk, monkeypatch):
    """Until then it is shown as being read, though it is stored: a question would not find it."""
    stored, searchable, follow = threading.Event(), threading.Event(), LocalIndex.follow

    def wait(index: LocalIndex) -> None:
        if [document.state for document in desk.store.documents(ADA)] == [State.SEARCHABLE]:
            stored.set()
            searchable.wait(timeout=60)
        follow(index)

    monkeypatch.setattr(LocalIndex, "follow", wait)
    ticket = desk.take_in("hours.txt", "The museum opens at nine.", wait=False)
    assert stored.wait(timeout=60)
    assert desk.uploads.status(ticket).state is State.LOADING
    searchable.set()
    assert until_over(desk, ticket).state is State.READY


def test_an_unreadable_file_fails_with_its_reason(desk):
    """Uploaded again, the file is read again; an older version stays when a new one fails."""
    assert desk.uploads.status(desk.take_in("a.pdf", "%PDF-1.7 broken")).state is State.FAILED
    standing = desk.uploads.status(desk.take_in("a.pdf", "%PDF-1.7 broken"))
    assert "a.pdf" in standing.reason
    desk.take_in("b.txt", "The museum opens at nine.")
    ticket = desk.take_in("b.txt", "%PDF-1.7 broken, too")
    assert "b.txt" in desk.uploads.status(ticket).reason
    assert found(desk.store, "museum", ADA) == {"The museum opens at nine."}


@pytest.mark.parametrize("again", [False, True])
def test_an_unexpected_error_ends_the_reading(desk, monkeypatch, caplog, again):
    """With a full disk the upload fails, or the document stays; the error is reported and logged."""
    key = desk.take_in("a.txt", "The museum opens at nine.").document_id if again else ""

    def full(path, *, password):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(desk.ingest_pipeline.loader, "stream", full)
    if not again:
        standing = desk.uploads.status(desk.take_in("a.txt", "The museum opens at nine."))
        assert standing.state is State.FAILED and "No space left" in standing.reason
    else:
        read_again = Rereader(desk.ingest_pipeline)
        read_again.start(key, ADA)
        while read_again.pages(key) is not None:
            time.sleep(0.02)
        assert "No space left" in read_again.failed(key)
        assert found(desk.store, "museum", ADA) == {"The museum opens at nine."}
    assert "No space left" in caplog.text


def test_a_new_version_replaces_the_old_one(desk):
    """If a file is uploaded twice with different content, only the newer version stays."""
    desk.take_in("a.txt", "The museum opens at nine.")
    desk.take_in("a.txt", "The museum opens at ten.")
    assert found(desk.store, "museum", ADA) == {"The museum opens at ten."}


def test_an_upload_is_cancelled_while_it_is_read(desk, monkeypatch):
    """Nothing of it is stored, neither then nor later."""
    reading, go_on, ended = threading.Event(), threading.Event(), threading.Event()
    read = desk.ingest_pipeline.loader.stream

    @contextmanager
    def slow(path, *, password):
        reading.set()
        go_on.wait(10)
        try:
            with read(path, password=password) as stream:
                yield stream
        finally:
            ended.set()

    monkeypatch.setattr(desk.ingest_pipeline.loader, "stream", slow)
    ticket = desk.take_in("a.txt", "The museum opens at nine.", wait=False)
    assert reading.wait(10)
    assert desk.uploads.cancel(ticket)
    go_on.set()
    assert ended.wait(60)
    desk.uploads.close()
    assert desk.store.documents(ADA) == []
    standing = desk.uploads.status(ticket)
    assert (standing.state, standing.gone) == (State.FAILED, True)  # not that the file cannot be read
    assert desk.store.contents().originals == set()


def test_an_upload_survives_a_stop(desk, monkeypatch):
    """A file that was not read before a stop is read after the next start."""
    with monkeypatch.context() as idle:
        idle.setattr(ThreadPoolExecutor, "submit", lambda *_: Future())
        desk.take_in("a.txt", "The museum opens at nine.", wait=False)
    (desk.folder / "upload.tmp").unlink()
    assert [one.state for one in desk.store.documents(ADA)] == [State.QUEUED]
    desk.close()
    desk.open()
    desk.uploads.resume()
    while [one.state for one in desk.store.documents(ADA)] != [State.READY]:
        time.sleep(0.02)
    assert found(desk.store, "museum", ADA) == {"The museum opens at nine."}


def test_what_came_since_a_rebuild_is_read_again_after_a_rollback(desk):
    """The index before does not know it; the next start reads it from its original, for its owner alone."""
    with closing(Store(desk.store.folder, fingerprint="f", building=True)) as new:
        assert new.switch() == "switched"
    ticket = desk.take_in("hours.txt", "The museum opens at nine.")
    roll_back(desk.store.folder)
    assert desk.uploads.status(ticket).state is State.QUEUED
    assert found(desk.store, "museum", ADA) == set()
    desk.close()
    desk.open()
    desk.uploads.resume()
    while not desk.uploads.status(ticket).over:
        time.sleep(0.02)
    assert found(desk.store, "museum", ADA) == {"The museum opens at nine."}
    assert found(desk.store, "museum", BOB) == set()
    assert desk.store.complaints() == []


def test_sharing_embeds_nothing_again(desk):
    """A private document that is shared is there for all readers with its vectors, and no longer private."""
    desk.take_in("hours.txt", "The museum opens at nine.")
    (mine,) = desk.store.documents(ADA)
    before = desk.embedder.embedded
    new = desk.store.share(mine.id, "museum", ADA)
    assert new == document_id("museum", mine.sha256)
    assert desk.embedder.embedded == before
    assert [(one.id, one.library, one.state) for one in desk.store.documents(ANYBODY)] == [
        (new, "museum", State.READY)
    ]
    assert found(desk.store, "museum opens", BOB) == {"The museum opens at nine."}
    contents = desk.store.contents()
    assert contents.vectors == {"museum": contents.words, mine.library: set()}
    assert len(contents.words) == 1
    with pytest.raises(UnknownDocument):
        desk.store.share(mine.id, "museum", ADA)


def test_a_document_shared_before_its_vectors_gets_them(desk, monkeypatch):
    """The vectors that were missing are made in the shared library."""
    monkeypatch.setattr(desk.background, "start", lambda: None)
    ticket = desk.take_in("hours.txt", "The museum opens at nine.", wait=False)
    while desk.uploads.status(ticket).state is not State.SEARCHABLE:
        time.sleep(0.02)
    desk.store.share(ticket.document_id, "museum", ADA)
    monkeypatch.undo()
    desk.background.wait(lambda left: None)
    assert [one.state for one in desk.store.documents(ANYBODY)] == [State.READY]


def test_sharing_replaces_an_earlier_failure(desk):
    """If the same bytes failed in the shared library before, the shared document can be searched there."""
    path = desk.write("upload.tmp", "The museum opens at nine.")
    sha256 = sha256_of(path)
    desk.store.expect(path, sha256, name="hours.txt", library="museum", owner=None)
    desk.store.give_up(document_id("museum", sha256), "It is locked.")
    mine = desk.take_in("hours.txt", "The museum opens at nine.")
    new = desk.store.share(mine.document_id, "museum", ADA)
    assert [one.state for one in desk.store.documents(ANYBODY)] == [State.READY]
    desk.store.unshare(new, private_library("ada", "uploads"), ADA)
    assert found(desk.store, "museum", BOB) == {"The museum opens at nine."}, "it was not only hers"


def test_a_failed_upload_keeps_the_same_file_read_before(desk):
    """If a file is uploaded twice and its second reading fails, the first one can still be searched."""
    ticket = desk.take_in("hours.txt", "The museum opens at nine.")
    desk.store.give_up(ticket.document_id, "The worker was stopped.")
    assert desk.uploads.status(ticket).state is State.READY
    assert found(desk.store, "museum", ADA) == {"The museum opens at nine."}


def test_an_upload_survives_a_deletion_of_the_same_bytes(desk, monkeypatch):
    """An uploaded file is stored although the same bytes are deleted elsewhere at that moment."""
    path = desk.write("upload.tmp", "The museum opens at nine.")
    sha256 = sha256_of(path)
    bobs = desk.take_in("hours.txt", "The museum opens at nine.", owner="bob").document_id
    own = private_library("ada", "uploads")

    keep = FolderFiles.keep

    def keep_before_deletion(originals: FolderFiles, *arguments: Any, **keywords: Any) -> KeptOriginal:
        monkeypatch.undo()
        kept = keep(originals, *arguments, **keywords)
        desk.store.delete(bobs, BOB)
        return kept

    monkeypatch.setattr(FolderFiles, "keep", keep_before_deletion)
    desk.store.expect(path, sha256, name="a.txt", library=own, owner="ada")
    assert desk.store.original(document_id(own, sha256), ADA).read_text() == "The museum opens at nine."


def test_an_ingest_leaves_uploads_alone(desk):
    """An ingest of data/ does not report an uploaded file as missing."""
    data = desk.folder / "data"
    (data / "museum").mkdir(parents=True)
    (data / "museum" / "hours.txt").write_text("The museum opens at ten.")
    desk.take_in("hours.txt", "The museum opens at nine.", owner=None, library="museum")
    for _ in range(2):
        reports = ingest(
            [data],
            data=data,
            pipeline=desk.ingest_pipeline,
            retry_failed=False,
            password=None,
            on_progress=lambda _: None,
        )
        assert {report.outcome for report in reports} <= {"added", "unchanged"}
    assert found(desk.store, "museum") == {"The museum opens at nine.", "The museum opens at ten."}
    assert len(find_files([data], data=data)[0]) == 1


def test_a_whole_private_library_is_deleted(desk):
    """All of its documents are deleted and counted; the libraries of others stay as they are."""
    desk.take_in("a.txt", "The museum opens at nine.")
    desk.take_in("b.txt", "Books are lent for two weeks.")
    desk.take_in("a.txt", "The museum opens at nine.", owner="bob")
    own = private_library("ada", "uploads")
    with pytest.raises(UnknownLibrary):
        desk.store.delete_library(own, BOB)
    with pytest.raises(UnknownLibrary):
        desk.store.delete_library(own, ANYBODY)
    receipt = desk.store.delete_library(own, ADA)
    counts = {
        "pages": 2,
        "chunks": 2,
        "words": 2,
        "vectors": 2,
        "originals": 1,
        "copies": 0,
        "answers": 0,
        "questions": 0,
    }
    assert receipt.found == counts
    assert set(receipt.left.values()) == {0}
    assert desk.store.documents(ADA) == []
    assert desk.store.libraries("ada") == []
    assert found(desk.store, "museum", BOB) == {"The museum opens at nine."}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        pytest.param("report.pdf", "report.pdf", id="plain"),
        pytest.param("../../etc/passwd", "passwd", id="a path"),
        pytest.param("C:\\Users\\ada\\cv.docx", "cv.docx", id="a path of Windows"),
        pytest.param(".hidden", "hidden", id="hidden"),
        pytest.param("a\x00b\nc.txt", "abc.txt", id="control characters"),
        pytest.param("é" * 300 + ".pdf", "é" * 98 + ".pdf", id="too long"),
        pytest.param("é" * 300, "é" * 100, id="too long, without a suffix"),
        pytest.param("a." + "é" * 300, "é" * 100, id="a suffix that is too long"),
    ],
)
def test_upload_names_are_cleaned(given, kept):
    """Any name that a browser sends becomes one printable file name of bounded length."""
    assert plain_name(given) == kept


def test_an_empty_name_is_refused():
    """A file without a name is refused, and no name is made up for it."""
    with pytest.raises(InputError):
        plain_name("../")


def test_library_names_of_owners_are_distinct(desk):
    """Any two owners and libraries have different stored names, and no folder can have such a name."""
    names = [private_library(owner, name) for owner in ("a", "a/b", "~a", "") for name in ("c", "b c", "~a")]
    assert len(set(names)) == len(names)
    assert all(name.count("/") == 1 for name in names)
    with pytest.raises(InputError):
        desk.uploads.add(desk.write("x", "x"), name="x", library="a/b", owner="ada")


READING = """
    documents document nearest matching similarity agreement chunks chunks_of places page pages plain_pages
    read_ahead original libraries failures cancel delete delete_several delete_library share unshare
""".split()


def test_shared_files_of_one_name_both_stay(desk):
    """Two readers share different files of one name: both documents stay, each with a path of its own."""
    first = desk.take_in("rota.txt", "Ada opens on Monday.")
    second = desk.take_in("rota.txt", "Bob opens on Tuesday.", owner="bob")
    desk.store.share(first.document_id, "team", ADA)
    desk.store.share(second.document_id, "team", BOB)
    shared = [document for document in desk.store.documents(ANYBODY) if document.library == "team"]
    assert len(shared) == 2
    assert len({path for document in shared for path in document.paths}) == 2


def test_a_file_shared_twice_stays_until_both_unshare_it(desk):
    """The same file shared by two readers is one document; each reader takes back their own share."""
    first = desk.take_in("rota.txt", "The museum opens at nine.")
    second = desk.take_in("rota.txt", "The museum opens at nine.", owner="bob")
    new = desk.store.share(first.document_id, "team", ADA)
    assert desk.store.share(second.document_id, "team", BOB) == new
    desk.store.unshare(new, "~ada/own", ADA)
    assert found(desk.store, "museum", ANYBODY) == {"The museum opens at nine."}
    with pytest.raises(UnknownDocument):
        desk.store.unshare(new, "~ada/own", ADA)
    desk.store.unshare(new, "~bob/own", BOB)
    assert found(desk.store, "museum", ANYBODY) == set()
    assert found(desk.store, "museum", ADA) == found(desk.store, "museum", BOB) != set()


def test_a_private_document_is_hidden_from_others(desk):
    """Every method that takes a scope treats another reader's document as if it did not exist."""
    desk.take_in("diary.txt", "The museum opens at nine.")
    (mine,) = desk.store.documents(ADA)
    (piece,) = desk.store.chunks_of(mine.id, ADA)
    desk.store.organiser.tag([mine.id], "secret")
    vector = desk.embedder.embed_query("museum")
    given = {
        "document_id": mine.id, "document_id_": mine.id, "number": 1, "vector": vector, "limit": 5,
        "query": "museum", "chunk_ids": [piece.id], "ids": [mine.id], "library": mine.library,
        "reader": "bob", "wanted": {(mine.id, 1)}, "quotes": "blank", "shared": True,
    }  # fmt: skip
    scoped = {
        name
        for name, method in inspect.getmembers(desk.store, inspect.ismethod)
        if not name.startswith("_") and {"scope", "reader"} & set(inspect.signature(method).parameters)
    }
    assert scoped - {"rarity"} == set(READING)
    for scope in (ANYBODY, BOB, Scope(reader="bob", libraries=(mine.library,)), Scope(documents=(mine.id,))):
        for name in READING:
            method = getattr(desk.store, name)
            asked = {key: given[key] for key in inspect.signature(method).parameters if key != "scope"}
            if "scope" in inspect.signature(method).parameters:
                asked["scope"] = scope
            try:
                answer = method(**asked)
            except (UnknownDocument, UnknownLibrary):
                continue
            if isinstance(answer, Deletion):
                assert not any(answer.found.values())
            else:
                assert answer in ([], {}, [-1.0], [0.0]) or name == "read_ahead", name
        assert desk.store.organiser.listing(scope) == ([], 0)
        assert desk.store.organiser.known_tags(scope) == desk.store.organiser.libraries(scope.reader) == []
        said, unsaid = desk.store.rarity([*desk.store.terms("museum", "en"), "en:unsaid"], scope).values()
        assert said == unsaid
    assert [one.id for one in desk.store.documents(ADA)] == [mine.id]
    assert desk.store.organiser.known_tags(ADA) == ["secret"]


def test_a_locked_pdf_is_read_with_its_password(desk):
    """Without a password or with a wrong one it fails; with the right one it is read; neither is stored."""
    data = pdf(lambda sheet, n: write(sheet, ["The museum opens at nine."]), encrypt="opens sesame")
    (desk.folder / "locked.pdf").write_bytes(data)
    ticket = desk.uploads.add(desk.folder / "locked.pdf", name="a.pdf", library="uploads", owner="ada")
    assert until_over(desk, ticket).locked
    desk.uploads.unlock(ticket, "wrong")
    assert until_over(desk, ticket).locked
    desk.close()
    desk.open()
    assert desk.uploads.status(ticket).locked, "the next start knows it, too"
    desk.uploads.unlock(ticket, "opens sesame")
    standing = until_over(desk, ticket)
    assert (standing.state, standing.locked, standing.pages) == (State.READY, False, 1)
    assert "opens sesame" not in repr(vars(desk.uploads)), "the password is not held in memory any longer"
    kept = [path for path in (desk.folder / "storage").rglob("*") if path.is_file()]
    assert not [path for path in kept if b"opens sesame" in path.read_bytes()]


def test_a_file_is_unlocked_as_soon_as_it_fails(desk, monkeypatch):
    """A password that is given at the moment the file is reported locked opens it."""
    data = pdf(lambda sheet, n: write(sheet, ["The museum opens at nine."]), encrypt="opens sesame")
    (desk.folder / "locked.pdf").write_bytes(data)
    handed_in, unlocked, give_up = threading.Event(), threading.Event(), desk.store.give_up

    def told(document_id: str, reason: str) -> None:
        give_up(document_id, reason)
        handed_in.wait(60)
        desk.uploads.unlock(ticket, "opens sesame")
        unlocked.set()

    monkeypatch.setattr(desk.store, "give_up", told)
    file = desk.folder / "locked.pdf"
    ticket = desk.uploads.add(file, name="a.pdf", library="uploads", owner="ada")
    handed_in.set()
    assert unlocked.wait(60)
    for _ in range(3000):
        if (standing := desk.uploads.status(ticket)).over:
            break
        time.sleep(0.02)
    assert standing.state is State.READY


def until_over(desk: Desk, ticket: Ticket) -> UploadStatus:
    while not (standing := desk.uploads.status(ticket)).over:
        time.sleep(0.02)
    return standing


def test_an_uploaded_pipe_is_refused(desk):
    """It is refused at once, without waiting for data from it."""
    os.mkfifo(desk.folder / "pipe")
    with pytest.raises(UnreadableFile, match="a named pipe"):
        desk.uploads.add(desk.folder / "pipe", name="a.pdf", library="uploads", owner="ada")


def test_a_file_without_text_is_ready_with_a_reason(desk):
    """Its reason says that there is nothing to search."""
    standing = desk.uploads.status(desk.take_in("void.txt", "\n \n"))
    assert (standing.state, standing.chunks) == (State.READY, 0)
    assert standing.reason == "Nothing to search: no text was found. There is no text in it."
