"""A tool of another server that may change something waits for the person's consent in the chat."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import ROOT, again, answers, ask, picture, running_app, until
from tests.e2e.test_looks import violations

pytestmark = pytest.mark.browser

CALL = {"tool_calls": [{"name": "diary__add_event", "arguments": {"title": "Interview `at` Tidelight"}}]}
QUESTION = "Put the machine learning internship into my diary."


@pytest.fixture(scope="module")
def calendar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("diary") / "calendar.txt"


@pytest.fixture(scope="module")
def app(storage: Path, ollama_process, calendar: Path) -> Iterator[str]:
    command = json.dumps([sys.executable, "-m", "tests.fakes.lending_server", str(calendar)])
    servers = calendar.parent / "mcp.toml"
    servers.write_text(f'[diary]\ncommand = {command}\nfolder = "{ROOT}"\ntools = ["add_event"]\n')
    settings = {"DOCENT_MODEL_URL": ollama_process.url, "DOCENT_TOOL_STEPS": 3, "DOCENT_MCP_SERVERS": servers}
    with running_app(storage, **settings) as url:
        yield url


def proposed(page: Page, app: str, ollama_process) -> None:
    """Ask until the server has started and the model's call waits for consent."""
    ollama_process.reset()
    ollama_process.script({**CALL, "reply": ""}, "It is in your diary.")
    ask(page, app, QUESTION)
    expect(page.get_by_role("button", name="Allow once")).to_be_visible(timeout=60_000)


def warmed(page: Page, app: str, ollama_process) -> None:
    """Wait until the tools are listed: a busy machine may start the server later than an answer waits."""

    def offered() -> bool:
        requests = ollama_process.requests_to("/api/chat")
        return bool(requests) and "diary__add_event" in str(requests[-1].body.get("tools"))

    ask(page, app, "Which internship is about machine learning?")
    for _ in range(10):
        expect(page.locator("#stop-button")).to_have_count(0, timeout=60_000)
        expect(answers(page).last).to_contain_text("machine learning", timeout=60_000, ignore_case=True)
        if offered():
            return
        ask(page, app, "Which internship is about machine learning?")
    raise AssertionError("the server did not start")


def test_the_person_is_asked(page: Page, app: str, ollama_process, calendar: Path):
    """The call is shown with its arguments; it runs after a click on Allow, and the question disappears."""
    warmed(page, app, ollama_process)
    proposed(page, app, ollama_process)
    shown = page.locator(".ai-message, .message-content").filter(has_text="may change something there").first
    expect(shown).to_contain_text("Add an event of diary")
    expect(shown).to_contain_text("Interview 'at' Tidelight")
    picture(page, "consent")
    assert not calendar.exists()
    page.get_by_role("button", name="Allow once").click()
    until(calendar.exists)
    assert calendar.read_text() == "Interview `at` Tidelight\n"
    expect(answers(page).last).to_contain_text("It is in your diary", timeout=60_000)
    expect(page.get_by_text("may change something there")).to_have_count(0)
    calendar.unlink()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1920])
def test_the_question_is_accessible(page: Page, app: str, ollama_process, calendar: Path, width, theme):
    """axe finds nothing while it is asked; the keyboard alone answers it."""
    page.add_init_script(f"localStorage.setItem('vite-ui-theme', '{theme}')")
    page.set_viewport_size({"width": width, "height": 844})
    ollama_process.reset()
    warmed(page, app, ollama_process)
    proposed(page, app, ollama_process)
    page.wait_for_timeout(500)  # animations end
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    picture(page, f"consent-{theme}-{width}")
    page.get_by_role("button", name="Do not allow").focus()
    page.keyboard.press("Enter")
    refused(page, ollama_process)
    assert not calendar.exists()


def test_what_is_not_allowed_is_not_done(page: Page, app: str, ollama_process, calendar: Path):
    """After a click on the other button, or a new message, nothing is called, and the model is told so."""
    proposed(page, app, ollama_process)
    page.get_by_role("button", name="Do not allow").click()
    refused(page, ollama_process)
    assert not calendar.exists()
    proposed(page, app, ollama_process)
    again(page, "Hello")
    refused(page, ollama_process)
    assert not calendar.exists()


def refused(page: Page, ollama_process) -> None:
    expect(page.get_by_text("may change something there")).to_have_count(0, timeout=60_000)
    expect(page.locator("#stop-button")).to_have_count(0, timeout=60_000)
    told = ollama_process.requests_to("/api/chat")[-1].body["messages"][-1]["content"]
    assert "did not allow" in told
