"""Ingests and uploads while the server of the original files does not answer."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from docent.errors import FilesUnreachable
from docent.ingesting import ChunkSize, EmbeddingWorker, IngestPipeline, Ticket, Uploads, ingest
from docent.loading import Limits, Loader, Ocr
from docent.store import Store, sha256_of
from docent.types import Scope, State, private_library
from tests.fakes.embedder import WordHashEmbedder
from tests.fakes.s3_server import BUCKET
from tests.store.putting import found

HOURS = "The museum opens at nine."


@pytest.fixture
def pipeline(s3_server, tmp_path):
    embedder = WordHashEmbedder()
    store = Store(tmp_path / "storage", fingerprint="f", files_url=f"s3://{BUCKET}/files")
    loader = Loader(limits=Limits(), ocr=Ocr(engine="off"), workers=2)
    background = EmbeddingWorker(store=store, embedder=embedder)
    yield IngestPipeline(store, loader, embedder, background, ChunkSize(200, 25), workers=2)
    loader.close()
    background.close()
    store.close()


def test_an_ingest_waits_and_goes_on(pipeline, s3_server, tmp_path, caplog):
    """Files of a folder are read again and again until the server is back; none is reported as failed."""
    folder = tmp_path / "data/museum"
    folder.mkdir(parents=True)
    for number in range(3):
        (folder / f"{number}.txt").write_text(f"{HOURS} Room {number}.")
    s3_server.stop()
    reports = []

    def run() -> None:
        reports.extend(
            ingest(
                [tmp_path / "data"],
                data=tmp_path / "data",
                pipeline=pipeline,
                retry_failed=False,
                password=None,
                on_progress=lambda _: None,
            )
        )

    ingesting = threading.Thread(target=run)
    ingesting.start()
    until = time.monotonic() + 60
    while "The ingest waits for it" not in caplog.text and time.monotonic() < until:
        time.sleep(0.05)
    assert "cannot be used now" in caplog.text
    assert pipeline.store.documents(Scope()) == []
    s3_server.start()
    ingesting.join()
    assert [report.outcome for report in reports] == ["added"] * 3
    assert len(found(pipeline.store, "museum")) == 3


def test_an_upload_is_refused_in_a_sentence(pipeline, s3_server, tmp_path):
    """What cannot be stored is not taken; it is taken once the server is back."""
    uploads = Uploads(pipeline)
    path = tmp_path / "hours.txt"
    path.write_text(HOURS)
    s3_server.stop()
    with pytest.raises(FilesUnreachable, match="files can be opened and added again once it answers"):
        uploads.add(path, name="hours.txt", library="uploads", owner="ada")
    assert pipeline.store.waiting.unread() == []
    s3_server.start()
    ticket = uploads.add(path, name="hours.txt", library="uploads", owner="ada")
    assert until_over(uploads, ticket).state is State.READY
    uploads.close()


def test_an_upload_that_was_taken_is_read_once_the_server_is_back(pipeline, s3_server, tmp_path, monkeypatch):
    """A queued file whose original is not on this machine waits; it does not fail."""
    tried, original = threading.Event(), Store.original

    def note_refusal(store: Store, key: str, scope: Scope) -> Path:
        try:
            return original(store, key, scope)
        except FilesUnreachable:
            tried.set()
            raise

    monkeypatch.setattr(Store, "original", note_refusal)
    monkeypatch.setattr("docent.ingesting.uploads.AGAIN_SECONDS", 0.1)
    path = tmp_path / "hours.txt"
    path.write_text(HOURS)
    library = private_library("ada", "uploads")
    pipeline.store.expect(path, sha256_of(path), name="hours.txt", library=library, owner="ada")
    [document] = pipeline.store.waiting.unread()
    ticket = Ticket(document.id, "hours.txt", library, "ada")
    for fetched in (tmp_path / "storage/fetched").iterdir():
        fetched.unlink()
    s3_server.stop()
    uploads = Uploads(pipeline)
    uploads.resume()
    assert tried.wait(60)
    assert not uploads.status(ticket).over
    s3_server.start()
    assert until_over(uploads, ticket).state is State.READY
    uploads.close()


def until_over(uploads: Uploads, ticket):
    until = time.monotonic() + 60
    while not (status := uploads.status(ticket)).over and time.monotonic() < until:
        time.sleep(0.02)
    return status
