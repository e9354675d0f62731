"""What the pages around it have to say before a page is finished: running headers, type, words broken."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from docent.loading.hyphens import Vocabulary
from docent.loading.layout import TextLine
from docent.loading.margins import NEIGHBOURS, Marks


@dataclass(slots=True)
class Gist:
    """Of one page, or of several in their order."""

    heights: Counter[int] = field(default_factory=Counter)
    """Letters of each height, in half points."""
    known: Vocabulary = field(default_factory=Vocabulary)
    marks: deque[Marks] = field(default_factory=lambda: deque(maxlen=NEIGHBOURS))
    """Of the last pages."""

    @classmethod
    def of(cls, lines: Sequence[TextLine], marks: Marks) -> Self:
        found = cls()
        found.see(lines)
        found.marks.append(marks)
        return found

    def see(self, lines: Sequence[TextLine]) -> None:
        """One more page; its marks are another matter, since a page is finished later than it is seen."""
        for line in lines:
            self.heights[round(line.height * 2)] += len(line.text)
        self.known.add(lines)

    def add(self, later: Gist) -> None:
        self.heights.update(later.heights)  # in order of appearance, which decides between equals
        self.known.words |= later.known.words
        self.known.lines += later.known.lines
        self.known.hyphenated += later.known.hyphenated
        self.marks.extend(later.marks)

    def copy(self) -> Gist:
        known = Vocabulary(set(self.known.words), self.known.lines, self.known.hyphenated)
        return Gist(self.heights.copy(), known, self.marks.copy())

    @property
    def body(self) -> float:
        """The height of most letters, in points."""
        return self.heights.most_common(1)[0][0] / 2 if self.heights else 0.0

    def to_wire(self) -> list[Any]:
        known = [list(self.known.words), self.known.lines, self.known.hyphenated]
        return [list(self.heights.items()), known, [list(marks) for marks in self.marks]]

    @classmethod
    def from_wire(cls, data: list[Any]) -> Self:
        heights, (words, lines, hyphenated), marks = data
        found = cls(Counter(dict(heights)), Vocabulary(set(words), lines, hyphenated))
        found.marks.extend(frozenset((said, place) for said, place in page) for page in marks)
        return found
