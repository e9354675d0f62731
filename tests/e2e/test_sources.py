"""A click on a citation shows its page, with the quoted words highlighted."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import ask, picture, running_app

pytestmark = pytest.mark.browser

QUESTION = "Which internship is about machine learning?"
PANEL = "#side-view-content"


@pytest.fixture(scope="module")
def app(storage, ollama_process):
    ollama_process.reset()
    with running_app(storage, DOCENT_MODEL_URL=ollama_process.url) as url:
        yield url


def open_pdf(page: Page, url: str) -> None:
    """Ask, and click the first citation of a PDF."""
    ask(page, url, QUESTION)
    links = page.locator("a.element-link")
    expect(links.first).to_be_visible(timeout=60_000)
    links.first.click()
    expect(page.locator("#side-view-title")).to_contain_text("Source 1", timeout=20_000)
    expect(page.locator(PANEL)).to_contain_text(re.compile(r"\.pdf, p\. \d"))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_cited_page_is_shown_with_its_quote_highlighted(page, app, theme):
    """File, page and quote are shown above the PDF page, in which the quote is in view."""
    page.add_init_script(f"localStorage.setItem('vite-ui-theme', '{theme}')")
    open_pdf(page, app)
    panel = page.locator(PANEL)
    expect(panel.locator("canvas").first).to_be_visible(timeout=20_000)
    marks = panel.locator(".annotationLayer .highlightAnnotation")
    expect(marks.first).to_be_in_viewport(timeout=20_000)
    expect(panel.locator("blockquote")).not_to_be_empty()
    expect(panel.get_by_role("link", name="Open the original")).to_be_visible()
    assert page.locator("html").get_attribute("class") == theme
    page.wait_for_timeout(300)
    picture(page, f"source-{theme}")


def test_the_cited_page_fits_a_phone(page, app):
    """The whole width of the page is visible at 390 pixels."""
    page.set_viewport_size({"width": 390, "height": 844})
    open_pdf(page, app)
    canvas = page.locator(f"{PANEL} canvas").first
    expect(canvas).to_be_visible(timeout=20_000)
    page.wait_for_timeout(300)
    picture(page, "source-phone")
    box = canvas.bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390
