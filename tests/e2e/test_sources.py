"""A click on a citation shows its page, with the quoted words marked."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import ask, picture, running_app, until

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
def test_the_cited_page_is_shown_with_its_quote_marked(page, app, theme):
    """File, page and quote are shown above the page, on which the quote is in view."""
    page.add_init_script(f"localStorage.setItem('vite-ui-theme', '{theme}')")
    open_pdf(page, app)
    panel = page.locator(PANEL)
    expect(panel.locator(".source-mark").first).to_be_in_viewport()
    assert picture_width(page) > 500
    expect(panel.locator("blockquote").first).not_to_be_empty()
    expect(panel.get_by_role("link", name="Open the original")).to_be_visible()
    assert page.locator("html").get_attribute("class").split()[0] == theme
    picture(page, f"source-{theme}")


def picture_width(page: Page) -> int:
    """Return the width of the picture itself, in pixels, once it is there."""
    image = page.locator(f"{PANEL} img")
    until(lambda: image.evaluate("image => image.complete && image.naturalWidth > 0"))
    return image.evaluate("image => image.naturalWidth")


def box(page: Page, selector: str) -> dict[str, float]:
    found = page.locator(selector).first.bounding_box()
    assert found is not None
    return found


def test_the_panel_takes_half_of_the_window_and_keeps_the_width_it_is_given(page, app):
    """Its handle can be dragged, moved by keys and reset; the width is kept for the next source."""
    open_pdf(page, app)
    panel, handle = "#docent-source-panel", page.get_by_role("separator", name="Width of the source")
    assert box(page, panel)["width"] == 640
    assert box(page, ".source-handle")["width"] >= 12
    handle.hover()
    page.mouse.down()
    page.mouse.move(800, 300)
    page.mouse.up()
    assert box(page, panel)["width"] == pytest.approx(480, abs=2)
    handle.press("ArrowLeft")
    widened = box(page, panel)["width"]
    assert widened == pytest.approx(480 + 64, abs=2)
    assert page.evaluate("document.documentElement.scrollWidth") == 1280
    conversation = box(page, "#chat-input")
    assert conversation["x"] + conversation["width"] <= 1280 - widened
    page.keyboard.press("Escape")
    page.locator("a.element-link").first.click()
    assert box(page, panel)["width"] == pytest.approx(widened, abs=2)
    handle.press("Home")
    assert box(page, panel)["width"] == 640


def test_escape_closes_the_panel_and_returns_to_the_citation(page, app):
    """After Escape the conversation has the window, and the citation the focus."""
    open_pdf(page, app)
    page.keyboard.press("Escape")
    expect(page.locator(PANEL)).to_have_count(0)
    expect(page.locator("a.element-link").first).to_be_focused()
    assert box(page, "#root")["width"] == 1280


def test_a_long_quote_leaves_the_page_in_its_place(page, app, ollama_process):
    """Of a quote of many lines a few are shown, the rest by scrolling; the page keeps most of the panel."""
    open_pdf(page, app)
    before = box(page, ".source-view")
    page.locator(".source-quotes").evaluate(
        "quotes => quotes.textContent = 'Long words of a quote. '.repeat(300)"
    )
    after = box(page, ".source-view")
    assert after["y"] - before["y"] < 120
    assert after["height"] > 860 / 2


def test_words_are_searched_in_the_document(page, app):
    """Enter leads from one place to the next, on whatever page it is, and marks it there."""
    open_pdf(page, app)
    search = page.get_by_role("searchbox", name="Search in this document")
    search.fill("internship")
    search.press("Enter")
    count = page.locator(".source-hits")
    expect(count).to_have_text(re.compile(r"^\d+ / \d+$"))
    total = int(count.inner_text().split("/")[1])
    assert total > 1
    pages = set()
    for _ in range(3 * total):  # the page follows its number, so on a busy machine one round may miss it
        expect(page.locator(".source-hit").first).to_be_in_viewport()
        pages.add(page.locator(".source-page").get_attribute("data-page"))
        if len(pages) > 1:
            break
        shown = count.inner_text()
        search.press("Enter")
        expect(count).not_to_have_text(shown)
    assert len(pages) > 1
    picture(page, "source-search")
    search.fill("no such words here")
    search.press("Enter")
    expect(count).to_have_text("0")


def test_pages_and_sources_are_turned(page, app, ollama_process):
    """The buttons lead to the page before, and to the next source of the answer."""
    quotes = "You train a small sequence model on four years of ship positions, weather and crane logs [1]."
    ollama_process.script(f"{quotes} We read letters with the name covered [2].")
    open_pdf(page, app)
    shown = page.locator(".source-page")
    here = shown.get_attribute("data-page")
    page.get_by_role("button", name="Previous page" if here != "1" else "Next page").click()
    expect(shown).not_to_have_attribute("data-page", here)
    expect(page.locator(f"{PANEL} img")).to_be_visible()
    following = page.get_by_role("button", name="Next source")
    expect(following).to_be_enabled()
    following.click()
    expect(page.locator("#side-view-title")).not_to_have_text("Source 1")


def test_the_words_of_the_page_can_be_selected(page, app):
    """What is selected over the picture is the text of the page."""
    open_pdf(page, app)
    selected = page.evaluate(
        """() => {
        getSelection().selectAllChildren(document.querySelector(".source-sheet"));
        return getSelection().toString();
    }"""
    )
    assert "Tidelight Analytics" in selected


def test_on_a_phone_the_panel_is_the_screen(page, app):
    """At 390 pixels the panel covers everything, and the marked words are wholly on the screen."""
    page.set_viewport_size({"width": 390, "height": 844})
    open_pdf(page, app)
    assert box(page, "#docent-source-panel") == {"x": 0, "y": 0, "width": 390, "height": 844}
    assert picture_width(page) > 500
    mark = box(page, ".source-mark")
    assert mark["x"] >= 0 and mark["x"] + mark["width"] <= 390
    assert mark["height"] >= 8
    picture(page, "source-phone")
    page.get_by_role("button", name="Close the source").click()
    expect(page.locator("#chat-input")).to_be_visible()
