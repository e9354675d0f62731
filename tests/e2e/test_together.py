"""Several tabs, several people, a network that drops; and what an answer's buttons do."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from bench.chat_load import measured
from docent.web.accounts.users import Users
from tests.e2e.conftest import again, answers, ask, connected, picture, running_app, until
from tests.e2e.network import Network
from tests.e2e.test_chat import QUESTION
from tests.e2e.test_history import FOLLOW_UP, conversations, open_first

pytestmark = pytest.mark.browser

PASSWORD = "a long password"
UNKNOWN = "Who won the bicycle race around the moon in 1742?"


@pytest.fixture(scope="module")
def own_storage(storage, tmp_path_factory) -> Path:
    ignored = shutil.ignore_patterns("history.db*", "golden.jsonl")
    return shutil.copytree(storage, tmp_path_factory.mktemp("together") / "storage", ignore=ignored)


@pytest.fixture(scope="module")
def app(own_storage, ollama_process):
    with running_app(own_storage, DOCENT_MODEL_URL=ollama_process.url) as url:
        yield url


@pytest.fixture(autouse=True)
def unscripted(ollama_process) -> None:
    ollama_process.reset()


@contextmanager
def tab(browser: Browser, url: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-US")
    page = context.new_page()
    with page.expect_websocket():
        page.goto(url)
    connected(page)
    yield page
    context.close()


def cited(page: Page) -> None:
    expect(page.locator("a.element-link").first).to_be_visible(timeout=60_000)
    expect(page.locator("#stop-button")).to_have_count(0, timeout=60_000)


def test_a_long_answer_is_stopped_while_another_tab_is_answered(browser, app, ollama_process):
    """One tab streams, the other is answered in the meantime; the stop ends the first one only."""
    with tab(browser, app) as slow, tab(browser, app) as other:
        ollama_process.script(reply="word " * 600, seconds_per_token=0.2)
        again(slow, QUESTION)
        expect(answers(slow).last).to_contain_text("word word", timeout=60_000)
        again(other, QUESTION)
        cited(other)
        expect(slow.locator("#stop-button")).to_have_count(1)
        slow.click("#stop-button")
        expect(answers(slow).last).to_contain_text("Stopped.", timeout=60_000)
        expect(answers(other)).not_to_contain_text("word word")


def test_ten_at_once(app, ollama_process):
    """Each is answered, nobody waits for another's slow tokens, and the list of conversations still comes."""
    ollama_process.script(reply="word " * 40, seconds_per_token=0.05, sticky=True)
    with ThreadPoolExecutor(1) as pool:  # the browser's driver keeps an event loop running in this thread
        took, counted = pool.submit(asyncio.run, measured(app, conversations=10, seconds=3)).result()
    assert [what for what in counted if what not in ("answers", "characters")] == []
    assert counted["answers"] >= 10
    assert sorted(took)[len(took) // 2] < 15  # generous: `python -m bench.chat_load` measures
    asked = -1
    while asked != (asked := len(ollama_process.requests_to("/api/chat"))):
        time.sleep(2)  # what was asked as they left must not take the words meant for the next test


def test_a_dropped_network_comes_back(browser, app, ollama_process):
    """What was said during a break is there after it, and a question sent into a dead line is asked, once."""
    network = Network(to=urlsplit(app).port)
    with contextlib.closing(network), tab(browser, f"http://localhost:{network.port}") as page:
        words = " ".join(f"word{n}" for n in range(30))
        ollama_process.script(reply=words, seconds_per_token=0.1)
        again(page, QUESTION)
        expect(answers(page)).to_contain_text("word3", timeout=60_000)
        network.cut()
        expect(page.get_by_text("Docent cannot be reached")).to_be_visible()
        until(lambda: ollama_process.requests_to("/api/chat")[-1].tokens_sent >= 30)
        network.mend()
        expect(answers(page)).to_contain_text(words, timeout=60_000)
        expect(page.get_by_text("Docent cannot be reached")).to_have_count(0)
        expect(page.locator("#stop-button")).to_have_count(0, timeout=60_000)
        network.silent = True
        again(page, FOLLOW_UP)
        page.wait_for_timeout(500)
        network.cut()
        page.wait_for_timeout(500)
        network.mend()
        expect(page.get_by_text(re.compile("How this was answered"))).to_have_count(2, timeout=60_000)
        expect(page.get_by_text(FOLLOW_UP, exact=True)).to_have_count(1)


def test_the_first_conversation_is_the_latest(browser, app, page):
    """One that goes on comes first, whichever was begun first, and a click on it opens it."""
    ask(page, app, "How do I add my own documents?")
    cited(page)
    ask(page, app, "How do I add my own documents?")
    cited(page)
    page.goto(app)
    page.get_by_text("How do I add my own documents?").locator("visible=true").first.click()
    expect(answers(page).first).to_be_visible(timeout=20_000)
    page.wait_for_timeout(800)
    again(page, "And which contain no milk?")
    expect(answers(page)).to_have_count(2, timeout=60_000)
    expect(page.locator("#stop-button")).to_have_count(0, timeout=60_000)
    page.wait_for_timeout(500)
    with page.expect_websocket():
        page.goto(app)
    expect(conversations(page).first).to_contain_text("How do I add my own documents?", timeout=20_000)
    open_first(page, app)
    expect(page.get_by_text("And which contain no milk?").last).to_be_visible(timeout=20_000)


def test_a_liked_answer_becomes_a_test_question(page, app, own_storage):
    """A thumbs-up offers it; only the button keeps it, with the page that was cited."""
    ask(page, app, QUESTION)
    cited(page)
    page.get_by_role("button", name="Helpful", exact=True).click()
    page.get_by_role("button", name="Submit feedback").click()
    button = page.get_by_role("button", name="Keep as a test question")
    expect(button).to_be_visible(timeout=20_000)
    assert not list(own_storage.rglob("golden.jsonl"))
    picture(page, "golden")
    button.click()
    expect(page.get_by_text("asks it from now on").first).to_be_visible(timeout=20_000)
    kept = next(own_storage.rglob("golden.jsonl")).read_text().splitlines()
    assert [json.loads(line)["question"] for line in kept] == [QUESTION]


def test_what_is_not_in_the_documents_can_be_asked_of_the_model(page, app, ollama_process):
    """The button asks the model alone, and the answer says so."""
    ask(page, app, UNKNOWN)
    button = page.get_by_role("button", name="Answer anyway")
    expect(button).to_be_visible(timeout=60_000)
    picture(page, "not-found")
    assert not ollama_process.requests_to("/api/chat")
    ollama_process.script(reply="Nobody has raced there.")
    button.click()
    expect(answers(page).last).to_contain_text("Nobody has raced there", timeout=60_000)
    expect(answers(page).last).to_contain_text("from the model alone")
    picture(page, "anyway")


def test_a_missing_model_is_fetched_by_a_button(browser, copied_storage, ollama_process):
    """Below an answer made of passages stands the button; afterwards the model answers."""
    with (
        running_app(copied_storage, DOCENT_MODEL_URL=ollama_process.url, DOCENT_MODEL="notthere") as url,
        tab(browser, url) as page,
    ):
        again(page, QUESTION)
        page.get_by_role("button", name="Fetch the model notthere").click(timeout=60_000)
        expect(page.get_by_text("notthere is there")).to_be_visible(timeout=60_000)
        again(page, QUESTION)
        expect(page.get_by_text(re.compile("How this was answered"))).to_have_count(2, timeout=60_000)
        assert ollama_process.requests_to("/api/pull")


def test_a_model_that_another_container_fetches_is_watched(browser, copied_storage, start_ollama, tmp_path):
    """As in containers: one server fetches, the other has the model as soon as it is there."""
    answering = start_ollama(models=(), manifests=tmp_path)
    fetching = start_ollama(models=(), manifests=tmp_path)
    fetching.script(on="/api/pull", seconds_per_token=0.7, sticky=True)
    settings = {"DOCENT_MODEL_URL": answering.url, "DOCENT_PULL_URL": fetching.url}
    with running_app(copied_storage, **settings) as url, tab(browser, url) as page:
        expect(page.get_by_text(re.compile(r"\d+\s%")).first).to_be_visible(timeout=20_000)
        picture(page, "fetching")
        again(page, QUESTION)
        expect(page.get_by_text(re.compile("No language model answered")).first).to_be_visible(timeout=60_000)
        expect(page.get_by_text("mistral is there")).to_be_visible(timeout=60_000)
        again(page, QUESTION)
        expect(page.get_by_text(re.compile("How this was answered"))).to_have_count(2, timeout=60_000)
        assert answering.requests_to("/api/chat")


@pytest.fixture(scope="module")
def peopled(storage, tmp_path_factory, ollama_process):
    """A house where people log in."""
    ignored = shutil.ignore_patterns("history.db*")
    own = shutil.copytree(storage, tmp_path_factory.mktemp("peopled") / "storage", ignore=ignored)
    users = Users(own, cost=4)
    users.add("leo", role="member", password=PASSWORD)
    with running_app(own, DOCENT_MODEL_URL=ollama_process.url, DOCENT_LOGIN="on") as url:
        yield url, users


def test_somebody_removed_is_shown_out_of_an_open_page(browser, peopled, ollama_process):
    """The socket ends by itself, with the answer in it."""
    url, users = peopled
    context = browser.new_context()
    assert context.request.post(f"{url}/login", form={"username": "leo", "password": PASSWORD}).ok
    page = context.new_page()
    with page.expect_websocket():
        page.goto(url)
    connected(page)
    ollama_process.script(reply="word " * 900, seconds_per_token=0.2)
    again(page, QUESTION)
    expect(answers(page).last).to_contain_text("word word", timeout=60_000)
    users.remove("leo")
    until(lambda: ollama_process.requests_to("/api/chat")[-1].disconnected, within=60)
    context.close()
