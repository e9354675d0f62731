"""The API on a port of its own, with a real store of two libraries and a fake model server."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import uvicorn
from fastapi import FastAPI

from docent.app import Docent, open_docent
from docent.settings import Settings
from docent.web.accounts.api_keys import ApiKeys
from docent.web.api.access import AccessControl
from docent.web.api.application import build
from docent.web.api.middleware import ApiMiddleware
from docent.web.audit.audit_log import AuditLog
from docent.web.audit.audited_requests import AuditedRequests
from docent.web.monitoring import Metrics
from tests.fakes.ollama_server import ServerThread
from tests.fakes.ollama_state import Settings as ServerSettings
from tests.fakes.plugin import Ollama

TEXTS = {
    ("cats", "cats.md"): "# Cats\n\nThe grey cat Mimi sleeps on the warm oven every winter night.\n",
    ("ships", "ships.md"): "# Ships\n\nThe ferry Aurora leaves the harbour at half past seven.\n",
}


@dataclass
class Api:
    url: str
    docent: Docent
    keys: ApiKeys
    access: AccessControl
    metrics: Metrics
    ollama: Ollama
    server: Server
    clients: ExitStack
    """Closed after each test."""

    def key(
        self, *libraries: str, name: str = "", expires: str = "", rate: int = 0, read_only: bool = False
    ) -> str:
        """Make a key."""
        name = name or f"key {time.monotonic_ns()}"
        return self.keys.add(name, libraries=libraries, expires=expires, rate=rate, read_only=read_only)

    def client(self, key: str = "none") -> openai.OpenAI:
        return self.clients.enter_context(
            openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0)
        )

    def until_read(self, file: str, key: str = "none") -> openai.types.FileObject:
        """Wait until an uploaded file is processed, and return it."""
        limit = time.monotonic() + 30
        while (now := self.client(key).files.retrieve(file)).status != "processed":
            assert now.status != "error" and time.monotonic() < limit, now
            time.sleep(0.05)
        return now

    def http(self, key: str = "") -> httpx.Client:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        client = httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False)
        self.clients.callback(client.close)
        return client


class Server:
    """An application that listens on 127.0.0.1 until it is stopped."""

    def __init__(self, app: Any) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)  # a slow client is felt soon
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            self._noting(app), log_level="critical", lifespan="off", timeout_graceful_shutdown=2
        )
        self._server = uvicorn.Server(config)
        self.loop: asyncio.AbstractEventLoop | None = None
        """Once something has been asked."""
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def _noting(self, app: Any) -> Any:
        async def noting(scope: Any, receive: Any, send: Any) -> None:
            self.loop = asyncio.get_running_loop()
            await app(scope, receive, send)

        return noting

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("api")
    for (library, name), text in TEXTS.items():
        (folder / "data" / library).mkdir(parents=True)
        (folder / "data" / library / name).write_text(text)
    server = ServerThread(ServerSettings())
    settings = Settings(
        storage=folder / "storage", data=folder / "data", model_url=server.url, personas=_personas(folder)
    )
    with open_docent(settings) as docent:
        docent.ingest([folder / "data"], retry_failed=False, password=None, on_progress=lambda _: None)
        docent.ingest_pipeline.background.wait(lambda _: None)
        docent.work()
        keys, metrics = ApiKeys(settings.storage), Metrics(AuditLog(settings.storage, days=1))
        access = AccessControl(keys, keyless=lambda: True)
        api = build(
            docent=lambda: docent, access=access, metrics=metrics, largest_upload=200_000, footnotes=False
        )
        application = ApiMiddleware(FastAPI(), api=lambda: api, metrics=metrics)
        here = Server(AuditedRequests(application, audit=metrics.audit))
        httpx.get(f"{here.url}/health", trust_env=False)
        yield Api(here.url, docent, keys, access, metrics, Ollama(server.url, server.stop), here, ExitStack())
        here.stop()
        gc.collect()  # other packages' clients, which nothing closes
    server.stop()


def _personas(folder: Path) -> Path:
    path = folder / "personas.toml"
    path.write_text('[captain]\nname = "The captain"\nlibrary = "ships"\nsystem = "Speak like a captain."\n')
    return path


@pytest.fixture
def api(served: Api) -> Iterator[Api]:
    served.ollama.reset()
    with served.clients:
        yield served
    for key in served.keys.all():
        served.keys.remove(key.name)
