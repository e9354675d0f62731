"""Fields of a list: lines that each state one thing, and sentences that put several of them together.

A field is "Start: 1 June", "Length | 14 weeks" or a label above its value. A sentence such as "It
starts on 1 June and lasts 14 weeks" cites both, and must not give the value of one to the other.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile

from docent.answering.citing.claims import DATE_STEMS, LEAST_SUPPORT, TOKEN, claim_of, has_word, support_of
from docent.answering.citing.field_labels import kinds_of_values, names_label, states_a_time
from docent.answering.citing.quantities import normal_figure, quantities_of
from docent.answering.citing.text_units import CELL_SEPARATOR, FIGURE, cells, text_units
from docent.answering.citing.vocabulary import DATES, NUMBERS, PLAIN_VERBS, content_words

LONGEST_FIELD = 160
"""Characters of a line that states one thing; a longer line is prose."""
LABEL = re.compile(r"[\s|*·•-]*([^\W\d_][^:|*]{0,40})\*{0,2}:\*{0,2}\s+(?=\S)")
"""The label before the value in "Pay: €1,180 a month"."""
LONGEST_LABEL_ABOVE = 3
"""Words of a label that stands above its value."""
LEAST_LABELS_ABOVE = 3
LEAST_LABELS = 2
"""Lines with a label that make a list."""
MOST_TITLES = 4
"""Lines above a list that say what it is about."""
MOST_JOINED = 12
"""Fields that one sentence may put together."""
LINK = re.compile(
    r"\W*(?:and|at|on|in|for|from|until|by|with|plus|und|am|um|bis|von|für|mit|et|le|au|à|du|pour|avec|the)\b",
    re.I,
)
"""What leads from one field to the next."""
VALUE_PART = re.compile(r"[,;]\s")


@dataclass(frozen=True, slots=True)
class ListField:
    start: int
    end: int
    label: str
    """Empty for a line of the list without a label."""


@lru_cache(maxsize=512)
def list_fields(text: str) -> tuple[ListField, ...]:
    """Return every line of a list that may state one thing; none if the text has no list.

    A label that stands in several lines is left out: the lines are about several things.
    """
    lines = [(unit.start, unit.end) for unit in text_units(text) if unit.end - unit.start <= LONGEST_FIELD]
    lines = [(start, end) for start, end in lines if text[end - 1] not in ".!?"]
    label_starts = _labels_above(text, lines)
    fields: list[ListField] = []
    for start, end in lines:
        if (start, end) in label_starts:
            label_start = label_starts[start, end]
            fields.append(ListField(label_start, end, text[label_start:start].strip()))
        elif start not in label_starts.values():
            fields += _fields_in_line(text, start, end)
    count = Counter(field.label for field in fields)
    fields = [field for field in fields if not field.label or count[field.label] == 1]
    return tuple(fields) if sum(bool(field.label) for field in fields) >= LEAST_LABELS else ()


def _labels_above(text: str, lines: Sequence[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Map each value with a figure to the start of the label in the line above, if the list is written so."""
    label_starts = {}
    for (label_start, label_end), (start, end) in zip(lines, lines[1:], strict=False):
        label, value = text[label_start:label_end], text[start:end]
        if (
            len(label.split()) <= LONGEST_LABEL_ABOVE
            and not FIGURE.search(label)
            and not label.endswith((",", ";", ":"))
            and not text[label_end:start].strip("\n")
            and FIGURE.search(value)
            and len(cells(value)) == 1
            and not LABEL.match(value)
        ):
            label_starts[start, end] = label_start
    return label_starts if len(label_starts) >= LEAST_LABELS_ABOVE else {}


def _fields_in_line(text: str, start: int, end: int) -> Iterator[ListField]:
    line = text[start:end]
    labelled = [(*span, label) for span in _cell_spans(line) if (label := LABEL.match(line, *span))]
    if len(labelled) > 1:  # two columns of a list in one line
        for cell_start, cell_end, label in labelled:
            yield ListField(start + cell_start, start + cell_end, label[1])
        return
    first, *others = cells(line) or [""]
    label_in_first = LABEL.match(first)
    if not others:
        yield ListField(start, end, label_in_first[1] if label_in_first else "")
    elif len(others) == 1 and not FIGURE.search(first):
        yield ListField(start, end, label_in_first[1] if label_in_first else first)


def _cell_spans(line: str) -> Iterator[tuple[int, int]]:
    position = 0
    for separator in CELL_SEPARATOR.finditer(line):
        if separator.start() > position:
            yield position, separator.start()
        position = separator.end()
    if position < len(line):
        yield position, len(line)


@lru_cache(maxsize=512)
def list_subject(text: str, about: str) -> str:
    """Return what a list is about: `about`, and the lines above it that state nothing of their own.

    The values of its fields are taken out: a title that repeats one, such as the first day, would
    lend it to every other field.
    """
    fields = list_fields(text)
    titles = [text[field.start : field.end] for field in takewhile(lambda field: not field.label, fields)]
    subject = " - ".join([about, *(title for title in titles if not FIGURE.search(title))][: 1 + MOST_TITLES])
    for field in fields:
        value = text[field.start : field.end].strip("| ").removeprefix(field.label).strip(":| \n")
        if field.label and FIGURE.search(value):
            subject = subject.replace(value, " ")
    return subject


def fields_below_labels(text: str) -> Iterator[tuple[int, int]]:
    """Yield the fields whose label stands in the line above the value, which are no unit of the text."""
    for field in list_fields(text):
        if field.label and text.startswith(f"{field.label}\n", field.start):
            yield field.start, field.end


def is_of_another_field(sentence: str, text: str, start: int, end: int) -> bool:
    """Tell whether these characters are the value of one field, and the sentence names another field."""
    labelled = [field for field in list_fields(text) if field.label]
    other_labels = [field.label for field in labelled if field.start >= end or field.end <= start]
    in_a_field = len(other_labels) < len(labelled)
    return in_a_field and _names_another(sentence, text[start:end], other_labels)


def is_of_unnamed_field(statement: str, text: str, start: int, end: int) -> bool:
    """Tell whether these characters are the value of a field that the statement does not name.

    That matters where another field has a value of the same kind ("The meeting is on 26 February" may not
    take the day from "Motions by: 26 February" if there is "Date: 12 March"), and where the statement says
    of what kind its time is ("The internship lasts 7 days" is not "Leave: 7 days").
    """
    labelled = [field for field in list_fields(text) if field.label]
    own = next((field for field in labelled if field.start < end and field.end > start), None)
    if own is None:
        return False
    kinds = kinds_of_values(statement, alone=True) & kinds_of_values(text[own.start : own.end])
    if not kinds or names_label(statement, own.label):
        return False
    return states_a_time(statement) or any(
        kinds & kinds_of_values(text[field.start : field.end]) for field in labelled if field != own
    )


def _names_another(statement: str, line: str, other_labels: Sequence[str]) -> bool:
    """Tell whether the statement has a word of another field's label that its own line does not have."""
    return any(
        has_word(label, word) and not has_word(line, word)
        for word in claim_of(statement).words
        for label in other_labels
    )


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    """In the form in which it is compared."""
    start: int
    end: int


@dataclass(slots=True)
class _Match:
    """Tokens of the sentence, from `first` to `last`, that are in a field's line in the same order."""

    field: ListField
    first: int
    last: int
    values: int = 1
    """Values of the field in the sentence; each may come with a verb, which a list does not have."""


def joined_fields(sentence: str, text: str, about: str) -> list[ListField]:
    """Return the fields that the sentence puts together, in its order; none if one does not say its part.

    1. Find each figure, day and name of the sentence in a field; one that is in none, and not in
       `about` either, ends the search. If figures and names alone do not support the sentence, words
       that are in the value of a single field are looked for too.
    2. Cut the sentence behind each match.
    3. Hold each part against its own field.
    """
    tokens = _tokens(sentence)
    for value_words in (frozenset[str](), _words_of_one_value(text)):
        matches = _matches(sentence, tokens, text, about, value_words)
        fields = list(dict.fromkeys(match.field for match in matches))
        if not 2 <= len(fields) <= MOST_JOINED or not _are_told_apart(sentence, tokens, matches):
            continue
        ends = [tokens[match.last].end for match in matches[:-1]]
        parts = [sentence[start:end] for start, end in zip([0, *ends], [*ends, len(sentence)], strict=True)]
        if not _cuts_a_quantity(sentence, parts) and all(
            _says(match, part, text, about) for match, part in zip(matches, parts, strict=True)
        ):
            return fields
    return []


def _says(match: _Match, statement: str, text: str, about: str) -> bool:
    """Tell whether a field says a part of the sentence, which may not name another field."""
    field = match.field
    words = claim_of(statement).words
    told = [
        word
        for word in words
        if not (word[0].isdigit() or word in DATE_STEMS or word in PLAIN_VERBS or has_word(about, word))
    ]
    if statement[:1].isspace() and not told and not LINK.match(statement):
        return False  # "closing date is Friday" "30 July 2027": it belongs to the field before as well
    # Only the parts of the value that are spoken of: "heating not included" denies nothing of the rent.
    value_parts = VALUE_PART.split(text[field.start : field.end])
    line = ", ".join([field.label, *(part for part in value_parts if any(has_word(part, w) for w in words))])
    other_labels = [other.label for other in list_fields(text) if other.label and other != field]
    unknown = sum(not has_word(f"{line} {about}", word) for word in words)
    return (
        not _names_another(statement, line, other_labels)
        and not is_of_unnamed_field(statement, text, field.start, field.end)
        and unknown <= match.values
        and support_of(statement, line, about) >= LEAST_SUPPORT
    )


def _cuts_a_quantity(sentence: str, parts: Sequence[str]) -> bool:
    """Tell whether a part lost a unit, a period or a year, as in "£12.90" and "a week"."""
    read, whole = [quantities_of(part) for part in parts], quantities_of(sentence)
    dates = frozenset(date for part in read for date in part.dates)
    return dates != whole.dates or [q for part in read for q in part.quantities] != list(whole.quantities)


def _tokens(text: str) -> list[_Token]:
    return [_Token(_normal_token(token[0]), *token.span()) for token in TOKEN.finditer(text)]


def _normal_token(token: str) -> str:
    lower = token.lower()
    return normal_figure(token) if token[0].isdigit() else NUMBERS.get(lower, lower)


def _words_of_one_value(text: str) -> frozenset[str]:
    """Return the content words that are in the value of a single field."""
    values = [
        {token.text for token in _tokens(text[field.start : field.end]) if _stem(token.text)}
        - {token.text for token in _tokens(field.label)}
        for field in list_fields(text)
        if field.label
    ]
    count = Counter(word for words in values for word in words)
    return frozenset(word for word, times in count.items() if times == 1)


def _matches(
    sentence: str, tokens: Sequence[_Token], text: str, about: str, value_words: frozenset[str]
) -> list[_Match]:
    """Find the field of each figure, name and value word of the sentence; none if one is in no field."""
    claim, context = claim_of(sentence), claim_of(about)
    lines = [(field, _tokens(text[field.start : field.end])) for field in list_fields(text)]
    wanted = (claim.exact | claim.names | value_words) - context.exact - context.all_words
    matches: list[_Match] = []
    for position, token in enumerate(tokens):
        if token.text not in wanted or (matches and position <= matches[-1].last):
            continue
        (first, last), field, line = max(
            ((_longest_run(tokens, position, line), field, line) for field, line in lines),
            key=lambda found: (found[0][1] - found[0][0], _shared_neighbours(tokens, position, found[2])),
            default=((position, position - 1), ListField(0, 0, ""), []),
        )
        if last < position or _counts_something_else(tokens, last, line):
            return []
        last = _extended(sentence, tokens, last, line)
        if matches and matches[-1].field == field:
            matches[-1].last = last
            matches[-1].values += 1
        else:
            matches.append(_Match(field, first, last))
    return matches


def _longest_run(tokens: Sequence[_Token], position: int, line: Sequence[_Token]) -> tuple[int, int]:
    """Return first and last of the longest run of tokens around a position that the line has as well.

    If the line does not have the token itself, the run is empty: its last comes before its first.
    """
    longest = (position, position - 1)
    for line_position, token in enumerate(line):
        if token.text != tokens[position].text:
            continue
        before = 0
        while min(position, line_position) > before:
            if tokens[position - before - 1].text != line[line_position - before - 1].text:
                break
            before += 1
        after = 0
        while position + after + 1 < len(tokens) and line_position + after + 1 < len(line):
            if tokens[position + after + 1].text != line[line_position + after + 1].text:
                break
            after += 1
        if before + after > longest[1] - longest[0]:
            longest = (position - before, position + after)
    return longest


def _shared_neighbours(tokens: Sequence[_Token], position: int, line: Sequence[_Token]) -> int:
    """Count the words near a figure of the sentence that the line has, too."""
    stems = {_stem(token.text) for token in line} - {""}
    return sum(_stem(token.text) in stems for token in tokens[max(position - 3, 0) : position + 4])


def _counts_something_else(tokens: Sequence[_Token], last: int, line: Sequence[_Token]) -> bool:
    """Tell whether the line has the figure and the word behind it apart: "37 weeks" in "37 a week"."""
    figure, after = tokens[last].text, tokens[last + 1].text if last + 1 < len(tokens) else ""
    stem = _stem(after)
    if not figure[0].isdigit() or not after or after[0].isdigit() or after in DATES or not stem:
        return False
    stems = [_stem(token.text) for token in line]
    beside_figure = {
        stems[position + step]
        for position, token in enumerate(line)
        if token.text == figure
        for step in (-1, 1)
        if 0 <= position + step < len(line)
    }
    return stem in stems and stem not in beside_figure


def _extended(sentence: str, tokens: Sequence[_Token], last: int, line: Sequence[_Token]) -> int:
    """Extend a run by words of the same line in another order: "37 hours a week" of "Hours: 37 a week"."""
    stems = {_stem(token.text) for token in line} - {""}
    position = last
    follows_figure = tokens[position].text[0].isdigit()  # "20 hours": the noun belongs to the same line
    while position + 1 < len(tokens):
        if not sentence[tokens[position].end : tokens[position + 1].start].isspace():
            break
        position += 1
        stem = _stem(tokens[position].text)
        if stem in stems or (stem and follows_figure):
            last = position
        elif stem:
            break
        follows_figure = False
    return last


def _stem(word: str) -> str:
    return min(content_words(word), default="")


def _are_told_apart(sentence: str, tokens: Sequence[_Token], matches: Sequence[_Match]) -> bool:
    """Tell whether two values of one kind (two prices, two days) come with their labels' words.

    Without these, the sentence may have exchanged the values.
    """
    field_of_kind: dict[str, ListField] = {}
    for match in matches:
        kind = " ".join(_kind(token.text) for token in tokens[match.first : match.last + 1])
        other = field_of_kind.setdefault(kind, match.field)
        if other != match.field and not all(
            any(has_word(sentence, word) for word in claim_of(field.label).words)
            for field in (other, match.field)
        ):
            return False
    return True


def _kind(token: str) -> str:
    return "date" if token in DATES else re.sub(r"\d+", "#", token)
