"""A newcomer with an empty storage gets to a first answer without a terminal."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import answers, picture, running_app
from tests.e2e.test_looks import opened_page, violations

pytestmark = pytest.mark.browser

LIBRARY = "Look around with the sample library"


def test_from_an_empty_start_to_an_answer(browser, tmp_path, start_ollama):
    """Two clicks fetch the model and the samples; a third asks a question that is answered with its page."""
    server = start_ollama(models=("llama3.2",))
    with running_app(tmp_path / "storage", DOCENT_MODEL_URL=server.url) as url:
        with opened_page(browser, url, width=390, theme="dark", language="fr-FR") as page:
            expect(page.get_by_role("button", name="Télécharger mistral")).to_be_visible()
            assert violations(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            picture(page, "first-390-dark")
        with opened_page(browser, url, width=1280, theme="light", language="en-US") as page:
            page.get_by_role("button", name="Download mistral").click()
            expect(page.locator("#docent-model")).to_have_attribute(
                "aria-label", "Model mistral: ready", timeout=30_000
            )
            with page.expect_file_chooser():
                page.get_by_role("button", name="Drop a document here").click()
            assert violations(page) == []
            picture(page, "first-1280-light")
            page.get_by_role("button", name=LIBRARY).click()
            page.get_by_role("button", name="Find an internship").click(timeout=120_000)
            expect(answers(page).locator("a.element-link").first).to_be_visible(timeout=60_000)
            expect(page.get_by_role("button", name=LIBRARY)).to_have_count(0)
