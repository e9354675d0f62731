"""A full disk is reported in a sentence, loses nothing stored, and does no harm once there is space."""

from __future__ import annotations

import random
import string
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from docent.errors import StoreError
from docent.store import Store
from docent.types import Scope
from tests.store.putting import matching, nearest, put

MEGABYTES = 16


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("NOT TESTED: a full disk. There is no mount command here.")
    if mounted.returncode:
        pytest.skip(f"NOT TESTED: a full disk. A small tmpfs needs root ({mounted.stderr.strip()}).")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def many_words(number: int) -> str:
    """A text that no compression makes small."""
    chance = random.Random(number)
    words = ("".join(chance.choices(string.ascii_lowercase, k=7)) for _ in range(400))
    return f"Marker{number} " + " ".join(words)


@pytest.mark.parametrize("free", [0, 40_000, 200_000, 500_000], ids=lambda free: f"{free // 1000} kB left")
def test_a_full_disk(small_disk, tmp_path, free):
    """However little is left, what was stored is found, and what was refused is stored later."""
    store = Store(small_disk / "storage", fingerprint="f")
    texts = {f"{number}.txt": many_words(number) for number in range(200)}
    stored: list[str] = []
    try:
        for path in list(texts)[:3]:
            put(store, tmp_path, path, texts[path])
            stored.append(path)
        fill(small_disk, leaving=free)
        with pytest.raises(StoreError, match="[Ff]ree some space") as refused_for:
            for path in list(texts)[3:]:
                put(store, tmp_path, path, texts[path])
                stored.append(path)
        is_there(store, stored)
        assert str(small_disk) not in str(refused_for.value)
        (small_disk / "filler").unlink()
        refused = list(texts)[len(stored)]
        put(store, tmp_path, refused, texts[refused])
        is_there(store, [*stored, refused])
    finally:
        store.close()
    store = Store(small_disk / "storage", fingerprint="f")
    try:
        is_there(store, [*stored, refused])
        assert store.complaints() == []
    finally:
        store.close()


def test_a_full_disk_is_told_without_its_path(small_disk, tmp_path):
    """The person who hands a file in reads neither the server's folders nor the name of a temporary file."""
    store = Store(small_disk / "storage", fingerprint="f")
    fill(small_disk, leaving=0)
    try:
        with pytest.raises(StoreError, match="in storage/") as refused:
            put(store, tmp_path, "0a1b2c3d.txt", many_words(1))
    finally:
        store.close()
    assert str(small_disk) not in str(refused.value)
    assert "0a1b2c3d" not in str(refused.value)


def fill(folder: Path, *, leaving: int) -> None:
    with (folder / "filler").open("wb", buffering=0) as filler:
        try:
            while filler.write(bytes(65536)) == 65536:
                pass
        except OSError:
            pass
        filler.truncate(max(0, filler.tell() - leaving))


def is_there(store: Store, paths: list[str]) -> None:
    found = {document.name for document in store.documents(Scope())}
    assert found >= set(paths)
    for path in paths:
        marker = f"Marker{path.partition('.')[0]}"
        assert any(text.startswith(marker) for text in matching(store, marker))
        assert nearest(store, marker)
