"""A store with a made-up annual report."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from docent.store import Store
from tests.fakes.embedder import WordHashEmbedder
from tests.retrieving.reports import put_report


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("report")
    store = Store(folder / "storage", fingerprint="x")
    put_report(store, folder, WordHashEmbedder())
    yield store
    store.close()
