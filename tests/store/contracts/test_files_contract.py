"""What every place for original files promises: whole files by their content, and nothing else."""

from __future__ import annotations

import hashlib
import multiprocessing
import threading
from contextlib import closing
from pathlib import Path

import pytest

from docent.errors import UnreadableFile
from tests.store.contracts.implementations import folder_files, sqlite_catalog

LARGE = 20_000_000


def written(folder: Path, content: bytes) -> tuple[Path, str]:
    file = folder / "source" / hashlib.sha256(content).hexdigest()[:8]
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    return file, hashlib.sha256(content).hexdigest()


def store(files, folder: Path, file: Path, sha256: str) -> None:
    """Store a file as a writer does: its copy first, then the claim on it in a transaction."""
    kept = files.keep(file, sha256)
    confirm(files, folder, kept)


def confirm(files, folder: Path, kept) -> None:
    with closing(sqlite_catalog(folder)) as catalog, catalog.write() as db:
        files.confirm(db, kept)


def drop(files, folder: Path, sha256: str) -> None:
    """Delete a file as a writer does: given up in a transaction, and deleted after it."""
    with closing(sqlite_catalog(folder)) as catalog, catalog.write() as db:
        files.release(db, sha256)
    files.delete_released()


def keep_for_ever(files_factory, folder: Path, said) -> None:
    """Store one large file after the other; run in a process that is killed."""
    files = files_factory(folder)
    number = 0
    while True:
        store(files, folder, *written(folder, str(number).encode() * LARGE))
        said.put(number)
        number += 1


def test_a_file_comes_back_by_its_content(files, tmp_path):
    """As it was when it was stored, whatever happens to the file that it was copied from."""
    file, sha256 = written(tmp_path, b"content")
    store(files, tmp_path, file, sha256)
    file.write_bytes(b"changed")
    assert files.open(sha256).read_bytes() == b"content"
    assert list(files.held()) == [sha256]


def test_storing_twice_is_storing_once(files, tmp_path):
    """The second time nothing is copied, so the file need not be there any more."""
    file, sha256 = written(tmp_path, b"content")
    store(files, tmp_path, file, sha256)
    file.unlink()
    store(files, tmp_path, file, sha256)
    assert list(files.held()) == [sha256]


def test_another_process_sees_it(files, files_factory, tmp_path):
    """What one stores another opens, and what it drops is gone for both."""
    other = files_factory(tmp_path)
    file, sha256 = written(tmp_path, b"content")
    kept = files.keep(file, sha256)
    files.settle()
    confirm(files, tmp_path, kept)
    assert other.open(sha256).read_bytes() == b"content"
    drop(other, tmp_path, sha256)
    assert list(files.held()) == []


def test_dropping_what_is_not_there(files, tmp_path):
    """It is no error, since two may drop the same."""
    drop(files, tmp_path, "5e" * 32)
    assert list(files.held()) == []


def test_dropping_takes_the_copies_with_it(files, tmp_path):
    """Files that were made of an original to be shown go when it goes."""
    file, sha256 = written(tmp_path, b"content")
    store(files, tmp_path, file, sha256)
    files.copies.get(files.open(sha256), "page.png", lambda: b"picture")
    assert files.copies.held(sha256) == 1
    drop(files, tmp_path, sha256)
    assert files.copies.held(sha256) == 0
    assert not files.open(sha256).exists()


def test_a_drop_between_a_copy_and_its_document(files, files_factory, tmp_path):
    """Who stores bytes that are there, and are deleted before their document comes, has them after it."""
    file, sha256 = written(tmp_path, b"content")
    store(files, tmp_path, file, sha256)
    kept = files.keep(file, sha256)
    other = files_factory(tmp_path)
    drop(other, tmp_path, sha256)
    confirm(files, tmp_path, kept)
    assert files_factory(tmp_path).open(sha256).read_bytes() == b"content"
    assert list(files.held()) == [sha256]


def test_what_tells_two_files_apart(files, tmp_path):
    """The same bytes stored again are another file; what is not there has no stamp."""
    file, sha256 = written(tmp_path, b"content")
    assert files.stamp(sha256) is None
    store(files, tmp_path, file, sha256)
    first = files.stamp(sha256)
    assert first is not None and files.stamp(sha256) == first
    drop(files, tmp_path, sha256)
    assert files.stamp(sha256) is None
    file.write_bytes(b"content")
    store(files, tmp_path, file, sha256)
    assert files.stamp(sha256) not in (None, first)


def test_a_changed_file_is_refused(files, tmp_path):
    """A file whose content is not the one that was read is not stored, and leaves nothing behind."""
    file, sha256 = written(tmp_path, b"content")
    file.write_bytes(b"changed")
    before = set(tmp_path.rglob("*"))
    with pytest.raises(UnreadableFile, match="changed"):
        files.keep(file, sha256)
    assert list(files.held()) == []
    assert set(tmp_path.rglob("*")) == before


def test_a_vanished_file_is_refused(files, tmp_path):
    """And so is a symbolic link where none is allowed."""
    file, sha256 = written(tmp_path, b"content")
    link = tmp_path / "link"
    link.symlink_to(file)
    with pytest.raises(UnreadableFile):
        files.keep(link, sha256, links=False)
    file.unlink()
    with pytest.raises(UnreadableFile):
        files.keep(file, sha256)
    assert list(files.held()) == []


def test_several_store_the_same_at_once(files, files_factory, tmp_path):
    """It is there once, whole."""
    content = b"x" * 3_000_000
    file, sha256 = written(tmp_path, content)
    everyone = [files, files_factory(tmp_path), files, files_factory(tmp_path)]
    threads = [threading.Thread(target=store, args=(one, tmp_path, file, sha256)) for one in everyone]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert files.open(sha256).read_bytes() == content
    assert list(files.held()) == [sha256]


def test_sweeping_leaves_what_is_used(files, tmp_path):
    """The copies made of everything else go, and what is named is to be released."""
    kept = []
    for content in (b"one", b"two", b"three"):
        file, sha256 = written(tmp_path, content)
        store(files, tmp_path, file, sha256)
        files.copies.get(files.open(sha256), "page.png", lambda: b"picture")
        kept.append(sha256)
    assert files.sweep({kept[1]}) == {kept[0], kept[2]}
    assert set(files.held()) == set(kept)
    assert [files.copies.held(sha256) for sha256 in kept] == [0, 1, 0]


def test_copies_of_what_another_machine_deleted(files, tmp_path):
    """They go, and what is used keeps its own."""
    kept = []
    for content in (b"one", b"two"):
        file, sha256 = written(tmp_path, content)
        store(files, tmp_path, file, sha256)
        files.copies.get(files.open(sha256), "page.png", lambda: b"picture")
        kept.append(sha256)
    files.sweep_copies(lambda originals: {kept[0]} & set(originals))
    assert [files.copies.held(sha256) for sha256 in kept] == [0, 1]


def test_a_killed_process_leaves_no_half_file(files, files_factory, tmp_path):
    """What is held is whole, and the next sweep removes what was half written."""
    context = multiprocessing.get_context("spawn")
    said = context.Queue()
    process = context.Process(target=keep_for_ever, args=(files_factory, tmp_path, said))
    process.start()
    said.get()
    process.kill()
    process.join()
    held = sorted(files.held())
    assert held
    for sha256 in held:
        assert hashlib.sha256(files.open(sha256).read_bytes()).hexdigest() == sha256
    assert files.sweep(held) == set()
    assert sorted(files.held()) == held
    if files_factory is folder_files:  # halves in a cache go after an hour, and nobody reads them
        stored = [file for file in (tmp_path / "originals").rglob("*") if file.is_file()]
        assert len(stored) == len(held)
