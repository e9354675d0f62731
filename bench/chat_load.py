"""Measure short actions in the chat during many conversations and an ingest.

    python -m bench.chat_load [--conversations 50] [--seconds 40] [--pages 500]

Starts an app on the sample libraries with a fake model whose tokens come slowly. Every conversation is a
socket, as the page opens it, that asks again and again; meanwhile `ingest.py` reads 500 pages into the same
storage. A separate process times the round trips of short actions, one after another: the list of
conversations, the settings that the page requests when it opens, and the list of documents.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import socketio

from tests.e2e.conftest import ROOT, running_app
from tests.fakes.plugin import start_process

QUESTION = "Which internship is about machine learning?"
WORDS, PAUSE = 150, 0.05
ACTION_PAUSE = 0.05  # seconds between two short actions
SHORT_ACTIONS: tuple[tuple[str, str, dict[str, Any] | None], ...] = (
    ("POST", "/project/threads", {"pagination": {"first": 20}, "filter": {}}),
    ("GET", "/project/settings?language=en-US", None),
    ("GET", "/documents", None),
)


class Conversation:
    """A conversation over a socket, as the page has it."""

    def __init__(self, url: str, cookie: str) -> None:
        self._url, self._cookie = url, cookie
        self._client = socketio.AsyncClient(reconnection=False)
        self._begun, self._ended = asyncio.Event(), asyncio.Event()
        self.characters = 0
        self.last_message = ""
        self._client.on("task_start", self._begin)
        self._client.on("task_end", self._end)
        self._client.on("stream_start", self._start)
        self._client.on("stream_token", self._token)
        self._client.on("new_message", self._shown)

    async def _begin(self, *_: Any) -> None:
        self._begun.set()
        self._ended.clear()  # an end before this belongs to another task

    async def _end(self, *_: Any) -> None:
        self._ended.set()

    async def _start(self, message: dict[str, Any]) -> None:
        self.characters += len(message["output"])

    async def _token(self, token: dict[str, Any]) -> None:
        self.characters += len(token["token"])

    async def _shown(self, message: dict[str, Any]) -> None:
        if message["type"] in ("assistant_message", "system_message"):
            self.last_message = " ".join(message["output"].split())[:80]

    async def open(self) -> None:
        await self._client.connect(
            self._url,
            headers={"Origin": self._url, "Cookie": self._cookie},
            auth={"clientType": "webapp", "sessionId": str(uuid.uuid4())},
            socketio_path="/ws/socket.io",
            transports=["websocket"],
            wait_timeout=30,
        )
        await self._client.emit("connection_successful")
        await self._until_done()  # opening is a task too

    async def ask(self) -> None:
        """Send the question and wait for the end of the answer."""
        self._begun.clear()
        message = {
            "id": str(uuid.uuid4()),
            "threadId": "",
            "name": "You",
            "type": "user_message",
            "output": QUESTION,
            "createdAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        await self._client.emit("client_message", {"message": message, "fileReferences": None})
        await self._until_done()

    async def _until_done(self) -> None:
        await asyncio.wait_for(self._begun.wait(), timeout=120)
        await asyncio.wait_for(self._ended.wait(), timeout=120)

    async def close(self) -> None:
        await self._client.disconnect()


async def converse(url: str, cookie: str, until: float, counted: Counter[str]) -> None:
    conversation = Conversation(url, cookie)
    try:
        await conversation.open()
        while time.monotonic() < until:
            before = conversation.characters
            await conversation.ask()
            streamed = conversation.characters > before
            counted["answers" if streamed else f"not streamed: {conversation.last_message}"] += 1
    except Exception as error:  # any error counts: none may come
        counted[f"error: {type(error).__name__}: {error}"] += 1
    finally:
        counted["characters"] += conversation.characters
        await conversation.close()


def time_actions(url: str, cookie: str, seconds: float) -> list[float]:
    """Return the seconds of each short action; runs in a process of its own, apart from the conversations."""
    took: list[float] = []
    until = time.monotonic() + seconds
    with httpx.Client(headers={"Cookie": cookie, "Origin": url}, timeout=60) as client:
        for method, path, body in itertools.cycle(SHORT_ACTIONS):
            if time.monotonic() > until:
                return took
            began = time.perf_counter()
            client.request(method, url + path, json=body).raise_for_status()
            took.append(time.perf_counter() - began)
            time.sleep(ACTION_PAUSE)
    return took


async def measured(url: str, *, conversations: int, seconds: float) -> tuple[list[float], Counter[str]]:
    with urllib.request.urlopen(f"{url}/user") as response:
        cookie = str(response.headers["Set-Cookie"]).partition(";")[0]
    counted: Counter[str] = Counter()
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as separate:
        await loop.run_in_executor(separate, time_actions, url, cookie, 0.0)  # start it before the clock
        until = time.monotonic() + seconds
        conversing = (converse(url, cookie, until, counted) for _ in range(conversations))
        timed = loop.run_in_executor(separate, time_actions, url, cookie, seconds)
        await asyncio.gather(*conversing)
        return await timed, counted


def write_pages(folder: Path, pages: int) -> None:
    """Write text files of twenty pages each, all different."""
    folder.mkdir(parents=True)
    for n in range(pages // 20):
        lines = (
            f"Part {n}.{line} of the ledger says {line * 37 % 101} and {n * line}." for line in range(900)
        )
        (folder / f"ledger-{n}.txt").write_text("\n\n".join(lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--conversations", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--pages", type=int, default=500, help="ingested meanwhile")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        took, counted = under_load(Path(folder), args.conversations, args.seconds, args.pages)
    p50, p95 = np.percentile(took, [50, 95]) * 1000
    print(f"{args.conversations} conversations, {args.pages} pages ingested meanwhile: {dict(counted)}")
    worst = max(took) * 1000
    print("\n| action | count | p50, ms | p95, ms | worst, ms |\n|---|---|---|---|---|")
    print(f"| short actions, three in turn | {len(took)} | {p50:.0f} | {p95:.0f} | {worst:.0f} |")


def under_load(
    folder: Path, conversations: int, seconds: float, pages: int
) -> tuple[list[float], Counter[str]]:
    storage, data = folder / "storage", folder / "data"
    shutil.copytree(ROOT / "data", data)
    environ = {**os.environ, "DOCENT_STORAGE": str(storage), "DOCENT_DATA": str(data)}
    ingest = [sys.executable, "ingest.py"]
    subprocess.run(ingest, cwd=ROOT, env=environ, check=True, capture_output=True)
    write_pages(data / "ledgers", pages)
    ollama = start_process()
    ollama.script(reply="word " * WORDS, seconds_per_token=PAUSE, sticky=True)
    try:
        with running_app(storage, DOCENT_MODEL_URL=ollama.url) as url:
            ingesting = subprocess.Popen(ingest, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL)
            try:
                return asyncio.run(measured(url, conversations=conversations, seconds=seconds))
            finally:
                print(_ingest_outcome(ingesting.poll()))
                ingesting.terminate()
                ingesting.wait()
    finally:
        ollama.stop()


def _ingest_outcome(code: int | None) -> str:
    """Describe the ingest by its exit code so far."""
    if code:
        return f"the ingest failed with exit code {code}: the figures below are of conversations alone"
    return "the ingest ran all the time" if code is None else "the ingest ended before the conversations"


if __name__ == "__main__":
    main()
