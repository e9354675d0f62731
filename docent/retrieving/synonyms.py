"""Synonyms of a library: lines such as "capex = capital expenditures" in its synonyms.txt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from docent.messages import Message
from docent.retrieving.library_files import LibraryFiles
from docent.types import SYNONYMS

Group = tuple[str, ...]
"""Words and phrases that mean the same."""
Terms = Callable[[str], Sequence[str]]


class SynonymFile(NamedTuple):
    groups: list[Group]
    mistakes: list[Message]
    """A sentence for each line that is no group."""


class Synonyms:
    """The synonyms of every library below data/."""

    def __init__(self, data: Path) -> None:
        self._files = LibraryFiles(data, SYNONYMS, parse_synonyms)

    def of(self, libraries: Iterable[str]) -> list[Group]:
        files = map(self._files.read, sorted(libraries))
        return [group for file in files if file is not None for group in file.groups]

    def mistakes(self, library: str) -> list[Message]:
        file = self._files.read(library)
        return file.mistakes if file is not None else []


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
    asked = delimited(terms(question))
    others: dict[str, None] = {}
    for group in groups if asked else ():
        present = [member for member in group if (form := delimited(terms(member))) and form in asked]
        others |= {member: None for member in group if present and member not in present}
    return " ".join(others)


def delimited(terms: Sequence[str]) -> str:
    """Return terms as a text that holds another one only where its terms stand side by side."""
    return f" {' '.join(terms)} " if terms else ""
