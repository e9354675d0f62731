"""A short load test on a real server; the long form is `python -m bench.soak`."""

from __future__ import annotations

import asyncio
import json

import pytest

from bench.soak import LIBRARY, SHIPS, Soaked, served, soak
from docent.web.accounts.api_keys import ApiKeys

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def soaked(tmp_path_factory) -> tuple[Soaked, str, str]:
    """The result, the whole log, and the key that was used."""
    folder = tmp_path_factory.mktemp("soak")
    with served(folder) as server:
        found = asyncio.run(soak(server, seconds=15, clients=8))
    assert [key.libraries for key in ApiKeys(folder / "storage").all()] == [(LIBRARY,)]
    return found, server.log.read_text(), server.key


def test_no_error_and_flat_memory(soaked):
    """Eight clients ask, search, embed, upload, delete and disconnect without errors or growing memory."""
    found, _, _ = soaked
    assert found.errors == []
    assert found.requests > 30
    assert found.growth < 60, found.megabytes


def test_the_log_holds_no_text_no_question_and_no_key(soaked):
    """The log of a whole run has figures for each request and question, and no text."""
    _, log, key = soaked
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert {"request", "question"} <= {line["what"] for line in lines}
    question = next(line for line in lines if line["what"] == "question" and line["end"] == "answered")
    assert question["seconds"]["retrieve"] > 0 and question["answer_tokens"] > 0
    assert question["id"] in {line["id"] for line in lines if line["what"] == "request"}
    secrets = (key, key.removeprefix("docent-")[:20], "When does", "leaves at", "Only for a while", *SHIPS)
    for secret in secrets:
        assert secret not in log, secret
