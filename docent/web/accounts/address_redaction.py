"""Replace addresses of servers in messages to users who do not run Docent by the names of settings."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from urllib.parse import urlsplit

from docent.errors import DocentError
from docent.messages import Message
from docent.settings import Settings
from docent.types import Answered, Event, Notice


def redact_addresses(text: str, settings: Settings) -> str:
    """Return a sentence with the names of settings instead of the addresses in them."""
    if isinstance(text, Message) and text.parameters:
        values = {
            name: redact_addresses(value, settings) if isinstance(value, str) else value
            for name, value in text.parameters.items()
        }
        return Message(text.template, **values)
    settings_by_name = {
        "DOCENT_PULL_URL": settings.pull_url,
        "DOCENT_MODEL_URL": settings.model_url,
        "DOCENT_CHROMA_URL": settings.chroma_url,
    }
    for name, url in settings_by_name.items():
        if url:
            for address in (url, url.rstrip("/"), urlsplit(url).netloc):
                # A bare host name such as "ollama" is also a word of the commands that are named.
                if {":", "."} & set(address) and address in text:
                    text = text.replace(address, name)
    return text


async def redact_events(
    events: AsyncGenerator[Event, None], settings: Settings
) -> AsyncGenerator[Event, None]:
    """Yield the events of an answer with their messages redacted."""
    try:
        async with aclosing(events):
            async for event in events:
                yield _redacted(event, settings)
    except DocentError as error:
        raise type(error)(redact_addresses(error.message, settings)) from error


def _redacted(event: Event, settings: Settings) -> Event:
    match event:
        case Notice(text):
            return Notice(redact_addresses(text, settings))
        case Answered(answer):
            notices = tuple(redact_addresses(text, settings) for text in answer.receipt.notices)
            return Answered(replace(answer, receipt=replace(answer.receipt, notices=notices)))
    return event
