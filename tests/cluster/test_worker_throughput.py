"""Several workers embed more than one, and the queue costs little."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import workers
from bench.workers import ALONE, Run
from tests.fakes.postgres_server import PostgresServer

DOCUMENTS = 10


@pytest.mark.cluster
def test_workers_share_the_work(postgres_server: PostgresServer, tmp_path: Path):
    """Two workers use hardly more of the processor than one, and as much as one without the queue.

    Seconds say so only on an idle machine: where two workers get two cores, they take two thirds of the time
    of one at most, and three no more than a tenth longer than two.
    """
    ways = [ALONE, "1", "2", "3"]
    runs: dict[str, list[Run]] = {way: [] for way in ways}
    for turn in range(2):
        for way in ways if turn == 0 else reversed(ways):
            runs[way].append(workers.measure(postgres_server, tmp_path / f"{way}-{turn}", way, DOCUMENTS))
    assert len({run.chunks for some in runs.values() for run in some}) == 1
    busy = {way: min(run.processor + run.database for run in some) for way, some in runs.items()}
    assert busy["1"] < 1.1 * busy[ALONE]
    assert busy["2"] < 1.15 * busy["1"]
    assert busy["3"] < 1.25 * busy["1"]
    if cores_were_free(runs):
        seconds = {way: min(run.seconds for run in some) for way, some in runs.items()}
        assert seconds["1"] / seconds["2"] > 1.5
        assert seconds["2"] / seconds["3"] > 0.9


def cores_were_free(runs: dict[str, list[Run]]) -> bool:
    """Return True if two workers were given nearly two cores while they worked."""
    return any(run.processor + run.database > 1.7 * run.seconds for run in runs["2"])
