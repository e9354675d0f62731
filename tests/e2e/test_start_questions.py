"""The start page offers questions about the documents that somebody has added, one click away."""

from __future__ import annotations

import shutil

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import answers, connected, picture, running_app
from tests.e2e.test_conversation_sources import CHIPS, finished
from tests.e2e.test_looks import violations
from tests.e2e.test_upload import opened

pytestmark = pytest.mark.browser

MINUTES = (
    "# Harbour council\n\nThe mooring fee increased 12% in May, to 96 crowns. "
    "Boats under six metres are exempt.\n\n"
    "The average waiting time was 14 days in the summer season.\n"
)


@pytest.fixture(scope="module")
def app(storage, tmp_path_factory):
    own = shutil.copytree(storage, tmp_path_factory.mktemp("starters") / "storage")
    with running_app(own, DOCENT_MODEL_URL="http://127.0.0.1:1") as url:
        yield url


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_a_question_about_an_added_document_is_answered_from_it(page, app, tmp_path, width, theme):
    """After a file was added, the start page offers its question; a click asks it of that file alone."""
    page.set_viewport_size({"width": width, "height": 844})
    page.add_init_script(f"localStorage.setItem('vite-ui-theme', '{theme}')")
    page.goto(f"{app}/documents")
    if not page.get_by_role("link", name="minutes.md", exact=True).count():
        (tmp_path / "minutes.md").write_text(MINUTES)
        page.set_input_files("#drop input[type=file]", tmp_path / "minutes.md")
        expect(page.get_by_role("link", name="minutes.md", exact=True)).to_be_visible(timeout=60_000)
    starter = page.get_by_role("button", name="By how much did the mooring fee increase? (minutes.md)")
    for _ in range(30):
        opened(page, app)
        if starter.count():
            break
    connected(page)
    box = starter.bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width
    picture(page, f"start-questions-{width}")
    assert violations(page) == []
    starter.click()
    expect(page.locator(CHIPS)).to_contain_text("minutes.md", timeout=20_000)
    finished(page, 1)
    expect(answers(page).filter(has_text="Sources:")).to_contain_text("12%")
    picture(page, f"start-questions-asked-{width}")
