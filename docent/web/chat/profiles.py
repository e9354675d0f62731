"""Personas as the profiles of Chainlit's page, each with an icon and first questions."""

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

STARTERS = (
    ("internships", Message("Find an internship"), "Which internship is about machine learning?"),
    ("restaurants", Message("Read a menu"), "Which dishes contain no nuts?"),
    ("handbook", Message("Learn about Docent"), "How do I add my own documents?"),
    ("handbook", Message("How to delete what is stored"), "How do I delete everything Docent has stored?"),
)
"""Library of the samples, label of the button, and its question (the samples are in English)."""


def chat_profiles(docent: Docent, *, reader: str, language: str | None) -> list[ChatProfile]:
    """Return the plain profile, then one for each persona whose library exists."""
    libraries = {document.library for document in docent.store.documents(Scope(reader=reader))}
    plain = ChatProfile(
        name=EVERYTHING,
        markdown_description=say(
            Message("Ask your documents. Every answer shows the page it comes from.")
            if libraries
            else Message("There are no documents yet. Put files into `data/` and run `python ingest.py`."),
            language,
        ),
        icon="/public/logo.svg",
        display_name=EVERYTHING,
        default=True,
        starters=_starters(libraries, language=language),
    )
    offered = (persona for persona in docent.personas if persona.library in {"", *libraries})
    return [plain, *(_profile(persona, language) for persona in offered)]


def _starters(libraries: set[str], *, language: str | None) -> list[cl.Starter]:
    """Return a first question for each of the samples' libraries that exists."""
    return [
        cl.Starter(label=say(label, language), message=question, icon=_icon(library))
        for library, label, question in STARTERS
        if library in libraries
    ]


def _profile(persona: Persona, language: str | None) -> ChatProfile:
    """Return a persona as a profile; only the texts of our own personas are translated."""
    return ChatProfile(
        name=persona.key,
        markdown_description=say(persona.description or persona.name, language),
        icon=_icon(persona.key),
        display_name=say(persona.name, language),
        starters=[
            cl.Starter(label=say(starter.label, language), message=starter.message)
            for starter in persona.starters
        ],
    )


def _icon(key: str) -> str:
    """Return the address of public/personas/KEY.svg, or of the common icon where there is none."""
    name = key if (ICONS / f"{key}.svg").exists() else "persona"
    return f"/public/personas/{name}.svg"


def persona_key(profile: str | None) -> str:
    """Return the key of a profile's persona; "" for the plain profile."""
    return "" if profile in (None, "", EVERYTHING) else str(profile)
