"""Sentences for people: written in English where they arise, and translated where they are shown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from string import Formatter
from typing import Any

FORMAT = re.compile(r",?(?:\.\d)?[dfg%]?")
"""Forms of a number that a template may ask for; templates also come from worker processes and from disk."""


class Message(str):
    """An English sentence that keeps its template and parameters, so that it can be translated.

    `Message("{name} is empty.", name="a.pdf")` is the text "a.pdf is empty." wherever a text is
    wanted. The template is the message's id in the catalogues of docent/web/i18n; a parameter may
    be a message itself.
    """

    template: str
    parameters: dict[str, Any]

    def __new__(cls, template: str, /, **parameters: Any) -> Message:
        if isinstance(template, Message) and not parameters:
            return template
        message = super().__new__(cls, _fill(template, parameters))
        message.template, message.parameters = str(template), parameters
        return message

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        return (self.template,), self.parameters

    def translated(self, translate: Callable[[str], str]) -> str:
        """Return the sentence with its template, and every message among its parameters, translated."""
        values = {
            name: value.translated(translate) if isinstance(value, Message) else value
            for name, value in self.parameters.items()
        }
        return _fill(translate(self.template), values)


def stored(text: str) -> str:
    """Return a text to store from which `restored` makes the same message, or the same plain text."""
    if not isinstance(text, Message):
        return text
    if not text.parameters:
        return text.template
    return json.dumps([text.template, {name: _plain(value) for name, value in text.parameters.items()}])


def restored(text: str) -> Message:
    """Return the message that was stored; any other text is its own template."""
    try:
        template, values = json.loads(text) if text.startswith('["') else (text, {})
        return Message(str(template), **{name: _read(value) for name, value in values.items()})
    except (ValueError, TypeError, LookupError, AttributeError):
        return Message(text)


def joined(parts: Iterable[str], separator: str) -> Message:
    """Return one message of several texts, each of which keeps its own translation."""
    kept = {f"part{number}": part for number, part in enumerate(filter(None, parts))}
    return Message(separator.join(f"{{{name}}}" for name in kept), **kept)


def _plain(value: Any) -> Any:
    match value:
        case Message():
            return [stored(value)]
        case bool() | int() | float():
            return value
        case _:
            return str(value)


def _read(value: Any) -> Any:
    return restored(str(value[0])) if isinstance(value, list) else value


def _fill(template: str, parameters: Mapping[str, Any]) -> str:
    """Fill in plain names only: `str.format` would follow attributes and pad to any width."""
    if not parameters:
        return str(template)
    parts: list[str] = []
    for literal, name, form, conversion in Formatter().parse(template):
        parts.append(literal)
        if name is None:
            continue
        if not name.isidentifier() or conversion not in (None, "r") or not FORMAT.fullmatch(form or ""):
            raise ValueError(f"{template!r} asks for more than a parameter in its plain form.")
        value = parameters[name]
        parts.append(format(repr(value) if conversion else value, form or ""))
    return "".join(parts)
