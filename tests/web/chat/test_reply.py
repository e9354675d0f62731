"""A reply is shown and saved as it should be, also when it is stopped or cannot begin."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from chainlit.user import User

from docent.answering.prompt.personas import PLAIN
from docent.errors import InputError
from docent.settings import Settings
from docent.types import Answered, AnswerRequest, PassagesFound, Receipt, Token
from docent.web.accounts.users import LOCAL
from docent.web.chat.answer_stream import unfinished_question
from docent.web.chat.history import History
from docent.web.chat.reply import reply
from docent.web.chat.saved_answer import load_answer
from docent.web.monitoring import Metrics
from tests.web.chat.open_page import OpenPage
from tests.web.chat.test_saved_answer import ANSWER, PASSAGE, QUOTE

STORED = SimpleNamespace(id=PASSAGE.document_id, name=PASSAGE.file)


async def test_a_stop_after_the_answer_leaves_it_complete():
    """A stop while the model server is still being checked keeps text and citations."""
    checking = asyncio.Event()

    async def answer(request: AnswerRequest) -> Any:
        yield Answered(replace(ANSWER, receipt=Receipt(request.question, request.question)))

    async def check_model() -> Any:
        checking.set()
        await asyncio.Event().wait()

    store = SimpleNamespace(libraries=lambda reader: [], documents=lambda scope: [STORED])
    docent: Any = SimpleNamespace(
        settings=Settings(), store=store, persona=lambda key: PLAIN, answer=answer, check_model=check_model
    )
    page = OpenPage()
    replying = asyncio.create_task(reply("How much?", docent=docent, metrics=Metrics()))
    await asyncio.wait_for(checking.wait(), 20)
    replying.cancel()
    await asyncio.wait([replying])
    (message,) = page.messages
    assert message["output"].startswith(ANSWER.text)
    assert load_answer(message["metadata"]) is not None
    await page.session.delete()


@pytest.fixture
async def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[History]:
    opened = History(tmp_path)
    monkeypatch.setattr("chainlit.data._data_layer", opened)
    monkeypatch.setattr("chainlit.data._data_layer_initialized", True)
    yield opened
    await opened.close()


async def test_who_returns_between_the_last_word_and_the_saving_finds_the_citations(history):
    """A conversation that is opened in that moment waits for them, however late they are handed over."""
    checking, go_on = asyncio.Event(), asyncio.Event()

    async def answer(request: AnswerRequest) -> Any:
        yield Token(ANSWER.text)
        yield Answered(replace(ANSWER, receipt=Receipt(request.question, request.question)))

    async def check_model() -> Any:
        checking.set()
        await go_on.wait()
        return SimpleNamespace(ready=True)

    store = SimpleNamespace(libraries=lambda reader: [], documents=lambda scope: [STORED])
    docent: Any = SimpleNamespace(
        settings=Settings(), store=store, persona=lambda key: PLAIN, answer=answer, check_model=check_model
    )
    page = OpenPage()
    page.session.user = await history.create_user(User(identifier=LOCAL))
    page.session.has_first_interaction = True
    thread_id = page.session.thread_id
    await history.update_thread(thread_id, name="How much?", user_id=page.session.user.id)
    replying = asyncio.create_task(reply("How much?", docent=docent, metrics=Metrics()))
    await asyncio.wait_for(checking.wait(), 20)
    opening = asyncio.create_task(history.get_thread(thread_id))
    await asyncio.wait([opening], timeout=1)  # far longer than reading takes
    go_on.set()
    thread = await asyncio.wait_for(opening, 20)
    (step,) = (one for one in thread["steps"] if one["type"] == "assistant_message")
    assert load_answer(step["metadata"]) is not None
    assert [element["name"] for element in thread["elements"]] == ["[1]"]
    assert unfinished_question(step["metadata"]) == ""
    await replying
    await page.session.delete()


async def test_an_answer_does_not_bring_back_a_document_deleted_meanwhile():
    """Text copied from a document that was deleted before the answer ended is neither shown nor saved."""
    copied = replace(ANSWER, text=f"{QUOTE} [1]", receipt=Receipt(QUOTE, QUOTE))

    async def answer(request: AnswerRequest) -> Any:
        yield PassagesFound(copied.passages)
        yield Answered(copied)

    async def check_model() -> Any:
        return SimpleNamespace(ready=True)

    store = SimpleNamespace(libraries=lambda reader: [], documents=lambda scope: [])
    docent: Any = SimpleNamespace(
        settings=Settings(), store=store, persona=lambda key: PLAIN, answer=answer, check_model=check_model
    )
    page = OpenPage()
    await reply("How much?", docent=docent, metrics=Metrics())
    (message,) = page.messages
    assert message["output"] == "[…]. [1]"
    saved = load_answer(message["metadata"])
    assert (saved.text, saved.question, [citation.quote for citation in saved.citations]) == (
        "[…]. [1]",
        "How much?",
        [""],
    )
    await page.session.delete()


async def test_a_missing_persona_is_reported_in_the_readers_language():
    """An old conversation whose persona is gone still opens; a question in it is answered with the reason."""

    def persona(key: str) -> Any:
        raise InputError(
            "There is no persona {name!r} in {file}. There are: {known}.",
            name=key,
            file="personas.toml",
            known="guide",
        )

    store = SimpleNamespace(libraries=lambda reader: [])
    docent: Any = SimpleNamespace(settings=Settings(), store=store, persona=persona)
    page = OpenPage()
    page.session.chat_profile = "waiter"
    for language in ("en", "fr"):
        page.session.language = language
        await reply("What is there?", docent=docent, metrics=Metrics())
    english, french = (message["output"] for message in page.messages)
    assert english == "⚠️ There is no persona 'waiter' in personas.toml. There are: guide."
    assert french.startswith("⚠️ Il n'y a pas de persona 'waiter'")
    await page.session.delete()


async def test_a_missing_library_is_reported_in_the_readers_language():
    """A chosen library that was deleted is named, rather than saying that there are no documents."""
    organiser = SimpleNamespace(libraries=lambda reader: [])
    store = SimpleNamespace(
        documents=lambda scope: [], libraries=lambda reader: ["handbook"], organiser=organiser
    )
    docent: Any = SimpleNamespace(settings=Settings(), store=store)
    page = OpenPage()
    page.session.chat_settings = {"library": "menus"}
    for language in ("en", "fr"):
        page.session.language = language
        await reply("What is there?", docent=docent, metrics=Metrics())
    english, french = (message["output"] for message in page.messages)
    assert english.startswith("⚠️ menus was deleted or is empty. Remove it from the sources")
    assert french.startswith("⚠️ menus a été supprimé ou est vide.")
    await page.session.delete()
