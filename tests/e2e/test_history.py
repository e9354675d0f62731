"""Conversations are listed, searched, renamed, deleted, exported and continued."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from itertools import product
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from docent.web.chat.answer_stream import UNFINISHED
from tests.e2e.conftest import ROOT, again, answers, ask, connected, picture, running_app, until
from tests.e2e.test_chat import QUESTION

pytestmark = pytest.mark.browser

LONG_REPLY = " ".join(map("".join, product("bdgklmnprst", "aeiou", "bdgklmnprst")))
"""A minute of made-up words, none twice: an answer that repeats itself is stopped."""
BEGINNING = LONG_REPLY[:79]

FOLLOW_UP = "Where is it and how much does it pay?"
ENDED = "Where is the robotics internship?"


@pytest.fixture(scope="module")
def own_storage(storage, tmp_path_factory) -> Path:
    """Return a copy that the tests of this module may change."""
    return copied(storage, tmp_path_factory.mktemp("history"))


def copied(storage: Path, folder: Path) -> Path:
    """Copy the documents without the conversations of other tests."""
    ignored = shutil.ignore_patterns("history.db*")
    return shutil.copytree(storage, folder / "storage", ignore=ignored)


@pytest.fixture(scope="module")
def app(own_storage, ollama_process):
    with running_app(own_storage, DOCENT_MODEL_URL=ollama_process.url) as url:
        yield url


@pytest.fixture(autouse=True)
def unscripted(ollama_process) -> None:
    """Let the fake model server answer from the passages, with their numbers."""
    ollama_process.reset()


def answered(page: Page, count: int = 1) -> None:
    shown = answers(page).filter(has_not_text="Searched for: ")  # a step, before the answer to a follow-up
    expect(shown).to_have_count(count, timeout=60_000)
    expect(page.locator("#stop-button")).to_have_count(0, timeout=60_000)
    expect(page.locator("a.element-link").first).to_be_visible(timeout=10_000)


def conversations(page: Page):
    return page.locator('a[href^="/thread/"]').locator("visible=true")


def open_first(page: Page, url: str, name: str = "") -> None:
    """Open the app, and in it the latest conversation, or the latest of this name."""
    with page.expect_websocket():
        page.goto(url)
    connected(page)
    with page.expect_websocket():  # the conversation's own
        conversations(page).filter(has_text=name).first.click()
    page.wait_for_url("**/thread/*")
    expect(page.locator("#chat-input")).to_be_editable()


def test_a_conversation_is_continued_where_it_ended(page, app, ollama_process):
    """Text and citations are shown again, and the model receives the earlier turns."""
    ask(page, app, QUESTION)
    answered(page)
    text = answers(page).inner_text().split("[1]")[0].strip()
    open_first(page, app, QUESTION)
    expect(answers(page).first).to_contain_text(text)
    page.locator("a.element-link").first.click()
    expect(page.locator("#side-view-content")).to_contain_text(re.compile(r"\.pdf, p\. "))
    picture(page, "resumed")
    connected(page)
    again(page, FOLLOW_UP)
    answered(page, 2)
    assert text in str(ollama_process.requests_to("/api/chat")[-1].body)


def test_a_conversation_is_exported_as_a_file(page, app):
    """The command answers with a link to question, answer and quoted sources."""
    ask(page, app, QUESTION)
    answered(page)
    open_first(page, app, QUESTION)
    expect(answers(page).first).to_be_visible()
    connected(page)
    page.click("#chat-input")
    page.keyboard.type("/export")
    page.wait_for_timeout(300)
    page.keyboard.press("Enter")
    page.keyboard.type("now")
    page.keyboard.press("Enter")
    link = page.get_by_role("link", name="Download this conversation")
    expect(link).to_be_visible(timeout=20_000)
    response = page.request.get(app + link.get_attribute("href"))
    assert response.headers["content-disposition"].startswith("attachment")
    text = response.text()
    assert f"## You\n\n{QUESTION}" in text
    assert "**Sources**" in text


def test_conversations_are_renamed_and_deleted(page, app, ollama_process):
    """A new name stays; a deleted conversation does not come back."""
    ask(page, app, "What is there about machine learning?")
    answered(page)
    page.goto(app)
    threads = page.request.post(f"{app}/project/threads", data={"pagination": {"first": 20}, "filter": {}})
    first = threads.json()["data"][0]
    assert first["name"] == "What is there about machine learning?"
    page.request.put(f"{app}/project/thread", data={"threadId": first["id"], "name": "Learning by machine"})
    page.reload()
    expect(page.get_by_text("Learning by machine")).to_be_visible(timeout=20_000)
    found = page.request.post(
        f"{app}/project/threads", data={"pagination": {"first": 20}, "filter": {"search": "by machine"}}
    )
    assert [thread["id"] for thread in found.json()["data"]] == [first["id"]]
    page.request.delete(f"{app}/project/thread", data={"threadId": first["id"]})
    page.reload()
    page.wait_for_selector("#chat-input")
    page.wait_for_timeout(500)
    expect(page.get_by_text("Learning by machine")).to_have_count(0)


def test_editing_a_question_removes_later_messages(page, app, ollama_process):
    """They are gone from the page and from the model's prompt."""
    ask(page, app, "What do openings expect?")
    answered(page)
    edit(page, "What do openings expect?", QUESTION)
    expect(page.get_by_text(QUESTION).last).to_be_visible(timeout=60_000)
    answered(page)
    expect(page.get_by_text("What do openings expect?").locator("visible=true")).to_have_count(1)  # the name
    assert "openings expect" not in str(ollama_process.requests_to("/api/chat")[-1].body)


def test_stop_works_after_an_edit(page, app, ollama_process):
    """The stream ends at the model server, and the incomplete answer is marked as stopped."""
    ask(page, app, "What do openings ask for?")
    answered(page)
    ollama_process.script(reply="word " * 400, seconds_per_token=0.2)
    edit(page, "What do openings ask for?", QUESTION)
    page.locator("#stop-button").wait_for(timeout=60_000)
    expect(answers(page).last).to_contain_text("word word", timeout=60_000)
    page.click("#stop-button")
    expect(page.locator("#stop-button")).to_have_count(0)
    expect(answers(page).last).to_contain_text("Stopped.")
    until(lambda: ollama_process.requests_to("/api/chat")[-1].disconnected)
    assert ollama_process.requests_to("/api/chat")[-1].tokens_sent < 400


def edit(page: Page, asked: str, text: str) -> None:
    page.locator(".step", has=answers(page)).first.wait_for()
    page.get_by_text(asked).last.hover()
    page.locator(".edit-message").first.click()
    page.locator("#edit-chat-input").fill(text)
    page.locator(".confirm-edit").click()


def test_after_a_restart_answers_say_what_they_lost(page, storage, tmp_path, ollama_process):
    """A deleted source and an answer cut off by a kill are marked, and either question can be asked again.

    When Docent is asked to end, the model stops, and its unfinished answer is saved.
    """
    own = copied(storage, tmp_path)
    with running_app(own, DOCENT_MODEL_URL=ollama_process.url) as url:
        ask(page, url, QUESTION)
        answered(page)
        href = page.locator("a.element-link").first
        href.click()
        expect(page.locator("#side-view-content")).to_contain_text(re.compile(r"\.pdf"))
        name = re.search(r"[\w-]+\.pdf", page.locator("#side-view-content").inner_text())[0]
        ollama_process.script(reply=LONG_REPLY, seconds_per_token=0.1)
        ask(page, url, FOLLOW_UP)
        expect(answers(page).last).to_contain_text(BEGINNING, timeout=60_000)
        os.kill(int((own / "index/1/lock").read_text()), signal.SIGKILL)
    ollama_process.reset()
    command = [sys.executable, "-m", "docent", "delete", name]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "DOCENT_STORAGE": str(own)}, check=True)
    with running_app(own, DOCENT_MODEL_URL=ollama_process.url) as url:
        open_first(page, url, FOLLOW_UP)
        expect(answers(page).first).to_contain_text(BEGINNING[:19], timeout=20_000)
        expect(answers(page).first).to_contain_text("The answer stops here")
        picture(page, "incomplete")
        asked_again(page)
        open_first(page, url, QUESTION)
        expect(answers(page).first).to_contain_text(f"{name} was deleted", timeout=20_000)
        picture(page, "source-deleted")
        page.locator("a.element-link").first.click()
        expect(page.locator("#side-view-content")).to_contain_text("This file was deleted")
        asked_again(page)
        ollama_process.script(reply=LONG_REPLY, seconds_per_token=0.1, sticky=True)
        again(page, ENDED)
        expect(answers(page).last).to_contain_text(BEGINNING, timeout=60_000)
    until(lambda: ollama_process.requests_to("/api/chat")[-1].disconnected)
    ollama_process.reset()
    with closing(sqlite3.connect(own / "history.db")) as history:
        unfinished = "SELECT output FROM steps WHERE metadata LIKE ?"
        saved = history.execute(unfinished, (f'%{UNFINISHED}": "{ENDED}%',)).fetchone()
    assert saved[0].startswith(BEGINNING)


def asked_again(page: Page) -> None:
    page.get_by_role("button", name="Ask again").click()
    expect(answers(page)).to_have_count(2, timeout=60_000)
    # Its last part; a reply that is scripted before it would be taken by this answer.
    expect(answers(page).last.get_by_role("button", name="Ask again")).to_be_visible(timeout=60_000)
