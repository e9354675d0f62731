"""A question that describes a company shows what was found first, and both pages open."""

from __future__ import annotations

import shutil

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import answers, ask, picture, running_app
from tests.e2e.test_looks import violations

pytestmark = pytest.mark.browser

QUESTION = "What does corkage cost at the restaurant that bakes sea bass in salt?"


@pytest.fixture(scope="module")
def app(storage, tmp_path_factory):
    own = shutil.copytree(storage, tmp_path_factory.mktemp("hops") / "storage")
    with running_app(own, DOCENT_MODEL_URL="http://127.0.0.1:1") as url:
        yield url


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_what_was_found_first_is_shown_and_opens(page, app, width, theme):
    """The fact stands above the answer with its page; the receipt has the step; the number opens the page."""
    page.set_viewport_size({"width": width, "height": 844})
    page.add_init_script(f"localStorage.setItem('vite-ui-theme', '{theme}')")
    ask(page, app, QUESTION)
    answer = answers(page).filter(has_text="First: the restaurant that bakes sea bass in salt")
    expect(answer).to_contain_text("Casa Limonaia: menu and wine list, p. 1", timeout=60_000)
    expect(answer).to_contain_text("Corkage: €20.00 a bottle")
    receipt = page.get_by_role("button", name="How this was answered")
    receipt.click()
    step = page.get_by_text("Step 1: looked for")
    expect(step).to_be_visible()
    step.scroll_into_view_if_needed()
    picture(page, f"hops-{width}")
    assert violations(page) == []
    answer.get_by_text("[1]", exact=True).first.click()
    expect(page.locator("#side-view-content")).to_contain_text("casa-limonaia.pdf")
    picture(page, f"hops-source-{width}")
