"""What the line of a file says, in every state, and whose it is."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from docent.ingesting import Ticket, UploadStatus
from docent.types import NOTHING_TO_SEARCH, State, private_library
from docent.web.accounts.users import LOCAL
from docent.web.chat.attachments import CANCEL, SHARE, buttons_of
from docent.web.chat.file_scope import own_library, within
from docent.web.chat.upload_status import ENDED, KEY, recalled, words

TICKET = Ticket("d1", "a_b.pdf", private_library("ada", "uploads"), "ada")
READY = UploadStatus(State.READY, pages=3, expected=3, embedded=7, chunks=7, reason="")
READING = replace(READY, state=State.LOADING, pages=12, expected=240)
EMPTY = replace(READY, chunks=0, embedded=0, reason=f"{NOTHING_TO_SEARCH} The page is blank.")
FAILED = replace(READY, state=State.FAILED, reason="a_b.pdf is empty. Remove it.")


@pytest.mark.parametrize(
    ("standing", "said", "buttons"),
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
        pytest.param(replace(FAILED, gone=True), "has been deleted since", (), id="gone"),
    ],
)
def test_a_line(standing, said, buttons):
    """Each state has its sentence, and the buttons for what can be done with it."""
    assert said in words(TICKET, standing, "en")
    assert words(TICKET, standing, "en") != words(TICKET, standing, "fr") or standing is FAILED
    assert buttons_of(standing, TICKET) == buttons


def test_a_name_is_shown_and_never_obeyed():
    """Markdown in a file's name is text."""
    ticket = replace(TICKET, name="[click](http://evil.example).pdf")
    assert r"\[click\]\(http://evil\.example\)" in words(ticket, READY, "en")


@pytest.mark.parametrize(
    ("metadata", "known"),
    [
        pytest.param({KEY: asdict(TICKET)}, True, id="one's own"),
        pytest.param({KEY: asdict(replace(TICKET, owner="bob"))}, False, id="another's"),
        pytest.param({KEY: asdict(TICKET), ENDED: True}, False, id="with its last word said"),
        pytest.param({KEY: "text"}, False, id="garbled"),
        pytest.param({}, False, id="another message"),
        pytest.param(None, False, id="nothing"),
    ],
)
def test_a_line_is_known_again(metadata, known):
    """Only by whose file it is: metadata may have come from a browser."""
    assert recalled(metadata, reader="ada") == (TICKET if known else None)


def test_whose_a_file_is():
    """With a login the user's everywhere; without one its conversation's."""
    assert own_library("ada", "11111111-2222") == own_library("ada", "33333333-2222")
    assert own_library(LOCAL, "11111111-2222") != own_library(LOCAL, "33333333-2222")


MINE, OTHER = (private_library(LOCAL, own_library(LOCAL, thread)) for thread in ("11111111-2", "33333333-2"))


@pytest.mark.parametrize(
    ("there", "persona", "asked"),
    [
        pytest.param(["handbook"], "", (), id="nothing to leave out"),
        pytest.param(["handbook", MINE], "", (), id="one's own"),
        pytest.param(["handbook", MINE, OTHER], "", ("handbook", MINE), id="another conversation's"),
        pytest.param([OTHER], "", (MINE,), id="only another conversation's"),
        pytest.param(["handbook", OTHER], "handbook", ("handbook",), id="a persona's"),
        pytest.param(
            ["handbook", MINE, OTHER], "handbook", ("handbook", MINE), id="a persona's and one's own"
        ),
    ],
)
def test_where_a_question_looks(there, persona, asked):
    """Everywhere but in what was handed in to other conversations."""
    assert within(there, MINE, persona=persona) == asked
