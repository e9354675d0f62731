"""A message keeps its template and parameters wherever it goes, and does nothing else."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import pytest

from docent.errors import UnreadableFile
from docent.messages import Message, joined, restored, stored

EMPTY = Message("{name} is empty ({size:,} bytes).", name="a{b}.pdf", size=1234)
NESTED = Message("{what}: {why}", what="b.pdf", why=joined((EMPTY, Message("Remove it."), "as it is"), " "))
MESSAGES = [
    pytest.param(Message("Remove it."), id="without parameters"),
    pytest.param(EMPTY, id="with parameters"),
    pytest.param(NESTED, id="a message in a message"),
    pytest.param(Message('["{what}"]', what="x"), id="a template that looks stored"),
    pytest.param(Message('["a", {}]'), id="a text that looks stored"),
    pytest.param(Message(""), id="nothing"),
]
WAYS = [
    pytest.param(lambda message: restored(stored(message)), id="stored"),
    pytest.param(lambda message: pickle.loads(pickle.dumps(message)), id="pickled"),
    pytest.param(copy.deepcopy, id="copied"),
]


def french(text: str) -> str:
    return {"Remove it.": "Retirez-le.", "{name} is empty ({size:,} bytes).": "{name} : {size} octets."}.get(
        text, text
    )


def test_a_message_is_its_english_text():
    """It is a str with its parameters filled in, for every place that wants a text."""
    assert EMPTY == "a{b}.pdf is empty (1,234 bytes)."
    assert str(UnreadableFile("{name} is gone.", name="a.pdf")) == "a.pdf is gone."


def test_every_message_inside_is_translated():
    """A reason inside a sentence speaks the sentence's language; plain text stays as it is."""
    assert NESTED.translated(french) == "b.pdf: a{b}.pdf : 1234 octets. Retirez-le. as it is"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_survives_its_way(way, message):
    """Stored, or sent to another process, it is the same text and has the same translation."""
    there = way(message)
    assert there == message
    assert there.translated(french) == message.translated(french)


def test_parameters_are_text_or_numbers():
    """An error or a path among them becomes its text: another process could not read it."""
    message = Message("{path} ({why})", path=Path("/a"), why=OSError("full"))
    assert message.parameters == {"path": "/a", "why": "full"}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("It is empty.", id="a sentence"),
        pytest.param("{name} is {empty", id="braces"),
        pytest.param('["half', id="broken"),
        pytest.param('["a", 1]', id="another shape"),
        pytest.param('[["a"], {}]', id="a list for a template"),
        pytest.param('["{a}", {"b": "x"}]', id="a parameter that is missing"),
        pytest.param('["{a.__class__}", {"a": "x"}]', id="an attribute"),
        pytest.param('["{a[0]}", {"a": "x"}]', id="an item"),
        pytest.param('["{a!s}", {"a": "x"}]', id="another conversion"),
        pytest.param('["{a:999999999}", {"a": "x"}]', id="a width"),
        pytest.param('["{a:.999999999f}", {"a": 1}]', id="a precision"),
        pytest.param(json.dumps(["{a:.1f}", {"a": 10**4000}]), id="a number without bounds"),
        pytest.param(json.dumps(["{a}" * 1000, {"a": "x" * 1000}]), id="a parameter a thousand times"),
        pytest.param(json.dumps(["{a}" * 15, {"a": "x" * 100_000}]), id="one that grows beyond its length"),
        pytest.param('["' + '",["' * 100_000, id="lists in lists"),
    ],
)
def test_what_is_no_message_stays_plain_text(text):
    """Text of an earlier version, and what a harmful file's worker might send, is shown as it is."""
    assert restored(text) == text
    assert restored(text).translated(french) == text
