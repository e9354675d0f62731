"""A conversation that a person had at one replica is opened, continued and deleted at another."""

from __future__ import annotations

import re
from itertools import product

import pytest
from playwright.sync_api import Page, expect

from tests.cluster.conftest import Pair
from tests.cluster.replicas import PASSWORD
from tests.e2e.conftest import again, answers, browser, connected, page, picture

__all__ = ["browser", "page"]

pytestmark = [pytest.mark.browser, pytest.mark.cluster]

FACT = "The ferry to Ravensholm leaves from pier nine at noon."
QUESTION = "Where does the ferry to Ravensholm leave?"
WORDS = " ".join(map("".join, product("bdgklmnprst", "aeiou", "bdgk")))
"""Made-up words, none twice: an answer that repeats itself is stopped."""
NEXT = "When does the ferry to Ravensholm leave?"


def log_in(page: Page, url: str) -> None:
    page.goto(url)
    page.fill("#email", "ann")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    connected(page)


def open_latest(page: Page, url: str) -> str:
    """Open the latest conversation of the list at a replica, and return its path."""
    with page.expect_websocket():
        page.goto(url)
    connected(page)
    with page.expect_websocket():
        page.locator('a[href^="/thread/"]').locator("visible=true").first.click()
    page.wait_for_url("**/thread/*")
    expect(page.locator("#chat-input")).to_be_editable()
    return page.url.removeprefix(url)


def test_a_conversation_goes_on_at_another_replica(pair: Pair, page: Page):
    """An answer under way is called so, the next question is answered, and a deletion holds at both."""
    first, second = pair.first, pair.second
    file = first.upload("ferries.md", FACT)
    first.until_processed(file)
    log_in(page, first.url)
    pair.ollama.script(reply=f"The ferry leaves from pier nine [1].\n\n{WORDS}", seconds_per_token=0.05)
    again(page, QUESTION)
    expect(answers(page).last).to_contain_text("leaves from pier nine", timeout=60_000)
    page.wait_for_timeout(1_500)  # it is saved once a second

    other = page.context.new_page()
    path = open_latest(other, second.url)
    expect(answers(other).last).to_contain_text("This answer is still being written.", timeout=20_000)
    picture(other, "written-by-another-replica")
    expect(page.locator("#stop-button")).to_have_count(0, timeout=120_000)
    expect(page.locator("a.element-link").first).to_be_visible(timeout=20_000)

    assert open_latest(other, second.url) == path
    expect(answers(other).first).to_contain_text(WORDS[-20:])
    expect(answers(other).first).not_to_contain_text("still being written")
    other.locator("a.element-link").first.click()
    expect(other.locator("#side-view-content")).to_contain_text(re.compile("pier nine at noon"))
    pair.ollama.script(reply="It leaves at noon [1].")
    again(other, NEXT)
    expect(answers(other).last).to_contain_text("It leaves at noon", timeout=60_000)
    picture(other, "continued-at-another-replica")

    page.goto(first.url + path)
    connected(page)
    expect(answers(page).last).to_contain_text("It leaves at noon")
    deleted = other.request.delete(
        f"{second.url}/project/thread",
        data={"threadId": path.removeprefix("/thread/")},
        headers={"origin": second.url, "sec-fetch-site": "same-origin"},
    )
    assert deleted.ok, deleted.text()
    page.goto(first.url)
    connected(page)
    expect(page.locator('a[href^="/thread/"]')).to_have_count(0)
