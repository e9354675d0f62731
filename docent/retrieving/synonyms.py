"""Synonyms of a library: lines such as "capex = capital expenditures" in its synonyms.txt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from docent.messages import Message
from docent.types import DEFAULT_LIBRARY, SYNONYMS

Group = tuple[str, ...]
"""Words and phrases that mean the same."""
Terms = Callable[[str], Sequence[str]]


class SynonymFile(NamedTuple):
    groups: list[Group]
    mistakes: list[Message]
    """A sentence for each line that is no group."""


class Synonyms:
    """The synonyms of every library below data/; a file that was changed counts with the next question."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._files: dict[Path, tuple[int, SynonymFile]] = {}

    def of(self, libraries: Iterable[str]) -> list[Group]:
        return [group for library in sorted(libraries) for group in self._read(library).groups]

    def mistakes(self, library: str) -> list[Message]:
        return self._read(library).mistakes

    def _read(self, library: str) -> SynonymFile:
        if "/" in library or library.startswith("."):
            return SynonymFile([], [])  # no folder of data/
        path = (self._data if library == DEFAULT_LIBRARY else self._data / library) / SYNONYMS
        try:
            modified = path.stat().st_mtime_ns
            if self._files.get(path, (-1,))[0] != modified:
                self._files[path] = modified, parse_synonyms(path.read_bytes().decode("utf-8-sig", "replace"))
        except OSError:
            return SynonymFile([], [])  # most libraries have none
        return self._files[path][1]


def parse_synonyms(text: str) -> SynonymFile:
    """Parse one group a line, its members between equals signs; what follows a # is a comment."""
    groups, mistakes = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if not (content := line.partition("#")[0].strip()):
            continue
        group = tuple(member.strip() for member in content.split("="))
        if len(group) > 1 and all(group):
            groups.append(group)
        else:
            mistakes.append(
                Message(
                    "Line {number}, {content!r}, names no synonym, so it is left out. Write it like this: "
                    "holiday = annual leave = vacation",
                    number=number,
                    content=content,
                )
            )
    return SynonymFile(groups, mistakes)


def expand_query(question: str, groups: Sequence[Group], terms: Terms) -> str:
    """Return the other members of every group of which the question holds a member, in any inflection."""
    asked = _delimited(terms(question))
    others: dict[str, None] = {}
    for group in groups if asked else ():
        present = [member for member in group if (form := _delimited(terms(member))) and form in asked]
        others |= {member: None for member in group if present and member not in present}
    return " ".join(others)


def _delimited(terms: Sequence[str]) -> str:
    return f" {' '.join(terms)} " if terms else ""
