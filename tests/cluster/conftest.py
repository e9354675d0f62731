"""A cluster for one test, on a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.replicas import Cluster
from tests.fakes.plugin import Ollama


@pytest.fixture
def cluster(postgres_url: str, ollama: Ollama, tmp_path: Path) -> Iterator[Cluster]:
    """No process yet: the test starts those that it needs."""
    with Cluster(tmp_path, database_url=postgres_url, model_url=ollama.url) as cluster:
        yield cluster
