"""Where the servers are is told to whoever runs Docent; others are told the setting that says it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from urllib.parse import urlsplit

from docent.errors import DocentError
from docent.messages import Message
from docent.settings import Settings
from docent.types import Answered, Event, Notice


def without_addresses(text: str, settings: Settings) -> str:
    """Return a sentence with the names of settings instead of the addresses in them."""
    if isinstance(text, Message) and text.parameters:
        values = {
            name: without_addresses(value, settings) if isinstance(value, str) else value
            for name, value in text.parameters.items()
        }
        return Message(text.template, **values)
    named = {
        "DOCENT_PULL_URL": settings.pull_url,
        "DOCENT_MODEL_URL": settings.model_url,
        "DOCENT_CHROMA_URL": settings.chroma_url,
    }
    for name, url in named.items():
        if url:
            for address in (url, url.rstrip("/"), urlsplit(url).netloc):
                # A bare host name such as "ollama" is also a word of the commands that are named.
                if {":", "."} & set(address) and address in text:
                    text = text.replace(address, name)
    return text


async def for_others(events: AsyncGenerator[Event, None], settings: Settings) -> AsyncGenerator[Event, None]:
    """What happens while an answer is made, for somebody who does not run Docent."""
    try:
        async with aclosing(events):
            async for event in events:
                yield _for_others(event, settings)
    except DocentError as error:
        raise type(error)(without_addresses(error.message, settings)) from error


def _for_others(event: Event, settings: Settings) -> Event:
    match event:
        case Notice(text):
            return Notice(without_addresses(text, settings))
        case Answered(answer):
            notices = tuple(without_addresses(text, settings) for text in answer.receipt.notices)
            return Answered(replace(answer, receipt=replace(answer.receipt, notices=notices)))
    return event
