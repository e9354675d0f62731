"""Debian's PostgreSQL for tests: one server for all processes of a run, and a new database for each test."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.ports import free_port

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
NO_POSTGRES = "" if BINARIES else "PostgreSQL is not installed here (Debian's package postgresql)"
URL = "TEST_POSTGRES_URL"
"""The variable by which the processes of a test find the server."""
TEMPLATE = "docent_template"
DURABLE = "shared_buffers=32MB max_connections=60"
"""As FAST, but what is committed survives a crash."""
FAST = (
    "fsync=off synchronous_commit=off full_page_writes=off autovacuum=off "
    "shared_buffers=32MB max_connections=60"
)


class PostgresServer:
    """A server on a port of 127.0.0.1, run by a normal user, since it refuses to be run by root."""

    def __init__(
        self,
        folder: Path,
        *,
        options: str = FAST,
        user: str = "docent",
        primary: PostgresServer | None = None,
    ) -> None:
        """Start a new server, or a standby of another one."""
        self.folder = folder
        self.port = free_port()
        self.url = f"postgresql://{user}@127.0.0.1:{self.port}/postgres"
        self._options = options
        if os.getuid() == 0:
            shutil.chown(folder, "postgres")
        if primary is None:
            run("initdb", "-D", folder / "data", "-U", user, "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
        else:
            run("pg_basebackup", "-D", folder / "data", "-d", primary.url, "-R", "-c", "fast")
        self.start()

    def start(self) -> None:
        settings = [f"-c {option}" for option in self._options.split()]
        listening = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.folder}"
        run(
            "pg_ctl", "start", "-w", "-t", "120", "-D", self.folder / "data", "-l", self.folder / "log",
            "-o", " ".join([listening, *settings]),
        )  # fmt: skip

    def stop(self, mode: str = "immediate") -> None:
        run("pg_ctl", "stop", "-m", mode, "-D", self.folder / "data")

    def promote(self) -> None:
        """Let a standby take writes from now on."""
        run("pg_ctl", "promote", "-w", "-D", self.folder / "data")

    @property
    def process_id(self) -> int:
        return int((self.folder / "data" / "postmaster.pid").read_text().split()[0])

    def kill(self) -> None:
        os.kill(self.process_id, signal.SIGKILL)


def run(program: str, *arguments: str | Path) -> None:
    """Run a program of PostgreSQL, as the user postgres where this is root."""
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    done = subprocess.run(
        [*(as_user if os.getuid() == 0 else []), str(BINARIES[-1] / program), *map(str, arguments)],
        cwd="/",
        # A server would hold a pipe open.
        stdout=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, f"{program}: {done.stdout}"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A server with a database that has Docent's tables, of which each test's is a copy."""
    if NO_POSTGRES:
        pytest.skip(NO_POSTGRES)
    from docent.postgres.migrating import migrate

    # Not below pytest's own folder, which is closed to other users.
    with tempfile.TemporaryDirectory(prefix="docent-postgres-") as folder:
        server = PostgresServer(Path(folder))
        os.environ[URL] = server.url
        try:
            execute(server.url, f"CREATE DATABASE {TEMPLATE}")
            migrate(named(server.url, TEMPLATE))
            yield server
        finally:
            del os.environ[URL]
            server.stop()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with Docent's tables, which is this test's own."""
    url = database_of(tmp_path)
    yield url
    drop_database(url)


def database_of(folder: Path) -> str:
    """Return the URL of the database of a folder, made if it is missing."""
    import psycopg

    server = os.environ[URL]
    name = "t" + hashlib.sha256(str(folder).encode()).hexdigest()[:20]
    try:
        execute(server, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    except psycopg.errors.DuplicateDatabase:
        pass  # another view of the same store
    return named(server, name)


def drop_database(url: str) -> None:
    execute(os.environ[URL], f"DROP DATABASE IF EXISTS {urlsplit(url).path[1:]} WITH (FORCE)")


def named(url: str, database: str) -> str:
    """Return the URL of another database of the same server."""
    return urlsplit(url)._replace(path=f"/{database}").geturl()


def execute(url: str, statement: str) -> list[tuple[object, ...]]:
    """Run one statement, as whoever keeps the database would."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []
