"""Many clients at once on a served API, for a long time: errors, times, and whether memory stays flat.

    python -m bench.soak [--seconds 600] [--clients 20]

Serves an empty installation with a stand-in for the model server that answers at once, hands documents in,
and lets each client ask (whole and streamed), search, embed, hand in and delete, and leave in the middle of
an answer, with a short pause between. Memory is the server process's own, in every twentieth of the time and
at the end. "Beyond House.answer" is what one client alone waits for, less what the receipt says it took.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from bench.resources import resident
from docent.web.api.keys import Keys
from tests.fakes.plugin import start_process
from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = "harbour"
SHIPS = ("Aurora", "Borealis", "Calypso", "Dorado", "Esmeralda", "Fortuna", "Galatea", "Hesperia")
PAUSE = 0.4
"""Seconds a client waits between two requests, on average."""
SAMPLES = 20
"""How often the server's memory is looked at."""


@dataclass
class Soaked:
    seconds: float
    milliseconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)
    beyond: list[float] = field(default_factory=list)
    """Milliseconds that the API adds to House.answer, for one client alone."""
    megabytes: list[float] = field(default_factory=list)
    """Of the server: in every twentieth of the time, and at the end."""

    @property
    def requests(self) -> int:
        return sum(len(each) for each in self.milliseconds.values())

    @property
    def growth(self) -> float:
        """Megabytes, between a tenth of the time and the end."""
        return self.megabytes[-1] - self.megabytes[1]


@dataclass(frozen=True, slots=True)
class Served:
    url: str
    process: subprocess.Popen[bytes]
    log: Path
    key: str

    @property
    def megabytes(self) -> float:
        return resident(self.process.pid)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--clients", type=int, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as server:
        soaked = asyncio.run(soak(server, seconds=asked.seconds, clients=asked.clients))
    print(f"{soaked.requests:,} requests of {asked.clients} clients in {soaked.seconds:.0f} s, ", end="")
    print(f"{len(soaked.errors)} errors; ", end="")
    print(f"the server's memory every {asked.seconds / SAMPLES:.0f} s and at the end, MB: ", end="")
    print(", ".join(f"{one:.0f}" for one in soaked.megabytes), flush=True)
    print("\n| request | count | p50, ms | p95, ms |\n|---|---|---|---|")
    for name, took in [*sorted(soaked.milliseconds.items()), ("beyond House.answer", soaked.beyond)]:
        p50, p95 = np.percentile(took, [50, 95])
        print(f"| {name} | {len(took)} | {p50:.1f} | {p95:.1f} |")
    for error in soaked.errors[:20]:
        print(error, file=sys.stderr)
    sys.exit(1 if soaked.errors else 0)


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    """`python -m docent serve` with a log in JSON, a stand-in model server, and a key for one library."""
    model = start_process()
    port = free_port()
    key = Keys(folder / "storage").add("soak", libraries=[LIBRARY], expires="", rate=0)
    environ = {
        **os.environ,
        "DOCENT_STORAGE": str(folder / "storage"),
        "DOCENT_DATA": str(folder),
        "DOCENT_PORT": str(port),
        "DOCENT_MODEL_URL": model.url,
        "DOCENT_LOG": "json",
    }
    log = folder / "serve.log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "docent", "serve"]
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=out, stderr=out)
    try:
        here = Served(f"http://127.0.0.1:{port}", process, log, key)
        _wait_for(here)
        yield here
    finally:
        process.terminate()
        process.wait(timeout=30)
        model.stop()


def _wait_for(here: Served) -> None:
    limit = time.monotonic() + 120
    while True:
        try:
            httpx.get(f"{here.url}/ready", trust_env=False).raise_for_status()
            return
        except httpx.HTTPError:
            if here.process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError(f"The app did not start:\n{here.log.read_text()}") from None
            time.sleep(0.2)


async def soak(here: Served, *, seconds: float, clients: int) -> Soaked:
    soaked = Soaked(seconds)
    headers = {"Authorization": f"Bearer {here.key}"}
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=here.url, headers=headers, timeout=60, limits=limits, trust_env=False
    ) as http:
        for ship in SHIPS:
            await _hand_in(http, f"{ship}.md", _text(ship))
        await _alone(http, soaked)
        began = time.monotonic()
        crowd = [_client(http, random.Random(n), began + seconds, soaked) for n in range(clients)]
        watching = asyncio.create_task(_watch(seconds, here, soaked))
        await asyncio.gather(*crowd)
        await watching
    soaked.megabytes.append(here.megabytes)
    return soaked


async def _watch(seconds: float, here: Served, soaked: Soaked) -> None:
    for _ in range(SAMPLES - 1):
        await asyncio.sleep(seconds / SAMPLES)
        soaked.megabytes.append(here.megabytes)


async def _alone(http: httpx.AsyncClient, soaked: Soaked) -> None:
    for turn in range(55):
        began = time.perf_counter()
        answer = await _ask(http, random.Random(turn))
        took = time.perf_counter() - began
        if turn >= 5:  # the first load both models
            soaked.beyond.append((took - answer["docent"]["receipt"]["seconds"]["total"]) * 1000)


async def _client(http: httpx.AsyncClient, chance: random.Random, until: float, soaked: Soaked) -> None:
    names, weights = list(ACTIONS), [weight for _, weight in ACTIONS.values()]
    while time.monotonic() < until:
        name = chance.choices(names, weights)[0]
        began = time.perf_counter()
        try:
            await ACTIONS[name][0](http, chance)
        except Exception as error:
            soaked.errors.append(f"{name}: {type(error).__name__} {error}")
        soaked.milliseconds[name].append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(chance.uniform(0, 2 * PAUSE))


# --- what a client does ----------------------------------------------------------------------


def _text(ship: str) -> str:
    parts = [f"## Day {day}\n\nThe ferry {ship} leaves at {day % 24}:15.\n" for day in range(1, 31)]
    return f"# {ship}\n\n" + "\n".join(parts)


def _body(chance: random.Random, **more: Any) -> dict[str, Any]:
    question = f"When does the ferry {chance.choice(SHIPS)} leave on day {chance.randint(1, 30)}?"
    return {"model": "docent", "messages": [{"role": "user", "content": question}], **more}


async def _ask(http: httpx.AsyncClient, chance: random.Random) -> dict[str, Any]:
    answer: dict[str, Any] = _ok(await http.post("/v1/chat/completions", json=_body(chance))).json()
    if not answer["choices"][0]["message"]["content"]:
        raise ValueError("an empty answer")
    return answer


async def _stream(http: httpx.AsyncClient, chance: random.Random) -> None:
    body = _body(chance, stream=True)
    async with http.stream("POST", "/v1/chat/completions", json=body) as response:
        lines = [line async for line in response.aiter_lines() if line]
    if lines[-1:] != ["data: [DONE]"] or '"docent"' not in lines[-2]:
        raise ValueError(f"a stream without its end: {lines[-2:]}")


async def _leave(http: httpx.AsyncClient, chance: random.Random) -> None:
    body = _body(chance, stream=True)
    async with http.stream("POST", "/v1/chat/completions", json=body) as response:
        async for _ in response.aiter_lines():
            break


async def _search(http: httpx.AsyncClient, chance: random.Random) -> None:
    found = _ok(await http.post("/v1/search", json={"query": f"{chance.choice(SHIPS)} leaves"})).json()
    if not found["data"]:
        raise ValueError("nothing found")


async def _embed(http: httpx.AsyncClient, chance: random.Random) -> None:
    texts = [f"The {ship} and {chance.random()}" for ship in SHIPS]
    _ok(await http.post("/v1/embeddings", json={"model": "docent", "input": texts}))


async def _hand_in_and_delete(http: httpx.AsyncClient, chance: random.Random) -> None:
    name = f"note-{chance.getrandbits(64):x}.md"  # the same name would be a newer version of the same file
    file = await _hand_in(http, name, f"# Note\n\nOnly for a while: {chance.random()}.\n")
    deleted = _ok(await http.delete(f"/v1/files/{file}")).json()
    if any(deleted["docent"]["left"].values()):
        raise ValueError(f"left after deleting: {deleted}")


async def _hand_in(http: httpx.AsyncClient, name: str, text: str) -> str:
    file = _ok(await http.post("/v1/files", files={"file": (name, text.encode())})).json()
    while file["status"] != "processed":
        if file["status"] == "error":
            raise ValueError(file["status_details"])
        await asyncio.sleep(0.2)
        file = _ok(await http.get(f"/v1/files/{file['id']}")).json()
    return str(file["id"])


def _ok(response: httpx.Response) -> httpx.Response:
    if response.status_code != 200:
        raise ValueError(f"{response.status_code} {response.text[:300]}")
    return response


ACTIONS: dict[str, tuple[Callable[[httpx.AsyncClient, random.Random], Awaitable[Any]], int]] = {
    "chat, whole": (_ask, 30),
    "chat, streamed": (_stream, 30),
    "chat, left in the middle": (_leave, 5),
    "search": (_search, 20),
    "embeddings of 8 texts": (_embed, 10),
    "hand in, wait, delete": (_hand_in_and_delete, 5),
}
"""What is done, and how often of a hundred times."""


if __name__ == "__main__":
    main()
