"""The page is accessible in both themes, on a phone and a wide screen, in two languages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import again, answers, connected, picture, running_app, until
from tests.e2e.test_chat import QUESTION

pytestmark = pytest.mark.browser

AA = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}


@pytest.fixture(scope="module")
def app(copied_storage, ollama_process):
    ollama_process.reset()
    with running_app(copied_storage, DOCENT_MODEL_URL=ollama_process.url) as url:
        yield url


@contextmanager
def opened_page(browser: Browser, app: str, *, width: int, theme: str, language: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": width, "height": 844}, locale=language)
    page = context.new_page()
    page.add_init_script(f"localStorage.setItem('vite-ui-theme', '{theme}')")
    with page.expect_websocket():
        page.goto(app)
    connected(page)
    yield page
    context.close()


def violations(page: Page) -> list[str]:
    rules = Axe().run(page, options=AA).response["violations"]
    return [
        f"{rule['id']}: {node['target']} {node['html'][:200]}" for rule in rules for node in rule["nodes"]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_frame_is_painted_before_the_script_has_come(page, app, theme):
    """In the chosen theme, the place of the question is seen while the script is still on its way."""
    page.add_init_script(f"localStorage.setItem('vite-ui-theme', '{theme}')")
    page.route("**/assets/index-*.js", lambda route: None)
    page.goto(app, wait_until="commit")
    expect(page.locator(".shell")).to_be_visible()
    expect(page.locator("html")).to_have_class(theme)
    until(lambda: page.evaluate("performance.getEntriesByName('first-contentful-paint').length") == 1)
    picture(page, f"shell-{theme}")


@pytest.mark.parametrize(
    ("width", "theme", "language"),
    [
        pytest.param(1280, "light", "en-US", id="wide, light"),
        pytest.param(1280, "dark", "fr-FR", id="wide, dark, French"),
        pytest.param(390, "light", "fr-FR", id="phone, light, French"),
        pytest.param(390, "dark", "en-US", id="phone, dark"),
    ],
)
def test_every_screen_meets_the_guidelines(browser, app, width, theme, language):
    """axe finds no violation of WCAG 2.1 AA at the start, with an answer and with its source."""
    name = f"{width}-{theme}"
    with opened_page(browser, app, width=width, theme=theme, language=language) as page:
        assert violations(page) == []
        picture(page, f"start-{name}")
        again(page, QUESTION)
        citation = page.locator("a.element-link").first
        expect(citation).to_be_visible(timeout=60_000)
        # The questions that may follow come last, and draw the buttons of the answer anew.
        follow_up = page.locator(".ai-message button:has(.lucide-corner-down-right)").first
        expect(follow_up).to_be_visible()
        page.wait_for_timeout(1500)
        follow_up.evaluate(
            "button => button.append(' and how long is that in the longest of questions?'.repeat(3))"
        )
        text = page.locator(".message-content").last.bounding_box()
        button = follow_up.bounding_box()
        assert text and button and button["x"] + button["width"] <= text["x"] + text["width"] + 1
        expect(page.locator("#side-view-content")).to_have_count(0)  # until a citation is clicked
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        picture(page, f"answer-{name}")
        receipt = "How this was answered" if language == "en-US" else "Comment cette réponse a été obtenue"
        page.get_by_role("button", name=receipt).click()
        expect(page.locator("img[src^='/charts/']").first).to_be_visible()
        picture(page, f"receipt-{name}")
        citation.click()
        expect(page.locator("#side-view-content")).to_contain_text("p. ", timeout=10_000)
        expect(page.locator("#side-view-content img")).to_be_visible(timeout=20_000)
        page.wait_for_timeout(500)
        assert violations(page) == []
        picture(page, f"source-{name}")


def test_the_settings_change_the_answer(browser, app, ollama_process):
    """Fewer passages are sent and no receipt is shown, as chosen; the panel is accessible."""
    with opened_page(browser, app, width=1280, theme="light", language="en-US") as page:
        page.click("#chat-settings-open-modal")
        page.get_by_role("slider", name="Passages").focus()
        page.keyboard.press("Home")
        page.get_by_role("switch").click()
        page.wait_for_timeout(300)
        assert violations(page) == []
        picture(page, "settings")
        page.get_by_role("button", name="Confirm").click()
        again(page, QUESTION)
        expect(page.locator("a.element-link").first).to_be_visible(timeout=60_000)
        page.wait_for_timeout(500)
        expect(page.get_by_text("How this was answered")).to_have_count(0)
        sent = str(ollama_process.requests_to("/api/chat")[-1].body)
        assert "[1]" in sent
        assert "\\n[2] " not in sent


def test_a_persona_answers_in_its_library(browser, app, ollama_process):
    """A persona chosen at the top greets and offers its own first questions."""
    with opened_page(browser, app, width=1280, theme="light", language="en-US") as page:
        page.click("#chat-profiles")
        picture(page, "personas")
        page.get_by_role("option", name="Restaurant guide").click()
        expect(page.get_by_role("button", name="A bottle of wine")).to_be_visible(timeout=20_000)
        page.wait_for_timeout(1000)
        picture(page, "persona")
        again(page, "hello")
        expect(answers(page)).to_contain_text("in the mood for", timeout=60_000)


def test_the_page_can_be_used_with_the_keyboard(browser, app):
    """A question is asked and its source opened without a mouse."""
    with opened_page(browser, app, width=1280, theme="light", language="en-US") as page:
        page.locator("#chat-input").focus()
        page.keyboard.type(QUESTION)
        page.keyboard.press("Enter")
        citation = page.locator("a.element-link").first
        expect(citation).to_be_visible(timeout=60_000)
        page.wait_for_timeout(1000)
        citation.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#side-view-content")).to_contain_text("p. ", timeout=10_000)
