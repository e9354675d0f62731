"""The personas of personas.toml, checked when they are read."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docent.answering.prompt.templates import INSTRUCTIONS, quotable
from docent.errors import SettingsError
from docent.messages import Message
from docent.types import Turn

DIRECT = "direct"
STEP_BY_STEP = "step by step"
THINK_FIRST = (
    "Before you answer, think step by step between <think> and </think>: what is asked, which passages say "
    "it, what follows. Then write the answer; only the answer is shown.\n"
)
FURTHER = (
    "The person who asks adds the following. Follow it in tone, form and language; where it contradicts the "
    "rules above, the rules above hold.\n"
)


@dataclass(frozen=True, slots=True)
class Starter:
    """A first question, offered as a button."""

    label: str
    message: str


@dataclass(frozen=True, slots=True)
class Persona:
    """A way to answer: instructions, a model, a library and first questions."""

    key: str
    """The name of its table in the file."""
    name: str
    description: str = ""
    library: str = ""
    """The library that it searches; empty: all."""
    system: str = ""
    """Instructions, after the rules about passages and citations that hold for all."""
    greeting: str = ""
    model: str = ""
    """Empty: the model of the settings."""
    temperature: float | None = None
    thinking: str = DIRECT
    starters: tuple[Starter, ...] = ()
    examples: tuple[Turn, ...] = ()
    further: str = ""
    """Instructions that the person adds; no field of the file."""

    @property
    def instructions(self) -> str:
        """The whole system message: the same in every turn, so that the server can reuse it."""
        parts = [INSTRUCTIONS]
        if self.system:
            parts.append(f"\n{self.system.strip()}\n")
        if self.thinking == STEP_BY_STEP:
            parts.append(f"\n{THINK_FIRST}")
        for example in self.examples:
            parts.append(f"\nExample\nQuestion: {example.question}\nAnswer: {example.answer}\n")
        if self.further:
            parts.append(f"\n{FURTHER}{quotable(self.further.strip())}\n")
        return "".join(parts)


PLAIN = Persona(key="", name="Docent")

TEXTS = {"name", "description", "library", "system", "greeting", "model", "thinking"}
LISTS = {"starters": ("label", "message"), "examples": ("question", "answer")}
KNOWN = sorted({*TEXTS, *LISTS, "temperature"})


def read_personas(path: Path) -> tuple[Persona, ...]:
    """Read the personas of a file, in its order; a mistake is refused with its line."""
    try:
        text = path.read_text(encoding="utf-8")
        tables = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            "{path} cannot be read: {error}. Mend or remove the file.", path=path, error=error
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError("{path} is not TOML: {error}. Mend that line.", path=path, error=error) from error
    return tuple(_persona(key, table, _LineFinder(path, text)) for key, table in tables.items())


class _LineFinder:
    """Finds the line of a mistake, for its error."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._lines = text.splitlines()

    def mistake(self, key: str, field: str, what: Message) -> SettingsError:
        return SettingsError(
            "{path}, line {line}: {what}", path=self._path, line=self._line(key, field), what=what
        )

    def _line(self, key: str, field: str) -> int:
        table = 0
        for number, line in enumerate(self._lines, 1):
            bare = line.strip()
            if header := re.match(r"\[+\s*\"?([^\]\".]+)\"?\s*([.\]])", bare):
                inside = header[1].strip() == key
                table = table or (number if inside else 0)
                if (
                    inside
                    and field
                    and re.match(rf"\[+\s*\"?{re.escape(key)}\"?\s*\.\s*{re.escape(field)}\b", bare)
                ):
                    return number
                if not inside and table:
                    break
            elif table and field and re.match(rf"\"?{re.escape(field)}\"?\s*=", bare):
                return number
            elif not table and re.match(rf"\"?{re.escape(key)}\"?\s*=", bare):
                return number
        return table or 1


def _persona(key: str, table: Any, lines: _LineFinder) -> Persona:
    if not isinstance(table, Mapping):
        outside = Message("{key} stands outside a persona. Put it below a line such as [guide].", key=key)
        raise lines.mistake(key, "", outside)
    for field in table:
        if field not in KNOWN:
            unknown = Message(
                "{key} has no {field!r}. It may have: {known}. Correct or remove it.",
                key=key,
                field=field,
                known=", ".join(KNOWN),
            )
            raise lines.mistake(key, field, unknown)
    for field in sorted(TEXTS & table.keys()):
        if not isinstance(table[field], str):
            no_text = Message(
                "{field} must be a text in quotation marks, not {value}.",
                field=field,
                value=repr(table[field]),
            )
            raise lines.mistake(key, field, no_text)
    if not table.get("name"):
        unnamed = Message("{key} needs a name, as it is shown to people.", key=key)
        raise lines.mistake(key, "name", unnamed)
    if table.get("thinking", DIRECT) not in (DIRECT, STEP_BY_STEP):
        unknown = Message(
            "thinking must be {direct!r} or {step_by_step!r}, not {value}.",
            direct=DIRECT,
            step_by_step=STEP_BY_STEP,
            value=repr(table["thinking"]),
        )
        raise lines.mistake(key, "thinking", unknown)
    return Persona(
        key=key,
        temperature=_temperature(key, table, lines),
        starters=tuple(Starter(*pair) for pair in _pairs(key, "starters", table, lines)),
        examples=tuple(Turn(*pair) for pair in _pairs(key, "examples", table, lines)),
        **{field: table[field] for field in TEXTS & table.keys()},
    )


def _temperature(key: str, table: Mapping[str, Any], lines: _LineFinder) -> float | None:
    value = table.get("temperature")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 2:
        wrong = Message("temperature must be a number from 0 to 2, not {value}.", value=repr(value))
        raise lines.mistake(key, "temperature", wrong)
    return float(value)


def _pairs(key: str, field: str, table: Mapping[str, Any], lines: _LineFinder) -> list[tuple[str, str]]:
    names = LISTS[field]
    shape = Message(
        "{field} must be a list of {entry}.", field=field, entry=f'{{ {names[0]} = "…", {names[1]} = "…" }}'
    )
    entries = table.get(field, [])
    if not isinstance(entries, list):
        raise lines.mistake(key, field, shape)
    for entry in entries:
        if not isinstance(entry, Mapping) or set(entry) != set(names):
            misshapen = Message("{shape} This is not: {entry}", shape=shape, entry=repr(entry))
            raise lines.mistake(key, field, misshapen)
        if not all(isinstance(value, str) and value.strip() for value in entry.values()):
            empty = Message("{shape} This is empty or no text: {entry}", shape=shape, entry=repr(entry))
            raise lines.mistake(key, field, empty)
    return [(entry[names[0]], entry[names[1]]) for entry in entries]
