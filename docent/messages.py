"""Sentences for people: written in English where they arise, and translated where they are shown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from string import Formatter
from typing import Any

FORMAT = re.compile(r",?(?:\.\d)?[dfg%]?")
"""Forms of a number that a template may ask for; templates also come from worker processes and from disk."""

MOST_REPEATED = 20
"""How many more places than parameters a stored template may have."""


class Message(str):
    """An English sentence that keeps its template and parameters, so that it can be translated.

    `Message("{name} is empty.", name="a.pdf")` is the text "a.pdf is empty." wherever a text is
    wanted. The template is the message's id in the catalogues of docent/web/i18n; a parameter may
    be a message itself.
    """

    template: str
    parameters: dict[str, Message | str | float]

    def __new__(cls, template: str, /, **parameters: Any) -> Message:
        if isinstance(template, Message) and not parameters:
            return template
        message = super().__new__(cls, _fill(template, parameters))
        message.template = str(template)
        message.parameters = {name: _plain(value) for name, value in parameters.items()}
        return message

    def __reduce__(self) -> tuple[Any, ...]:
        return restored, (stored(self),)

    def translated(self, translate: Callable[[str], str]) -> str:
        """Return the sentence with its template, every message in it and its numbers translated."""
        values = {
            name: value.translated(translate) if isinstance(value, Message) else value
            for name, value in self.parameters.items()
        }
        return _fill(translate(self.template) if self.template else "", values, translate(NUMBER))


def stored(text: str) -> str:
    """Return a text to store from which `restored` makes the same message, or the same plain text."""
    template, parameters = (text.template, text.parameters) if isinstance(text, Message) else (text, {})
    if not parameters and not text.startswith('["'):
        return str(text)
    values = {
        name: [stored(value)] if isinstance(value, Message) else value for name, value in parameters.items()
    }
    return json.dumps([template, values])


def restored(text: str) -> Message:
    """Return the message that was stored; any other text, as an earlier version kept it, is its own template.

    The text may come from a worker that a harmful file has taken over: what asks for more than
    parameters in their plain form, or would grow far beyond its own length, stays as it is.
    """
    try:
        template, values = json.loads(text) if text.startswith('["') else (text, {})
        if template.count("{") > len(values) + MOST_REPEATED:
            return Message(text)
        message = Message(template, **{name: _read(value) for name, value in values.items()})
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
        return Message(text)
    return message if len(message) <= 4 * len(text) + 1_000 else Message(text)


def joined(parts: Iterable[str], separator: str) -> Message:
    """Return one message of several texts, each of which keeps its own translation."""
    kept = {f"part{number}": part for number, part in enumerate(filter(None, parts))}
    return Message(separator.join(f"{{{name}}}" for name in kept), **kept)


def _plain(value: Any) -> Message | str | float:
    """Return a parameter that any process can read again: an error or a path becomes its text."""
    return value if isinstance(value, Message | bool | int | float) else str(value)


def _read(value: Any) -> Any:
    return restored(value[0]) if isinstance(value, list) else value


def localised(text: str, number: str) -> str:
    """Return a number that is written in English with the separators of `number`, a translation of NUMBER."""
    return text.translate({ord(","): number[1:-5], ord("."): number[-2]})


def _fill(template: str, parameters: Mapping[str, Any], number: str = "1,234.5") -> str:
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
        text = format(repr(value) if conversion else value, form or "")
        parts.append(localised(text, number) if isinstance(value, int | float) else text)
    return "".join(parts)


NUMBER = Message("1,234.5")
"""Its translation shows the separators of a language."""
