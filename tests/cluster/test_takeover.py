"""A web replica dies while a person reads its answer, and another one goes on."""

from __future__ import annotations

import random
import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.cluster.conftest import Pair
from tests.cluster.nginx import NO_NGINX, balanced
from tests.cluster.replicas import PASSWORD, WebReplica
from tests.e2e.conftest import again, answers, browser, connected, page, picture, until

__all__ = ["browser", "page"]

pytestmark = [pytest.mark.browser, pytest.mark.cluster, pytest.mark.skipif(bool(NO_NGINX), reason=NO_NGINX)]

FACT = "The ferry to Ravensholm leaves from pier nine at noon."
QUESTION = "Where does the ferry to Ravensholm leave?"
# Words that never repeat, or the answer would be stopped as a loop.
REPLY = "The ferry leaves from pier nine. " + " ".join(
    "".join(random.Random(n).choices("abcdefghijklmnop", k=6)) for n in range(800)
)
NEXT = "When does the ferry to Ravensholm leave?"
NEXT_REPLY = "It leaves at noon [1]."


def replica_of(context: BrowserContext) -> str:
    return next(one["value"] for one in context.cookies() if one["name"] == "docent_replica")


def log_in(page: Page, url: str) -> None:
    page.goto(url)
    page.fill("#email", "ann")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    connected(page)


def test_another_replica_takes_a_conversation_over(pair: Pair, page: Page):
    """The page connects to it, shows what was saved of the answer, and has the next question answered."""
    file = pair.first.upload("ferries.md", FACT)
    pair.first.until_processed(file)
    replicas: dict[str, WebReplica] = {one.name: one for one in (pair.first, pair.second)}
    with balanced(pair.first, pair.second) as url:
        log_in(page, url)
        pair.ollama.script(reply=REPLY, seconds_per_token=0.05)
        again(page, QUESTION)
        expect(answers(page).last).to_contain_text(REPLY[:60], timeout=60_000)
        page.wait_for_timeout(2_000)  # what came within the last second need not be saved
        first = replica_of(page.context)
        replicas.pop(first).kill()
        pair.ollama.reset()
        (second,) = replicas
        expect(answers(page).last).to_contain_text("The answer stops here", timeout=60_000)
        until(lambda: replica_of(page.context) == second, within=60)
        expect(page.locator("[data-step-type='user_message']", has_text=QUESTION)).to_have_count(1)
        expect(answers(page).last).to_contain_text("The ferry leaves from pier nine.")
        picture(page, "takeover")
        pair.ollama.script(reply=NEXT_REPLY)
        again(page, NEXT)
        expect(answers(page).last).to_contain_text("It leaves at noon", timeout=60_000)
        page.reload()
        connected(page)
        expect(page).not_to_have_url(re.compile("login"))
