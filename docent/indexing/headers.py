"""Chunk headers: one line of file | section | headings at the page's top | page.

The line is embedded and indexed with the chunk's text. It is worth more than any other part of
indexing, because a table of figures rarely names the company or the year.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from docent.types import Document, Heading, Page

HEADER_VERSION = "3"

SECTION_WORDS = 12
TOP_LINES = 9  # a page's own heading stands among its first lines
TOP_HEADINGS = 3
FEW_LINES = 8  # on a title page or a slide, every line may be a heading
MAX_HEADINGS = 0.3  # of a page's lines; beyond it, they are its text

LETTERS = re.compile(r"[^\W\d_]{3,}")
WORD = re.compile(r"[^\W\d_][\w’'&\-]*")
BARE = re.compile(r"[\W\d_]*|page \d+.*|table of contents.*", re.IGNORECASE)
CONTENTS_ENTRY = re.compile(r"\.{4,}|\s\d{1,3}$")
# "Item 7. Management's…", "Note 12 – Leases", "Chapter 3: Getting started", "§ 14 Notice", "Annex B Scope"
# but not "Item 8 of this report" or "section 1.409A-3": a line of prose may begin like that.
NAMED_SECTION = re.compile(
    r"(?:(?i:part)\s+[IVX]+[,. ]+)?(?=[A-Z])"
    r"(?i:item|note|chapter|section|article|part|appendix|annex|schedule|exhibit|"
    r"kapitel|abschnitt|artikel|anhang|chapitre|annexe)\s+(?:\d{1,3}[A-Za-z]?|[A-Z]|[IVX]+)(?![\w.]*\d)"
    r"(?:\s*[.:\-–—)]+\s*|\s+)[A-ZÀ-Þ].{2,90}|§+\s*\d+\w*\s+[A-ZÀ-Þ].{2,90}"
)
# "3.2 Installing the server"; one number alone is more often a table's row or a list's item
NUMBERED_SECTION = re.compile(r"\d{1,2}(?:\.\d{1,2}){1,3}\.?\s+[^\W\d_][^.]{2,80}")
GENERIC_NAME = re.compile(
    r"(?:scan|img|image|dsc|doc|document|file|download|untitled|output|export|copy|page|new)?[\W\d_]*"
    r"|[0-9a-f\-]{16,}",
    re.IGNORECASE,
)
GENERIC_TITLE = re.compile(r"untitled.*|(?:microsoft )?(?:word|excel|powerpoint)\b.*|.*\.\w{2,4}", re.I)

TORN = re.compile(r"\b([^\W\d_]) ([^\W\d_]{3,})\b|\b([^\W\d_]{3,}) ([^\W\d_])\b")
"""A letter torn from its word, as some programs draw headings: "Balance Shee t", "R EPORT"."""
MAX_WORDS = 100_000  # bounds the memory of a long file
WHOLE = 3.0  # a torn word occurs whole more often than this, for each time its torn part occurs alone

Lines = list[tuple[int, str]]
"""Each with its position."""


@dataclass(frozen=True, slots=True)
class Header:
    """The parts of a header line, most descriptive first."""

    name: str
    section: str
    top: str
    place: str

    def __str__(self) -> str:
        return " | ".join(filter(None, (self.name, self.section, self.top, self.place)))

    def shortenings(self) -> Iterator[str]:
        """Yield the whole line, then ever shorter ones down to nothing; the file's name goes last."""
        yield str(self)
        yield str(replace(self, top=""))
        for words in (SECTION_WORDS // 2, SECTION_WORDS // 4):
            yield str(replace(self, top="", section=" ".join(self.section.split()[:words])))
        bare = replace(self, top="", section="")
        yield str(bare)
        for length in (80, 40, 20):
            yield str(replace(bare, name=bare.name[:length], place=bare.place[:length]))
        yield ""


class Outline:
    """The headings of every page, from the best source the document has."""

    def __init__(self) -> None:
        self._name = ""
        self._pages = 0
        self._headings: dict[int, tuple[Heading, ...]] = {}
        self._firsts: dict[int, tuple[str, ...]] = {}
        self._edges: Counter[str] = Counter()
        self._words: Counter[str] = Counter()
        self._repeated: frozenset[str] = frozenset()
        self._carried: dict[int, str] = {}
        self._running = ""

    def add(self, page: Page) -> None:
        """Add the next page; headers are known once all have been added."""
        lines = lines_of(page.text)
        self._pages += 1
        if len(self._words) < MAX_WORDS:
            self._words.update(LETTERS.findall(page.text.lower()))
        self._headings[page.number] = headings = _headings(page, lines)
        self._firsts[page.number] = _firsts(page, lines)
        self._edges.update({line.lower() for _, line in (*lines[:4], *lines[-3:])})
        self._carried[page.number] = self._running
        if headings:
            self._running = headings[-1].text

    def close(self, name: str) -> None:
        """Take the document's name once all of its pages were added.

        Lines that stand at the top or bottom of many pages name the file, not the page.
        """
        self._name = name
        most = max(4.0, 0.2 * self._pages)
        self._repeated = frozenset(line for line, times in self._edges.items() if times >= most)

    def header(self, page: Page, start: int) -> Header:
        """Return the header of a chunk that begins at character `start` of the page."""
        section = self._carried[page.number]
        for heading in self._headings[page.number]:
            # A page that opens with a heading, perhaps after its running header, belongs to it, even where a
            # chunk begins just above.
            opens_page = heading.start < 400 and page.text.count("\n", 0, heading.start) < 5
            if heading.start > start and not opens_page:
                break
            section = heading.text
        # Heading-like lines among the first of the page; often the name of a statement or a table.
        first_lines = [line for line in self._firsts[page.number] if line.lower() not in self._repeated]
        top = " - ".join(map(_short, first_lines[:TOP_HEADINGS]))
        place = page.place or f"page {page.label or page.number}"
        section = _short(section)
        return Header(
            self._name,
            self._join_torn_words(section),
            "" if top == section else self._join_torn_words(top),
            place,
        )

    def _join_torn_words(self, heading: str) -> str:
        """Join torn words of a heading, where the document has them whole elsewhere."""

        def join(match: re.Match[str]) -> str:
            first, second = match[1] or match[3], match[2] or match[4]
            part = max(first, second, key=len).lower()
            occurrences = self._words[(first + second).lower()]
            return first + second if occurrences > WHOLE * self._words[part] else match[0]

        return TORN.sub(join, heading)


def clean_name(name: str) -> str:
    """Return a file's name as words: "AMCOR_2023Q4_EARNINGS.pdf" is "AMCOR 2023 Q4 EARNINGS"."""
    stem = re.sub(r"\.[A-Za-z0-9]{1,5}$", "", name)
    words = re.sub(r"[_\-.]+", " ", stem)
    words = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", words)
    words = re.sub(r"(?<=\d{4})(?=[QH]\d)", " ", words)
    return " ".join(words.split())


def descriptive_name(document: Document) -> str:
    """Return the cleaned file name, or the document's title where the name says nothing."""
    name = clean_name(document.name)
    title = " ".join(document.title.split())
    if GENERIC_NAME.fullmatch(name) and title and not GENERIC_TITLE.fullmatch(title):
        return title
    return name


def _headings(page: Page, lines: Lines) -> tuple[Heading, ...]:
    """Return headings by their wording, and those found at loading (outline, type) that read like one."""
    found = {heading.start: heading for heading in _shaped(lines)}
    marked = page.headings
    if not marked:
        large = [
            (line.start, page.text[line.start : line.end]) for line in page.lines if line.role == "heading"
        ]
        marked = tuple(Heading(start, " ".join(text.split())) for start, text in large if WORD.search(text))
    if page.lines:  # type was judged by its size: a page set large as a whole has no heading on every line
        crowded = len(page.lines) > FEW_LINES and len(marked) > MAX_HEADINGS * len(page.lines)
        marked = () if crowded else tuple(heading for heading in marked if _can_be_heading(heading.text))
    for heading in marked:
        found.setdefault(heading.start, heading)
    return tuple(sorted(found.values(), key=lambda heading: heading.start))


def _can_be_heading(line: str) -> bool:
    """Return whether a line can be a heading: not the middle of a sentence, nor a row of a table."""
    words = line.split()
    return (
        len(words) <= 14
        and not line[:1].islower()
        and not line.endswith((".", ",", ";"))
        and not CONTENTS_ENTRY.search(line)
        and sum(map(str.isdigit, line)) <= 6
    )


def _shaped(lines: Lines) -> tuple[Heading, ...]:
    found = []
    for start, line in lines:
        if len(line) < 110 and not CONTENTS_ENTRY.search(line):
            if NAMED_SECTION.fullmatch(line) or (NUMBERED_SECTION.fullmatch(line) and _is_title(line)):
                found.append(Heading(start, line))
    return tuple(found)


def _firsts(page: Page, lines: Lines) -> tuple[str, ...]:
    """Return the page's first lines that could be its heading."""
    margins = [(line.start, line.end) for line in page.lines if line.role == "margin"]
    seen = (line for start, line in lines if not any(left <= start < right for left, right in margins))
    return tuple(line for line in islice(seen, TOP_LINES) if not BARE.fullmatch(line) and _is_title(line))


def _is_title(line: str) -> bool:
    """Return whether a line is short and mostly capitalised, without full stop, with few figures."""
    if not 4 <= len(line) < 140 or line.endswith(".") or sum(map(str.isdigit, line)) > 6:
        return False
    words = WORD.findall(line)
    main_words = [word for word in words if len(word) > 3 or word[0].isupper()]
    capitals = sum(word[0].isupper() for word in main_words)
    return len(words) <= 12 and bool(main_words) and capitals >= 0.6 * len(main_words)


def _short(line: str) -> str:
    return " ".join(line.split()[:SECTION_WORDS])


def lines_of(text: str) -> Lines:
    """Return the lines with text, spaces collapsed, each with its position."""
    found = []
    for match in re.finditer(r"[^\r\n]+", text):
        if line := " ".join(match[0].split()):
            found.append((match.start(), line))
    return found
