"""Cite an answer in JSON: find the characters of the passages that each value was taken from.

A value is written as short statements, from the most telling to the barest, such as "Soup price 5",
"price 5" and "5", and the first that the passages support gives its citation.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from docent.answering.citing.claims import LEAST_SUPPORT, claim_of, word_share
from docent.answering.citing.quantities import agree, quantities_of
from docent.answering.citing.sources import citation_at, find_sources
from docent.answering.citing.text_units import sentence_spans, text_units
from docent.types import Citation, Passage

Scalar = str | int | float | bool | None

LEAST_FIGURES = 3
"""Digits of a number that is found on its own; a 3 or a 12 stands in many places, for other things."""
SHORT_TEXT = 8
"""Words that are looked for as a whole; a longer text is compared sentence by sentence."""
MOST_SIBLINGS = 2
LONGEST_VALUE = 80
"""Characters of a value that is shown in the receipt."""
WORD_OF_KEY = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_]+")
ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:T00:00(?::00)?Z?)?")
MONTHS = (
    "January February March April May June July August September October November December".split(),
    "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split(),
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split(),
)


@dataclass(frozen=True, slots=True)
class CitedFields:
    """The values of an answer by their JSON pointers, each with its citation or None."""

    fields: Mapping[str, Citation | None]
    unsupported: tuple[str, ...] = ()
    """Values, with their pointers, that are in no passage."""
    unchecked: int = 0
    """Values that were not checked for want of time."""


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A value that holds no others."""

    pointer: str
    value: Scalar
    label: str
    """The words of the keys that lead to it."""
    siblings: tuple[str, ...]
    """The texts beside it, where it is in an object of a list: they say which of the list it belongs to."""


def cite_values(
    answer: Any,
    passages: Sequence[Passage],
    *,
    stopped: Callable[[], bool] = lambda: False,
    seconds: float = math.inf,
) -> CitedFields:
    """Find the source of each value, until `stopped` says so or that many seconds of processor time passed.

    Citations are numbered from 1 in the order of the values. Empty values, null among them, assert nothing.
    """
    fields: dict[str, Citation | None] = {}
    unsupported: list[str] = []
    numbers: dict[int, int] = {}
    unchecked = 0
    deadline = time.thread_time() + seconds
    for leaf in _leaves(answer, "", (), ()):
        fields[leaf.pointer] = None
        if leaf.value is None or leaf.value == "":
            continue
        if stopped() or time.thread_time() >= deadline:
            unchecked += 1
            continue
        citation = _source(leaf, passages)
        if citation is None:
            unsupported.append(f"{leaf.pointer}: {leaf.value}"[: LONGEST_VALUE + len(leaf.pointer)])
        else:
            n = numbers.setdefault(citation.n, len(numbers) + 1)
            fields[leaf.pointer] = replace(citation, n=n)
    return CitedFields(fields, tuple(unsupported), unchecked)


def _leaves(value: Any, pointer: str, keys: tuple[str, ...], siblings: tuple[str, ...]) -> Iterator[_Leaf]:
    match value:
        case dict():
            for key, each in value.items():
                step = str(key).replace("~", "~0").replace("/", "~1")
                beside = tuple(text for text in siblings if text != each)
                yield from _leaves(each, f"{pointer}/{step}", (*keys, str(key)), beside)
        case list():
            for at, each in enumerate(value):
                texts = each.values() if isinstance(each, dict) else ()
                short = [text for text in texts if isinstance(text, str) and 0 < len(text) <= LONGEST_VALUE]
                yield from _leaves(each, f"{pointer}/{at}", keys, tuple(short[:MOST_SIBLINGS]))
        case _:
            words = [word for key in keys for word in WORD_OF_KEY.findall(key)]
            yield _Leaf(pointer, value, " ".join(words), siblings)


def _source(leaf: _Leaf, passages: Sequence[Passage]) -> Citation | None:
    """Return the citation of a value; None if no passage supports it."""
    if isinstance(leaf.value, str) and len(claim_of(leaf.value).words) > SHORT_TEXT:
        return _source_of_text(leaf.value, passages)
    if isinstance(leaf.value, bool):
        return next(iter(find_sources(leaf.label if leaf.value else f"not {leaf.label}", (), passages)), None)
    for form in _forms(leaf.value):
        words = leaf.label.split()
        units = [] if isinstance(leaf.value, str) else [word for word in words if _is_unit(word, form)]
        names = [word for word in words if word not in units]
        for statement in _statements(leaf, form, names):
            for source in find_sources(statement, (), passages):
                text = passages[source.n - 1].text
                if _holds(source.quote, form) and agree(" ".join((form, *units)), source.quote, text):
                    return source
        if not isinstance(leaf.value, str) and (_stands_alone(leaf, form) or (units and not leaf.siblings)):
            if citation := _figure_at(form, " ".join((form, *units)), passages):
                return citation
    return None


def _figure_at(figure: str, meant: str, passages: Sequence[Passage]) -> Citation | None:
    """Return the first sentence or row that has a figure, with the unit that is meant."""
    for n, passage in enumerate(passages, 1):
        for unit in text_units(passage.text):
            text = passage.text[unit.start : unit.end]
            if _holds(text, figure) and agree(meant, text, passage.text):
                return citation_at(n, passage, unit.start, unit.end)
    return None


def _is_unit(word: str, figure: str) -> bool:
    """Tell whether a word of a key is the unit of its figure, as in `rent_eur`."""
    return any(quantity.unit or quantity.scale for quantity in quantities_of(f"{figure} {word}").quantities)


def _holds(quote: str, form: str) -> bool:
    """Tell whether a quote has the value itself, and not only what is said about it."""
    if figures := claim_of(form).exact:
        return figures <= claim_of(quote).exact
    return word_share(form, quote, "") >= LEAST_SUPPORT


def _source_of_text(text: str, passages: Sequence[Passage]) -> Citation | None:
    """Return the source of the first sentence of a text, if all of its sentences have one."""
    sentences = [text[start:end] for start, end in sentence_spans(text)]
    asserting = [sentence for sentence in sentences if claim_of(sentence).words]
    sources = [find_sources(sentence, (), passages) for sentence in asserting]
    return sources[0][0] if sources and all(sources) else None


def _statements(leaf: _Leaf, form: str, names: Sequence[str]) -> Iterator[str]:
    """Yield statements of a value, from the most telling to the barest that is still sure to mean it."""
    for sibling in leaf.siblings or ("",):
        if names:
            yield f"{sibling} {' '.join(names)} {form}".strip()
            yield f"{sibling} {names[-1]} {form}".strip()
        if sibling:
            yield f"{sibling} {form}"
    if isinstance(leaf.value, str) and _stands_alone(leaf, form):
        yield form


def _forms(value: Scalar) -> Iterator[str]:
    """Yield the forms in which a document may write a value; a model writes any date as ISO dates."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and (date := ISO_DATE.fullmatch(value)):
        year, month, day = map(int, date.groups())
        yield f"{year}-{month:02}-{day:02}"
        if 1 <= month <= 12:
            yield from (f"{day} {names[month - 1]} {year}" for names in MONTHS)
        yield f"{day:02}.{month:02}.{year}"
        yield f"{day}.{month}.{year}"
    else:
        yield f"{value}"


def _stands_alone(leaf: _Leaf, value: str) -> bool:
    """Tell whether a value means the same wherever it is found.

    A number does if it is long enough. In a list of objects, a figure or a single word may belong to another
    object; a text of several words names its own.
    """
    if isinstance(leaf.value, str):
        return not leaf.siblings or len(claim_of(value).words) > 1
    return not leaf.siblings and len(re.findall(r"\d", value)) >= LEAST_FIGURES
