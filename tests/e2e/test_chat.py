"""Ask in the browser, read the answer, and open the page that it cites."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlparse

import pytest
import socketio
from playwright.sync_api import Page, expect

from docent.web.security import HEADERS
from tests.e2e.conftest import ROOT, again, answers, ask, connected, picture, running_app, until, wait_for
from tests.ports import free_port

pytestmark = pytest.mark.browser

QUESTION = "Which internship is about machine learning?"
FILE = re.compile(r"[\w-]+\.(pdf|md)")


@pytest.fixture(scope="module")
def app(storage, ollama_process):
    with running_app(storage, DOCENT_MODEL_URL=ollama_process.url) as url:
        yield url


def answer(page: Page):
    return answers(page).last


def test_an_answer_cites_pages_that_open(page, app, ollama_process):
    """The answer has numbered citations, and a click shows file, page and passage."""
    ask(page, app, QUESTION)
    citation = page.locator("a.element-link").first
    expect(citation).to_be_visible(timeout=60_000)
    picture(page, "answer")
    citation.click()
    panel = page.locator("#side-view-content")
    expect(panel).to_contain_text(FILE)
    expect(panel).to_contain_text("p. ")
    expect(panel.locator("mark").first).not_to_be_empty()
    picture(page, "citation")


def test_the_side_panel_links_to_the_original(page, app):
    """The original opens, as a type that a browser shows without running it."""
    ask(page, app, QUESTION)
    citation = page.locator("a.element-link").first
    citation.click(timeout=60_000)
    href = page.get_by_role("link", name="Open the original").get_attribute("href")
    response = page.request.get(app + urlparse(href).path)
    assert response.status == 200
    assert response.headers["content-type"].split(";")[0] in ("application/pdf", "text/plain")
    assert response.headers["x-content-type-options"] == "nosniff"


def test_a_follow_up_is_sent_with_the_conversation(page, app, ollama_process):
    """The model receives the second question with the first and its answer."""
    ask(page, app, QUESTION)
    expect(page.locator("a.element-link").first).to_be_visible(timeout=60_000)
    again(page, "Where is it and how much does it pay?")
    expect(answers(page)).to_have_count(2, timeout=60_000)
    expect(page.locator("#stop-button")).to_have_count(0, timeout=60_000)
    sent = str(ollama_process.requests_to("/api/chat")[-1].body)
    assert "machine learning" in sent


def test_stop_closes_the_connection(page, app, ollama_process):
    """Stop ends the stream at the model server, and the page is ready for the next question."""
    ollama_process.script(reply="word " * 400, seconds_per_token=0.2)
    ask(page, app, QUESTION)
    page.locator("#stop-button").wait_for(timeout=60_000)
    expect(answer(page)).to_contain_text("word word", timeout=60_000)
    page.click("#stop-button")
    expect(page.locator("#stop-button")).to_have_count(0)
    until(lambda: ollama_process.requests_to("/api/chat")[-1].disconnected)
    assert ollama_process.requests_to("/api/chat")[-1].tokens_sent < 400


def test_the_page_requests_nothing_from_other_origins(page, app, ollama_process):
    """Images and links in an answer cause no request to their addresses."""
    ollama_process.script(
        "Look ![x](http://elsewhere.example/x.png) <img src=http://elsewhere.example/y.png> [1]."
    )
    ask(page, app, QUESTION)
    expect(page.locator("#stop-button")).to_have_count(0, timeout=60_000)
    expect(answer(page)).to_contain_text("Look", timeout=60_000)
    page.wait_for_timeout(500)
    own = urlparse(app).netloc
    foreign = {
        request
        for request in page.requested
        if request.startswith(("http", "ws")) and urlparse(request).netloc != own
    }
    assert foreign == set()


def test_a_summary_shows_its_progress_and_then_the_answer(page, app, ollama_process):
    """The progress of a long step is replaced by the answer, which is shown once."""
    ollama_process.script(reply="The internship is in Aarhus.", sticky=True)
    ask(page, app, "Summarise tidelight-machine-learning.pdf")
    expect(answer(page)).to_contain_text("The internship is in Aarhus", timeout=60_000)
    expect(page.locator("#stop-button")).to_have_count(0, timeout=60_000)
    expect(page.get_by_text("The internship is in Aarhus")).to_have_count(1)
    expect(answer(page)).not_to_contain_text(re.compile(r"\d of \d"))
    ollama_process.reset()


def test_without_a_model_server_passages_are_shown(page, copied_storage):
    """The best sentences are shown with citations, and with the command that starts a server."""
    with running_app(copied_storage, DOCENT_MODEL_URL="http://127.0.0.1:9") as url:
        ask(page, url, QUESTION)
        expect(page.locator("a.element-link").first).to_be_visible(timeout=60_000)
        expect(page.locator("body")).to_contain_text("ollama serve")
        picture(page, "no-model")


@pytest.mark.parametrize(
    ("headers", "auth", "accepted"),
    [
        pytest.param({}, {"sessionId": "6f1c1c1e-0c5c-4a1e-9a3e-3a53e2a6c001"}, True, id="our own page"),
        pytest.param({}, {"sessionId": "../../x"}, False, id="a malformed id"),
        pytest.param(
            {"Origin": "http://elsewhere.example"},
            {"sessionId": "6f1c1c1e-0c5c-4a1e-9a3e-3a53e2a6c002"},
            False,
            id="another origin",
        ),
    ],
)
def test_a_socket_opens_from_our_own_page_only(app, headers, auth, accepted):
    """A connection needs well-formed ids and our own origin."""
    # In a thread of its own: the browser's driver keeps an event loop running in this one.
    with ThreadPoolExecutor(1) as pool:
        cookies = {"Cookie": cookie(app)}
        opened = pool.submit(asyncio.run, opens(app, {"Origin": app, **cookies, **headers}, auth)).result()
    assert opened is accepted


def cookie(app: str) -> str:
    """Return the cookie that a page gets with its first request."""
    with urllib.request.urlopen(f"{app}/user") as response:
        return str(response.headers["Set-Cookie"]).partition(";")[0]


async def opens(app: str, headers: dict[str, str], auth: dict[str, str]) -> bool:
    client = socketio.AsyncClient(reconnection=False)
    try:
        await client.connect(
            app,
            headers=headers,
            auth={"clientType": "webapp", **auth},
            socketio_path="/ws/socket.io",
            transports=["websocket"],
        )
        return True
    except socketio.exceptions.ConnectionError:
        return False
    finally:
        await client.disconnect()


def test_chainlits_own_command_has_the_same_defences(copied_storage, tmp_path):
    """`chainlit run app.py -w` serves the same page, with the same headers, hosts and sockets."""
    port = free_port()
    environ = {**os.environ, "DOCENT_STORAGE": str(copied_storage), "DOCENT_PORT": str(port)}
    command = ["-c", "from chainlit.cli import cli; cli()", "run", "app.py", "-w", "-h", "--port", str(port)]
    log = (tmp_path / "chainlit.log").open("wb")
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environ, stdout=log, stderr=log)
    try:
        url = f"http://localhost:{port}"
        wait_for(url, process, tmp_path / "chainlit.log")
        with urllib.request.urlopen(url) as page:
            assert page.headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]
            assert b"googleapis" not in page.read()
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(urllib.request.Request(url, headers={"Host": "elsewhere.example"}))
        with ThreadPoolExecutor(1) as pool:
            assert not pool.submit(asyncio.run, opens(url, {"Origin": url}, {"sessionId": "../x"})).result()
    finally:
        process.terminate()
        process.wait(timeout=20)
        log.close()


@pytest.mark.parametrize("length", [150_000, 1_500_000, 5_000_000])
def test_a_message_that_is_too_long_is_refused_on_the_page(page, app, length):
    """The refusal is shown also for a message that the socket would have dropped."""
    page.goto(app)
    box = page.locator("#chat-input")
    expect(box).to_be_visible()
    ask(page, app, "Hello")
    expect(answer(page)).to_contain_text("Ask me anything")
    page.evaluate("document.querySelector('#chat-input').focus()")
    page.evaluate("length => document.execCommand('insertText', false, 'x'.repeat(length))", length)
    page.keyboard.press("Enter")
    expect(page.get_by_text("longer than 100,000 characters")).to_be_visible(timeout=60_000)


def test_a_refused_message_is_not_sent_again(page, app):
    """What the page sends right after it connected is not taken for lost."""
    page.add_init_script(
        """const later = setTimeout;
        const settle = (done) => (done(), (window.settled = true));
        window.setTimeout = (done, wait, ...more) =>
            wait === 400 ? later(settle, 4000, done) : later(done, wait, ...more);"""
    )
    page.goto(app)
    connected(page)
    page.locator("#chat-input").fill("x" * 100_001)
    page.locator("#chat-submit").click()
    refusal = page.get_by_text("longer than 100,000 characters")
    expect(refusal).to_be_visible(timeout=60_000)
    assert not page.evaluate("window.settled"), "the page had settled before it was asked"
    until(lambda: page.evaluate("window.settled"))
    again(page, "Hello")
    expect(answer(page)).to_contain_text("Ask me anything", timeout=60_000)
    expect(refusal).to_have_count(1)


def test_what_is_typed_while_a_conversation_gets_its_address_stays(page, app):
    """The list of conversations may be slow: the page draws its box anew when it has come."""
    page.add_init_script(
        """const get = fetch;
        window.fetch = async (address, ...more) => {
            const response = await get(address, ...more);
            if (window.listed && String(address).includes("/project/threads")) await window.listed;
            return response;
        }"""
    )
    with page.expect_websocket():
        page.goto(app)
    connected(page)
    page.evaluate("() => { window.listed = new Promise((resolve) => (window.list = resolve)); }")
    again(page, "Hello")
    expect(answer(page)).to_contain_text("Ask me anything", timeout=60_000)
    page.locator("#chat-input").fill("And where")
    page.evaluate("window.list()")
    page.wait_for_url("**/thread/*")
    expect(page.locator("#chat-input")).to_have_value("And where")
    page.keyboard.type(" is it?")
    expect(page.locator("#chat-input")).to_have_value("And where is it?")


def test_without_a_login_nobody_is_offered_to_log_out(page, app):
    """Who never logged in would be back at once, so there is no menu for it."""
    with page.expect_websocket():
        page.goto(app)
    connected(page)
    expect(page.locator("#theme-toggle")).to_be_visible()
    expect(page.locator("#user-nav-button")).to_be_hidden()
