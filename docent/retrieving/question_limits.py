"""How much of a question is searched, and in which order long ones are: none makes the others wait.

A search costs more the longer the question is: every piece of it is embedded, every word is looked up.
docs/security.md has the figures.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from docent.errors import InputError
from docent.messages import Message

LONGEST = 100_000
"""Characters of a question; a longer one is refused."""
SEARCHED = 2_000
"""Characters that are searched: one half from the beginning, one from the end, where the question stands."""
SHORT = 300
"""Characters of a question that is searched at once; longer ones are searched one after another."""
NO_QUOTES = dict.fromkeys(map(ord, '"“”„«»'), " ")

_long_ones = threading.Lock()


def check_length(question: str) -> None:
    """Refuse a question that is longer than any model reads. Raises InputError."""
    if len(question) > LONGEST:
        raise InputError(
            "A question may have {most:,} characters; this one has {length:,}. Shorten it, or add "
            "the text as a document and ask about it.",
            most=LONGEST,
            length=len(question),
        )


def searched(question: str) -> str:
    """Return what of a question is searched: all of it, or the beginning and the end of a long one.

    Quotation marks of a text that was cut are no conditions: some would have lost the other. Raises
    InputError as `check_length` does.
    """
    check_length(question)
    if len(question) <= SEARCHED:
        return question
    half = SEARCHED // 2
    return f"{question[:half]} … {question[-half:]}".translate(NO_QUOTES)


def left_out(question: str) -> str:
    """Return the sentence that says what of a question was not searched; empty where all of it was."""
    if len(question) <= SEARCHED:
        return ""
    half = SEARCHED // 2
    return Message(
        "Of the question's {n:,} characters only the first {half:,} and the last {half:,} were searched. For "
        "more, ask in fewer words, or add the text as a document.",
        n=len(question),
        half=half,
    )


def is_long(question: str) -> bool:
    return len(question) > SHORT


@contextmanager
def in_turn(question: str) -> Iterator[None]:
    """Search long questions one after another; a short one does not wait for them."""
    if not is_long(question):
        yield
        return
    with _long_ones:
        yield
