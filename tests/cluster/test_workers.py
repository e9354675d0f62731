"""Workers as processes: they share what a web replica has queued, and may be killed at any moment."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.replicas import Cluster, Replica, WebReplica, until
from tests.fakes.plugin import Ollama
from tests.fakes.postgres_server import execute
from tests.fakes.s3_server import BUCKET, S3Server, environ_of

STARTED = "The worker takes jobs"
SECONDS = 120.0


@pytest.fixture
def cluster(s3_server: S3Server, postgres_url: str, ollama: Ollama, tmp_path: Path) -> Iterator[Cluster]:
    """A web replica only stores and queues; originals are in a bucket."""
    settings = {
        "DOCENT_FILES_URL": f"s3://{BUCKET}/files",
        "DOCENT_READ_FILES": "no",
        **environ_of(s3_server.endpoint),
    }
    with Cluster(tmp_path, database_url=postgres_url, model_url=ollama.url, **settings) as cluster:
        yield cluster


def start_worker(cluster: Cluster) -> Replica:
    worker = cluster.start("worker")
    worker.until_printed(STARTED)
    return worker


def gauge(web: WebReplica, name: str) -> float:
    found = re.search(rf"^{name} (\S+)$", web.request("GET", "/metrics").text, re.MULTILINE)
    assert found
    return float(found[1])


def text(n: int) -> str:
    return "\n\n".join(f"Boat {n} has {m * 7919} oars, and its mast is {m} feet tall." for m in range(300))


def queued(url: str) -> int:
    ((count,),) = execute(url, "SELECT count(*) FROM documents WHERE state = 'queued'")
    return int(count)


def check_whole(url: str, documents: int) -> None:
    """Every document is there once, each chunk once and with one vector, and no attempt is left."""
    until(lambda: not execute(url, "SELECT 1 FROM jobs"), within=SECONDS)
    ((ready, names, chunks, places, vectors, lacking),) = execute(
        url,
        "SELECT (SELECT count(*) FROM readings WHERE state = 'ready'), "
        "(SELECT count(DISTINCT name) FROM documents), (SELECT count(*) FROM chunks), "
        "(SELECT count(DISTINCT (reading, id)) FROM chunks), (SELECT count(*) FROM vectors), "
        "(SELECT sum(chunks - embedded) FROM readings)",
    )
    assert names == documents == ready
    assert chunks == places == vectors
    assert lacking == 0


def kill_again_and_again(cluster: Cluster, web: WebReplica, *, files: int, kills: int, seed: int) -> None:
    """Kill a worker at moments of a seed, while another goes on, until everything is read."""
    moments = random.Random(seed)
    workers = [start_worker(cluster) for _ in range(2)]
    uploaded = [web.upload(f"{n}.md", text(n)) for n in range(files)]
    for _ in range(kills):
        time.sleep(moments.uniform(0.0, 0.6))
        victim = workers.pop(moments.randrange(2))
        victim.kill()
        workers.append(start_worker(cluster))
    for file in uploaded:
        assert web.until_processed(file, within=SECONDS)["status"] == "processed"
    check_whole(cluster.database_url, files)


def test_workers_take_over_from_each_other(cluster: Cluster):
    """Files wait while no worker runs, which is said; what one had that dies, the next one reads."""
    (web,) = cluster.start_web()
    uploaded = [web.upload(f"{n}.md", text(n)) for n in range(4)]
    assert (gauge(web, "docent_jobs_waiting"), gauge(web, "docent_workers")) == (4, 0)
    assert queued(cluster.database_url) == 4
    first = start_worker(cluster)
    until(lambda: queued(cluster.database_url) < 4, within=SECONDS)
    first.kill()
    second = start_worker(cluster)
    assert gauge(web, "docent_workers") == 1
    for file in uploaded:
        assert web.until_processed(file, within=SECONDS)["status"] == "processed"
    check_whole(cluster.database_url, 4)
    web.until_found("How tall is the mast of boat 3?", "3.md")
    assert second.stop() == 0


@pytest.mark.cluster
@pytest.mark.parametrize("seed", [1, 2])
def test_workers_are_killed_at_any_moment(cluster: Cluster, seed: int):
    """Ten times each: every document is there once and whole."""
    (web,) = cluster.start_web()
    kill_again_and_again(cluster, web, files=40, kills=10, seed=seed)


@pytest.mark.cluster
def test_what_a_dead_worker_had_is_taken_within_a_second(cluster: Cluster):
    """Its claims end with its connection, and the other one looks every .4 s."""
    (web,) = cluster.start_web()
    first = start_worker(cluster)
    file = web.upload("long.md", "\n\n".join(text(n) for n in range(800)))

    def attempts() -> int:
        rows = execute(cluster.database_url, "SELECT attempts FROM jobs")
        return int(rows[0][0]) if rows else 0

    until(lambda: attempts() == 1, within=SECONDS)
    start_worker(cluster)  # finds the file claimed
    assert attempts() == 1, "the file is too short for this machine"
    first.kill()
    killed = time.monotonic()
    until(lambda: attempts() == 2, within=SECONDS)
    assert time.monotonic() - killed < 1.0
    web.delete(file)  # it would take minutes to embed
