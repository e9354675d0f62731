"""Every command in the README works, in the order in which it stands there, in a fresh folder."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
IN_ORDER = True  # a reader tries the commands from the first to the last
COMMANDS = [
    line.strip()
    for block in re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    for line in block.splitlines()
    if line.strip()
]
PULL = """#!/bin/sh
[ "$1" = pull ] && exec curl -fsS {url}/api/pull -d "{{\\"model\\": \\"$2\\"}}"
exit 1
"""
NOT_COPIED = {
    ".git",
    ".venv",
    "storage",
    "screenshots",
    ".files",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".hypothesis",
}


@pytest.fixture(scope="module")
def docent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh copy of the project, with the packages that this test runs on."""
    folder = tmp_path_factory.mktemp("readme") / "docent"
    shutil.copytree(ROOT, folder, ignore=lambda _, names: NOT_COPIED & set(names))
    (folder / "storage").mkdir()
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


@pytest.fixture(scope="module")
def environ(ollama_process, tmp_path_factory) -> dict[str, str]:
    """A person's shell, with a stand-in for the model server and for its command `ollama pull`."""
    ollama_process.reset()
    tools = tmp_path_factory.mktemp("bin")
    shim = tools / "ollama"
    shim.write_text(PULL.format(url=ollama_process.url))
    shim.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DOCENT_")}
    return {
        **kept,
        "PYTHONFAULTHANDLER": "1",
        "PATH": f"{tools}:{os.environ['PATH']}",
        "DOCENT_MODEL_URL": ollama_process.url,
        "DOCENT_PORT": str(free_port()),
    }


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_commands(command, docent, environ):
    """The command does what it says, and ends well."""
    if command == "make test":
        dry = subprocess.run(["make", "-n", "test"], cwd=docent, env=environ, capture_output=True, text=True)
        assert "-m pytest" in dry.stdout, dry.stderr  # what runs this very test
        return
    if command.endswith("make run"):
        with_server(command, docent, environ)
        return
    if command.startswith("curl "):
        asked_of_the_server(command, docent, environ)
        return
    done = subprocess.run(
        command, shell=True, cwd=docent, env=environ, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_taken_port_is_said_at_once(docent, environ, tmp_path):
    """With the port taken, `make run` says so and how to choose another, before it does anything slow."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            ["make", "run"], cwd=docent, env={**environ, "DOCENT_PORT": port}, capture_output=True, text=True
        )
    assert done.returncode != 0
    assert f"Port {port} is taken" in done.stderr
    assert "DOCENT_PORT=" in done.stderr


def test_an_old_python_is_said_at_once(docent, environ, tmp_path):
    """A Python that is too old is named, with what to install."""
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && { echo "Python 3.9.2"; exit 0; }\nexit 1\n')
    old.chmod(0o755)
    done = subprocess.run(
        ["make", "install", f"PYTHON={old}"], cwd=docent, env=environ, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stderr
    assert "Python 3.9.2" in done.stderr


def asked_of_the_server(command: str, docent: Path, environ: dict[str, str]) -> None:
    """The command, while the chat runs; the server answers, and not with an error."""
    log = docent.parent / "serve.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [".venv/bin/python", "-m", "docent", "serve"], cwd=docent, env=environ, stdout=out, stderr=out
        )
    try:
        wait_for_page(f"http://localhost:{environ['DOCENT_PORT']}", process, log)
        here = command.replace(":8000", f":{environ['DOCENT_PORT']}").replace(
            "curl ", "curl --fail-with-body -sS "
        )
        done = subprocess.run(here, shell=True, cwd=docent, env=environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr + log.read_text()
        assert json.loads(done.stdout)["object"]
    finally:
        process.terminate()
        process.wait(timeout=20)


def with_server(command: str, docent: Path, environ: dict[str, str]) -> None:
    """Start, wait for the page, stop; and a start over an unchanged data/ reads nothing again."""
    for _ in range(2):
        log = docent.parent / "run.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                command, shell=True, cwd=docent, env=environ, stdout=out, stderr=out, start_new_session=True
            )
        try:
            wait_for_page(f"http://localhost:{environ['DOCENT_PORT']}", process, log)
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=20)
            wait_for_silence(int(environ["DOCENT_PORT"]))
            wait_until_closed(docent / "storage")
    assert not re.search(r"\badded\b +[1-9]", log.read_text())


def wait_for_silence(port: int) -> None:
    """`make` ends at once; the server that it started still answers while it puts things away."""
    limit = time.monotonic() + 60
    with contextlib.suppress(ConnectionRefusedError):
        while time.monotonic() < limit:
            socket.create_connection(("127.0.0.1", port)).close()
            time.sleep(0.1)
        raise AssertionError("the server did not end")


def wait_until_closed(storage: Path) -> None:
    """The port is free before the store is closed, and until then it still writes."""
    limit = time.monotonic() + 60
    with (storage / "lock").open() as lock:
        while time.monotonic() < limit:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            time.sleep(0.1)
    raise AssertionError("the store was not closed")


def wait_for_page(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    limit = time.monotonic() + 300
    while time.monotonic() < limit:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=2) as page:
                assert b"<title>Docent</title>" in page.read()
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(log.read_text())
