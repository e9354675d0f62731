"""Summaries by a model are written once: saved with the document, ahead of the question, out of its way."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest

from docent.app import Docent, open_docent
from docent.app.document_aids import summarise_later
from docent.app.summaries import SummaryWriter
from docent.app.summary_backlog import SummaryBacklog, summarise_ahead
from docent.settings import Settings
from docent.types import (
    Answer,
    Answered,
    AnswerRequest,
    Event,
    Preview,
    Receipt,
    Scope,
    Searching,
    StoredDocument,
)

SENTENCES = "The harbour of Larkwater has {n} ferries. They sail to the islands every day of week {n}.\n"
READER = "ada"


@pytest.fixture
def docent(tmp_path: Path, ollama) -> Iterator[Docent]:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "harbour.txt").write_text("".join(SENTENCES.format(n=n) for n in range(300)))
    settings = Settings(
        data=tmp_path / "data", storage=tmp_path / "storage", model_url=ollama.url, context_tokens=2048,
        small_model="off",
    )  # fmt: skip
    with open_docent(settings) as opened:
        opened.ingest([tmp_path / "data"], retry_failed=False, password=None, on_progress=lambda _: None)
        yield opened


def harbour(docent: Docent) -> StoredDocument:
    return docent.store.documents(Scope(reader=READER))[0]


def summaries(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "storage" / "copies").rglob("summary-*.json"))


async def asked(docent: Docent, question: str = "Summarise harbour.txt") -> list[Event]:
    request = AnswerRequest(question=question, scope=Scope(reader=READER))
    return [event async for event in docent.answer(request)]


def answer_of(events: list[Event]) -> Answer:
    last = events[-1]
    assert isinstance(last, Answered)
    return last.answer


async def test_a_summary_shows_words_before_the_model_has_read(docent, ollama):
    """The document's own key sentences are there before the first request to the model."""
    ollama.script(reply="The harbour of Larkwater has 7 ferries.", sticky=True)
    request = AnswerRequest(question="Summarise harbour.txt", scope=Scope(reader=READER))
    async for event in docent.answer(request):
        if isinstance(event, Preview):
            break
    assert "ferries" in event.text
    assert ollama.requests_to("/api/chat") == []


async def test_a_summary_is_written_once(docent, ollama):
    """The second time, and in other words, it comes from storage, with citations of the document."""
    ollama.script(reply="The harbour of Larkwater has 7 ferries.", sticky=True)
    first = answer_of(await asked(docent))
    assert first.citations
    requests = len(ollama.requests_to("/api/chat"))
    again = answer_of(await asked(docent, "Give me an overview of the harbour report"))
    assert (again.text, again.receipt.model) == (first.text, first.receipt.model)
    assert [one.quote for one in again.citations] == [one.quote for one in first.citations]
    assert len(ollama.requests_to("/api/chat")) == requests


async def test_a_summary_is_deleted_with_its_document(docent, ollama, tmp_path):
    """The receipt of the deletion counts it, and nothing of it is left."""
    ollama.script(reply="The harbour of Larkwater has 7 ferries.", sticky=True)
    await asked(docent)
    assert list((tmp_path / "storage" / "copies").rglob("summary-*"))
    deletion = docent.store.delete(harbour(docent).id, Scope(reader=READER))
    assert deletion.found["copies"] == 1
    assert deletion.left["copies"] == 0
    assert not list((tmp_path / "storage" / "copies").rglob("summary-*"))


async def test_a_changed_document_has_no_summary(docent, ollama, tmp_path):
    """Its new version is read again."""
    ollama.script(reply="The harbour of Larkwater has 7 ferries.", sticky=True)
    await asked(docent)
    (tmp_path / "data" / "harbour.txt").write_text(
        "The harbour of Larkwater was closed. No ferry sails.\n" * 3
    )
    docent.ingest([tmp_path / "data"], retry_failed=False, password=None, on_progress=lambda _: None)
    requests = len(ollama.requests_to("/api/chat"))
    await asked(docent)
    assert len(ollama.requests_to("/api/chat")) > requests


async def test_a_summary_is_written_ahead(docent, ollama, tmp_path):
    """In the background, before anybody asks."""
    ollama.script(reply="The harbour of Larkwater has 7 ferries.", sticky=True)
    summarise_later(docent, harbour(docent), READER)
    await ollama.until(
        lambda: bool(list((tmp_path / "storage" / "copies").rglob("summary-*.json"))), within=60
    )
    requests = len(ollama.requests_to("/api/chat"))
    assert answer_of(await asked(docent)).receipt.model
    assert len(ollama.requests_to("/api/chat")) == requests


async def test_documents_of_folders_are_summarised_in_the_background(docent, ollama, tmp_path):
    """Without anybody asking; then the question asks the model nothing, and nothing is written twice."""
    ollama.script(reply="The harbour of Larkwater has 7 ferries.", sticky=True)
    summarise_ahead(docent)
    await ollama.until(lambda: bool(summaries(tmp_path)), within=60)
    requests = len(ollama.requests_to("/api/chat"))
    assert answer_of(await asked(docent)).receipt.model
    assert await SummaryBacklog(docent).next() is None
    assert len(ollama.requests_to("/api/chat")) == requests


async def test_a_file_just_added_is_summarised_also_a_private_one(docent, ollama, tmp_path):
    """With its owner as the reader; nobody else finds it."""
    note = tmp_path / "note.txt"
    note.write_text("The lighthouse of Larkwater was painted red in May.\n")
    ticket = docent.add_upload(note, name="note.txt", owner=READER)
    docent.ingest_pipeline.background.start()
    async for _ in docent.follow(ticket):
        pass
    document_id, _ = await SummaryBacklog(docent).next()
    assert document_id == ticket.document_id


@pytest.mark.parametrize(
    ("settings", "model"),
    [
        pytest.param({"small_model": "on"}, "ready", id="a small model"),
        pytest.param({"summaries_ahead": 0}, "ready", id="switched off"),
        pytest.param({}, "away", id="no model server"),
    ],
)
async def test_nothing_is_summarised_ahead(docent, ollama, settings, model):
    """By a model too small for it, by none, or against the settings; later the document is tried again."""
    usual = docent.settings
    docent.settings = usual.model_copy(update=settings)
    open_model = docent.open_model
    if model == "away":
        docent.open_model = partial(open_model, url="http://127.0.0.1:9")
    backlog = SummaryBacklog(docent)
    assert await backlog.next() is None
    docent.settings, docent.open_model = usual, open_model
    assert await backlog.next() is not None


async def test_the_writing_ends_when_its_document_is_deleted(docent, ollama, tmp_path):
    """The model is not kept at work for a document that is gone, and nothing of it is saved."""
    ollama.script(reply="word " * 4000, seconds_per_token=0.05, sticky=True)
    document = harbour(docent)
    summarise_later(docent, document, READER)
    await ollama.until(lambda: bool(ollama.requests_to("/api/chat")), within=60)
    docent.store.delete(document.id, Scope(reader=READER))
    done = threading.Event()

    async def last() -> None:
        done.set()

    docent.summary_writer.add("last", last)
    assert await asyncio.to_thread(done.wait, 30)
    assert summaries(tmp_path) == []


async def test_a_damaged_summary_is_written_again(docent, ollama, tmp_path):
    """As after a power cut: half a file is no summary."""
    ollama.script(reply="The harbour of Larkwater has 7 ferries.", sticky=True)
    await asked(docent)
    (saved,) = summaries(tmp_path)
    saved.write_bytes(saved.read_bytes()[:40])
    requests = len(ollama.requests_to("/api/chat"))
    assert answer_of(await asked(docent)).citations
    assert len(ollama.requests_to("/api/chat")) > requests


class Job:
    """The writing of a summary that lasts until it is told to end."""

    def __init__(self) -> None:
        self.started = threading.Semaphore(0)
        self.stopped = threading.Semaphore(0)
        self.end = threading.Event()

    async def write(self) -> None:
        self.started.release()
        try:
            while not self.end.is_set():
                await asyncio.sleep(0.005)
        except asyncio.CancelledError:
            self.stopped.release()
            raise


@pytest.fixture
def writer() -> Iterator[SummaryWriter]:
    opened = SummaryWriter()
    yield opened
    opened.close()


async def answering() -> AsyncGenerator[Event, None]:
    yield Searching("")
    yield Answered(Answer("", (), (), Receipt("", "")))


async def test_writing_ahead_gives_way_to_a_question(writer):
    """A question stops it; when it is answered, the summary is begun again."""
    job = Job()
    writer.add("d", job.write)
    assert await asyncio.to_thread(job.started.acquire, timeout=20)
    events: AsyncIterator[Event] = writer.giving_way(answering())
    await anext(events)
    assert await asyncio.to_thread(job.stopped.acquire, timeout=20)
    assert not job.started.acquire(blocking=False)
    assert [event async for event in events]
    assert await asyncio.to_thread(job.started.acquire, timeout=20)
    job.end.set()


async def test_writing_ahead_can_be_cancelled(writer):
    """What was cancelled is stopped and not begun again; the next document is."""
    cancelled, following = Job(), Job()
    writer.add("d", cancelled.write)
    writer.add("e", following.write)
    assert await asyncio.to_thread(cancelled.started.acquire, timeout=20)
    writer.cancel("d")
    assert await asyncio.to_thread(cancelled.stopped.acquire, timeout=20)
    assert await asyncio.to_thread(following.started.acquire, timeout=20)
    assert not cancelled.started.acquire(blocking=False)
    following.end.set()


async def test_the_writer_looks_for_more_after_a_question(writer):
    """While one is being answered, it does not even look."""
    looked = threading.Semaphore(0)
    events: AsyncIterator[Event] = writer.giving_way(answering())
    await anext(events)

    async def find() -> None:
        looked.release()

    writer.look_for_more(find)
    assert not await asyncio.to_thread(looked.acquire, timeout=0.2)
    assert [event async for event in events]
    assert await asyncio.to_thread(looked.acquire, timeout=20)
