"""Finding files: links that are followed, files that are not read, and no waiting for a pipe."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from docent.errors import LoadError, UnreadableFile
from docent.ingesting import find_files
from docent.ingesting.discovery import file_now
from docent.loading import Limits, Loader, Ocr
from docent.store import Arrival, Store, sha256_of
from docent.types import Document, Page, Scope, SourceFile


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data/lib").mkdir(parents=True)
    (tmp_path / "data/lib/a.txt").write_text("Apples are red.")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/s.txt").write_text("The code is 4711.")
    return tmp_path / "data"


def paths_and_reasons(
    data: Path, *paths: Path, follow_links: bool = False
) -> tuple[list[str], dict[str, str]]:
    """Return the paths found, and for the others the reason why they are not read."""
    files, reports = find_files(paths or [data], data=data, follow_links=follow_links)
    assert {report.outcome for report in reports} <= {"failed"}
    return [f"{one.library}/{one.path}" for one in files], {one.path: one.reason for one in reports}


@pytest.mark.parametrize("target", ["../secret/s.txt", "../secret", "../nothing", "/etc/passwd"])
def test_a_link_out_of_the_data_folder_is_reported(data, target):
    """The report names the setting that allows the link; with that setting it is followed."""
    (data / "out.txt").symlink_to(data / target)
    files, reasons = paths_and_reasons(data)
    assert files == ["lib/a.txt"]
    assert "leads out of the data folder" in reasons["out.txt"]
    assert str((data / target).resolve()) in reasons["out.txt"]
    assert "DOCENT_FOLLOW_LINKS=1" in reasons["out.txt"]
    files, reasons = paths_and_reasons(data, follow_links=True)
    assert reasons == {}
    assert len(files) == (1 if target.endswith("nothing") else 2)


def test_links_within_the_data_folder_are_followed(data):
    """Links to files and folders are followed, also where data/ is itself a link; circular links end."""
    (data / "again.txt").symlink_to(data / "lib/a.txt")
    (data / "lib/loop").symlink_to(data)
    (data / "itself").symlink_to(data / "itself")
    (data / "deep").mkdir()
    (data / "deep/b.txt").write_text("Bananas.")
    (data / "an").symlink_to("deep")
    files, reasons = paths_and_reasons(data)
    assert files == ["default/again.txt", "an/b.txt", "lib/a.txt"]
    assert "leads nowhere" in reasons.pop("itself")
    assert reasons == {}
    linked = data.with_name("linked")
    linked.symlink_to(data)
    assert paths_and_reasons(linked)[0] == files


def test_a_named_folder_outside_of_data_is_read(data):
    """A folder outside of data/ is read when it is named; a link in data/ that leads out is not followed."""
    secret = data.parent / "secret"
    assert paths_and_reasons(data, secret)[0] == [f"default/{secret}/s.txt"]
    (data / "out").symlink_to(secret)
    files, reasons = paths_and_reasons(data, data / "out" / "s.txt")
    assert files == []
    assert "leads out" in reasons["s.txt"]


def test_pipes_sockets_and_devices_are_reported(data):
    """A pipe, a socket and a link to a device are reported as such, without waiting for them."""
    os.mkfifo(data / "pipe.pdf")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(data / "sock.txt"))
        (data / "null.txt").symlink_to("/dev/null")
        files, reasons = paths_and_reasons(data, follow_links=True)
    assert files == ["lib/a.txt"]
    assert "not a regular file but a named pipe" in reasons["pipe.pdf"]
    assert "a socket" in reasons["sock.txt"]
    assert "a device" in reasons["null.txt"]


def test_a_name_that_is_not_utf8_is_reported(data):
    """A file, a folder or a link is reported with its bytes escaped, and the files beside it are found."""
    folder = os.fsencode(data)
    Path(os.fsdecode(folder + b"/caf\xe9.txt")).write_text("x")
    Path(os.fsdecode(folder + b"/d\xe9")).mkdir()
    Path(os.fsdecode(folder + b"/d\xe9/b.txt")).write_text("x")
    Path(os.fsdecode(folder + b"/l\xe9")).symlink_to("lib")
    files, reasons = paths_and_reasons(data)
    assert files == ["lib/a.txt"]
    assert reasons.keys() == {r"caf\xe9.txt", r"d\xe9", r"l\xe9"}
    assert all("not written in UTF-8" in why for why in reasons.values())
    assert paths_and_reasons(data, Path(os.fsdecode(folder + b"/d\xe9")))[0] == []


def test_reasons_can_be_translated(data):
    """The reasons of files that are not read keep their templates and parameters."""
    (data / "out.txt").symlink_to("/etc/passwd")
    os.mkfifo(data / "pipe.pdf")
    reasons = paths_and_reasons(data)[1]
    assert {path: why.parameters["name"] for path, why in reasons.items()} == {
        "out.txt": "out.txt",
        "pipe.pdf": "pipe.pdf",
    }
    french = {"a named pipe": "un tube nommé"}
    assert "un tube nommé" in reasons["pipe.pdf"].translated(lambda template: french.get(template, template))


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "storage", fingerprint="f")
    yield store
    store.close()


def replaced_file(data: Path, how: str) -> SourceFile:
    """Return a file whose place something else took after it was found."""
    (found,) = find_files([data], data=data)[0]
    secret = data.parent / "secret"
    (secret / "a.txt").write_text("Apples are RED.")
    status = found.full.stat()
    os.utime(secret / "a.txt", ns=(status.st_atime_ns, status.st_mtime_ns))
    if how == "folder":
        (data / "lib").rename(data.parent / "lib")
        (data / "lib").symlink_to(secret)
    else:
        found.full.unlink()
        if how == "pipe":
            os.mkfifo(found.full)
        else:
            found.full.symlink_to(secret / "a.txt")
    return found


@pytest.mark.parametrize("how", ["file", "folder", "pipe"])
@pytest.mark.parametrize("several", [False, True])
def test_a_link_in_place_of_a_listed_file_is_not_stored(data, store, how, several):
    """If a file becomes a link between listing and reading, nothing of the link's target is stored."""
    found = replaced_file(data, how)
    text = "Apples are RED."
    sha256 = sha256_of(data.parent / "secret/a.txt")
    document = Document(sha256, "a.txt", "text", (Page(1, text),))
    if several:
        assert store.put_several([Arrival(found, document, [])]) == [False]
    else:
        with pytest.raises(UnreadableFile):
            store.put_words(found, document, [])
    assert store.documents(Scope()) == []
    assert [*(store.folder / "originals").iterdir()] == []
    assert file_now(found) is None or how == "folder"


def test_a_pipe_is_refused_without_waiting(data):
    """A pipe in place of a listed file, or uploaded, is refused at once instead of after 20 seconds."""
    found = replaced_file(data, "pipe")
    began = time.monotonic()
    with (
        Loader(limits=Limits(), ocr=Ocr(engine="off"), workers=1) as loader,
        pytest.raises(LoadError, match="a named pipe"),
    ):
        loader.load(found.full)
    with pytest.raises(UnreadableFile, match="a named pipe"):
        sha256_of(found.full)
    assert time.monotonic() - began < 15
