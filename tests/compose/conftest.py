"""The real Dockerfile and compose files, on a Docker engine; images stand in where none can be pulled."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.conftest import browser, page
from tests.ports import free_port

__all__ = ["browser", "page"]

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "tests" / "compose"
WORK = Path(tempfile.gettempdir()) / "docent-compose"
WHEELS_PORT = 8399  # fixed: the stand-in base image names it, and its layers are kept
COMPOSE = (
    (
        ["docker", "compose"]
        if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0
        else ["docker-compose"]
    )
    if shutil.which("docker")
    else ["docker-compose"]
)


def run(*command: str | Path, check: bool = True, **more: object) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "DOCKER_BUILDKIT": "0", **more.pop("env", {})}  # type: ignore[dict-item]
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, env=environ, **more
    )  # type: ignore[call-overload]
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done


def engine() -> bool:
    return shutil.which("docker") is not None and run("docker", "info", check=False).returncode == 0


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@contextlib.contextmanager
def wheels_served() -> Iterator[None]:
    """The folders of wheels that pip's settings name on this machine, where a build can reach them."""
    folder = WORK / "wheels"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for line in run("pip", "config", "list", check=False).stdout.splitlines():
        for word in line.partition("=")[2].strip("'").split():
            path = Path(word.removeprefix("file://"))
            top = path if path.name != "simple" else path.parent
            if path.is_absolute() and path.is_dir():
                target = folder / top.relative_to("/")
                target.parent.mkdir(parents=True, exist_ok=True)
                if not target.exists():
                    target.symlink_to(top)
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", WHEELS_PORT), partial(Quiet, directory=str(folder))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Report:
    """What was measured, printed when the tests end and kept beside the screenshots."""

    figures: dict[str, object] = field(default_factory=dict)


@pytest.fixture(scope="session")
def report() -> Iterator[Report]:
    found = Report()
    yield found
    folder = ROOT / "screenshots"
    folder.mkdir(exist_ok=True)
    (folder / "compose.json").write_text(json.dumps(found.figures, indent=2))
    print("\ncompose:", json.dumps(found.figures))


@pytest.fixture(scope="session")
def images(report: Report) -> None:
    """The real image, and a stand-in for each official one that cannot be pulled."""
    if not engine():
        pytest.skip("NO DOCKER ENGINE: the compose file, the image and their promises were NOT tested here")
    with wheels_served():
        print(run(HERE / "bases.sh", WORK / "base", str(WHEELS_PORT)).stdout)
        began = time.monotonic()
        run("docker", "build", "-q", "--network", "host", "-t", "docent", ROOT)
        report.figures["build_seconds"] = round(time.monotonic() - began, 1)
    size = int(run("docker", "image", "inspect", "-f", "{{.Size}}", "docent").stdout)
    report.figures["image_mb"] = size // 1_000_000
    for service, name in (("ollama", "ollama"), ("chroma", "chroma")):
        tag = official(service)
        recipe = HERE / "stand-ins" / f"{name}.Dockerfile"
        run("docker", "build", "-q", "-f", recipe, "-t", tag, "-t", f"docent-stand-in-{name}", ROOT / "tests")


def official(service: str) -> str:
    """The image that the compose file names for a service."""
    return str(json.loads(config())["services"][service]["image"])


def config() -> str:
    """The compose file as JSON, with everything it refers to filled in."""
    done = run(*COMPOSE, "-f", ROOT / "docker-compose.yml", "config")
    import yaml

    return json.dumps(yaml.safe_load(done.stdout))


def outside() -> tuple[str, str]:
    """A name and a port that this machine itself may reach: where its Python packages come from."""
    place = run("python3", "-c", "from pip._internal.models.index import PyPI; print(PyPI.netloc)")
    return place.stdout.strip(), "443"


@dataclass(frozen=True)
class Stack:
    """A project of compose files, in a folder of its own."""

    name: str
    folder: Path
    port: int
    file: str = "docker-compose.yml"

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def compose(self, *words: str, check: bool = True, **environ: str) -> subprocess.CompletedProcess[str]:
        return run(
            *COMPOSE, "-p", self.name, "-f", ROOT / self.file, "--project-directory", self.folder, *words,
            check=check, env={"DOCENT_PORT": str(self.port), **environ},
        )  # fmt: skip

    def inside(self, service: str, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.compose("exec", "-T", service, *words, check=check)

    def container(self, service: str) -> str:
        return self.compose("ps", "-q", service).stdout.strip()

    def docent(self, *words: str) -> object:
        """A command's JSON, asked in the app's container beside the running app."""
        return json.loads(self.inside("app", "python", "-m", "docent", *words, "--json").stdout)

    def wait(self, path: str = "/ready", seconds: float = 120) -> float:
        """Seconds until the app answers there."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(self.url + path, timeout=5).close()
                return round(time.monotonic() - began, 1)
            time.sleep(0.2)
        raise AssertionError(f"{path} did not answer:\n{self.compose('logs', '--tail', '60').stdout}")

    def ended(self, service: str, seconds: float = 300) -> int:
        """The exit code of a service that runs once."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            found = (
                self.compose("ps", "-q", "-a", service, check=False).stdout.strip()
                or self.compose("ps", "-q", service, check=False).stdout.strip()
            )
            if found:
                state = json.loads(run("docker", "inspect", "-f", "{{json .State}}", found).stdout)
                if state["Status"] == "exited":
                    return int(state["ExitCode"])
            time.sleep(0.5)
        raise AssertionError(f"{service} goes on:\n{self.compose('logs', service).stdout[-3000:]}")


@contextlib.contextmanager
def stack(name: str, folder: Path, file: str = "docker-compose.yml") -> Iterator[Stack]:
    """A project with the sample documents, taken down with everything it made."""
    for library in ("internships", "restaurants"):
        shutil.copytree(ROOT / "data" / library, folder / "data" / library)
    (folder / "tools").mkdir()
    (folder / "tools" / "no-key").touch()
    made = Stack(name, folder, free_port(), file)
    made.compose("down", "-v", "--remove-orphans", check=False)
    try:
        yield made
    finally:
        made.compose("down", "-v", "--remove-orphans", check=False)
