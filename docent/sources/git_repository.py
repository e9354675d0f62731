"""A git repository, by the `git` command: the files of one branch, each as of its commit."""

from __future__ import annotations

import base64
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from docent.errors import SourceError
from docent.messages import Message
from docent.sources.allowed_hosts import AllowedHosts
from docent.sources.source_items import ItemRecord, SourceFailure, SourceItem, is_wanted
from docent.sources.source_list import GitSource

FETCH_SECONDS = 1800.0
READ_SECONDS = 300.0
LONGEST_REASON = 300
SSH_PORT = 22
REGULAR = ("100644", "100755")
"""Modes of files; links and submodules are not followed."""


@dataclass(frozen=True, slots=True)
class GitRepository:
    """Reads the files of a branch; `folder` keeps what was fetched, so that only what is new comes."""

    settings: GitSource
    hosts: AllowedHosts
    largest: int
    folder: Path

    def items(self, known: Mapping[str, ItemRecord]) -> Iterator[SourceItem | SourceFailure]:
        if shutil.which("git") is None:
            raise SourceError("The command git is not installed. Install it, or remove this source.")
        commit = self._fetch()
        count = 0
        for path, blob, size in self._files(commit):
            if not is_wanted(path, self.settings.include):
                continue
            if count == self.settings.most_items:
                return
            count += 1
            origin = f"{self.settings.url}@{commit[:12]}:{path}"
            version = {"blob": blob}
            if path in known and known[path].version == version:
                yield SourceItem(path, origin, None, version=version)
            elif size > self.largest:
                yield SourceFailure(
                    path, Message("{name} is larger than {most:,} bytes.", name=path, most=self.largest)
                )
            else:
                content = self._git("cat-file", "blob", blob, seconds=READ_SECONDS)
                yield SourceItem(path, origin, content, name=path, version=version)

    def _fetch(self) -> str:
        """Fetch the newest commit of the branch, and return its id."""
        if not (self.folder / "HEAD").exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            self._git("init", "--quiet", "--bare", ".", seconds=READ_SECONDS)
        branch = f"refs/heads/{self.settings.branch}" if self.settings.branch else "HEAD"
        url = self.settings.url
        address = url if urlsplit(url).scheme else str(Path(url).absolute())
        self._git(
            "fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--force",
            address, f"+{branch}:refs/heads/newest", seconds=FETCH_SECONDS, connects=True,
        )  # fmt: skip
        return self._git("rev-parse", "refs/heads/newest", seconds=READ_SECONDS).decode().strip()

    def _files(self, commit: str) -> Iterator[tuple[str, str, int]]:
        """Yield path, blob and size of each file below the source's folder."""
        folder = self.settings.folder.strip("/")
        listed = self._git(
            "ls-tree", "-r", "-z", "--long", "--full-tree", commit, "--", *([folder] if folder else []),
            seconds=READ_SECONDS,
        )  # fmt: skip
        for line in listed.split(b"\0"):
            about, _, name = line.partition(b"\t")
            mode, kind, blob, size = [*about.decode().split(), "", "", "", ""][:4]
            if kind == "blob" and mode in REGULAR:
                yield name.decode("utf-8", "replace"), blob, int(size)

    def _git(self, *arguments: str, seconds: float, connects: bool = False) -> bytes:
        """Run git with nobody's configuration, hooks or questions, and return what it writes."""
        settings = {"core.hooksPath": os.devnull, "protocol.allow": "never", "gc.auto": "0"}
        if connects:
            settings |= self._connection()
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder.absolute()),
            "LC_ALL": "C",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_COUNT": str(len(settings)),
        }
        if connects and self.settings.url.startswith("ssh://"):
            environment |= {"GIT_SSH_COMMAND": self._ssh_command(), "GIT_SSH_VARIANT": "ssh"}
        # In the environment, because other users of the machine can read a command line.
        for at, (name, value) in enumerate(settings.items()):
            environment |= {f"GIT_CONFIG_KEY_{at}": name, f"GIT_CONFIG_VALUE_{at}": value}
        try:
            done = subprocess.run(
                ["git", "--git-dir=.", *arguments],
                cwd=self.folder,
                env=environment,
                capture_output=True,
                timeout=seconds,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise SourceError(
                "git took more than {seconds:g} s for {url}. Try again later.",
                seconds=seconds,
                url=self.settings.url,
            ) from error
        if done.returncode:
            raise SourceError(
                "git cannot read {url}: {why}",
                url=self.settings.url,
                why=done.stderr.decode("utf-8", "replace").strip()[-LONGEST_REASON:],
            )
        return done.stdout

    def _connection(self) -> dict[str, str]:
        """Return the settings that hold git to the address that was checked, without redirects."""
        url = urlsplit(self.settings.url)
        if url.scheme == "ssh":
            return {"protocol.ssh.allow": "always"}
        if url.scheme not in ("http", "https"):
            return {"protocol.file.allow": "always", "safe.directory": "*"}
        host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
        address = self.hosts.address_of(host, port)
        written = f"[{address}]" if ":" in address else address
        settings = {
            f"protocol.{url.scheme}.allow": "always",
            "http.curloptResolve": f"{host}:{port}:{written}",
            "http.followRedirects": "false",
            "http.proxy": "",
        }
        if self.settings.user or self.settings.secret:
            login = base64.b64encode(f"{self.settings.user}:{self.settings.secret}".encode()).decode()
            settings["http.extraHeader"] = f"Authorization: Basic {login}"
        return settings

    def _ssh_command(self) -> str:
        """Return the ssh that git runs: to the address that was checked, with this key and these known hosts
        only, nobody's configuration and no questions."""
        if shutil.which("ssh") is None:
            raise SourceError("The command ssh is not installed. Install it, or remove this source.")
        url = urlsplit(self.settings.url)
        host, port = url.hostname or "", url.port or SSH_PORT
        options = {
            "BatchMode": "yes",
            "HostName": self.hosts.address_of(host, port),
            "HostKeyAlias": host if port == SSH_PORT else f"[{host}]:{port}",  # as ssh-keyscan writes it
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": _ssh_path(self.settings.known_hosts),
            "GlobalKnownHostsFile": os.devnull,
            "UpdateHostKeys": "no",
            "IdentityFile": _ssh_path(self.settings.key_file),
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "PreferredAuthentications": "publickey",
            "ConnectTimeout": "30",
            "ServerAliveInterval": "30",
        }
        named = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        return shlex.join(["ssh", "-F", os.devnull, *named])


def _ssh_path(path: Path | None) -> str:
    """Return a path as ssh takes it in an option, where % and blanks have a meaning."""
    return f'"{path.absolute()}"'.replace("%", "%%") if path else "none"
