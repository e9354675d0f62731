"""A file in the chat shows its status, belongs to its sender, and is searched where it should be."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from types import SimpleNamespace
from typing import Any

import pytest

from docent.ingesting import Ticket, UploadStatus
from docent.messages import Message, joined
from docent.types import NOTHING_TO_SEARCH, State, private_library
from docent.web.accounts.users import LOCAL
from docent.web.chat import attachments
from docent.web.chat.attachment_status import CANCEL, SHARE, available_buttons, status_text
from docent.web.chat.attachments import ENDED_KEY, TICKET_KEY, Attachment, load_ticket
from docent.web.chat.file_scope import own_library, searched_libraries
from docent.web.chat.page_session import note
from tests.web.chat.open_page import OpenPage

TICKET = Ticket("d1", "a_b.pdf", private_library("ada", "uploads"), "ada")
READY = UploadStatus(State.READY, pages=3, expected=3, embedded=7, chunks=7, reason="")
READING = replace(READY, state=State.LOADING, pages=12, expected=240)
EMPTY_REASON = joined((NOTHING_TO_SEARCH, Message("The page is blank.")), " ")
EMPTY = replace(READY, chunks=0, embedded=0, reason=EMPTY_REASON)
FAILED = replace(READY, state=State.FAILED, reason="a_b.pdf is empty. Remove it.")


@pytest.mark.parametrize(
    ("status", "part", "buttons"),
    [
        pytest.param(replace(READING, state=State.QUEUED), "waits to be read", (CANCEL,), id="queued"),
        pytest.param(READING, "reading 12/240 pages", (CANCEL,), id="reading"),
        pytest.param(
            replace(READING, expected=0), "reading, 12 pages so far", (CANCEL,), id="of unknown length"
        ),
        pytest.param(
            replace(READY, state=State.SEARCHABLE, embedded=2), "2/7 passages", (CANCEL,), id="searchable"
        ),
        pytest.param(READY, "is ready, pages: 3. Only you", (SHARE,), id="ready"),
        pytest.param(
            replace(READY, state=State.PARTIAL, reason="2 pages are blank."),
            "2 pages are",
            (SHARE,),
            id="partial",
        ),
        pytest.param(EMPTY, r"⚠️ **a\_b\.pdf** · Nothing to search", (SHARE,), id="without text"),
        pytest.param(FAILED, r"a\_b\.pdf is empty", (), id="failed"),
        pytest.param(replace(FAILED, locked=True), "/unlock/d1", (CANCEL,), id="locked"),
        pytest.param(replace(FAILED, gone=True), "was deleted", (), id="deleted"),
    ],
)
def test_each_state_has_its_text_and_buttons(status, part, buttons):
    """The status is shown in either language, with the buttons for what can be done."""
    assert part in status_text(TICKET, status, "en")
    assert status_text(TICKET, status, "en") != status_text(TICKET, status, "fr") or status is FAILED
    assert available_buttons(status, TICKET) == buttons


def test_markdown_in_a_file_name_is_escaped():
    """A name that looks like a link is shown as text."""
    ticket = replace(TICKET, name="[click](http://evil.example).pdf")
    assert r"\[click\]\(http://evil\.example\)" in status_text(ticket, READY, "en")


@pytest.mark.parametrize(
    ("metadata", "accepted"),
    [
        pytest.param({TICKET_KEY: asdict(TICKET)}, True, id="own file"),
        pytest.param({TICKET_KEY: asdict(replace(TICKET, owner="bob"))}, False, id="another user's file"),
        pytest.param({TICKET_KEY: asdict(TICKET), ENDED_KEY: True}, False, id="ended"),
        pytest.param({TICKET_KEY: "text"}, False, id="malformed"),
        pytest.param({}, False, id="another message"),
        pytest.param(None, False, id="nothing"),
    ],
)
def test_a_ticket_is_loaded_for_its_owner_only(metadata, accepted):
    """Metadata may come from a browser, so a ticket of another user is not used."""
    assert load_ticket(metadata, reader="ada") == (TICKET if accepted else None)


def test_the_library_of_a_file():
    """With a login a user has one library; without one each conversation has its own."""
    assert own_library("ada", "11111111-2222") == own_library("ada", "33333333-2222")
    assert own_library(LOCAL, "11111111-2222") != own_library(LOCAL, "33333333-2222")


MINE, OTHER = (private_library(LOCAL, own_library(LOCAL, thread)) for thread in ("11111111-2", "33333333-2"))


@pytest.mark.parametrize(
    ("existing", "persona", "searched"),
    [
        pytest.param(["handbook"], "", (), id="nothing to leave out"),
        pytest.param(["handbook", MINE], "", (), id="its own"),
        pytest.param(["handbook", MINE, OTHER], "", ("handbook", MINE), id="another conversation's"),
        pytest.param([OTHER], "", (MINE,), id="only another conversation's"),
        pytest.param(["handbook", OTHER], "handbook", ("handbook",), id="a persona's"),
        pytest.param(["handbook", MINE, OTHER], "handbook", ("handbook", MINE), id="a persona's and its own"),
    ],
)
def test_a_question_searches_all_but_other_conversations(existing, persona, searched):
    """Files of other conversations are left out, and with a persona every other library, too."""
    assert searched_libraries(existing, MINE, persona=persona) == searched


async def test_a_locked_file_is_followed_while_its_page_is_open(monkeypatch):
    """Once the page is gone nobody can unlock the file, so neither it nor its question is waited for."""
    monkeypatch.setattr(attachments, "POLL_INTERVAL", 0.01)
    page = OpenPage()
    polled_often = asyncio.Event()
    polls = []
    loop = asyncio.get_running_loop()

    def standing(ticket: Ticket) -> UploadStatus:
        polls.append(ticket)
        if len(polls) == 5:
            loop.call_soon_threadsafe(polled_often.set)
        return replace(READY, state=State.FAILED, locked=True)

    docent: Any = SimpleNamespace(upload_status=standing)
    attachment = Attachment(TICKET, docent, note(""))
    following = asyncio.create_task(attachment.follow())
    await asyncio.wait_for(polled_often.wait(), 20)
    assert not following.done()
    await page.session.delete()
    await asyncio.wait_for(following, 20)
    assert not await asyncio.wait_for(attachment.wait_until_searchable(), 20)
