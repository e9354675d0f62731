"""PostgreSQL restarts, or another server takes its place, under a running Docent."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from docent.postgres.migrating import migrate
from tests.cluster.replicas import Cluster, WebReplica, until
from tests.fakes.plugin import Ollama
from tests.fakes.postgres_server import DURABLE, NO_POSTGRES, PostgresServer, execute

pytestmark = pytest.mark.skipif(bool(NO_POSTGRES), reason=NO_POSTGRES)
BEFORE = "The ferry to Ravensholm leaves from pier nine at noon."
QUESTION = "Where does the ferry to Ravensholm leave?"


@pytest.fixture
def server_folder() -> Iterator[Path]:
    # Not below pytest's own folder, which is closed to other users.
    with tempfile.TemporaryDirectory(prefix="docent-failover-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def server_in(folder: Path, *, primary: PostgresServer | None = None) -> PostgresServer:
    folder.mkdir()
    return PostgresServer(folder, options=DURABLE, primary=primary)


class Writer:
    """A program that hands files in and deletes every third of them, and notes what was acknowledged."""

    def __init__(self, replica: WebReplica) -> None:
        self._replica = replica
        self.stored: dict[str, str] = {}
        """Name by id, of the files that are there as far as the program was told."""
        self.deleted: dict[str, str] = {}
        self.uncertain: set[str] = set()
        """Files whose deletion was not acknowledged: both outcomes are legal."""
        self.refusals: list[httpx.Response] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            name = f"note{number}.md"
            files = {"file": (name, f"Note {number} is about the harbour.")}
            reply = self._replica.request("POST", "/v1/files", files=files)
            if not reply.is_success:
                self.refusals.append(reply)
                self._stop.wait(0.1)
                continue
            self.stored[reply.json()["id"]] = name
            if number % 3 == 0:
                self._delete(next(iter(self.stored)))

    def _delete(self, key: str) -> None:
        name = self.stored.pop(key)
        reply = self._replica.request("DELETE", f"/v1/files/{key}")
        if reply.is_success:
            self.deleted[key] = name
        else:
            self.refusals.append(reply)
            self.uncertain.add(key)


def check(replica: WebReplica, writer: Writer) -> None:
    """Check that what was acknowledged holds, and that refusals were sentences."""
    assert writer.stored and writer.deleted and writer.refusals
    assert {reply.status_code for reply in writer.refusals} == {503}
    assert {reply.json()["error"]["code"] for reply in writer.refusals} == {"unavailable"}
    assert all("The database at " in reply.json()["error"]["message"] for reply in writer.refusals)
    listed = {file["id"] for file in replica.json("GET", "/v1/files")["data"]}
    assert set(writer.stored) <= listed
    assert not set(writer.deleted) & listed


def goes_on(replica: WebReplica) -> None:
    """Check that the same process answers, reads and deletes."""
    assert replica.runs
    file = replica.upload("trams.md", "The tram to Ravensholm leaves from platform four.")
    assert replica.until_processed(file)["status"] == "processed"
    assert "trams.md" in replica.search("tram to Ravensholm")
    replica.delete(file)


def is_refused(replica: WebReplica) -> bool:
    """Return True if a search and a question are answered with the sentence."""
    question = {"model": "docent", "messages": [{"role": "user", "content": QUESTION}]}
    replies = [
        replica.request("POST", "/v1/search", json={"query": QUESTION, "limit": 5}),
        replica.request("POST", "/v1/chat/completions", json=question),
    ]
    return all(
        reply.status_code == 503 and "The database at " in reply.json()["error"]["message"]
        for reply in replies
    )


def test_postgresql_restarts(server_folder: Path, ollama: Ollama, tmp_path: Path):
    """After a crash of the server nothing acknowledged is lost; meanwhile one sentence, and it goes on."""
    server = server_in(server_folder / "only")
    migrate(server.url)
    try:
        with Cluster(tmp_path, database_url=server.url, model_url=ollama.url) as cluster:
            [replica] = cluster.start_web()
            replica.until_processed(replica.upload("ferries.md", BEFORE))
            writer = Writer(replica)
            until(lambda: len(writer.deleted) > 1, within=60)
            server.stop("immediate")
            until(lambda: is_refused(replica), within=60)
            until(lambda: bool(writer.refusals), within=60)
            server.start()
            replica.until_found(QUESTION, "ferries.md")
            deleted = len(writer.deleted)
            until(lambda: len(writer.deleted) > deleted, within=60)
            writer.stop()
            check(replica, writer)
            assert {replica.until_processed(file)["status"] for file in writer.stored} == {"processed"}
            goes_on(replica)
    finally:
        server.stop()


@pytest.mark.cluster
def test_a_synchronous_standby_is_promoted(server_folder: Path, ollama: Ollama, tmp_path: Path):
    """The primary is lost with its disk; its standby has all that was acknowledged, and Docent finds it."""
    primary = server_in(server_folder / "primary")
    migrate(primary.url)
    standby = server_in(server_folder / "standby", primary=primary)
    execute(primary.url, "ALTER SYSTEM SET synchronous_standby_names = '*'")
    execute(primary.url, "SELECT pg_reload_conf()")
    in_step = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
    until(lambda: execute(primary.url, in_step) == [(1,)], within=60)
    both = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
    url = f"postgresql://docent@{both}/postgres?target_session_attrs=read-write"
    try:
        with Cluster(tmp_path, database_url=url, model_url=ollama.url) as cluster:
            [replica] = cluster.start_web()
            replica.until_processed(replica.upload("ferries.md", BEFORE))
            writer = Writer(replica)
            until(lambda: len(writer.deleted) > 1, within=60)
            primary.stop("immediate")
            shutil.rmtree(primary.folder / "data")
            until(lambda: bool(writer.refusals), within=60)
            standby.promote()
            replica.until_found(QUESTION, "ferries.md")
            deleted = len(writer.deleted)
            until(lambda: len(writer.deleted) > deleted, within=60)
            writer.stop()
            check(replica, writer)
            goes_on(replica)
    finally:
        standby.stop()
