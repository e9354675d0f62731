"""How long somebody's short question takes while others send long ones: `python -m bench.flood URL`.

The server runs apart (`python -m docent serve`), with documents and without a model or a login.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any

import httpx

QUESTIONS = ("How long is the internship?", "What does a library do?", "Which restaurant serves soup?")
LETTERS = str.maketrans("0123456789", "ghijklmnop")
JSON = {"content-type": "application/json"}
Body = tuple[str, dict[str, Any]]
"""A path, and what is posted there."""


def text(length: int) -> str:
    """Words that nobody asked before: nothing of them is remembered."""
    letters = random.randbytes(length).hex().translate(LETTERS)
    return " ".join(letters[at : at + 7] for at in range(0, length, 7))[:length]


def search(query: str) -> Body:
    return "/v1/search", {"query": query}


def chat(*messages: str) -> Body:
    roles = ("user", "assistant")
    said = [{"role": roles[at % 2], "content": message} for at, message in enumerate(messages)]
    return "/v1/chat/completions", {"model": "docent", "messages": said}


FLOODS: dict[str, Callable[[], Body]] = {
    "a search of 2,000 characters": lambda: search(text(2_000)),
    "a search of 100,000 characters": lambda: search(text(100_000)),
    "a search of 900,000 characters": lambda: search(text(900_000)),
    "a search of 2,000 signs": lambda: search("? ! " * 500 + "soup"),
    "a search with 300 excluded words": lambda: search("soup " + " ".join("-" + text(5) for _ in range(300))),
    "a chat of 100,000 characters": lambda: chat(text(100_000)),
    "a chat after 3,000,000 characters": lambda: chat(*[text(60_000) for _ in range(50)], "And it?"),
    "512 texts to embed": lambda: ("/v1/embeddings", {"input": [text(500) for _ in range(512)]}),
}


@contextmanager
def flooded(url: str, senders: int, flood: str) -> Iterator[None]:
    """Several senders, each a process of its own, that send again as soon as they are answered."""
    spawning = multiprocessing.get_context("spawn")
    ready = spawning.Barrier(senders + 1)
    processes = [spawning.Process(target=_send, args=(url, flood, ready)) for _ in range(senders)]
    for process in processes:
        process.start()
    ready.wait()
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _send(url: str, flood: str, ready: Any) -> None:
    os.nice(19)  # elsewhere, its work would be another machine's
    bodies = [(path, json.dumps(content)) for path, content in (FLOODS[flood]() for _ in range(4))]
    with httpx.Client(base_url=url, timeout=120, trust_env=False) as client:
        sending = (client.post(path, content=content, headers=JSON) for path, content in cycle(bodies))
        next(sending)
        ready.wait()
        for _ in sending:
            pass


def p95(url: str, times: int) -> float:
    """Of short searches, one after another, in seconds."""
    taken = []
    with httpx.Client(base_url=url, timeout=120, trust_env=False) as client:
        for at in range(times):
            began = time.perf_counter()
            client.post("/v1/search", json={"query": QUESTIONS[at % len(QUESTIONS)]}).raise_for_status()
            taken.append(time.perf_counter() - began)
    return sorted(taken)[int(0.95 * len(taken))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--senders", type=int, default=4)
    parser.add_argument("--times", type=int, default=100)
    arguments = parser.parse_args()
    p95(arguments.url, 20)
    for name in FLOODS:
        idle = p95(arguments.url, arguments.times)
        with flooded(arguments.url, arguments.senders, name):
            loaded = p95(arguments.url, arguments.times)
        print(f"| {name} | {1000 * idle:.0f} | {1000 * loaded:.0f} | {loaded / idle:.1f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
