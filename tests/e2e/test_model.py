"""The model in the header: seen at a glance, chosen for a conversation, downloaded from the page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import again, connected, picture, running_app, until
from tests.e2e.test_chat import QUESTION
from tests.e2e.test_looks import opened_page, violations

pytestmark = pytest.mark.browser

CHIP, PANEL = "#docent-model", "#docent-model-panel"


@pytest.fixture(scope="module")
def app(copied_storage, ollama_process):
    ollama_process.reset()
    with running_app(copied_storage, DOCENT_MODEL_URL=ollama_process.url) as url:
        yield url


def label(page: Page, state: str) -> None:
    expect(page.locator(CHIP)).to_have_attribute("aria-label", state, timeout=20_000)


@pytest.mark.parametrize(
    ("width", "theme", "language"),
    [
        pytest.param(1280, "light", "en-US", id="wide, light"),
        pytest.param(390, "dark", "fr-FR", id="phone, dark, French"),
    ],
)
def test_the_panel_meets_the_guidelines(browser, app, width, theme, language):
    """axe finds nothing in it, it stays on the screen, and Escape closes it."""
    with opened_page(browser, app, width=width, theme=theme, language=language) as page:
        label(page, "Model mistral: ready" if language == "en-US" else "Modèle mistral : prêt")
        page.locator(CHIP).focus()
        page.keyboard.press("Enter")
        expect(page.locator(f"{PANEL} input:checked")).to_be_focused()
        assert violations(page) == []
        box = page.locator(PANEL).bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width
        picture(page, f"model-{width}-{theme}")
        page.keyboard.press("Escape")
        expect(page.locator(PANEL)).to_be_hidden()
        expect(page.locator(CHIP)).to_be_focused()


def test_a_model_is_downloaded_and_chosen(browser, app, ollama_process):
    """What was downloaded can be chosen at once; it answers in this conversation, and in no other."""
    with opened_page(browser, app, width=1280, theme="light", language="en-US") as page:
        label(page, "Model mistral: ready")
        page.click(CHIP)
        page.get_by_label("Download another model").fill("llama3.2:3b")
        page.keyboard.press("Enter")
        page.get_by_role("radio", name=re.compile("llama3.2:3b")).check()
        label(page, "Model llama3.2:3b: ready")
        page.keyboard.press("Escape")
        again(page, QUESTION)
        expect(page.locator("a.element-link").first).to_be_visible(timeout=60_000)
        assert ollama_process.requests_to("/api/chat")[-1].body["model"] == "llama3.2:3b"
        with page.expect_websocket():
            page.goto(app)
        connected(page)
        label(page, "Model mistral: ready")
    ollama_process.reset()


def test_a_missing_model_is_downloaded_and_the_question_is_asked_again(browser, copied_storage, start_ollama):
    """The chip says that the model is missing; after the download the question is asked by itself."""
    server = start_ollama(models=("llama3.2",))
    with (
        running_app(copied_storage, DOCENT_MODEL_URL=server.url) as url,
        opened_page(browser, url, width=1280, theme="light", language="en-US") as page,
    ):
        label(page, "Model mistral: not ready")
        again(page, QUESTION)
        page.get_by_role("button", name="Download the model mistral").click(timeout=60_000)
        expect(page.get_by_text("mistral is ready")).to_be_visible(timeout=60_000)
        until(lambda: QUESTION in str([asked.body for asked in server.requests_to("/api/chat")]), within=60)
        label(page, "Model mistral: ready")
        picture(page, "model-downloaded")
