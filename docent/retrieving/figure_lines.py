"""Find the printed lines and statements behind a figure that a question names.

A report seldom prints a quick ratio or says that a company is capital-intensive: it prints the lines that
these are computed from, as rows of a statement. figures.toml beside this file names such figures with their
lines; a library adds to it, or changes it, in a figures.toml of its own.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from docent.messages import Message
from docent.retrieving.library_files import LibraryFiles
from docent.retrieving.synonyms import delimited
from docent.types import FIGURES

SHIPPED = Path(__file__).parent / "figures.toml"
STATEMENTS = "statements"
"""The table of a file that names statements; every other table is a figure."""
KEYS = frozenset({"names", "lines", "statements"})

ROW_FIGURE = re.compile(r"\(?[$€£¥]?\s?\(?\d")
LABEL = 3
"""Characters before the first figure of a row; with fewer there is no label."""
OTHER_ROW_WORDS = 4
"""Words of a row beside the line: "Trade receivables, net of allowance for credit losses"."""
OTHER_TITLE_WORDS = 3
"""Words of a heading beside the statement's name: "Consolidated", a company. A note's heading has more."""

Terms = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class NamedFigure:
    """The words that name a figure, and the lines and statements that it is computed from."""

    names: tuple[str, ...]
    lines: tuple[str, ...] = ()
    statements: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FigureBook:
    """Figures by their first name, the headings of each statement, and a sentence for each mistake."""

    figures: Mapping[str, NamedFigure]
    statements: Mapping[str, tuple[str, ...]]
    mistakes: tuple[Message, ...] = ()

    def changed_by(self, other: FigureBook) -> FigureBook:
        """Return this book with the figures and statements of another in place of those of the same name."""
        return FigureBook({**self.figures, **other.figures}, {**self.statements, **other.statements})


@dataclass(frozen=True, slots=True)
class AskedLines:
    """The lines that a question is about, and the headings under which they are printed."""

    lines: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        return " ".join((*self.titles, *self.lines))


class FigureLines:
    """The figures of every library below data/."""

    def __init__(self, data: Path) -> None:
        self._files = LibraryFiles(data, FIGURES, parse_figures)

    def of(self, libraries: Iterable[str]) -> FigureBook:
        """Return the shipped figures, as these libraries change them."""
        book = shipped_figures()
        for library in sorted(libraries):
            if (own := self._files.read(library)) is not None:
                book = book.changed_by(own)
        return book

    def mistakes(self, library: str) -> tuple[Message, ...]:
        own = self._files.read(library)
        return own.mistakes if own is not None else ()


@cache
def shipped_figures() -> FigureBook:
    return parse_figures(SHIPPED.read_text(encoding="utf-8"))


def parse_figures(text: str) -> FigureBook:
    """Parse a table for each figure: `names`, `lines` and `statements`, each a list of texts."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        mistake = Message(
            "It is no valid TOML ({error}), so none of its figures counts. "
            "docs/user-guide.md has an example.",
            error=str(error),
        )
        return FigureBook({}, {}, (mistake,))
    statements, figures, mistakes = {}, {}, []
    for name, titles in _table(tables.pop(STATEMENTS, {})).items():
        if _texts(titles):
            statements[name] = tuple(titles)
        else:
            mistakes.append(_mistake(name))
    for name, table in tables.items():
        row = _table(table)
        if row and row.keys() <= KEYS and all(map(_texts, row.values())):
            lines, under = tuple(row.get("lines", ())), tuple(row.get("statements", ()))
            figures[name] = NamedFigure((name, *row.get("names", ())), lines, under)
        else:
            mistakes.append(_mistake(name))
    return FigureBook(figures, statements, tuple(mistakes))


def asked_lines(question: str, book: FigureBook, terms: Terms) -> AskedLines:
    """Return the lines of every figure that the question names, in any inflection, and their statements.

    A statement that the question names itself is taken in place of those of the figures.
    """
    asked = delimited(terms(question))

    def is_named(phrases: Iterable[str]) -> bool:
        return any((form := delimited(terms(phrase))) and form in asked for phrase in phrases)

    figures = [figure for figure in book.figures.values() if is_named(figure.names)]
    named = [statement for statement, titles in book.statements.items() if is_named(titles)]
    statements = named or [statement for figure in figures for statement in figure.statements]
    titles = [title for name in statements for title in book.statements.get(name, (name,))]
    lines = [line for figure in figures for line in figure.lines]
    return AskedLines(tuple(dict.fromkeys(lines)), tuple(dict.fromkeys(titles)))


class LineFinder:
    """Finds lines and statements in chunks of one language."""

    def __init__(self, asked: AskedLines, terms: Terms) -> None:
        self._terms = terms
        self._lines = _forms(asked.lines, terms, OTHER_ROW_WORDS)
        self._titles = _forms(asked.titles, terms, OTHER_TITLE_WORDS)

    def is_statement(self, headings: Sequence[str]) -> bool:
        """Return whether a heading is the name of a statement asked for, and hardly more."""
        if not self._titles:
            return False
        for heading in headings:
            words = [word for word in self._terms(heading) if not word.isdigit()]
            if _held(words, self._titles):
                return True
        return False

    def share(self, text: str) -> float:
        """Return the share of the lines asked for that begin a row with a figure."""
        if not self._lines:
            return 0.0
        found: set[str] = set()
        for row in text.splitlines():
            if figure := ROW_FIGURE.search(row, LABEL):
                found.update(_held(self._terms(row[: figure.start()]), self._lines))
        return len(found) / len(self._lines)


def _forms(phrases: Iterable[str], terms: Terms, others: int) -> dict[str, int]:
    """Return each phrase as terms, with the most words that a row or heading of it may have."""
    forms = {delimited(words): len(words) + others for words in map(terms, phrases)}
    forms.pop("", None)
    return forms


def _held(words: Sequence[str], forms: Mapping[str, int]) -> list[str]:
    text = delimited(words)
    return [form for form, most in forms.items() if form in text and len(words) <= most]


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) and text.strip() for text in value)


def _mistake(name: str) -> Message:
    return Message(
        "{name!r} is no figure with lists of names, lines and statements, so it is left out. "
        "docs/user-guide.md has an example.",
        name=name,
    )
