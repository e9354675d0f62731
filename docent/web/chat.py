"""Turns what happens while an answer is made into what the reader sees."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from itertools import groupby
from typing import Any

import chainlit as cl

from docent.assembly import House
from docent.errors import DocentError
from docent.glossary import (
    Answer,
    Answered,
    Notice,
    Progress,
    Scope,
    Searching,
    Token,
    Turn,
)
from docent.web.panels import Link, panel

TURNS = "turns"
FIRST = (
    ("internships", "Find an internship", "Which internship is about machine learning?"),
    ("restaurants", "Read a menu", "Which dishes contain no nuts?"),
    ("handbook", "Learn about Docent", "How do I add my own documents?"),
    ("handbook", "Delete everything", "How do I delete everything Docent has stored?"),
)
"""Library of the samples, what the button says, what it asks."""


async def reply(question: str, *, house: House, link: Link) -> None:
    """Answer in the chat as the answer comes, then show it with its citations."""
    turns: list[Turn] = cl.user_session.get(TURNS) or []
    message = cl.Message(content="")
    notices: list[str] = []
    waiting = False
    events = house.answer(question, history=tuple(turns), scope=Scope())
    try:
        async with aclosing(events):  # a stop that comes between two events closes the model's stream too
            async for event in events:
                match event:
                    case Searching(searched) if searched != question:
                        async with cl.Step(name="Searched", type="retrieval") as step:
                            step.output = searched
                    case Progress() as progress:
                        message.content = f"{progress.what}: {progress.done} of {progress.total}"
                        await (message.update() if waiting else message.send())
                        waiting = True
                    case Token(text):
                        if waiting:
                            message.content, waiting = "", False
                            await message.update()
                        await message.stream_token(text)
                    case Notice(text):
                        notices.append(text)
                    case Answered(answer):
                        turns.append(Turn(question, answer.text))
                        cl.user_session.set(TURNS, turns)
                        await _show(message, answer, notices, link)
    except DocentError as error:
        message.content = "\n\n".join(filter(None, (message.content, f"⚠️ {error}")))
        await message.send()


async def _show(message: cl.Message, answer: Answer, notices: Sequence[str], link: Link) -> None:
    message.content = "\n\n".join((answer.text, *(f"ℹ️ {notice}" for notice in notices)))
    message.elements = panels(answer, link)
    await message.send()


def panels(answer: Answer, link: Link) -> list[Any]:
    """A side panel for each number cited: file, place, and the passage with the quotes in bold."""
    passages = {passage.chunk_id: passage for passage in answer.passages}
    cited = sorted(answer.citations, key=lambda citation: citation.n)
    return [
        cl.Text(name=f"[{n}]", display="side", content=panel(list(quotes), passages, link))
        for n, quotes in groupby(cited, key=lambda citation: citation.n)
    ]


def starters(house: House) -> list[cl.Starter]:
    """A first question for each library that is there, so that an empty page teaches."""
    there = {document.library for document in house.store.documents(Scope())}
    return [
        cl.Starter(label=label, message=question) for library, label, question in FIRST if library in there
    ]
