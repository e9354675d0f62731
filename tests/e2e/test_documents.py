"""The documents page in the browser: reached from the chat, filtered, read, and used to delete."""

from __future__ import annotations

import re
import shutil

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import ROOT, ask, connected, picture, running_app
from tests.e2e.test_chat import QUESTION
from tests.e2e.test_looks import violations

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def app(storage, tmp_path_factory, ollama_process):
    own = shutil.copytree(storage, tmp_path_factory.mktemp("documents") / "storage")
    with running_app(own, DOCENT_MODEL_URL=ollama_process.url) as url:
        yield url


def open_chat(page: Page, app: str, theme: str = "light") -> None:
    page.add_init_script(f"localStorage.setItem('vite-ui-theme', '{theme}')")
    with page.expect_websocket():
        page.goto(app)
    connected(page)


def test_from_the_chat_to_a_document(page, app):
    """The link above the conversation opens the list; search and a click open a document."""
    open_chat(page, app)
    page.get_by_role("link", name="Documents").click()
    expect(page.get_by_role("heading", name="Documents")).to_be_visible()
    page.get_by_label("Name holds").fill("tidelight")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="tidelight-machine-learning.pdf", exact=True).click()
    expect(page.get_by_role("heading", name="How each page was read")).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(2)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "tidelight-machine-learning.pdf"


@pytest.mark.parametrize("width", [1280, 390])
def test_back_from_the_documents_is_the_same_conversation(page, app, width):
    """The link on the documents page leads to the conversation that was left, also on a phone and at once."""
    page.set_viewport_size({"width": width, "height": 860})
    page.route("**/library.js", lambda _: None)  # never comes: the page is not whole yet
    ask(page, app, QUESTION)
    expect(page.locator("a.element-link").first).to_be_visible(timeout=60_000)
    expect(page.locator("#stop-button")).to_have_count(0, timeout=60_000)  # all of it is saved
    page.locator("a[href='/documents']").first.click()
    page.get_by_role("link", name="Back to the conversation").click()
    expect(page.get_by_text(QUESTION).locator("visible=true").first).to_be_visible()
    expect(page.locator("a.element-link").first).to_be_visible()


def test_back_from_the_documents_is_a_new_conversation_after_one_was_begun(page, app):
    """A new conversation without a question is what the link leads back to, not the one before."""
    ask(page, app, QUESTION)
    expect(page.locator("a.element-link").first).to_be_visible(timeout=60_000)
    page.click("#new-chat-button")
    expect(page.locator(".ai-message")).to_have_count(0)
    page.locator("a[href='/documents']").first.click()
    page.get_by_role("link", name="Back to the conversation").click()
    connected(page)
    assert page.url.rstrip("/") == app


def test_the_command_answers_with_a_link(page, app):
    """/documents links to the documents page."""
    open_chat(page, app)
    page.click("#chat-input")
    page.keyboard.type("/documents")
    page.keyboard.press("Enter")
    page.keyboard.type("show")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Open the documents page")).to_be_visible(timeout=20_000)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_documents_page_is_accessible(page, app, theme, width):
    """axe finds no violation in either theme, and no page is wider than a phone."""
    page.set_viewport_size({"width": width, "height": 860})
    open_chat(page, app, theme)
    for path, name in (("/documents", "documents"), ("/documents?search=tidelight", "document")):
        page.goto(app + path)
        if name == "document":
            page.locator("tbody a").first.click()
            page.locator("summary").first.click()
        expect(page.locator("h1")).to_be_visible()
        picture(page, f"{name}-{theme}-{width}")
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_document_is_deleted_with_the_keyboard(page, app):
    """Deleting asks for confirmation; the receipt then says that nothing is left."""
    open_chat(page, app)
    page.goto(f"{app}/documents?search=weaverbird")
    page.get_by_role("link", name=re.compile("^weaverbird")).focus()
    page.keyboard.press("Enter")
    page.locator("summary", has_text="Delete").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    quotes = page.get_by_role("radio", name="blank the quotes")
    expect(quotes).to_be_focused()
    expect(quotes).to_be_checked()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Delete for good")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing of it is left.")).to_be_visible()
    picture(page, "deleted")
    page.goto(f"{app}/documents?search=weaverbird")
    expect(page.get_by_text("No document is like that.")).to_be_visible()


def test_the_list_does_not_reload_below_an_open_dialog(page):
    """While a document is read the list reloads, but not while a confirmation is open."""
    script = (ROOT / "public" / "documents.js").read_text(encoding="utf-8")
    busy = "<span class='state loading'></span><details><summary>Delete</summary></details>"
    loads = []

    def serve(route) -> None:
        loads.append(route.request.url)
        route.fulfill(content_type="text/html", body=f"{busy}<script>{script}</script>")

    page.route("http://docent.test/", serve)
    page.clock.install()
    page.goto("http://docent.test/")
    page.locator("summary").click()
    page.clock.run_for(9_000)
    page.wait_for_timeout(200)
    assert len(loads) == 1
    page.locator("summary").click()
    with page.expect_request("http://docent.test/"):
        page.clock.run_for(5_000)


def test_a_document_is_read_again(page, app):
    """The button starts it, and the document is ready afterwards."""
    open_chat(page, app)
    page.goto(f"{app}/documents?search=halfmoon")
    page.locator("tbody a").first.click()
    page.get_by_role("button", name="Read again").click()
    expect(page.locator("dd .state.ready")).to_be_visible(timeout=30_000)
    expect(page.locator("[role=status]")).to_have_count(0, timeout=30_000)
