"""Several processes that take the jobs of one database: here each is a machine with a storage/ of its own."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from docent.errors import LoadError, StoreError
from docent.ingesting import (
    ChunkSize,
    EmbeddingWorker,
    IngestPipeline,
    JobTaker,
    Rereader,
    Ticket,
    Uploads,
    open_jobs,
)
from docent.ingesting.jobs import MOST_ATTEMPTS, count_attempt
from docent.loading import Limits, Loader, Ocr
from docent.store import Store
from docent.types import Scope, State
from tests.fakes.embedder import WordHashEmbedder
from tests.fakes.postgres_server import execute
from tests.fakes.s3_server import BUCKET, environ_of
from tests.store.putting import found, matching

SECONDS = 30.0


class Machine:
    """What one process has open: a store with a folder of its own, and what reads and embeds."""

    def __init__(
        self, folder: Path, url: str, *, files_url: str = "", reads: bool = True, searches: bool = True
    ) -> None:
        self.embedded: list[str] = []
        self.embedder = WordHashEmbedder()
        embed = self.embedder.embed

        def note(texts):
            self.embedded += texts
            return embed(texts)

        self.embedder.embed = note  # type: ignore[method-assign]
        self.store = Store(
            folder / "storage", fingerprint="f", database_url=url, files_url=files_url, searches=searches
        )
        self.jobs = open_jobs(url)
        self.loader = Loader(limits=Limits(), ocr=Ocr(engine="off"), workers=1)
        self.background = EmbeddingWorker(
            store=self.store, embedder=self.embedder, jobs=self.jobs, works=reads
        )
        pipeline = IngestPipeline(
            self.store,
            self.loader,
            self.embedder,
            self.background,
            ChunkSize(200, 25),
            workers=1,
            jobs=self.jobs,
            reads=reads,
        )
        self.uploads, self.rereader = Uploads(pipeline), Rereader(pipeline)
        self.taker = JobTaker(pipeline, self.uploads, self.rereader)
        self.folder = folder

    def add(self, name: str, text: str) -> Ticket:
        path = self.folder / "upload.tmp"
        path.write_text(text)
        return self.uploads.add(path, name=name, library="shared", owner=None)

    def until_over(self, ticket: Ticket) -> State:
        limit = time.monotonic() + SECONDS
        while not (status := self.uploads.status(ticket)).over:
            assert time.monotonic() < limit, status
            time.sleep(0.02)
        return status.state

    def close(self) -> None:
        for part in (self.taker, self.uploads, self.rereader, self.background, self.store, self.jobs):
            part.close()


@pytest.fixture
def machine(tmp_path, postgres_url, s3_server, monkeypatch):
    """Open another machine on the same database and bucket."""
    for name, value in environ_of(s3_server.endpoint).items():
        monkeypatch.setenv(name, value)
    with ExitStack() as machines:

        def opened(name: str, *, reads: bool = True, searches: bool = True, bucket: bool = True) -> Machine:
            folder = tmp_path / name
            folder.mkdir()
            files_url = f"s3://{BUCKET}/files" if bucket else ""
            one = Machine(folder, postgres_url, files_url=files_url, reads=reads, searches=searches)
            machines.callback(one.close)
            return one

        yield opened


def hold_reading(worker: Machine, monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """Return two events: a machine has begun to read a file; it may go on."""
    reading, go_on = threading.Event(), threading.Event()
    stream = worker.loader.stream

    def slow(path, *, password):
        reading.set()
        assert go_on.wait(SECONDS)
        return stream(path, password=password)

    monkeypatch.setattr(worker.loader, "stream", slow)
    return reading, go_on


def counts(url: str) -> tuple[int, ...]:
    """Return the numbers of documents, chunks, distinct places of chunks, and vectors."""
    (row,) = execute(
        url,
        "SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM chunks), "
        "(SELECT count(DISTINCT (reading, id)) FROM chunks), (SELECT count(*) FROM vectors)",
    )
    return tuple(row)


def test_whoever_is_free_reads_what_another_has_stored(machine, postgres_url):
    """A file that is handed to one machine is read and embedded by another; the first shows how far it is."""
    web, worker = machine("web", reads=False), machine("worker")
    ticket = web.add("ferries.md", "The ferry leaves at noon.")
    assert web.uploads.status(ticket).unattended
    worker.taker.start()
    assert web.until_over(ticket) is State.READY
    assert not web.uploads.status(ticket).unattended
    assert web.embedded == []
    assert counts(postgres_url) == (1, 1, 1, 1)


def test_a_worker_keeps_no_words_and_vectors(machine, postgres_url):
    """It reads and embeds from the catalog alone; who searches has both, and a deletion awaits no worker."""
    web, worker = machine("web", reads=False), machine("worker", searches=False)
    worker.taker.start()
    ticket = web.add("ferries.md", "The ferry leaves at noon.")
    assert web.until_over(ticket) is State.READY
    assert found(web.store, "When does the ferry leave?") == {"The ferry leaves at noon."}
    assert not list((worker.folder / "storage").rglob("words"))
    assert not list((worker.folder / "storage").rglob("chroma"))
    assert execute(postgres_url, "SELECT count(*) FROM replicas") == [(1,)]
    with pytest.raises(StoreError, match="Ask a server"):
        worker.store.matching("ferry", 5, Scope())


def test_what_another_has_read_is_found_once_it_is_ready(machine):
    """Where a file was handed in, its words are found as soon as its state says that it was read."""
    web, worker = machine("web", reads=False), machine("worker", searches=False)
    worker.taker.start()
    for n in range(8):
        ticket = web.add(f"{n}.md", f"Ferry number{n} leaves at noon.")
        assert web.until_over(ticket) is State.READY
        assert matching(web.store, f"number{n}") == {f"Ferry number{n} leaves at noon."}


def test_a_worker_keeps_no_copy_of_a_deleted_file(machine):
    """What it fetched from the bucket goes when another machine has deleted the document."""
    web, worker = machine("web", reads=False), machine("worker", searches=False)
    worker.taker.start()
    ticket = web.add("ferries.md", "The ferry leaves at noon.")
    assert web.until_over(ticket) is State.READY
    fetched = worker.folder / "storage" / "fetched"
    assert any(path.is_file() for path in fetched.rglob("*"))
    web.store.delete(ticket.document_id, Scope())
    limit = time.monotonic() + SECONDS
    while any(path.is_file() for path in fetched.rglob("*")):
        assert time.monotonic() < limit
        time.sleep(0.02)


def test_no_chunk_is_embedded_twice(machine, postgres_url):
    """Two machines share the chunks of some files, and each is embedded by one of them."""
    first, second = machine("a"), machine("b")
    tickets = [
        first.add(f"{n}.md", "\n\n".join(f"Boat {n} has {m * 7919} oars." for m in range(400)))
        for n in range(6)
    ]
    for one in (first, second):
        one.taker.start()
    assert {first.until_over(ticket) for ticket in tickets} == {State.READY}
    documents, chunks, places, vectors = counts(postgres_url)
    assert documents == 6
    assert chunks == places == vectors
    assert max(Counter(first.embedded + second.embedded).values()) == 1


def test_the_same_bytes_at_two_machines_are_one_document(machine, postgres_url):
    """Both tickets end, and it is stored once."""
    machines = [machine(name) for name in "abc"]
    together = threading.Barrier(3)
    tickets: dict[int, Ticket] = {}

    def add(n: int) -> None:
        together.wait()
        tickets[n] = machines[n].add("ferries.md", "The ferry leaves at noon.")

    threads = [threading.Thread(target=add, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {machines[n].until_over(ticket) for n, ticket in tickets.items()} == {State.READY}
    assert counts(postgres_url) == (1, 1, 1, 1)


def test_a_file_that_only_another_machine_has_is_left_to_it(machine):
    """Without a bucket a machine reads what was handed to it, and nothing else."""
    there, here = machine("there", reads=False, bucket=False), machine("here", bucket=False)
    elsewhere = there.add("ferries.md", "The ferry leaves at noon.")
    here.taker.start()
    assert here.until_over(here.add("trams.md", "Trams run at night.")) is State.READY
    assert there.uploads.status(elsewhere).state is State.QUEUED


def test_another_machine_cancels_what_is_being_read(machine, monkeypatch, postgres_url):
    """The reader notices at its next page, and nothing is left of the file."""
    web, worker = machine("web", reads=False), machine("worker")
    reading, go_on = hold_reading(worker, monkeypatch)
    ticket = web.add("long.md", "A long story. " * 2000)
    worker.taker.start()
    assert reading.wait(SECONDS)
    assert web.uploads.cancel(ticket)
    go_on.set()
    assert web.uploads.status(ticket).gone
    assert worker.until_over(worker.add("trams.md", "Trams run at night.")) is State.READY
    assert counts(postgres_url)[0] == 1


def test_no_transaction_is_open_while_a_file_is_read(machine, monkeypatch, postgres_url):
    """The log of changes goes on meanwhile: what began later is older than all that is open."""
    worker = machine("worker")
    reading, go_on = hold_reading(worker, monkeypatch)
    ticket = worker.add("ferries.md", "The ferry leaves at noon.")
    assert reading.wait(SECONDS)
    ((began,),) = execute(postgres_url, "SELECT CAST(CAST(pg_current_xact_id() AS text) AS bigint)")
    ((oldest,),) = execute(
        postgres_url, "SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)"
    )
    go_on.set()
    assert oldest > began
    assert worker.until_over(ticket) is State.READY


def test_a_document_is_read_again_by_whoever_is_free(machine):
    """One machine asks, another reads, and the first sees when it is done."""
    web, worker = machine("web", reads=False), machine("worker")
    worker.taker.start()
    ticket = web.add("ferries.md", "The ferry leaves at noon.")
    assert web.until_over(ticket) is State.READY
    web.rereader.start(ticket.document_id, Scope())
    limit = time.monotonic() + SECONDS
    while web.rereader.pages(ticket.document_id) is not None:
        assert time.monotonic() < limit
        time.sleep(0.02)
    assert web.rereader.failed(ticket.document_id) == ""
    assert web.uploads.status(ticket).state is State.READY


def test_a_claim_is_of_one_process_and_ends_with_it(postgres_url):
    """Its connection is its life: a process that dies says nothing."""
    one, other = open_jobs(postgres_url), open_jobs(postgres_url)
    assert one.claim("read", "d")
    assert one.claim("read", "d"), "a process may claim twice, as two of its batches do"
    assert not other.claim("read", "d")
    assert other.claim("embed", "d"), "another kind of job"
    one.release("read", "d")
    assert not other.claim("read", "d")
    execute(
        postgres_url,
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = 6101",
    )
    assert other.claim("read", "d", seconds=SECONDS)
    one.close()
    other.close()


def test_processes_that_take_jobs_are_counted(postgres_url):
    """Until they end."""
    one, other = open_jobs(postgres_url), open_jobs(postgres_url)
    assert other.workers() == 0
    one.stand_by()
    assert other.workers() == 1
    one.close()
    limit = time.monotonic() + SECONDS
    while other.workers():
        assert time.monotonic() < limit
    other.close()


def test_an_idle_process_is_counted_again_after_the_database_was_away(postgres_url):
    """Its connection has ended, which it notices though it has nothing to do."""
    with closing(open_jobs(postgres_url)) as idle, closing(open_jobs(postgres_url)) as other:
        idle.stand_by()
        ended = execute(
            postgres_url,
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_locks WHERE locktype = 'advisory' "
            "AND classid = 6105",
        )
        assert ended == [(True,)]
        assert other.workers() == 0
        with pytest.raises(StoreError):
            idle.stand_by()
        idle.stand_by()
        assert other.workers() == 1


def test_a_file_that_ends_three_processes_is_not_tried_again(machine, postgres_url):
    """The attempt is counted before it is read; one that is given back, or ends, does not count."""
    web = machine("web", reads=False)
    document = web.add("ferries.md", "The ferry leaves at noon.").document_id
    for _ in range(MOST_ATTEMPTS):
        dying = open_jobs(postgres_url)
        count_attempt(dying, "read", document, "ferries.md")
        dying.drop("read", document)  # it stopped in order: the next one has the same number of attempts
        count_attempt(dying, "read", document, "ferries.md")
        dying.close()
    next_one = open_jobs(postgres_url)
    with pytest.raises(LoadError, match="3 processes have ended while they read it"):
        count_attempt(next_one, "read", document, "ferries.md")
    next_one.close()
