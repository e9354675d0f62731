"""An answer on the command line: word by word at a terminal, and in the end as it was checked."""

from __future__ import annotations

import shutil
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterator

from docent.cli.options import CLEAR_LINE
from docent.types import Answer, Answered, Citation, Event, Notice, StepProgress, Token

CHECKED = "The same with its numbers checked:"


class Showing:
    """What the model writes is shown as it comes. Its numbers are checked only at the end, so the checked
    text then takes the place of the streamed one; a file or another program gets the checked one alone."""

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()
        self._streamed = ""
        self._notices: list[str] = []
        self._progress = False

    def take(self, event: Event) -> None:
        match event:
            case Token(text) if self._live:
                self._settle()
                print(text, end="", flush=True)
                self._streamed += text
            case StepProgress(what, done, total) if sys.stderr.isatty():
                print(f"{CLEAR_LINE}{what}: {done} of {total}", end="", file=sys.stderr, flush=True)
                self._progress = True
            case Notice(text):
                self._notices.append(text)
            case Answered(answer):
                self._settle()
                self._end(answer)

    def _settle(self) -> None:
        if self._progress:
            print(CLEAR_LINE, end="", file=sys.stderr, flush=True)
            self._progress = False

    def _end(self, answer: Answer) -> None:
        if self._streamed.strip() != answer.text:
            self._replace()
            print(answer.text, end="")
        print("\n", flush=True)
        for text in self._notices:
            print(text, file=sys.stderr, flush=True)
        if self._notices and answer.citations:
            print(file=sys.stderr, flush=True)
        for line in sources(answer):
            print(line)

    def _replace(self) -> None:
        """Take back what was streamed, where all of it is still on the screen."""
        if not self._streamed:
            return
        size = shutil.get_terminal_size()
        rows = sum(max(1, -(-_width(line) // size.columns)) for line in self._streamed.split("\n"))
        if rows < size.lines:
            up = f"\033[{rows - 1}A" if rows > 1 else ""
            print(f"\r{up}\033[J", end="")
        else:
            print(f"\n\n{CHECKED}\n")


def sources(answer: Answer) -> Iterator[str]:
    """Each number with its place, and with those of its words that the answer does not quote itself."""
    said = " ".join(answer.text.split())
    cited: dict[int, list[Citation]] = defaultdict(list)
    for citation in answer.citations:
        cited[citation.n].append(citation)
    for n, places in cited.items():
        quotes = dict.fromkeys(" ".join(one.quote.split()) for one in places)
        shown = " … ".join(quote for quote in quotes if quote not in said)
        yield f"[{n}] {places[0].where}" + (f": {shown}" if shown else "")


def _width(line: str) -> int:
    """Columns that a line takes."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in line)
