"""A web replica is stopped for an update while a person's page is open and idle."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.cluster.conftest import Pair
from tests.cluster.nginx import NO_NGINX, balanced
from tests.cluster.replicas import WebReplica
from tests.cluster.test_takeover import log_in, replica_of
from tests.e2e.conftest import again, answers, browser, page, picture, until

__all__ = ["browser", "page"]

pytestmark = [pytest.mark.browser, pytest.mark.cluster, pytest.mark.skipif(bool(NO_NGINX), reason=NO_NGINX)]

FACT = "The ferry to Ravensholm leaves from pier nine at noon."
QUESTION = "Where does the ferry to Ravensholm leave?"
REPLY = "The ferry leaves from pier nine [1]."
NEXT = "When does the ferry to Ravensholm leave?"
NEXT_REPLY = "It leaves at noon [1]."


def test_an_idle_page_moves_when_its_replica_is_stopped(pair: Pair, page: Page):
    """It connects to the other one by itself, the replica ends, and the conversation goes on where it was."""
    pair.first.until_processed(pair.first.upload("ferries.md", FACT))
    replicas: dict[str, WebReplica] = {one.name: one for one in (pair.first, pair.second)}
    with balanced(pair.first, pair.second) as url:
        log_in(page, url)
        pair.ollama.script(reply=REPLY)
        again(page, QUESTION)
        expect(answers(page).last).to_contain_text("pier nine", timeout=60_000)
        expect(page.locator("#chat-input")).to_be_editable()
        stopped = replicas.pop(replica_of(page.context))
        assert stopped.stop() in (0, -15)
        (other,) = replicas
        until(lambda: replica_of(page.context) == other, within=60)
        pair.ollama.script(reply=NEXT_REPLY)
        again(page, NEXT)
        expect(answers(page).last).to_contain_text("It leaves at noon", timeout=60_000)
        for question in (QUESTION, NEXT):
            expect(page.locator("[data-step-type='user_message']", has_text=question)).to_have_count(1)
        picture(page, "moved")
