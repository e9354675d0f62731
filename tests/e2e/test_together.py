"""Several tabs and users at once, a network that drops, and the buttons below an answer."""

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
    """The other tab is answered meanwhile, and the stop ends the first one only."""
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


def test_ten_conversations_at_once(app, ollama_process):
    """Each is answered without waiting for the others, and conversations can still be listed."""
    ollama_process.script(reply="word " * 40, seconds_per_token=0.05, sticky=True)
    with ThreadPoolExecutor(1) as pool:  # the browser's driver keeps an event loop running in this thread
        took, counted = pool.submit(asyncio.run, measured(app, conversations=10, seconds=3)).result()
    assert [name for name in counted if name not in ("answers", "characters")] == []
    assert counted["answers"] >= 10
    assert sorted(took)[len(took) // 2] < 15  # generous: `python -m bench.chat_load` measures
    count = -1
    while count != (count := len(ollama_process.requests_to("/api/chat"))):
        time.sleep(2)  # late questions must not take the reply that the next test scripts


def test_a_dropped_connection_is_restored(browser, app, ollama_process):
    """Text written meanwhile is shown, and a question sent into a dead connection is asked once."""
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


def test_the_latest_conversation_is_listed_first(browser, app, page):
    """A conversation that is continued moves to the top of the list, and a click opens it."""
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
    """Rating it offers a button; only the button saves the question."""
    ask(page, app, QUESTION)
    cited(page)
    page.get_by_role("button", name="Helpful", exact=True).click()
    page.get_by_role("button", name="Submit feedback").click()
    button = page.get_by_role("button", name="Save as a test question")
    expect(button).to_be_visible(timeout=20_000)
    assert not list(own_storage.rglob("golden.jsonl"))
    picture(page, "golden")
    button.click()
    expect(page.get_by_text("asks it from now on").first).to_be_visible(timeout=20_000)
    saved = next(own_storage.rglob("golden.jsonl")).read_text().splitlines()
    assert [json.loads(line)["question"] for line in saved] == [QUESTION]


def test_the_model_alone_can_be_asked(page, app, ollama_process):
    """Where the documents have no answer, a button asks the model, and the answer says so."""
    ask(page, app, UNKNOWN)
    button = page.get_by_role("button", name="Answer anyway")
    expect(button).to_be_visible(timeout=60_000)
    picture(page, "not-found")
    assert not any(UNKNOWN in str(request.body) for request in ollama_process.requests_to("/api/chat"))
    ollama_process.script(reply="Nobody has raced there.")
    button.click()
    expect(answers(page).last).to_contain_text("Nobody has raced there", timeout=60_000)
    expect(answers(page).last).to_contain_text("from the model alone")
    picture(page, "anyway")


def test_a_download_by_another_container_is_shown(browser, copied_storage, start_ollama, tmp_path):
    """One server downloads the model, and another answers with it, as in Docker Compose."""
    answering = start_ollama(models=(), manifests=tmp_path)
    downloading = start_ollama(models=(), manifests=tmp_path)
    downloading.script(on="/api/pull", seconds_per_token=0.7, sticky=True)
    settings = {"DOCENT_MODEL_URL": answering.url, "DOCENT_PULL_URL": downloading.url}
    with running_app(copied_storage, **settings) as url, tab(browser, url) as page:
        expect(page.get_by_text(re.compile(r"\d+\s%")).first).to_be_visible(timeout=20_000)
        picture(page, "downloading")
        again(page, QUESTION)
        expect(page.get_by_text(re.compile("No language model answered")).first).to_be_visible(timeout=60_000)
        expect(page.get_by_text("mistral is ready")).to_be_visible(timeout=60_000)
        again(page, QUESTION)
        expect(page.get_by_text(re.compile("How this was answered"))).to_have_count(2, timeout=60_000)
        assert answering.requests_to("/api/chat")


@pytest.fixture(scope="module")
def app_with_login(storage, tmp_path_factory, ollama_process):
    """Run an app where users log in."""
    ignored = shutil.ignore_patterns("history.db*")
    own = shutil.copytree(storage, tmp_path_factory.mktemp("login") / "storage", ignore=ignored)
    users = Users(own, cost=4)
    users.add("leo", role="member", password=PASSWORD)
    with running_app(own, DOCENT_MODEL_URL=ollama_process.url, DOCENT_LOGIN="on") as url:
        yield url, users


def test_a_removed_user_is_disconnected(browser, app_with_login, ollama_process):
    """The socket of an open page is closed, and the answer in it is stopped."""
    url, users = app_with_login
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
