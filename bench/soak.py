"""Load the API with many clients for a long time; measure errors, times and memory growth.

    python -m bench.soak [--seconds 600] [--clients 20]

Serves an empty installation with a fake model server that answers at once, and uploads documents. Each client
asks (whole and streamed), searches, embeds, uploads and deletes, and disconnects in the middle of an answer,
with a short pause between. Memory is that of the server process, twenty times during the run and at the end.
"Added by the API" is the time of one client alone, less the time that the answer's receipt states.
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
from docent.web.accounts.api_keys import ApiKeys
from tests.fakes.plugin import start_process
from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = "harbour"
SHIPS = ("Aurora", "Borealis", "Calypso", "Dorado", "Esmeralda", "Fortuna", "Galatea", "Hesperia")
PAUSE = 0.4
"""Seconds a client waits between two requests, on average."""
SAMPLES = 20
"""Number of samples of the server's memory."""


@dataclass
class Soaked:
    """Results of a run."""

    seconds: float
    milliseconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)
    added: list[float] = field(default_factory=list)
    """Milliseconds that the API adds to an answer, for one client alone."""
    megabytes: list[float] = field(default_factory=list)
    """The server's memory: twenty times during the run and at the end."""

    @property
    def requests(self) -> int:
        return sum(len(each) for each in self.milliseconds.values())

    @property
    def growth(self) -> float:
        """Return the growth of memory in megabytes between a tenth of the time and the end."""
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
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as server:
        soaked = asyncio.run(soak(server, seconds=args.seconds, clients=args.clients))
    print(f"{soaked.requests:,} requests of {args.clients} clients in {soaked.seconds:.0f} s, ", end="")
    print(f"{len(soaked.errors)} errors; ", end="")
    print(f"the server's memory every {args.seconds / SAMPLES:.0f} s and at the end, MB: ", end="")
    print(", ".join(f"{megabytes:.0f}" for megabytes in soaked.megabytes), flush=True)
    print("\n| request | count | p50, ms | p95, ms |\n|---|---|---|---|")
    for name, took in [*sorted(soaked.milliseconds.items()), ("added by the API to an answer", soaked.added)]:
        p50, p95 = np.percentile(took, [50, 95])
        print(f"| {name} | {len(took)} | {p50:.1f} | {p95:.1f} |")
    for error in soaked.errors[:20]:
        print(error, file=sys.stderr)
    sys.exit(1 if soaked.errors else 0)


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    """Run `python -m docent serve` with a log in JSON, a fake model server, and a key for one library."""
    model = start_process()
    port = free_port()
    key = ApiKeys(folder / "storage").add("soak", libraries=[LIBRARY], expires="", rate=0)
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
        server = Served(f"http://127.0.0.1:{port}", process, log, key)
        _wait_for(server)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=30)
        model.stop()


def _wait_for(server: Served) -> None:
    limit = time.monotonic() + 120
    while True:
        try:
            httpx.get(f"{server.url}/ready", trust_env=False).raise_for_status()
            return
        except httpx.HTTPError:
            if server.process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError(f"The app did not start:\n{server.log.read_text()}") from None
            time.sleep(0.2)


async def soak(server: Served, *, seconds: float, clients: int) -> Soaked:
    soaked = Soaked(seconds)
    headers = {"Authorization": f"Bearer {server.key}"}
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=server.url, headers=headers, timeout=60, limits=limits, trust_env=False
    ) as http:
        for ship in SHIPS:
            await _upload(http, f"{ship}.md", _text(ship))
        await _alone(http, soaked)
        began = time.monotonic()
        clients_running = [_client(http, random.Random(n), began + seconds, soaked) for n in range(clients)]
        sampling = asyncio.create_task(_sample_memory(seconds, server, soaked))
        await asyncio.gather(*clients_running)
        await sampling
    soaked.megabytes.append(server.megabytes)
    return soaked


async def _sample_memory(seconds: float, server: Served, soaked: Soaked) -> None:
    for _ in range(SAMPLES - 1):
        await asyncio.sleep(seconds / SAMPLES)
        soaked.megabytes.append(server.megabytes)


async def _alone(http: httpx.AsyncClient, soaked: Soaked) -> None:
    for turn in range(55):
        began = time.perf_counter()
        answer = await _ask(http, random.Random(turn))
        took = time.perf_counter() - began
        if turn >= 5:  # the first five load both models
            soaked.added.append((took - answer["docent"]["receipt"]["seconds"]["total"]) * 1000)


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


# --- actions of a client ---------------------------------------------------------------------


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


async def _disconnect(http: httpx.AsyncClient, chance: random.Random) -> None:
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


async def _upload_and_delete(http: httpx.AsyncClient, chance: random.Random) -> None:
    name = f"note-{chance.getrandbits(64):x}.md"  # the same name would replace the file by a newer version
    file = await _upload(http, name, f"# Note\n\nTemporary: {chance.random()}.\n")
    deleted = _ok(await http.delete(f"/v1/files/{file}")).json()
    if any(deleted["docent"]["left"].values()):
        raise ValueError(f"left after deleting: {deleted}")


async def _upload(http: httpx.AsyncClient, name: str, text: str) -> str:
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
    "chat, client disconnects": (_disconnect, 5),
    "search": (_search, 20),
    "embeddings of 8 texts": (_embed, 10),
    "upload, wait, delete": (_upload_and_delete, 5),
}
"""The actions of a client, and how often each comes among a hundred."""


if __name__ == "__main__":
    main()
