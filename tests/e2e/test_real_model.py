"""A conversation with a real language model, in a browser and through the API; Docent serves its file."""

from __future__ import annotations

import json

import httpx
import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import again, answers, ask, picture, running_app

pytestmark = pytest.mark.browser

LONG = "Which internships are hybrid? List everything you know about each in detail."
QUESTION = "How much does the machine learning internship in Aarhus pay?"


@pytest.fixture(scope="module")
def app(storage, gguf):
    short = {"DOCENT_ANSWER_TOKENS": 300, "DOCENT_PASSAGES": 1, "DOCENT_TEMPERATURE": 0}
    short["DOCENT_SMALL_MODEL"] = "off"  # long answers, for Stop
    with running_app(storage, DOCENT_MODEL=gguf, **short) as url:
        yield url


def test_a_conversation(page, app, gguf):
    """Both questions are answered by the model, with a citation that opens or a mark that none was found."""
    ask(page, app, QUESTION)
    receipts = page.get_by_text("How this was answered")
    expect(receipts).to_have_count(1, timeout=120_000)  # drawn last: what is sent before is dropped
    expect(answers(page).last).to_contain_text("internship")
    again(page, "And where is it?")
    expect(receipts).to_have_count(2, timeout=120_000)
    receipts.last.click()
    expect(page.locator("body")).to_contain_text(gguf.stem)
    picture(page, "real-model")


def test_stop(page, app):
    """Stop ends an answer in the middle, and the next question is answered."""
    ask(page, app, LONG)
    page.locator("#stop-button").click(timeout=120_000)
    expect(page.locator("#stop-button")).to_have_count(0, timeout=120_000)
    again(page, QUESTION)
    expect(answers(page).last).to_contain_text("internship", timeout=120_000)


def test_a_table_holds_what_the_documents_state(page, app):
    """Each cell is quoted; a table for which the model would be asked long waits for its reader's click."""
    ask(page, app, "Compare all internships by pay, place and deadline")
    expect(page.locator(".table-part")).to_have_attribute("data-phase", "done", timeout=120_000)
    expect(page.locator(".docent-table tbody tr")).to_have_count(14)
    expect(page.locator(".docent-table td", has_text="DKK 21,400 a month")).to_have_count(1)
    expect(page.get_by_text("found by the model")).to_have_count(0)
    again(page, "/table internships by dress code")
    expect(page.get_by_role("button", name="Begin")).to_be_visible(timeout=120_000)
    expect(page.locator(".table-plan").last).to_contain_text("about 2 minutes")


def test_the_api_streams_it(app, gguf):
    """An API client gets the words as they come, and the counts of the model's own vocabulary."""
    body = {
        "model": "library/internships",
        "messages": [{"role": "user", "content": QUESTION}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    with httpx.stream("POST", f"{app}/v1/chat/completions", json=body, timeout=120, trust_env=False) as reply:
        assert reply.status_code == 200
        lines = [line.removeprefix("data: ") for line in reply.iter_lines() if line.startswith("data: {")]
    chunks = [json.loads(line) for line in lines]
    texts = [choice["delta"].get("content") for chunk in chunks for choice in chunk["choices"]]
    assert "internship" in "".join(filter(None, texts))
    usage = chunks[-1]["usage"]
    assert usage["prompt_tokens"] > 100
    assert 0 < usage["completion_tokens"] <= 300
