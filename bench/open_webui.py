"""Open WebUI and Docent side by side: the same files handed in, the same questions asked, over their APIs.

    export OPEN_WEBUI_KEY=sk-…        # one of its own: Settings › Account › API keys
    python -m bench.open_webui --url http://localhost:3000 --pdfs FOLDER --questions FILE.jsonl

There it makes a knowledge base named "docent-bench", which is deleted afterwards with its files. Both are
asked what they retrieve, so no language model takes part. Docent is started for this, on this machine, with
an empty storage folder. A page counts as found when it is among the first five passages; where a server
tells no page of a passage, its file suffices.
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

from bench.asking import answerable, bare
from docent.evaluating import Question
from tests.e2e.conftest import running_app
from tests.ports import free_url

NAME = "docent-bench"
FIRST = 5
PATIENCE = 3600.0

Place = tuple[str, int | None]
"""A file's name, and the page where the server tells one."""


class Server(Protocol):
    def hand_in(self, files: Sequence[Path]) -> None:
        """Return when everything is searchable."""

    def search(self, question: str) -> list[Place]: ...


@dataclass(frozen=True, slots=True)
class Compared:
    """What one server did with the files and questions."""

    seconds: float
    page_hit: float
    file_first: float
    p50: float
    p95: float


class OpenWebUI:
    """A knowledge base of its own on a server that is there already."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._files: list[str] = []
        made = self._post(
            "/api/v1/knowledge/create", {"name": NAME, "description": "Made by Docent's bench."}
        )
        self._base: str = made["id"]

    def hand_in(self, files: Sequence[Path]) -> None:
        for path in files:
            with path.open("rb") as file:
                sent = self._client.post(
                    "/api/v1/files/", files={"file": (path.name, file)}, timeout=PATIENCE
                )
            self._files.append(_said(sent)["id"])
            self._settled(self._files[-1], path.name)
            self._post(f"/api/v1/knowledge/{self._base}/file/add", {"file_id": self._files[-1]})

    def search(self, question: str) -> list[Place]:
        body = {"collection_names": [self._base], "query": question, "k": FIRST}
        found = self._post("/api/v1/retrieval/query/collection", body)
        return [_place(metadata) for metadata in found["metadatas"][0]]

    def tidy(self) -> None:
        for file in self._files:
            self._client.delete(f"/api/v1/files/{file}")
        self._client.delete(f"/api/v1/knowledge/{self._base}/delete")

    def _settled(self, file: str, name: str) -> None:
        """Newer servers read a file after they have answered; older ones do not know the question."""
        where = f"/api/v1/files/{file}/process/status"
        _until(partial(self._state, where), wanted="completed", name=name)

    def _state(self, where: str) -> str:
        told = self._client.get(where)
        return "completed" if told.status_code == 404 else str(_said(told)["status"])

    def _post(self, path: str, body: dict[str, object]) -> dict[str, Any]:
        return _said(self._client.post(path, json=body, timeout=PATIENCE))


class Docent:
    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def hand_in(self, files: Sequence[Path]) -> None:
        ids = {}
        for path in files:
            with path.open("rb") as file:
                sent = self._client.post(
                    "/v1/files", files={"file": (path.name, file)}, data={"library": NAME}
                )
            ids[path.name] = _said(sent)["id"]
        for name, key in ids.items():
            _until(partial(self._state, key), wanted="processed", name=name)

    def _state(self, key: str) -> str:
        return str(_said(self._client.get(f"/v1/files/{key}"))["status"])

    def search(self, question: str) -> list[Place]:
        found = _said(self._client.post("/v1/search", json={"query": question, "limit": FIRST}))
        return [(one["file"], one["page"]) for one in found["data"]]


def main() -> None:
    asked = _arguments()
    files, questions = sorted(asked.pdfs.glob("*.pdf")), answerable(asked.questions)
    key = os.environ.get("OPEN_WEBUI_KEY", "")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with httpx.Client(base_url=asked.url, headers=headers, trust_env=False, timeout=120) as client:
        theirs = OpenWebUI(client)
        try:
            found = {"Open WebUI": compared(theirs, files, questions)}
        finally:
            theirs.tidy()
    with _served() as client:
        found["Docent"] = compared(Docent(client), files, questions)
    for line in table(found["Open WebUI"], found["Docent"], files=len(files), questions=len(questions)):
        print(line)


def compared(server: Server, files: Sequence[Path], questions: Sequence[Question]) -> Compared:
    began = time.perf_counter()
    server.hand_in(files)
    seconds = time.perf_counter() - began
    server.search(questions[0].question)  # the first loads whatever is loaded once
    took, hits, first = [], [], []
    for question in questions:
        began = time.perf_counter()
        places = server.search(question.question)
        took.append(1000 * (time.perf_counter() - began))
        hits.append(any(is_hit(place, question) for place in places[:FIRST]))
        first.append(bool(places) and is_hit((places[0][0], None), question))
    p95 = float(np.percentile(took, 95))
    return Compared(seconds, float(np.mean(hits)), float(np.mean(first)), median(took), p95)


def is_hit(place: Place, question: Question) -> bool:
    """The right file, and the right page where one is told."""
    file, page = place
    return bare(file) == bare(question.file) and (page is None or page in question.pages)


def table(theirs: Compared, ours: Compared, *, files: int, questions: int) -> Iterator[str]:
    yield f"{files} files, {questions} questions.\n"
    yield "| | Open WebUI | Docent | ratio |\n|---|---|---|---|"
    yield _row("until all files are searchable, s", theirs.seconds, ours.seconds, 1)
    yield _row(f"the page is among the first {FIRST}", theirs.page_hit, ours.page_hit, 3)
    yield _row("the first passage is of the right file", theirs.file_first, ours.file_first, 3)
    yield _row("a search, p50, ms", theirs.p50, ours.p50, 1)
    yield _row("a search, p95, ms", theirs.p95, ours.p95, 1)


def _row(name: str, theirs: float, ours: float, digits: int) -> str:
    return f"| {name} | {theirs:.{digits}f} | {ours:.{digits}f} | {ours / theirs if theirs else 0:.2f} |"


def _place(metadata: dict[str, Any]) -> Place:
    """Pages are told from 0 (`page`), and as printed on them (`page_label`)."""
    name = Path(str(metadata.get("name") or metadata.get("source", ""))).name
    return name, int(metadata["page"]) + 1 if metadata.get("page") is not None else None


def _until(state: Callable[[], str], *, wanted: str, name: str) -> None:
    limit = time.perf_counter() + PATIENCE
    while (now := state()) != wanted:
        if now in ("failed", "error") or time.perf_counter() > limit:
            raise SystemExit(f"{name} did not become searchable: {now}.")
        time.sleep(0.05)


def _said(response: httpx.Response) -> dict[str, Any]:
    if not response.is_success:
        raise SystemExit(f"{response.request.url} answered {response.status_code}: {response.text[:300]}")
    told: dict[str, Any] = response.json()
    return told


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
    parser.add_argument("--url", required=True, help="where Open WebUI answers")
    parser.add_argument("--pdfs", type=Path, required=True, help="folder of PDF files")
    parser.add_argument("--questions", type=Path, required=True, help="JSON lines: question, file, pages")
    return parser.parse_args()


if __name__ == "__main__":
    main()
