"""A question over many documents is a table in the conversation, whose every cell leads to its page."""

from __future__ import annotations

import csv
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.conftest import again, connected, picture, running_app
from tests.e2e.test_history import edit
from tests.e2e.test_looks import opened_page, violations

pytestmark = pytest.mark.browser

QUESTION = "Compare all internships by pay, place and deadline"
NO_MODEL = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def app(copied_storage: Path) -> Iterator[str]:
    with running_app(copied_storage, DOCENT_MODEL_URL=NO_MODEL, DOCENT_SHARE_LINKS="on") as url:
        yield url


def filled(page: Page) -> Locator:
    """Return the last table of the conversation, once it is complete."""
    table = page.locator(".docent-table").last
    expect(table.locator(".table-part")).to_have_attribute("data-phase", "done", timeout=60_000)
    return table


def cells(table: Locator, column: int) -> list[str]:
    return table.locator(f"tbody tr > :nth-child({column})").all_inner_texts()


def known_tables(storage: Path) -> set[str]:
    with closing(sqlite3.connect(storage / "tables.db")) as database:
        return {key for (key,) in database.execute("SELECT id FROM tables")}


def test_a_table_of_all_internships(page: Page, app: str):
    """By the command: sorted by a click, with a page behind each cell, as a file, and there again later."""
    with page.expect_websocket():
        page.goto(app)
    connected(page)
    page.click("#chat-input")
    page.keyboard.type("/table")
    page.keyboard.press("Enter")
    page.keyboard.type(QUESTION)
    page.keyboard.press("Enter")
    table = filled(page)
    expect(table.locator("tbody tr")).to_have_count(14)
    expect(table.locator(".table-foot")).to_contain_text("14 documents read")

    table.get_by_role("button", name="Deadline").click()
    expect(table.locator("th[aria-sort=ascending]")).to_contain_text("Deadline")
    expect(table.get_by_role("button", name="Deadline")).to_be_focused()

    cell = table.get_by_role("button", name=re.compile("21,400"))
    cell.hover()
    expect(page.locator("#docent-quote")).to_contain_text("tidelight-machine-learning.pdf, p. 1")
    cell.focus()
    page.keyboard.press("Enter")
    panel = page.locator("#side-view-content")
    expect(panel).to_contain_text("tidelight-machine-learning.pdf, p. 1", timeout=20_000)
    expect(panel.locator(".source-mark").first).to_be_in_viewport()
    picture(page, "research-cell")
    page.keyboard.press("Escape")
    expect(cell).to_be_focused()

    with page.expect_download() as download:
        table.get_by_role("link", name="Download as CSV").click()
    rows = list(csv.reader(Path(download.value.path()).read_text("utf-8-sig").splitlines()))
    assert any("21,400" in value for row in rows for value in row)

    expect(page).to_have_url(re.compile("/thread/"))
    page.reload()
    expect(filled(page).get_by_role("button", name=re.compile("21,400"))).to_be_visible()

    page.goto(page.url.replace("/thread/", "/link/"))
    page.locator("button[value=make]").click()
    page.locator("[role=status] a").click()
    expect(page.locator("td", has_text="21,400")).to_be_visible()


def test_an_edited_question_leaves_one_table(page: Page, app: str, copied_storage: Path):
    """The table of the question before is deleted with its answer."""
    with page.expect_websocket():
        page.goto(app)
    connected(page)
    again(page, QUESTION)
    filled(page)
    before = known_tables(copied_storage)
    edit(page, QUESTION, "Compare all internships by pay and place")
    expect(page.locator(".docent-table")).to_have_count(1)
    expect(page.locator(".docent-table thead th")).to_have_count(3, timeout=60_000)
    filled(page)
    for _ in range(600):  # the old one is deleted in the background
        now = known_tables(copied_storage)
        if len(now - before) == len(before - now) == 1:
            break
        page.wait_for_timeout(100)
    assert len(now - before) == len(before - now) == 1


@pytest.mark.parametrize(
    ("width", "theme", "language"),
    [
        pytest.param(1280, "dark", "fr-FR", id="wide, dark, French"),
        pytest.param(390, "light", "en-US", id="phone, light"),
    ],
)
def test_a_table_meets_the_guidelines(browser: Browser, app: str, width: int, theme: str, language: str):
    """axe finds nothing; only the table scrolls sideways, its first column in view; a follow-up works."""
    with opened_page(browser, app, width=width, theme=theme, language=language) as page:
        again(page, QUESTION)
        table = filled(page)
        page.wait_for_timeout(500)
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        table.locator(".table-scroll").evaluate("area => area.scrollLeft = area.scrollWidth")
        expect(table.locator("tbody th").first).to_be_in_viewport()
        picture(page, f"research-{width}-{theme}")
        again(page, "Only the remote ones" if language == "en-US" else "Seulement ceux à distance")
        expect(page.locator(".docent-table")).to_have_count(2, timeout=60_000)
        rows = filled(page).locator("tbody th")
        assert [row.splitlines()[0] for row in rows.all_inner_texts()] == [
            "Front-end design internship at Plumb & Pixel",
            "Translation internship: French and German into English",
        ]
