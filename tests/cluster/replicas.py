"""Web replicas and workers as processes on one PostgreSQL, each with a storage/ of its own, for tests.

with Cluster(folder, database_url=postgres_url, model_url=ollama.url) as cluster:
    first, second = cluster.start_web(2)
    file = first.upload("cats.md", "Mimi is a cat.")
    second.until_found("Who is Mimi?", "cats.md")
    first.kill()
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from docent.web.accounts.api_keys import ApiKeys
from docent.web.accounts.users import Users
from tests.ports import free_port
from tests.unmeasured import unmeasured

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120.0
STOP_SECONDS = 60.0
PASSWORD = "a long password"


class Replica:
    """One process of Docent, whose storage/ can be thrown away. Its output goes to `log`."""

    def __init__(
        self, name: str, folder: Path, command: list[str], environ: dict[str, str], *, root: Path
    ) -> None:
        self.name, self.storage = name, folder / name / "storage"
        self.storage.mkdir(parents=True, exist_ok=True)
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "docent", *command],
                cwd=root,
                env={**environ, "DOCENT_STORAGE": str(self.storage)},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def runs(self) -> bool:
        return self.process.poll() is None

    def terminate(self) -> None:
        """Ask it to stop, and return at once."""
        self.process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """Ask it to stop, and return its exit status once it has."""
        self.terminate()
        return self.process.wait(timeout=STOP_SECONDS)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        """Stop it with SIGSTOP: its connections stay open and nothing answers."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    @contextmanager
    def paused(self) -> Iterator[None]:
        self.pause()
        try:
            yield
        finally:
            self.resume()

    def close(self) -> None:
        """Wait for its end, which was asked for."""
        try:
            self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def until_printed(self, text: str, *, within: float = START_SECONDS) -> None:
        until(lambda: text in self.output or not self.runs, within=within)
        assert text in self.output, f"{self.name} ended with {self.process.returncode}:\n{self.output}"


class WebReplica(Replica):
    """`docent serve`, and requests to it with the cluster's API key."""

    def __init__(
        self,
        name: str,
        folder: Path,
        environ: dict[str, str],
        *,
        root: Path,
        port: int,
        key: Callable[[], str],
    ) -> None:
        self.port, self._key = port, key
        self.url = f"http://127.0.0.1:{port}"
        self._client = httpx.Client(base_url=self.url, timeout=60, trust_env=False)
        super().__init__(name, folder, ["serve"], {**environ, "DOCENT_PORT": str(port)}, root=root)

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send a request of a program. Raises httpx.HTTPError where nothing answers."""
        headers = {"Authorization": f"Bearer {self._key()}", **more.pop("headers", {})}
        return self._client.request(method, path, headers=headers, **more)

    def json(self, method: str, path: str, **more: Any) -> Any:
        response = self.request(method, path, **more)
        assert response.is_success, f"{self.name}: {response.status_code} {response.text}"
        return response.json()

    def ready(self) -> bool:
        try:
            return self._client.get("/ready", timeout=10).status_code == 200
        except httpx.HTTPError:
            return False

    def until_ready(self, *, within: float = START_SECONDS) -> WebReplica:
        until(lambda: self.ready() or not self.runs, within=within)
        assert self.runs, f"{self.name} ended with {self.process.returncode}:\n{self.output}"
        return self

    def upload(self, name: str, content: str | bytes, *, library: str = "") -> str:
        """Hand a file in and return its id; it is read in the background."""
        data = {"library": library} if library else {}
        return str(self.json("POST", "/v1/files", files={"file": (name, content)}, data=data)["id"])

    def until_processed(self, file: str, *, within: float = START_SECONDS) -> dict[str, Any]:
        """Wait until a file is read and embedded, or failed, and return its status."""
        state: dict[str, Any] = {}

        def processed() -> bool:
            state.update(self.json("GET", f"/v1/files/{file}"))
            return state["status"] in ("processed", "error")

        until(processed, within=within)
        return state

    def delete(self, file: str) -> dict[str, Any]:
        deletion: dict[str, Any] = self.json("DELETE", f"/v1/files/{file}")["docent"]
        return deletion

    def search(self, query: str, *, library: str = "", limit: int = 5) -> list[str]:
        """Return the names of the files of the passages that a query finds, the best first."""
        body = {"query": query, "limit": limit, **({"library": library} if library else {})}
        return [passage["file"] for passage in self.json("POST", "/v1/search", json=body)["data"]]

    def until_found(self, query: str, file: str, *, within: float = START_SECONDS) -> None:
        until(lambda: file in self.search(query), within=within)

    def ask(self, question: str, *, model: str = "docent") -> dict[str, Any]:
        """Return `text`, `citations` and `receipt` of an answer."""
        body = {"model": model, "messages": [{"role": "user", "content": question}]}
        completion = self.json("POST", "/v1/chat/completions", json=body)
        return {"text": completion["choices"][0]["message"]["content"], **completion["docent"]}

    @contextmanager
    def log_in(self, name: str, password: str = PASSWORD) -> Iterator[httpx.Client]:
        """Yield the browser of a person, logged in here."""
        with httpx.Client(base_url=self.url, timeout=60, trust_env=False) as browser:
            response = browser.post("/login", data={"username": name, "password": password})
            assert response.is_success, response.text
            yield browser

    def close(self) -> None:
        super().close()
        self._client.close()


class Cluster:
    """The processes of one installation. All are ended when the block ends."""

    def __init__(self, folder: Path, *, database_url: str, model_url: str, **settings: object) -> None:
        """Take settings of every process by their names, such as DOCENT_FILES_URL."""
        self.folder, self.database_url = folder, database_url
        self.root = ROOT
        """The checkout whose version of Docent is started from now on."""
        (folder / "data").mkdir(parents=True, exist_ok=True)
        self.environ = {
            **unmeasured(),  # they are killed
            "DOCENT_DATABASE_URL": database_url,
            "DOCENT_DATA": str(folder / "data"),
            "DOCENT_MODEL_URL": model_url,
            "DOCENT_SUMMARIES_AHEAD": "0",  # they would take the replies that a test has scripted
            **{name: str(value) for name, value in settings.items()},
        }
        self.replicas: list[Replica] = []
        self._secret = ""

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        for replica in self.replicas:
            if replica.runs:
                replica.resume()
                replica.terminate()
        for replica in self.replicas:
            replica.close()

    def start_web(self, count: int = 1, *, wait: bool = True, **settings: object) -> list[WebReplica]:
        """Start web replicas at once, and wait until each is ready."""
        names = [f"web{len(self.replicas) + number}" for number in range(1, count + 1)]
        replicas = [self._web(name, free_port(), settings) for name in names]
        return [replica.until_ready() for replica in replicas] if wait else replicas

    def replace(self, replica: WebReplica) -> WebReplica:
        """Ask a replica to stop, and start the version at `root` in its place."""
        replica.stop()
        return self._web(replica.name, replica.port, {}).until_ready()

    def start(self, *command: str, **settings: object) -> Replica:
        """Start another command of Docent, such as `worker`."""
        name = f"{command[0]}-{len(self.replicas) + 1}"
        replica = Replica(name, self.folder, list(command), self._environ(settings), root=self.root)
        self.replicas.append(replica)
        return replica

    def run(self, *command: str, **settings: object) -> str:
        """Run a command of Docent to its end, and return its output."""
        replica = self.start(*command, **settings)
        status = replica.process.wait(timeout=START_SECONDS)
        assert status == 0, f"docent {' '.join(command)} ended with {status}:\n{replica.output}"
        return replica.output

    def key(self) -> str:
        """Return an API key that may read and write everything shared."""
        if not self._secret:
            keys = ApiKeys(self.folder, database_url=self.database_url)
            self._secret = keys.add("cluster", libraries=[], expires="", rate=0)
        return self._secret

    def add_user(self, name: str, *, role: str = "member") -> None:
        users = Users(self.folder, cost=4, database_url=self.database_url)
        users.add(name, role=role, password=PASSWORD)

    def _web(self, name: str, port: int, settings: dict[str, object]) -> WebReplica:
        environ = self._environ({"DOCENT_REPLICA": name, **settings})
        replica = WebReplica(name, self.folder, environ, root=self.root, port=port, key=self.key)
        self.replicas.append(replica)
        return replica

    def _environ(self, settings: dict[str, object]) -> dict[str, str]:
        return self.environ | {name: str(value) for name, value in settings.items()}


def until(holds: Callable[[], bool], *, within: float) -> None:
    """Wait for a condition of other processes."""
    limit = time.monotonic() + within
    while not holds():
        assert time.monotonic() < limit, f"the condition did not hold within {within} s"
        time.sleep(0.05)
