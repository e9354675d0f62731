"""Three web replicas on one database allow as many wrong passwords, and requests of a key, as one."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from docent.web.accounts.api_keys import ApiKeys
from docent.web.accounts.login import FREE_TRIES
from tests.cluster.replicas import PASSWORD, Cluster, WebReplica
from tests.fakes.plugin import Ollama

pytestmark = pytest.mark.cluster

RATE = 30
NAMES = ("ann", "ben", "kim")


def test_three_replicas_allow_as_many_as_one(postgres_url, ollama: Ollama, tmp_path):
    """Of attempts in turn and all at once, and of requests with one key, as many pass as at one."""
    with Cluster(tmp_path, database_url=postgres_url, model_url=ollama.url, DOCENT_LOGIN="on") as cluster:
        for name in NAMES:
            cluster.add_user(name)
        replicas = cluster.start_web(3)

        def log_in(replica: WebReplica, name: str, password: str) -> int:
            form = {"username": name, "password": password}
            return httpx.post(f"{replica.url}/login", data=form, trust_env=False, timeout=60).status_code

        one_by_one = [log_in(replicas[n % 3], "ann", "a wrong password") for n in range(3 * FREE_TRIES)]
        assert one_by_one == [401] * FREE_TRIES + [429] * 2 * FREE_TRIES
        assert {log_in(replica, "ann", PASSWORD) for replica in replicas} == {429}
        with ThreadPoolExecutor(9) as crowd:
            for name in NAMES[1:]:
                at_once = Counter(
                    crowd.map(lambda n, who=name: log_in(replicas[n % 3], who, "a wrong one"), range(30))
                )
                assert at_once == {401: FREE_TRIES, 429: 30 - FREE_TRIES}

        secret = ApiKeys(tmp_path, database_url=postgres_url).add("slow", libraries=[], expires="", rate=RATE)
        headers = {"Authorization": f"Bearer {secret}"}

        def ask(number: int) -> int:
            url = f"{replicas[number % 3].url}/v1/models"
            return httpx.get(url, headers=headers, trust_env=False, timeout=60).status_code

        with ThreadPoolExecutor(9) as crowd:
            statuses = Counter(crowd.map(ask, range(4 * RATE)))
        assert set(statuses) == {200, 429}
        # The bucket fills while they are sent: by one in two seconds.
        assert RATE <= statuses[200] <= RATE + 5, statuses
