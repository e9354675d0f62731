"""Compare Open WebUI and Docent over their APIs, with the same files and questions.

    export OPEN_WEBUI_KEY=sk-…        # an Open WebUI key: Settings › Account › API keys
    python -m bench.open_webui --url http://localhost:3000 --pdfs FOLDER --questions FILE.jsonl

It makes a knowledge base named "docent-bench" there, and deletes it afterwards with its files. Both only
retrieve, so no language model takes part. Docent is started on this machine with an empty storage folder. A
page counts as found when it is among the first five passages; a passage without a page counts by its file.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import httpx
import numpy as np

from bench.questions import answerable, bare_name
from docent.evaluating import Question
from tests.e2e.conftest import running_app
from tests.ports import free_url

NAME = "docent-bench"
FIRST = 5
TIME_LIMIT = 3600.0

Place = tuple[str, int | None]
"""A file's name, and the page if the server names one."""


class Server(Protocol):
    def upload(self, files: Sequence[Path]) -> None:
        """Upload the files and return when all are searchable."""

    def search(self, question: str) -> list[Place]: ...


@dataclass(frozen=True, slots=True)
class Compared:
    """Results of one server."""

    seconds: float
    page_hit: float
    file_first: float
    p50: float
    p95: float


class OpenWebUI:
    """Client of a running Open WebUI server, with a knowledge base of its own."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._files: list[str] = []
        made = self._post(
            "/api/v1/knowledge/create", {"name": NAME, "description": "Made by Docent's bench."}
        )
        self._base: str = made["id"]

    def upload(self, files: Sequence[Path]) -> None:
        for path in files:
            with path.open("rb") as file:
                sent = self._client.post(
                    "/api/v1/files/", files={"file": (path.name, file)}, timeout=TIME_LIMIT
                )
            self._files.append(_json(sent)["id"])
            self._await_processing(self._files[-1], path.name)
            self._post(f"/api/v1/knowledge/{self._base}/file/add", {"file_id": self._files[-1]})

    def search(self, question: str) -> list[Place]:
        body = {"collection_names": [self._base], "query": question, "k": FIRST}
        found = self._post("/api/v1/retrieval/query/collection", body)
        return [_place(metadata) for metadata in found["metadatas"][0]]

    def clean_up(self) -> None:
        for file in self._files:
            self._client.delete(f"/api/v1/files/{file}")
        self._client.delete(f"/api/v1/knowledge/{self._base}/delete")

    def _await_processing(self, file: str, name: str) -> None:
        """Wait until the file is processed: newer servers answer before; older ones do not have this path."""
        where = f"/api/v1/files/{file}/process/status"
        _wait_for(partial(self._state, where), wanted="completed", name=name)

    def _state(self, where: str) -> str:
        response = self._client.get(where)
        return "completed" if response.status_code == 404 else str(_json(response)["status"])

    def _post(self, path: str, body: dict[str, object]) -> dict[str, Any]:
        return _json(self._client.post(path, json=body, timeout=TIME_LIMIT))


class Docent:
    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def upload(self, files: Sequence[Path]) -> None:
        ids = {}
        for path in files:
            with path.open("rb") as file:
                sent = self._client.post(
                    "/v1/files", files={"file": (path.name, file)}, data={"library": NAME}
                )
            ids[path.name] = _json(sent)["id"]
        for name, key in ids.items():
            _wait_for(partial(self._state, key), wanted="processed", name=name)

    def _state(self, key: str) -> str:
        return str(_json(self._client.get(f"/v1/files/{key}"))["status"])

    def search(self, question: str) -> list[Place]:
        found = _json(self._client.post("/v1/search", json={"query": question, "limit": FIRST}))
        return [(one["file"], one["page"]) for one in found["data"]]


def main() -> None:
    args = _arguments()
    files, questions = sorted(args.pdfs.glob("*.pdf")), answerable(args.questions)
    key = os.environ.get("OPEN_WEBUI_KEY", "")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with httpx.Client(base_url=args.url, headers=headers, trust_env=False, timeout=120) as client:
        theirs = OpenWebUI(client)
        try:
            found = {"Open WebUI": compared(theirs, files, questions)}
        finally:
            theirs.clean_up()
    with _served() as client:
        found["Docent"] = compared(Docent(client), files, questions)
    for line in table(found["Open WebUI"], found["Docent"], files=len(files), questions=len(questions)):
        print(line)


def compared(server: Server, files: Sequence[Path], questions: Sequence[Question]) -> Compared:
    began = time.perf_counter()
    server.upload(files)
    seconds = time.perf_counter() - began
    server.search(questions[0].question)  # the first search loads the models
    milliseconds, hits, first = [], [], []
    for question in questions:
        began = time.perf_counter()
        places = server.search(question.question)
        milliseconds.append(1000 * (time.perf_counter() - began))
        hits.append(any(is_hit(place, question) for place in places[:FIRST]))
        first.append(bool(places) and is_hit((places[0][0], None), question))
    p95 = float(np.percentile(milliseconds, 95))
    return Compared(seconds, float(np.mean(hits)), float(np.mean(first)), median(milliseconds), p95)


def is_hit(place: Place, question: Question) -> bool:
    """Return true for the right file, and for the right page if the server names one."""
    file, page = place
    return bare_name(file) == bare_name(question.file) and (page is None or page in question.pages)


def table(theirs: Compared, ours: Compared, *, files: int, questions: int) -> Iterator[str]:
    yield f"{files} files, {questions} questions.\n"
    yield "| | Open WebUI | Docent | ratio |\n|---|---|---|---|"
    yield _row("until all files are searchable, s", theirs.seconds, ours.seconds, 1)
    yield _row(f"right page among the first {FIRST}", theirs.page_hit, ours.page_hit, 3)
    yield _row("first passage from the right file", theirs.file_first, ours.file_first, 3)
    yield _row("a search, p50, ms", theirs.p50, ours.p50, 1)
    yield _row("a search, p95, ms", theirs.p95, ours.p95, 1)


def _row(name: str, theirs: float, ours: float, digits: int) -> str:
    return f"| {name} | {theirs:.{digits}f} | {ours:.{digits}f} | {ours / theirs if theirs else 0:.2f} |"


def _place(metadata: dict[str, Any]) -> Place:
    """Return the name and page; the server counts pages from 0 (`page`), beside printed `page_label`s."""
    name = Path(str(metadata.get("name") or metadata.get("source", ""))).name
    return name, int(metadata["page"]) + 1 if metadata.get("page") is not None else None


def _wait_for(state: Callable[[], str], *, wanted: str, name: str) -> None:
    limit = time.perf_counter() + TIME_LIMIT
    while (current := state()) != wanted:
        if current in ("failed", "error") or time.perf_counter() > limit:
            raise SystemExit(f"{name} did not become searchable: {current}.")
        time.sleep(0.05)


def _json(response: httpx.Response) -> dict[str, Any]:
    if not response.is_success:
        raise SystemExit(f"{response.request.url} answered {response.status_code}: {response.text[:300]}")
    body: dict[str, Any] = response.json()
    return body


@contextmanager
def _served() -> Iterator[httpx.Client]:
    with tempfile.TemporaryDirectory(prefix="docent-bench-") as folder:
        storage = Path(folder) / "storage"
        (Path(folder) / "data").mkdir()
        with (
            running_app(storage, DOCENT_DATA=f"{folder}/data", DOCENT_MODEL_URL=free_url()) as url,
            httpx.Client(base_url=url, trust_env=False, timeout=120) as client,
        ):
            yield client


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--url", required=True, help="address of Open WebUI")
    parser.add_argument("--pdfs", type=Path, required=True, help="folder of PDF files")
    parser.add_argument("--questions", type=Path, required=True, help="JSON lines: question, file, pages")
    return parser.parse_args()


if __name__ == "__main__":
    main()
