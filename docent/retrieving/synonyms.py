"""What means the same in a library: lines such as "capex = capital expenditures" in its synonyms.txt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from docent.types import DEFAULT_LIBRARY, SYNONYMS

Group = tuple[str, ...]
"""Words and phrases that mean the same."""
Terms = Callable[[str], Sequence[str]]


class Read(NamedTuple):
    groups: list[Group]
    mistakes: list[str]
    """A sentence for each line that says nothing."""


class Synonyms:
    """The synonyms of every library below data/; a file that was changed counts with the next question."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._known: dict[Path, tuple[int, Read]] = {}

    def of(self, libraries: Iterable[str]) -> list[Group]:
        return [group for library in sorted(libraries) for group in self._read(library).groups]

    def mistakes(self, library: str) -> list[str]:
        return self._read(library).mistakes

    def _read(self, library: str) -> Read:
        if "/" in library or library.startswith("."):
            return Read([], [])  # no folder of data/
        path = (self._data if library == DEFAULT_LIBRARY else self._data / library) / SYNONYMS
        try:
            changed = path.stat().st_mtime_ns
            if self._known.get(path, (-1,))[0] != changed:
                self._known[path] = changed, read(path.read_bytes().decode("utf-8-sig", "replace"))
        except OSError:
            return Read([], [])  # most libraries have none
        return self._known[path][1]


def read(text: str) -> Read:
    """One group a line, its members between signs of equality; what follows a # is a remark."""
    groups, mistakes = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if not (said := line.partition("#")[0].strip()):
            continue
        group = tuple(member.strip() for member in said.split("="))
        if len(group) > 1 and all(group):
            groups.append(group)
        else:
            mistakes.append(
                f"Line {number}, {said!r}, does not say what means the same, so it is left out. "
                "Write it like this: holiday = annual leave = vacation"
            )
    return Read(groups, mistakes)


def expand_query(question: str, groups: Sequence[Group], terms: Terms) -> str:
    """The other members of every group that the question holds a member of, whatever its inflection."""
    asked = _fenced(terms(question))
    found: dict[str, None] = {}
    for group in groups if asked else ():
        said = [member for member in group if (form := _fenced(terms(member))) and form in asked]
        found |= {member: None for member in group if said and member not in said}
    return " ".join(found)


def _fenced(terms: Sequence[str]) -> str:
    return f" {' '.join(terms)} " if terms else ""
