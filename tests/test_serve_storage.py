"""If storage/ cannot be written or files not opened, `serve` exits with a sentence instead of a traceback."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from docent.errors import StoreError
from docent.web.accounts.api_keys import ApiKeys
from docent.web.accounts.users import Users
from docent.web.chat.history import History
from docent.web.storage_files import installation_secret
from tests.e2e.conftest import wait_for
from tests.ports import free_port, free_url
from tests.store.test_full_disk import fill

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if mounted("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)).returncode:
        pytest.skip("NOT TESTED: storage/ on a full or read-only disk. A small tmpfs needs root.")
    yield folder
    mounted("umount", "--lazy", str(folder))


def mounted(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def read_only(disk: Path) -> None:
    assert not mounted("mount", "-o", "remount,ro", str(disk)).returncode


def full(disk: Path) -> None:
    fill(disk, leaving=0)


TROUBLES = [
    pytest.param(read_only, "its disk is read-only", "Make it writable", id="read-only"),
    pytest.param(full, "the disk is full", "Free some space", id="full"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("trouble", "why", "remedy"), TROUBLES)
def test_serve_reports_an_unwritable_storage(disk, trouble, why, remedy):
    """With a new storage/, it exits with 2 and one sentence on stderr."""
    trouble(disk)
    environ = {**os.environ, "DOCENT_STORAGE": str(disk / "storage"), "DOCENT_PORT": str(free_port())}
    done = subprocess.run(
        [sys.executable, "-m", "docent", "serve"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert why in done.stderr and remedy in done.stderr


def test_serve_reports_a_limit_of_open_files_that_is_too_low(tmp_path):
    """It exits with one sentence that says how many are needed, before anything is opened."""
    environ = {**os.environ, "DOCENT_STORAGE": str(tmp_path / "storage"), "DOCENT_PORT": str(free_port())}
    done = subprocess.run(
        ["sh", "-c", f"ulimit -n 64 && exec {sys.executable} -m docent serve"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "may open only 64 files at once" in done.stderr and "ulimit -n" in done.stderr


def test_more_clients_than_files_are_refused_and_the_others_answered(tmp_path):
    """Under a low limit the server stays up: 503 for what is too much, and an answer afterwards."""
    port = free_port()
    environ = {**os.environ, "DOCENT_STORAGE": str(tmp_path / "storage"), "DOCENT_PORT": str(port)}
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["sh", "-c", f"ulimit -n 256 && exec {sys.executable} -m docent serve"],
            cwd=ROOT, env=environ, stdout=out, stderr=out,
        )  # fmt: skip
    try:
        wait_for(f"http://localhost:{port}", process, log)
        with ExitStack() as opened:
            address = ("127.0.0.1", port)
            waiting = {
                opened.enter_context(socket.create_connection(address, timeout=60)) for _ in range(300)
            }
            refused = 0
            while refused < 100:  # the others are held until their request comes
                readable, _, _ = select.select(waiting, [], [], 60)
                assert readable, f"only {refused} were refused"
                refused += sum(client.recv(12) == b"HTTP/1.1 503" for client in readable)
                waiting.difference_update(readable)
        wait_for(f"http://localhost:{port}", process, log)
    finally:
        process.terminate()
        process.wait(timeout=60)
    assert b"Too many open files" not in log.read_bytes()


OPENED = [
    pytest.param(Users, "users.db", id="users"),
    pytest.param(ApiKeys, "keys.db", id="keys"),
    pytest.param(installation_secret, "secret", id="secret"),
    pytest.param(History, "history.db", id="history"),
]


@pytest.mark.parametrize(("opened", "name"), OPENED)
@pytest.mark.parametrize(("trouble", "why", "remedy"), TROUBLES)
def test_the_file_that_cannot_be_made_is_named(
    disk, opened: Callable[[Path], object], name: str, trouble: Callable[[Path], None], why: str, remedy: str
):
    """If only one file of storage/ cannot be made, the sentence names it."""
    (disk / "storage").mkdir()
    trouble(disk)
    with pytest.raises(StoreError, match=f"{name}.*{why}.*{remedy}"):
        opened(disk / "storage")


@pytest.mark.slow
def test_of_two_starts_at_once_one_serves(tmp_path):
    """The other exits with 2 and a sentence that names the port; it exited with 0."""
    port = free_port()
    environ = {
        **os.environ,
        "DOCENT_STORAGE": str(tmp_path / "storage"),
        "DOCENT_DATA": str(tmp_path),
        "DOCENT_PORT": str(port),
        "DOCENT_MODEL_URL": free_url(),
    }
    starts, logs = [], [tmp_path / "first", tmp_path / "second"]
    with ExitStack() as stack:
        for log in logs:
            out = stack.enter_context(log.open("wb"))
            command = [sys.executable, "-m", "docent", "serve"]
            start = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=out, stderr=out)
            stack.callback(start.wait)
            stack.callback(start.terminate)
            starts.append(start)
        while all(start.poll() is None for start in starts):
            time.sleep(0.1)
        lost = 0 if starts[0].returncode is not None else 1
        assert starts[lost].returncode == 2
        assert f"Port {port} is taken" in logs[lost].read_text()
        wait_for(f"http://127.0.0.1:{port}", starts[1 - lost], logs[1 - lost])
