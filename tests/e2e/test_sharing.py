"""A shared conversation is made, read and revoked with any screen, theme and the keyboard."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import ask, picture, running_app
from tests.e2e.test_chat import QUESTION
from tests.e2e.test_looks import violations

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def app(copied_storage, ollama_process):
    ollama_process.reset()
    with running_app(copied_storage, DOCENT_MODEL_URL=ollama_process.url, DOCENT_SHARE_LINKS="on") as url:
        yield url


@pytest.fixture(scope="module")
def conversation(app: str, browser: Browser) -> str:
    """The path of a conversation with an answer."""
    context = browser.new_context(locale="en-US")
    page = context.new_page()
    ask(page, app, QUESTION)
    expect(page.locator("a.element-link").first).to_be_visible(timeout=60_000)
    expect(page.locator("#stop-button")).to_have_count(0, timeout=60_000)
    threads = page.request.post(f"{app}/project/threads", data={"pagination": {"first": 9}, "filter": {}})
    yield threads.json()["data"][0]["id"]
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1920])
def test_a_conversation_is_shared_read_and_revoked(app, browser, conversation, width, theme):
    """axe finds nothing on any page; the reader needs no login, sees a cited page, and in the end nothing."""
    context = browser.new_context(viewport={"width": width, "height": 900}, locale="en-US")
    context.add_init_script(f"localStorage.setItem('vite-ui-theme', '{theme}')")
    page = context.new_page()
    page.goto(f"{app}/link/{conversation}")
    page.get_by_role("button", name="Make a link").focus()
    page.keyboard.press("Enter")
    link = page.get_by_role("link", name="/shared/")
    expect(link).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    picture(page, f"share-{theme}-{width}")
    address = str(link.get_attribute("href"))

    reader = browser.new_context(viewport={"width": width, "height": 900}, locale="en-US")
    reader.add_init_script(f"localStorage.setItem('vite-ui-theme', '{theme}')")
    shared = reader.new_page()
    shared.goto(address)
    expect(shared.get_by_role("heading", name="Question")).to_be_visible()
    shared.locator("summary", has_text="Show the page").first.focus()
    shared.keyboard.press("Enter")
    sheet = shared.locator("img.sheet").first
    expect(sheet).to_be_visible()
    expect(sheet).to_have_js_property("complete", True)
    assert violations(shared) == []
    assert shared.evaluate("document.documentElement.scrollWidth") <= width
    picture(shared, f"shared-{theme}-{width}")

    page.goto(f"{app}/link/{conversation}")
    page.get_by_role("button", name="Revoke the link").click()
    expect(page.get_by_text("There is no link; only you can read it.")).to_be_visible()
    assert shared.goto(address).status == 404
    assert violations(shared) == []
    reader.close()
    context.close()
