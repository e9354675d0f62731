"""A cluster for one test, on a database of its own; and two replicas for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.replicas import Cluster, WebReplica
from tests.fakes.plugin import Ollama, start_in_thread
from tests.fakes.postgres_server import PostgresServer, database_of, drop_database


@pytest.fixture
def cluster(postgres_url: str, ollama: Ollama, tmp_path: Path) -> Iterator[Cluster]:
    """No process yet: the test starts those that it needs."""
    with Cluster(tmp_path, database_url=postgres_url, model_url=ollama.url) as cluster:
        yield cluster


@dataclass(frozen=True)
class Pair:
    """Two web replicas that ask people to log in, and the user ann."""

    cluster: Cluster
    first: WebReplica
    second: WebReplica
    ollama: Ollama


@pytest.fixture(scope="module")
def pair(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    url, ollama = database_of(folder), start_in_thread()
    try:
        with Cluster(folder, database_url=url, model_url=ollama.url, DOCENT_LOGIN="on") as cluster:
            cluster.add_user("ann")
            first, second = cluster.start_web(2)
            yield Pair(cluster, first, second, ollama)
    finally:
        ollama.stop()
        drop_database(url)
