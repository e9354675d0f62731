"""What goes on in a conversation ends when it can, and says so when it cannot begin."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from chainlit.context import init_ws_context
from chainlit.session import WebsocketSession
from chainlit.user import User
from docent.web.i18n.french import french

from docent.answering.prompt.personas import PLAIN
from docent.errors import InputError
from docent.settings import Settings
from docent.types import Answered, AnswerRequest, PassagesFound, Receipt, State, StepProgress
from docent.web.accounts.users import LOCAL
from docent.web.chat import attachments, model_download, reply
from docent.web.chat.attachments import Line
from docent.web.chat.conversation import note
from docent.web.chat.saved_answer import recall
from docent.web.metrics import Metrics
from tests.web.test_kept import ANSWER, PASSAGE, QUOTE
from tests.web.test_lines import READY, TICKET

STORED = SimpleNamespace(id=PASSAGE.document_id, name=PASSAGE.file)


class Tab:
    """A page that somebody has open, and what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

        async def emit(event: str, data: Any) -> None:
            self.told.append((event, data))

        self.session = WebsocketSession(
            id=str(uuid.uuid4()),
            socket_id=str(uuid.uuid4()),
            emit=emit,
            emit_call=emit,
            user_env={},
            client_type="webapp",
            user=User(identifier=LOCAL),
        )
        init_ws_context(self.session)


async def test_a_locked_file_is_followed_as_long_as_somebody_may_unlock_it(monkeypatch):
    """When the page is gone for good nobody looks any more, and its question is not waited for."""
    monkeypatch.setattr(attachments, "PACE", 0.01)
    tab = Tab()
    looks = []
    locked = replace(READY, state=State.FAILED, locked=True)
    docent: Any = SimpleNamespace(standing=lambda ticket: looks.append(ticket) or locked)
    line = Line(TICKET, docent, note(""))
    following = asyncio.create_task(line.follow())
    while len(looks) < 5:
        await asyncio.sleep(0.01)
    assert not following.done()
    await tab.session.delete()
    await asyncio.wait_for(following, 20)
    assert not await asyncio.wait_for(line.asked_for(), 20)


async def test_a_stop_after_the_answer_leaves_it_whole():
    """While the model server is asked what it lacks, say: text and citations are there, and kept."""
    asked = asyncio.Event()

    async def answer(request: AnswerRequest) -> Any:
        yield Answered(replace(ANSWER, receipt=Receipt(request.question, request.question)))

    async def check_model() -> Any:
        asked.set()
        await asyncio.Event().wait()

    store = SimpleNamespace(libraries=lambda reader: [], documents=lambda scope: [STORED])
    docent: Any = SimpleNamespace(
        settings=Settings(), store=store, persona=lambda key: PLAIN, answer=answer, check_model=check_model
    )
    tab = Tab()
    replying = asyncio.create_task(reply.reply("How much?", docent=docent, metrics=Metrics()))
    await asyncio.wait_for(asked.wait(), 20)
    replying.cancel()
    await asyncio.wait([replying])
    (said,) = [data for event, data in tab.told if event == "new_message"]
    assert said["output"] == ANSWER.text
    assert recall(said["metadata"]) is not None
    await tab.session.delete()


async def test_an_answer_does_not_bring_back_what_was_deleted_while_it_was_made():
    """What it copied from a document that is gone by its end is neither shown nor stored."""
    answered = replace(ANSWER, text=f"{QUOTE} [1]", receipt=Receipt(QUOTE, QUOTE))

    async def answer(request: AnswerRequest) -> Any:
        yield PassagesFound(answered.passages)
        yield Answered(answered)

    async def check_model() -> Any:
        return SimpleNamespace(ready=True)

    store = SimpleNamespace(libraries=lambda reader: [], documents=lambda scope: [])
    docent: Any = SimpleNamespace(
        settings=Settings(), store=store, persona=lambda key: PLAIN, answer=answer, check_model=check_model
    )
    tab = Tab()
    await reply.reply("How much?", docent=docent, metrics=Metrics())
    (said,) = [data for event, data in tab.told if event == "new_message"]
    assert said["output"] == "[…]. [1]"
    kept = recall(said["metadata"])
    assert (kept.text, kept.question, [one.quote for one in kept.citations]) == (
        "[…]. [1]",
        "How much?",
        [""],
    )
    await tab.session.delete()


async def test_a_persona_that_is_gone_is_said():
    """A conversation of its time can be opened still: the question is answered with what is wrong."""

    def persona(key: str) -> Any:
        raise InputError(f"There is no persona {key!r} in personas.toml. There are: guide.")

    store = SimpleNamespace(libraries=lambda reader: [])
    docent: Any = SimpleNamespace(settings=Settings(), store=store, persona=persona)
    tab = Tab()
    tab.session.chat_profile = "waiter"
    await reply.reply("What is there?", docent=docent, metrics=Metrics())
    said = [data["output"] for event, data in tab.told if event == "new_message"]
    assert said == ["⚠️ There is no persona 'waiter' in personas.toml. There are: guide."]
    assert french(said[0].removeprefix("⚠️ ")).startswith("Il n'y a pas de persona 'waiter'")
    await tab.session.delete()


async def test_a_chosen_library_that_is_gone_is_said():
    """Not that there are no documents: the others are there, and can be chosen."""
    docent: Any = SimpleNamespace(settings=Settings(), store=SimpleNamespace(documents=lambda scope: []))
    tab = Tab()
    tab.session.chat_settings = {"library": "menus"}
    await reply.reply("What is there?", docent=docent, metrics=Metrics())
    (said,) = [data["output"] for event, data in tab.told if event == "new_message"]
    assert said.startswith(
        "⚠️ The library 'menus' is chosen here, and it or all that was in it has been deleted."
    )
    assert "bibliothèque 'menus'" in french(said.removeprefix("⚠️ "))
    await tab.session.delete()


async def test_a_model_is_fetched_once_however_often_the_button_is_pressed():
    """The second press finds the line of the first; after that has ended, a press begins anew."""
    there, asked = asyncio.Event(), []

    async def pull_model() -> Any:
        asked.append(1)
        await there.wait()
        yield StepProgress("Pulling gemma", 1, 2)

    docent: Any = SimpleNamespace(settings=Settings(), pull_model=pull_model)
    tab = Tab()
    first = asyncio.create_task(model_download.fetch(docent, "en"))
    while not asked:
        await asyncio.sleep(0.01)
    await asyncio.wait_for(model_download.fetch(docent, "en"), 20)
    there.set()
    await asyncio.wait_for(first, 20)
    assert [event for event, _ in tab.told].count("new_message") == len(asked) == 1
    await asyncio.wait_for(model_download.fetch(docent, "en"), 20)
    assert len(asked) == 2
    await tab.session.delete()
