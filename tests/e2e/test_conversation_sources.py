"""A conversation looks in its own sources: attached, chosen, removed, and remembered."""

from __future__ import annotations

import re
import shutil

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import again, answers, ask, connected, picture, running_app
from tests.e2e.test_looks import violations
from tests.e2e.test_upload import attach, opened, send, status, timetable

pytestmark = pytest.mark.browser

GOATS = "The night boat Borealis carries forty goats to Tromsø."
CHIPS = "#docent-sources .docent-chip"


@pytest.fixture(scope="module")
def app(storage, tmp_path_factory):
    """Without a language model: what is searched can be read in the answer."""
    own = shutil.copytree(storage, tmp_path_factory.mktemp("sources") / "storage")
    with running_app(own, DOCENT_MODEL_URL="http://127.0.0.1:1") as url:
        yield url


def finished(page: Page, count: int) -> None:
    expect(answers(page).filter(has_text="Sources:")).to_have_count(count, timeout=60_000)
    expect(page.locator("#stop-button")).to_have_count(0, timeout=60_000)


def test_an_attached_file_stays_the_source(page, app, tmp_path):
    """The second question, without a file, is asked of it too, beside libraries that would answer as well."""
    opened(page, app)
    attach(page, timetable(tmp_path / "night boat.pdf", of=GOATS))
    send(page, "How many goats does the night boat carry?")
    finished(page, 1)
    again(page, "Which internship is about machine learning?")
    finished(page, 2)
    last = answers(page).filter(has_text="Sources:").last
    expect(last).to_contain_text("Searched in: night boat.pdf")
    expect(last).not_to_contain_text("Tidelight")
    picture(page, "sources-attached")


def test_an_attached_file_is_summarised(page, app, tmp_path):
    """ "Summarize this" with a file is its summary, not a search for the words."""
    opened(page, app)
    attach(page, timetable(tmp_path / "boat log.pdf", of=GOATS))
    send(page, "Summarize this")
    finished(page, 1)
    expect(answers(page).filter(has_text="Sources:")).to_contain_text("forty goats")
    expect(page.get_by_text("Nothing in the documents")).to_have_count(0)


def test_a_file_that_is_ready_says_what_it_is_about(page, app, tmp_path):
    """Its card has sentences with their pages, a button to summarise, and questions that it answers."""
    opened(page, app)
    attach(page, timetable(tmp_path / "goats.pdf", of=GOATS))
    send(page)
    card = status(page, "goats.pdf")
    expect(card).to_contain_text("forty goats to Tromsø. (p. 2)", timeout=60_000)
    question = card.get_by_role("button", name=re.compile("What is said about|By how much|What was"))
    expect(question.first).to_be_visible(timeout=60_000)
    picture(page, "sources-card")
    card.get_by_role("button", name="Summarise").click()
    finished(page, 1)
    expect(answers(page).filter(has_text="Sources:")).to_contain_text("forty goats")


@pytest.mark.parametrize("name", ["tidelight-machine-learning.pdf", "internships"])
def test_two_clicks_choose_a_source(page, app, name):
    """A document or a library is ticked in the list, shown as a chip, and alone is asked."""
    opened(page, app)
    page.click(".docent-choose")
    page.get_by_role("checkbox", name=name).first.click()
    expect(page.locator(CHIPS)).to_have_text(re.compile(re.escape(name)))
    page.keyboard.press("Escape")
    expect(page.locator("#docent-picker")).to_have_count(0)
    again(page, "What does the Barolo cost?")
    expect(page.locator("#stop-button")).to_have_count(0, timeout=60_000)
    expect(page.locator(".ai-message").first).to_be_visible(timeout=60_000)
    expect(page.get_by_text("€98.00")).to_have_count(0)


@pytest.mark.parametrize("link", ["Ask about this: tidelight", "Summarise tidelight"])
def test_a_link_of_the_documents_page_opens_a_conversation_about_it(page, app, link):
    """The document is its source; the link to a summary asks for it at once, and a reload not again."""
    page.goto(f"{app}/documents?search=tidelight")
    page.get_by_role("link", name=re.compile(link)).click()
    connected(page)
    expect(page.locator(CHIPS)).to_contain_text("tidelight-machine-learning.pdf", timeout=20_000)
    if link.startswith("Summarise"):
        finished(page, 1)
        expect(page.get_by_text("Summarise tidelight-machine-learning.pdf").first).to_be_visible()
        asked_of = "Searched in: tidelight-machine-learning.pdf"
        expect(answers(page).filter(has_text="Sources:")).to_contain_text(asked_of)
        page.wait_for_url("**/thread/*")
        picture(page, "sources-summary")
    assert "sources=" not in page.url


def test_a_name_after_a_number_sign_chooses_a_source(page, app):
    """Suggestions appear under the keys; Enter takes one, out of the question and into the chips."""
    opened(page, app)
    page.click("#chat-input")
    page.keyboard.type("What does the Barolo cost? #limon")
    option = page.get_by_role("option", name=re.compile("casa-limonaia"))
    expect(option).to_be_visible(timeout=20_000)
    picture(page, "sources-suggested")
    page.keyboard.press("Enter")
    expect(page.locator(CHIPS)).to_contain_text("casa-limonaia.pdf")
    expect(page.locator("#chat-input")).to_have_value("What does the Barolo cost? ")
    page.keyboard.press("Enter")
    finished(page, 1)
    expect(answers(page).filter(has_text="Sources:")).to_contain_text("€98.00")


def test_sources_are_kept_and_removed(page, app):
    """They are there after a reload; a removed one is asked no more."""
    opened(page, app)
    page.click(".docent-choose")
    page.get_by_role("checkbox", name="casa-limonaia.pdf").click()
    page.keyboard.press("Escape")
    again(page, "What does the Barolo cost?")
    finished(page, 1)
    page.wait_for_url("**/thread/*")
    page.reload()
    connected(page)
    expect(page.locator(CHIPS)).to_contain_text("casa-limonaia.pdf", timeout=20_000)
    page.get_by_role("button", name="Remove casa-limonaia.pdf").click()
    expect(page.locator(CHIPS)).to_have_count(0)
    expect(page.locator("#docent-sources")).to_contain_text("Looking in all documents")
    again(page, "Which internship is about machine learning?")
    expect(page.get_by_text("Tidelight").last).to_be_visible(timeout=60_000)


def test_a_citation_shows_its_quote(page, app):
    """On hover and on focus, file, page and words stand beside the number."""
    ask(page, app, "What does the Barolo cost?")
    finished(page, 1)
    link = page.locator("a.element-link").first
    link.hover()
    tooltip = page.get_by_role("tooltip")
    expect(tooltip).to_contain_text(re.compile(r"casa-limonaia\.pdf, p\. 3.*Barolo", re.DOTALL))
    picture(page, "sources-quote")
    page.mouse.move(5, 5)
    expect(tooltip).to_have_count(0)
    link.focus()
    expect(tooltip).to_contain_text("Barolo")


def test_an_answer_offers_what_may_follow(page, app):
    """Questions below an answer are asked with one click; the answer can be asked for again."""
    ask(page, app, "Which internship is about machine learning?")
    finished(page, 1)
    expect(page.get_by_role("button", name="Ask again")).to_be_visible()
    follow_up = page.get_by_role(
        "button", name=re.compile("What is said about|By how much|What was|What is the")
    )
    expect(follow_up.first).to_be_visible(timeout=60_000)
    picture(page, "sources-follow-ups")
    follow_up.first.click()
    finished(page, 2)


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark"), (1920, "light")])
def test_the_list_of_sources_is_accessible(page, app, width, theme):
    """With the list open, no rule of WCAG that can be checked is broken, and nothing is cut off."""
    page.set_viewport_size({"width": width, "height": 844})
    page.add_init_script(f"localStorage.setItem('vite-ui-theme', '{theme}')")
    opened(page, app)
    page.click(".docent-choose")
    expect(page.get_by_role("checkbox", name="casa-limonaia.pdf")).to_be_visible(timeout=20_000)
    box = page.locator("#docent-picker").bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width
    picture(page, f"sources-picker-{width}")
    assert violations(page) == []
