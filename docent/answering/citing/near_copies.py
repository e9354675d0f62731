"""Tell whether a sentence says what its source says in nearly the same words and order.

Words in common prove little for a model that joins the words of a page at random: "The document that was
found for your question is a chunk" has every word of "A chunk that was found for your question". What such a
model copies keeps the order and the small words, too. Measured in docs/performance.md, "Sentences of a small
model".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from os.path import commonprefix

from docent.answering.citing.claims import STATEMENT_BREAK, TOKEN
from docent.answering.citing.field_labels import label_of, other_words
from docent.answering.citing.halves import VERB, around_verb
from docent.answering.citing.quantities import CURRENCIES, normal_figure, plain_figures, quantities_of
from docent.answering.citing.text_units import cells, row_name
from docent.answering.citing.vocabulary import (
    DECISIVE_WORDS,
    DENIALS,
    LIGHT_WORDS,
    NUMBERS,
    OPPOSITES,
    PLAIN_VERBS,
    SAME_MEANING,
    content_words,
)

LEAST_IN_ORDER = 0.6
"""Share of all words of the sentence that its source must have in the same order."""
LEAST_RUN = 3
"""Words that may change places together, such as "on 16 February"."""
WORDS_FOR_EACH_ADDED, WORDS_FOR_EACH_MOVED = 5, 8
"""Content words that a sentence must have for each one that it adds, and for each that it moves alone."""
PERSONS = frozenset(
    """intern interns trainee trainees applicant applicants candidate candidates user users guests
    customers visitors""".split()
)
"""Whom a source speaks to that says "you", or "Describe each plate"."""
LEAST_COPIED, LEAST_COPIED_BY_SMALL_MODEL = 0.7, 0.6
"""Share of the words of a sentence that make it a copy, which may be altered."""
LONGEST_SKIP = 12
"""Words that a sentence may leave out in one piece from among those that it keeps, and one."""
LEAST_CELLS = 3
LONGEST_ROW = 160
"""Characters of a row or field; a longer text is prose."""
FORMS = re.compile(r"(?:s|es|ed|d|ing|e|n|en|ies|y|ied|ship|)")
"""Endings in which two forms of a word may differ: "follows", "follow", but not "licensor", "licensed"."""
SHORTEST_STEM = 4
MORE_THAN = re.compile(r"\bmore than(?= \W?\d)", re.I)
RELATIVES = frozenset(
    "which who that whose where when why how qui que dont où quand welche welcher welches wo wann".split()
)
"""What these words begin is a statement of its own, unless the source has them, too."""
ARTICLES = frozenset("the this that these those der die das le la les".split())
PRONOUNS = frozenset("it they he she this these its their es sie er dies il elle ils elles cela".split())
SAYING = frozenset("found find finds shown show shows showed suggest suggests suggested".split())
"""Behind these "that" begins no clause of its own: "Studies found that …"."""
BE = [("is",), ("are",), ("was",), ("were",)]
TENSES = (frozenset("will shall would".split()), frozenset("has have had did was were".split()))
TENSES = (frozenset("will shall would".split()), frozenset("have has had did was were".split()))
CONDITIONS = DENIALS | frozenset("only if unless except nur wenn außer seulement si sauf".split())
"""Words of a source that a sentence may not leave out from between those that it keeps."""
LAST_CONDITIONS = frozenset("if unless except wenn außer si sauf".split())
"""What these words begin may not be left out at the end either: "We pay the fee if you pass"."""

OF_SEVERAL = frozenset("another other second third fourth former latter previous next".split())
"""With one of these left out, "a second team" becomes the team that was spoken of before."""
LONGEST_NOUN = 2
"""Words of a noun with what stands between: "a second MLS team"."""
IN_TURN = frozenset("respectively jeweils respectivement".split())
"""What a source so gives to several things, a sentence may give to the wrong one."""


def is_near_copy(sentence: str, quote: str, about: str, columns: str = "") -> bool:
    """Tell whether a sentence that is not altered keeps the words of a quote in their order.

    Runs of words may change places. Words of the subject, before the verb, may be in `about`, which says what
    the passage is about. Of a row or field, which has no sentence to keep, every content word of the
    sentence must be in the quote, or name its label or one of its `columns`.
    """
    words, source, known = _words(sentence), _words(quote), _words(about)
    matched = _in_same_order(words, source)
    in_order = {at for at, _ in matched} | _moved_together(words, source, matched)
    subject = len(_words(around_verb(sentence)[0]))
    if subject == len(words):  # no verb is known: what comes before the first word of the quote
        subject = min(in_order, default=0)
    others = [at for at in range(len(words)) if at not in in_order and _has_content(words[at])]
    of_subject = [
        at
        for at in others
        if at < subject
        and not _is_among(words[at], source)
        and (_is_among(words[at], known) or words[at] in PERSONS and PERSONS.isdisjoint(source))
    ]
    currencies = {quantity.unit for quantity in quantities_of(quote).quantities if quantity.unit}
    moved = [at for at in others if _is_among(words[at], source)]
    added = [
        at
        for at in others
        if at not in of_subject
        and at not in moved
        and not content_words(words[at]) & PLAIN_VERBS
        and CURRENCIES.get(words[at], "") not in currencies
    ]
    content = sum(map(_has_content, words))
    if _adds_clause(words, matched) or any(words[at][0].isdigit() for at in others if at not in of_subject):
        return False
    named = (*_words(columns), *other_words(quote))
    if _is_row(quote) and all(_is_among(words[at], named) for at in added):
        repeated = any(words[at] == words[kept] for at in others for kept in in_order)
        return not repeated and 2 * len(of_subject) <= content and _names_row(words, quote)
    if _is_of_another_subject(sentence, quote, words):
        return False
    if _leaves_out(words, source, matched):
        return False
    if max(WORDS_FOR_EACH_ADDED * len(added), WORDS_FOR_EACH_MOVED * len(moved)) > content:
        return False
    return len(in_order) >= LEAST_IN_ORDER * (len(words) - len(of_subject))


def _moved_together(
    words: Sequence[str], source: Sequence[str], matched: Sequence[tuple[int, int]]
) -> set[int]:
    """Return the positions of runs of words that stand elsewhere in the source, word by word."""
    kept, there_kept = {at for at, _ in matched}, {there for _, there in matched}
    moved: set[int] = set()
    for there in range(len(source) - 1):
        for at in range(len(words) - 1):
            run = 0
            while (
                at + run < len(words)
                and there + run < len(source)
                and not {at + run} & kept
                and there + run not in there_kept
                and _are_forms(words[at + run], source[there + run])
            ):
                run += 1
            if run >= LEAST_RUN:
                moved |= set(range(at, at + run))
    return moved


def is_altered(sentence: str, quote: str, *, closely: bool = False) -> bool:
    """Tell whether a sentence copies a quote but for a decisive word, such as a "not", a name or a figure.

    Sentences that are no copies are not judged here. With `closely` more words decide, such as "until".
    """
    decisive, least = (DECISIVE_WORDS, LEAST_COPIED_BY_SMALL_MODEL) if closely else (DENIALS, LEAST_COPIED)
    words, source = _words(sentence), _words(quote)
    beginnings = {word[:SHORTEST_STEM] for word in source}
    if sum(word[:SHORTEST_STEM] in beginnings for word in words) < least * len(words):
        return False  # no two words with different beginnings match
    matched = _in_same_order(words, source)
    if not matched or len(matched) < least * len(words):
        return False
    if not STATEMENT_BREAK.search(
        sentence
    ):  # a word of another statement, such as "not", is none of this one's
        for statement in map(_words, STATEMENT_BREAK.split(quote)):
            in_statement = _in_same_order(words, statement)
            if in_statement and statement != source and len(in_statement) >= len(matched) - 1:
                matched, source = in_statement, statement
                break
    names = _names(sentence) | _names(quote)
    in_full = {one.value for one in quantities_of(quote).quantities if one.scale}  # 2.1 million is 2100000
    at, there = matched[0]
    if _are_opposite(words[:at], source[max(there - at, 0) : there]):
        return True
    for (at, there), (next_at, next_there) in pairwise([*matched, (len(words), len(source))]):
        inserted, left_out = words[at + 1 : next_at], source[there + 1 : next_there]
        if next_at == len(words):
            left_out = left_out[: len(inserted)]
        if inserted == ("from",) and not left_out:
            continue  # "open Thursday to Sunday from 11:00 to 17:00"
        if not decisive.isdisjoint(inserted) or inserted and not decisive.isdisjoint(left_out):
            return True
        if not DENIALS.isdisjoint(left_out) or _are_opposite(inserted, left_out):
            return True
        replaced = [word for word in left_out if _has_content(word)]
        if replaced and any(word in names or word[0].isdigit() for word in inserted if word not in in_full):
            return True
    return False


def _are_opposite(inserted: Sequence[str], left_out: Sequence[str]) -> bool:
    return any(
        not words.isdisjoint(inserted) and not opposites.isdisjoint(left_out)
        for pair in (*OPPOSITES, TENSES)
        for words, opposites in (pair, pair[::-1])
    )


def _names(text: str) -> frozenset[str]:
    """Return the words with a capital, but for the first."""
    inside = re.findall(r"(?<=\w[ ,])\s*([A-ZÀ-Þ][\w’'-]*)", text)
    return frozenset(word for name in inside for word in _words(name))


def _adds_clause(words: Sequence[str], matched: Sequence[tuple[int, int]]) -> bool:
    """Tell whether the sentence adds a "which", "where" or "why", but for "problems that are solvable"."""
    kept = {at for at, _ in matched}
    said = {at for at in range(1, len(words)) if words[at] == "that" and words[at - 1] in SAYING}
    adjacent = {
        at
        for (before, there), (after, next_there) in pairwise(matched)
        if next_there == there + 1 and words[before + 1 : after][1:] in BE
        for at in range(before, after)
    }
    return any(word in RELATIVES for at, word in enumerate(words) if at not in kept | adjacent | said)


def _is_of_another_subject(sentence: str, quote: str, words: Sequence[str]) -> bool:
    """Tell whether a sentence says "it" or "they" where its source names a subject."""
    if words[0] not in PRONOUNS:
        return False
    return any(_has_content(word) and word not in words for word in _words(around_verb(quote)[0]))


@lru_cache(maxsize=512)
def _words(text: str) -> tuple[str, ...]:
    """Return all words of a text, with figures and number words in one form."""
    words: list[str] = []
    for token in TOKEN.findall(plain_figures(MORE_THAN.sub("over", text))):
        lower = token.lower().replace("’", "'").removesuffix("'s")
        lower = "every" if lower in ("each", "per") else lower
        lower = "can not" if lower in ("cannot", "can't") else re.sub(r"n't$", " not", lower)
        lower = "that" if lower in ("which", "who", "whom") else SAME_MEANING.get(lower, lower)
        if token[0].isdigit():
            words.append(normal_figure(token))
        else:
            words += [NUMBERS[lower]] if lower in NUMBERS else re.findall(r"\w+", lower)
    return tuple(words)


def _in_same_order(words: Sequence[str], source: Sequence[str]) -> list[tuple[int, int]]:
    """Return the positions of the longest sequence of words that both have in the same order.

    Of several, the first or the last in the source, whichever is closer together.
    """
    first = _first_in_same_order(words, source)
    if not first or first[-1][1] - first[0][1] < len(first):
        return first
    mirrored = _first_in_same_order(words[::-1], source[::-1])
    last = [(len(words) - 1 - at, len(source) - 1 - there) for at, there in reversed(mirrored)]
    return min(first, last, key=lambda pairs: pairs[-1][1] - pairs[0][1] if pairs else 0)


def _first_in_same_order(words: Sequence[str], source: Sequence[str]) -> list[tuple[int, int]]:
    lengths = [[0] * (len(source) + 1) for _ in range(len(words) + 1)]
    for at in reversed(range(len(words))):
        row, below = lengths[at], lengths[at + 1]
        same = {there for there, other in enumerate(source) if _are_forms(words[at], other)}
        for there in reversed(range(len(source))):
            if there in same:
                row[there] = below[there + 1] + 1
            else:
                row[there] = row[there + 1] if row[there + 1] > below[there] else below[there]
    matched, at, there = [], 0, 0
    while at < len(words) and there < len(source):
        if _are_forms(words[at], source[there]):
            matched.append((at, there))
            at, there = at + 1, there + 1
        elif lengths[at + 1][there] >= lengths[at][there + 1]:
            at += 1
        else:
            there += 1
    return matched


def _are_forms(word: str, other: str) -> bool:
    """Tell whether two words are the same but for an ending."""
    if word == other:
        return True
    if word[0] != other[0] or min(len(word), len(other)) < SHORTEST_STEM or word[0].isdigit():
        return False
    stem = len(commonprefix((word, other)))
    return stem >= SHORTEST_STEM and bool(FORMS.fullmatch(word[stem:]) and FORMS.fullmatch(other[stem:]))


def _is_among(word: str, words: Sequence[str]) -> bool:
    return any(_are_forms(word, other) for other in words)


def _has_content(word: str) -> bool:
    return word not in LIGHT_WORDS and bool(content_words(word))


def _is_row(quote: str) -> bool:
    """Tell whether a quote is a row or a field rather than a sentence."""
    lines = [line for line in quote.splitlines() if line.strip()]
    return all(
        len(line) <= LONGEST_ROW
        and line.rstrip()[-1] not in ".!?"
        and not VERB.search(line.partition(label_of(line))[2] if label_of(line) else line)
        for line in lines
    )


def _names_row(words: Sequence[str], quote: str) -> bool:
    """Tell whether a sentence has a word of the name of a table's row."""
    if len(cells(quote)) < LEAST_CELLS:
        return True
    name = [word for word in _words(row_name(quote)) if _has_content(word)]
    return not name or any(_is_among(word, words) for word in name)


def _leaves_out(words: Sequence[str], source: Sequence[str], matched: Sequence[tuple[int, int]]) -> bool:
    """Tell whether a sentence leaves out a condition, "second", or a long piece between words it keeps."""
    kept = [there for _, there in matched]
    if any(
        after - before > LONGEST_SKIP and source[after - 1] not in PRONOUNS
        for before, after in pairwise(kept)
    ):
        return True
    if not IN_TURN.isdisjoint(source) and IN_TURN.isdisjoint(words):
        return True
    if OF_SEVERAL.isdisjoint(words) and any(
        words[at - 1] in ARTICLES
        and _has_content(words[at])
        and not OF_SEVERAL.isdisjoint(source[max(there - LONGEST_NOUN, 0) : there])
        and source[there - 1] not in ARTICLES
        for at, there in matched
        if at
    ):
        return True
    following = source[max(kept, default=-1) + 1 :][:1]
    if following and following[0] in LAST_CONDITIONS and following[0] not in words:
        return True
    between = set(range(min(kept, default=0), max(kept, default=0))).difference(kept)
    return any(source[there] in CONDITIONS and source[there] not in words for there in between)
