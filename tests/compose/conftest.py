"""Fixtures that run the real Dockerfile and compose files; substitutes replace unavailable images."""

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
SUBSTITUTES = {
    "docker-compose.yml": ("ollama", "chroma"),
    "docker-compose.cluster.yml": ("nginx", "postgres"),
}
WHEELS_PORT = 8399  # fixed: the substitute base image names it, and its layers are cached
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


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@contextlib.contextmanager
def wheels_served() -> Iterator[None]:
    """Serve the wheel folders of pip's settings to image builds."""
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
        ("127.0.0.1", WHEELS_PORT), partial(QuietHandler, directory=str(folder))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Report:
    """Measured figures, printed when the tests end and saved beside the screenshots."""

    figures: dict[str, object] = field(default_factory=dict)


@pytest.fixture(scope="session")
def report() -> Iterator[Report]:
    measured = Report()
    yield measured
    folder = ROOT / "screenshots"
    folder.mkdir(exist_ok=True)
    (folder / "compose.json").write_text(json.dumps(measured.figures, indent=2))
    print("\ncompose:", json.dumps(measured.figures))


@pytest.fixture(scope="session")
def python_image() -> Iterator[str]:
    """Return the image that the Dockerfile starts from, or its substitute; serve pip's folders meanwhile."""
    if not engine():
        pytest.skip(
            "NO DOCKER ENGINE: the compose file, the image and the wheel in a container were NOT tested"
        )
    with wheels_served():
        print(run(HERE / "bases.sh", WORK / "base", str(WHEELS_PORT)).stdout)
        yield "python:3.11-slim-bookworm"


@pytest.fixture(scope="session")
def images(python_image: str, report: Report) -> None:
    """Build the real image, and a substitute for each official one that cannot be pulled."""
    began = time.monotonic()
    run("docker", "build", "-q", "--network", "host", "-t", "docent", ROOT)
    report.figures["build_seconds"] = round(time.monotonic() - began, 1)
    size = int(run("docker", "image", "inspect", "-f", "{{.Size}}", "docent").stdout)
    report.figures["image_mb"] = size // 1_000_000
    for file, services in SUBSTITUTES.items():
        for service in services:
            recipe = HERE / "stand-ins" / f"{service}.Dockerfile"
            tags = ["-t", official(service, file), "-t", f"docent-substitute-{service}"]
            run("docker", "build", "-q", "--network", "host", "-f", recipe, *tags, ROOT / "tests")


def official(service: str, file: str = "docker-compose.yml") -> str:
    """Return the image that a compose file names for a service."""
    import yaml

    return str(yaml.safe_load((ROOT / file).read_text())["services"][service]["image"])


def outside() -> tuple[str, str]:
    """Return a host and port that this machine can reach: its Python package index."""
    host = run("python3", "-c", "from pip._internal.models.index import PyPI; print(PyPI.netloc)")
    return host.stdout.strip(), "443"


@dataclass(frozen=True)
class Stack:
    """A compose project in a folder of its own."""

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
        """Run a command in the app's container and return its JSON."""
        return json.loads(self.inside("app", "python", "-m", "docent", *words, "--json").stdout)

    def wait(self, path: str = "/ready", seconds: float = 120) -> float:
        """Wait until the app answers, and return the seconds."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(self.url + path, timeout=5).close()
                return round(time.monotonic() - began, 1)
            time.sleep(0.2)
        raise AssertionError(f"{path} did not answer:\n{self.compose('logs', '--tail', '60').stdout}")

    def ended(self, service: str, seconds: float = 300) -> int:
        """Wait for the end of a one-shot service and return its exit code."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            container = (
                self.compose("ps", "-q", "-a", service, check=False).stdout.strip()
                or self.compose("ps", "-q", service, check=False).stdout.strip()
            )
            if container:
                state = json.loads(run("docker", "inspect", "-f", "{{json .State}}", container).stdout)
                if state["Status"] == "exited":
                    return int(state["ExitCode"])
            time.sleep(0.5)
        raise AssertionError(f"{service} did not end:\n{self.compose('logs', service).stdout[-3000:]}")


@contextlib.contextmanager
def stack(name: str, folder: Path, file: str = "docker-compose.yml") -> Iterator[Stack]:
    """Create a project with the sample documents; remove everything it made at the end."""
    for library in ("internships", "restaurants"):
        shutil.copytree(ROOT / "data" / library, folder / "data" / library)
    (folder / "tools").mkdir()
    (folder / "tools" / "no-key").touch()
    project = Stack(name, folder, free_port(), file)
    project.compose("down", "-v", "--remove-orphans", check=False)
    try:
        yield project
    finally:
        project.compose("down", "-v", "--remove-orphans", check=False)
