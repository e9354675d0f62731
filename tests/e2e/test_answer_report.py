"""The report of an evaluation of answers is accessible in both themes, on a phone and a wide screen."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from docent.evaluating import AnswerRun, Question, html_report
from docent.evaluating.answer_run import answer_outcome
from docent.types import Answer, Citation, Receipt
from tests.e2e.conftest import picture

pytestmark = pytest.mark.browser

AA = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}


def run_of(*texts: str) -> AnswerRun:
    """Return a run with one answer for each text: a good one, one without support, none."""
    outcomes = []
    for number, text in enumerate(texts):
        question = Question(
            f"What is the rent of flat {number}?", "lease.md", (1,), "ab"[number % 2], answer="EUR 900"
        )
        citation = Citation(1, "c", "d", "lease.md", "a", 1, "", "p. 1", 0, 1, "Rent: EUR 900 a month")
        unsupported = ("It is cheap.",) if "cheap" in text else ()
        receipt = Receipt("?", "?", model="mistral", not_found=not text, unsupported=unsupported)
        answer = Answer(text, (citation,) if "[1]" in text else (), (), receipt)
        outcomes.append(answer_outcome(question, answer, 1.0))
    return AnswerRun("2026-11-30T12:00:00+00:00", tuple(outcomes))


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_axe_finds_nothing(browser: Browser, tmp_path, width, theme):
    """Opened from a file, every question unfolded: it asks for nothing, and is no wider than the window."""
    path = tmp_path / "report.html"
    after = run_of("It is EUR 900 [1].", "It is EUR 900 [1]. It is cheap.", "", "It is EUR 900 [1].")
    path.write_text(html_report(after, run_of("It is EUR 900 [1].", "", "", "")), encoding="utf-8")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    assert asked == [path.as_uri()]
    for summary in page.locator("summary").all():
        summary.press("Enter")
    assert page.locator("details[open]").count() == 4
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    picture(page, f"answer-report-{theme}")
    rules = Axe().run(page, options=AA).response["violations"]
    assert [f"{rule['id']}: {node['html'][:200]}" for rule in rules for node in rule["nodes"]] == []
    context.close()
