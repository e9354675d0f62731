"""Find the labelled fields of a page: "Pay: €900 a month", two cells of a row, a label above its value."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from docent.answering.citing.text_units import sentence_spans
from docent.answering.citing.vocabulary import content_words, fold
from docent.types import Page

LABELLED = re.compile(
    r"(?:[-*•·]\s+)?(?P<label>[*_]{0,2}[^\W\d_][^:|\n*]{0,48}?)[*_]{0,2}\s*:(?!//)[*_]{0,2}\s+(?P<value>\S.*)"
)
"""A label with a colon; the signs of Markdown's bold print may stand on either side of it."""
SEGMENT = re.compile(r"(?:(?!\s{2,}|\s*\.{4,}\s).)+")
"""A cell of a line: wide space or dot leaders end it."""
LIST_ITEM = re.compile(r"\s*(?:[-*•·–]|\d+[.)])\s")
TABLE_RULE = re.compile(r"\s*\|?[\s:|-]*-{2,}[\s:|-]*$")
UNFINISHED = re.compile(r"[,;:(–-]$")
OPEN_WORD = frozenset(
    "the a an of to in for and or with at by on from le la les l de du des et à au aux en pour par".split()
)
"""Words that end no value: the next line belongs to it."""
MOST_LABEL_WORDS = 6
MOST_LINES = 4
"""Lines of a value behind its label."""
SHORT_SECTION = 160
"""Characters below a heading that are one value: "Pay / €850 a month"."""
LONG_SECTION = 600
"""Characters of a section that are read for a value."""
LONGEST_VALUE = 240
"""Characters of a value that are shown; a longer one ends with its first sentence."""
EMPHASIS = re.compile(r"[*_]{1,3}(?=\S)|(?<=\S)[*_]{1,3}")

FieldForm = Literal["label", "section"]


@dataclass(frozen=True, slots=True)
class LabelledField:
    """A label and its value, characters `start:end` of a page; `value_start` is where the value begins."""

    label: str
    start: int
    value_start: int
    end: int
    form: FieldForm


def labelled_fields(page: Page) -> Iterator[LabelledField]:
    """Yield every labelled field of a page, in reading order."""
    text = page.text
    headings = {heading.start: heading for heading in page.headings}
    lines = [(found.start(), found.end()) for found in re.finditer(r"[^\n]*\S[^\n]*", text)]
    for at, (start, end) in enumerate(lines):
        line = text[start:end]
        if line.lstrip().startswith("|"):
            yield from _of_table_row(text, start, end)
            continue
        if start in headings or _is_lone_label(text, lines, at):
            yield from _below(text, lines, at, headings.keys())
            continue
        yield from _of_line(text, lines, at, headings.keys())


def _of_table_row(text: str, start: int, end: int) -> Iterator[LabelledField]:
    """Yield the field of a Markdown row of two cells."""
    if TABLE_RULE.match(text, start, end):
        return
    cells = [found for found in re.finditer(r"[^|]+", text[start:end]) if found[0].strip()]
    if len(cells) == 2:
        label, value = cells
        first = start + label.start() + len(label[0]) - len(label[0].lstrip())
        value_start = start + value.start() + len(value[0]) - len(value[0].lstrip())
        yield LabelledField(
            plain(label[0]), first, value_start, start + value.start() + len(value[0].rstrip()), "label"
        )


def _of_line(
    text: str, lines: Sequence[tuple[int, int]], at: int, headings: Collection[int]
) -> Iterator[LabelledField]:
    """Yield the fields of a line; only the last one goes on below it."""
    start, end = lines[at]
    segments = [(start + found.start(), start + found.end()) for found in SEGMENT.finditer(text[start:end])]
    segments = [
        (first + _indent(text[first:last]), last) for first, last in segments if text[first:last].strip()
    ]
    labelled = [LABELLED.fullmatch(text[first:last]) for first, last in segments]
    for (first, last), found in zip(segments, labelled, strict=True):
        if found is not None and _may_be_label(found["label"]) and not _goes_on(text, first):
            ends = _value_end(text, lines, at, headings) if last >= end else last
            yield LabelledField(plain(found["label"]), first, first + found.start("value"), ends, "label")
    if len(segments) == 2 and not any(labelled):
        (first, last), (value_start, _) = segments
        if _may_be_label(text[first:last]):
            yield LabelledField(
                plain(text[first:last]), first, value_start, _value_end(text, lines, at, headings), "label"
            )


def _below(
    text: str, lines: Sequence[tuple[int, int]], at: int, headings: Collection[int]
) -> Iterator[LabelledField]:
    """Yield what stands below a heading or a lone label, up to the next one."""
    start, end = lines[at]
    if at + 1 == len(lines) or not _may_be_label(text[start:end].lstrip("# ")):
        return
    value_start = lines[at + 1][0]
    following = [heading for heading in headings if heading > start]
    limit = min((*following, value_start + LONG_SECTION, len(text)))
    value_end = max((last for _, last in lines[at + 1 :] if last <= limit), default=value_start)
    if value_end > value_start:
        short = value_end - value_start <= SHORT_SECTION
        yield LabelledField(
            plain(text[start:end]), start, value_start, value_end, "label" if short else "section"
        )


def _is_lone_label(text: str, lines: Sequence[tuple[int, int]], at: int) -> bool:
    """Tell whether a line is a Markdown heading."""
    return bool(re.match(r"#{1,6}\s", text[lines[at][0] : lines[at][1]]))


def _may_be_label(text: str) -> bool:
    words = plain(text).split()
    ends_sentence = ". " in text or text.rstrip().endswith((".", ",", ";"))
    return 0 < len(words) <= MOST_LABEL_WORDS and not ends_sentence


def _goes_on(text: str, start: int) -> bool:
    """Tell whether what begins here goes on with the line above: "before the / visa: allow three months"."""
    above = text[:start].rstrip(" ")
    return text[start].islower() and above.endswith("\n") and not above.endswith("\n\n") and start > 0


def _value_end(text: str, lines: Sequence[tuple[int, int]], at: int, headings: Collection[int]) -> int:
    """Return the end of a value that begins in a line: the next lines belong to it while it is unfinished."""
    end = lines[at][1]
    for start, following in lines[at + 1 : at + MOST_LINES]:
        line = text[start:following]
        new_block = "\n\n" in text[end:start] or re.search(r"\n[^\S\n]*\n", text[end:start])
        if start in headings or new_block or LIST_ITEM.match(line) or line.lstrip().startswith(("|", "#")):
            break
        last_word = text[:end].split()[-1]
        goes_on = (
            line.lstrip()[:1].islower()
            or UNFINISHED.search(text[:end].rstrip())
            or last_word.lower() in OPEN_WORD
            or line.startswith("  ")
        )
        if not goes_on or LABELLED.fullmatch(line.strip()) or len(SEGMENT.findall(line.strip())) > 1:
            break
        end = following
    return end


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


def plain(text: str) -> str:
    """Return a text in one line without the signs of Markdown."""
    return " ".join(EMPHASIS.sub("", text).strip("#|-*•· \t\n:").split())


def shown_value(text: str) -> str:
    """Return a value as a cell shows it: in one line, a long one up to its first sentence's end."""
    value = plain(text).rstrip(".;,")
    if len(value) <= LONGEST_VALUE / 2:
        return value
    first = next(sentence_spans(value), (0, len(value)))
    value = value[first[0] : first[1]].rstrip(".;,")
    return value if len(value) <= LONGEST_VALUE else value[:LONGEST_VALUE].rsplit(" ", 1)[0] + " …"


def label_rank(label: str, terms: Sequence[str]) -> tuple[int, int] | None:
    """Return how well a label names one of the terms, and which; lower is better, None for another thing.

    0: the term itself, in any inflection. 1: the term with one to three words before or behind it.
    """
    folded = re.sub(r"[^\w\s'’-]", " ", fold(label)).split()
    label_stems = content_words(" ".join(folded))
    best: tuple[int, int] | None = None
    for position, term in enumerate(terms):
        words = fold(term).split()
        if folded == words or (label_stems and label_stems == content_words(fold(term))):
            rank = 0
        elif len(folded) - len(words) in (1, 2, 3) and words in (folded[: len(words)], folded[-len(words) :]):
            rank = 1
        else:
            continue
        best = min(best or (rank, position), (rank, position))
    return best
