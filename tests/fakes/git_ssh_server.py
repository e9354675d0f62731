"""An ssh server that hands out repositories, as a git host does: asyncssh, and git's own upload-pack."""

from __future__ import annotations

import asyncio
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncssh


@dataclass(frozen=True)
class GitSshServer:
    """A server on 127.0.0.1, and the files that a client needs: its key, and the server's in known_hosts."""

    port: int
    key_file: Path
    known_hosts: Path


@contextmanager
def git_over_ssh(repositories: Path, folder: Path) -> Iterator[GitSshServer]:
    """Serve the repositories to the user `git` with one key."""
    host_key, client_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    key_file, known_hosts, allowed = folder / "a key", folder / "known_hosts", folder / "authorized_keys"
    client_key.write_private_key(str(key_file))
    key_file.chmod(0o600)
    client_key.write_public_key(str(allowed))

    async def answer(process: asyncssh.SSHServerProcess[bytes]) -> None:
        command, repository = shlex.split(process.command or "")
        assert command == "git-upload-pack"
        git = await asyncio.create_subprocess_exec(
            "git", "upload-pack", str(repositories / repository.lstrip("/")),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert git.stdin is not None and git.stdout is not None
        sending = asyncio.create_task(send(process.stdin, git.stdin))
        while piece := await git.stdout.read(65_536):
            process.stdout.write(piece)
            await process.stdout.drain()
        process.exit(await git.wait())
        await sending

    async def send(asked: asyncssh.SSHReader[bytes], git: asyncio.StreamWriter) -> None:
        while piece := await asked.read(65_536):
            git.write(piece)
        git.close()

    async def serve() -> None:
        server = await asyncssh.listen(
            "127.0.0.1", 0, server_host_keys=[host_key], authorized_client_keys=str(allowed),
            process_factory=answer, encoding=None,
        )  # fmt: skip
        ports.append(server.get_port())
        started.set()
        await asyncio.to_thread(ended.wait)
        server.close()
        await server.wait_closed()

    ports: list[int] = []
    started, ended = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(30)
    public = host_key.export_public_key("openssh").decode().strip()
    known_hosts.write_text(f"[127.0.0.1]:{ports[0]} {public}\n")
    try:
        yield GitSshServer(ports[0], key_file, known_hosts)
    finally:
        ended.set()
        thread.join()
