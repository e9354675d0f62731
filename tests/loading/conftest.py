"""One loader for all tests of this package, so that workers are reused."""

from __future__ import annotations

import pytest

from docent.loading import Limits, Loader, Ocr


@pytest.fixture(scope="session")
def loader():
    with Loader(limits=Limits(), ocr=Ocr(engine="off"), workers=2) as loader:
        yield loader


@pytest.fixture
def read(loader, tmp_path):
    """Write bytes or text under a name, and load the file."""

    def read(name, content, *, password=None):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return loader.load(path, password=password)

    return read
