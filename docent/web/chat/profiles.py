"""The personas as the page shows them: a profile each, with an icon and first questions."""

from __future__ import annotations

from pathlib import Path

import chainlit as cl
from chainlit.types import ChatProfile

from docent.app import Docent, Persona
from docent.messages import Message
from docent.types import Scope
from docent.web.i18n import say

EVERYTHING = "Docent"
"""The profile without a persona: every library, the plain tone."""

ICONS = Path(__file__).resolve().parent.parent.parent / "public" / "personas"

FIRST = (
    ("internships", Message("Find an internship"), "Which internship is about machine learning?"),
    ("restaurants", Message("Read a menu"), "Which dishes contain no nuts?"),
    ("handbook", Message("Learn about Docent"), "How do I add my own documents?"),
    ("handbook", Message("How to delete what is stored"), "How do I delete everything Docent has stored?"),
)
"""Library of the samples, what the button says, what it asks (the samples are in English)."""


def profiles(docent: Docent, *, reader: str, language: str | None) -> list[ChatProfile]:
    """The plain profile first, then each persona whose library is there."""
    there = {document.library for document in docent.store.documents(Scope(reader=reader))}
    plain = ChatProfile(
        name=EVERYTHING,
        markdown_description=say(
            Message("Ask your documents. Every answer shows the page it comes from.")
            if there
            else Message("There are no documents yet. Put files into `data/` and run `python ingest.py`."),
            language,
        ),
        icon="/public/logo.svg",
        display_name=EVERYTHING,
        default=True,
        starters=starters(there, language=language),
    )
    personas = [_profile(persona, language) for persona in docent.personas if persona.library in {"", *there}]
    return [plain, *personas]


def starters(libraries: set[str], *, language: str | None) -> list[cl.Starter]:
    """A first question for each library that is there, so that an empty page teaches."""
    return [
        cl.Starter(label=say(label, language), message=question, icon=_icon(library))
        for library, label, question in FIRST
        if library in libraries
    ]


def _profile(persona: Persona, language: str | None) -> ChatProfile:
    """Our own personas speak French, too; anybody's own speak as they were written."""
    return ChatProfile(
        name=persona.key,
        markdown_description=say(persona.description or persona.name, language),
        icon=_icon(persona.key),
        display_name=say(persona.name, language),
        starters=[
            cl.Starter(label=say(one.label, language), message=one.message) for one in persona.starters
        ],
    )


def _icon(key: str) -> str:
    """A picture of this name, where there is one: public/personas/KEY.svg."""
    name = key if (ICONS / f"{key}.svg").exists() else "persona"
    return f"/public/personas/{name}.svg"


def persona_of(profile: str | None) -> str:
    """The key of the persona that a profile stands for."""
    return "" if profile in (None, "", EVERYTHING) else str(profile)
