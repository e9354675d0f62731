"""A question on a spreadsheet in the browser: exact values, the cited cells, and the tools that were used."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.answering.sheet_store import SHEETS
from tests.e2e.conftest import ROOT, answers, ask, picture, running_app
from tests.e2e.test_looks import violations

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app over two spreadsheets, without a model server."""
    folder = tmp_path_factory.mktemp("tables")
    library = folder / "data" / "office"
    library.mkdir(parents=True)
    for name in ("bakery-orders.csv", "wine-list.csv"):
        shutil.copy(SHEETS / name, library)
    settings = {
        "DOCENT_STORAGE": str(folder / "storage"),
        "DOCENT_DATA": str(folder / "data"),
        "DOCENT_MODEL_URL": "http://127.0.0.1:9",
    }
    environ = {**os.environ, **settings}
    subprocess.run([sys.executable, "ingest.py"], cwd=ROOT, env=environ, check=True, capture_output=True)
    with running_app(folder / "storage", **settings) as url:
        yield url


def test_a_total_by_city_cites_its_cells(page: Page, app: str):
    """The values are exact without a model; a number opens the sheet with its cells marked."""
    ask(page, app, "Total amount per city")
    answer = answers(page).last
    expect(answer).to_contain_text("€1,033.00", timeout=60_000)
    expect(answer).to_contain_text("Worked out from 18 rows of bakery-orders.csv.")
    tools = page.get_by_role("button", name="Tools used")
    expect(tools).to_be_visible()
    expect(page.get_by_text("SELECT city, sum(amount)")).to_be_hidden()
    picture(page, "table-answer")
    tools.click()
    expect(page.get_by_text("SELECT city, sum(amount)")).to_be_visible()
    page.locator("a.element-link").first.click()
    marks = page.locator("#side-view-content mark")
    expect(marks.first).to_have_text("€128.00")
    assert marks.all_inner_texts() == [
        "€128.00", "€190.00", "€66.00", "€52.50", "€190.00", "€209.00", "€112.00", "€85.50",
    ]  # fmt: skip
    picture(page, "table-cells")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_table_answer_fits_a_phone(page: Page, app: str, theme: str):
    """At 390 px rows and tools stay within the page, and axe finds nothing."""
    page.set_viewport_size({"width": 390, "height": 844})
    page.add_init_script(f"localStorage.setItem('vite-ui-theme', '{theme}')")
    ask(page, app, "Which wines cost less than 15 euros?")
    expect(answers(page).last).to_contain_text("Cava Brut Nature", timeout=60_000)
    expect(page.get_by_role("button", name="Tools used")).to_be_visible()
    picture(page, f"table-phone-{theme}")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
