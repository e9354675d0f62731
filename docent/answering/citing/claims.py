"""Compare by words alone a sentence of an answer with a text unit of a passage; no model is asked.

Most of the sentence's words must be in the unit. That is not enough: every figure, day and name
must be in it as well, neither side may deny what the other says, and no clause of the sentence may
be without any word in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from docent.answering.citing.field_labels import is_of_another_moment, other_stems
from docent.answering.citing.halves import around_verb
from docent.answering.citing.quantities import UNITS, agree, normal_figure, plain_figures, quantities_of
from docent.answering.citing.text_units import cells
from docent.answering.citing.vocabulary import (
    DATES,
    DENIALS,
    LIGHT_WORDS,
    NUMBERS,
    OPPOSITES,
    PLAIN_VERBS,
    SAME_MEANING,
    SMALL_WORDS,
    SOFT_DENIALS,
    STOP_WORDS,
    content_words,
)

LEAST_SUPPORT = 0.66
"""Share of a sentence's words that its source must have: a paraphrase keeps about two thirds. With half,
three of ten sentences cited are a small model's inventions; with 0.72, a third of joined fields are lost."""
LEAST_SHARED_WORDS = 2
LONGEST_GAP = 2
"""A longer run of words that are not in the source is a statement of its own."""
PREFIX_LENGTH = 5
"""Leading letters in which two forms of a word must agree: "terminate", "termination"."""

CACHED_CLAIMS = 2048
"""Enough for the units of a few answers. A unit takes about 3 kB, a whole passage 30 kB."""
LONGEST_CACHED = 4_000

DECIMAL = re.compile(r"\d+(?:\.\d+)?")
TOKEN = re.compile(r"\d+(?:[.,:]\d+)*|\w+(?:['’-]\w+)*")
SUBJECT = re.compile(r"(?:(?:the|an?|der|die|das|eine?|les?|la|une?)\s+|l['’])(?P<noun>[^\W\d_]{3,})", re.I)
NOUN_PHRASE = re.compile(
    r"(?P<article>\w+)\s+(?:[\w’'-]+\s+)*?(?P<head>[^\W\d_][\w-]{2,})(?=\W*\Z|\s+(?:of|for|in|at|on|by|from|with|to)\b)",
    re.I,
)
GENERAL_NOUNS = frozenset(
    "company document documents text passage passages author total amount price answer report person people "
    "first second last new main same full other remaining unternehmen dokument entreprise".split()
)
LIMIT = re.compile(
    r"\b(?:no|not) (?:more|less|fewer|later|longer|earlier|sooner) than\b|\bnot only\b|\bor\s+not\b"
)
"""Words that look like a denial but state a limit or an alternative."""
EXCEPTION = re.compile(
    r"\b(outside|except|excluding|other than|apart from|außerhalb|außer|hors|sauf)\s+(?:of\s+|for\s+|de\s+)?"
    r"(?:the\s+|an?\s+|l[ea]s?\s+|de[mnr]\s+)?(\w+)",
    re.I,
)
"""What a text leaves out: "applicants from outside the EU"."""
RATHER = re.compile(r"\b(?:rather than|instead of)\b", re.I)
DENIED = re.compile(r"\b(?:not|rather than|instead of|nicht|et non|und nicht)\s([^,;.:]*)", re.I)
SUPERLATIVE = re.compile(
    r"\b(?:the|der|die|das|le|la|les) (?:only|most|least|first|plus|\w{2,}e?ste?)\b", re.I
)
ONE_OF = re.compile(r"\b(?:one|some|two|among|eine[rs]?|un|une) (?:of|der|des|de)\b|\bamong\b", re.I)
DATE_STEMS = frozenset(stem for word in DATES for stem in content_words(word))
YEAR = re.compile(r"(?:19|20)\d\d")
STATEMENT_BREAK = re.compile(
    r";\s|,\s(?=(?:and|but|so|because|und|aber|weil|et|mais)\s)|\s(?=and\s(?:what|where|how|why)\s)"
)
CLAUSE_BREAK = re.compile(r"[,;:]\s+|\s(?=(?:and|but|or|und|oder|aber|et|ou|mais|y|e)\s)")


_PREPOSITION = (
    r"(?:in|of|at|by|from|on|with|about|without|dans|de|du|des|avec|par|sur|von|mit|im|bei|aus|auf)"
)
PHRASE = re.compile(
    rf"\b{_PREPOSITION}\s(?:(?!\b(?:{_PREPOSITION}|for|to|as|than|that|which|who|and|or|et|ou|und)\b)[^,;:().])+",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Claim:
    """The words of a text, sorted by how they are compared."""

    words: tuple[str, ...]
    """Words that carry meaning, shortened, in order."""
    exact: frozenset[str]
    """Figures, days and months, which must be the same in the source; 2.1 million is 2100000."""
    names: frozenset[str]
    denied: bool
    softly_denied: bool
    all_words: frozenset[str]
    """Every word, in lower case and not shortened."""


def claim_of(text: str) -> Claim:
    """Return the claim of a text. Long texts are not cached: all passages of an answer are read only once."""
    return _cached_claim(text) if len(text) <= LONGEST_CACHED else _read_claim(text)


def _read_claim(text: str) -> Claim:
    scaled = {one.written: one.value for one in quantities_of(text).quantities if one.scale}
    text = plain_figures(text)
    tokens = TOKEN.findall(text)
    lower = [token.lower().replace("’", "'") for token in tokens]
    all_words = frozenset(form for token in lower for form in (token, token.removesuffix("'s")))
    figures = (normal_figure(token) for token in tokens if token[0].isdigit())
    exact = {scaled.get(figure, figure) for figure in figures}
    exact |= {NUMBERS[token] for token in lower if token in NUMBERS} | (all_words & DATES)
    without_limits = TOKEN.findall(LIMIT.sub("", text.lower()))
    return Claim(
        words=tuple(word for token in tokens for word in _compared_words(token)),
        exact=frozenset(exact),
        names=_names(text),
        denied=any(token in DENIALS or token.endswith(("n't", "n’t")) for token in without_limits)
        or bool(RATHER.search(text)),
        softly_denied=bool(all_words & SOFT_DENIALS),
        all_words=all_words,
    )


_cached_claim = lru_cache(maxsize=CACHED_CLAIMS)(_read_claim)


def _compared_words(token: str) -> list[str]:
    """Return a figure or a number word as a figure, and any other token as its content words."""
    if token[0].isdigit():
        return [normal_figure(token)]
    lower = token.lower()
    if lower in LIGHT_WORDS:
        return []
    if lower in NUMBERS:
        return [NUMBERS[lower]]
    return sorted(content_words(SAME_MEANING.get(lower, token)))


def _names(text: str) -> frozenset[str]:
    """Return capitalised words inside sentences; none in German, which capitalises every noun."""
    first = re.match(r"\W*([^\W\d_][\w'’-]+)", text)
    inside = re.findall(r"(?<![.!?:\n•\-–“\"(])[ \t]([^\W\d_][\w'’-]+)", text)
    capitalised = [word for word in inside if word[0].isupper()]
    if len(inside) >= 4 and len(capitalised) > 0.35 * len(inside) and _may_be_german(text):
        return frozenset()
    # The first word is a name if another one stands behind it, or if it has a capital inside.
    if first and first[1][0].isupper() and re.search(r"\A[\w-]*[\w-][A-ZÀ-Þ]|\A[\w'’-]+[ \t]+[A-ZÀ-Þ]", text):
        capitalised.append(first[1])
    names = {re.sub(r"['’]s$", "", word).lower() for word in capitalised}
    return frozenset(name for name in names - DATES - STOP_WORDS if len(name) > 2)


def language_of(text: str) -> str:
    """Detect the language of a text by its small words; return "" if they do not decide."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    counts = sorted((sum(word in small for word in words), name) for name, small in SMALL_WORDS.items())
    (second, _), (first, name) = counts[-2:]
    return name if first >= 2 and first > second else ""


def _may_be_german(text: str) -> bool:
    """Tell whether a text has no small words that English or French has and German has not."""
    others = (SMALL_WORDS["en"] | SMALL_WORDS["fr"]) - SMALL_WORDS["de"] - {"in", "was", "an", "des"}
    return language_of(text) in ("de", "") and others.isdisjoint(re.findall(r"[^\W\d_]+", text.lower()))


def support_of(sentence: str, unit: str, about: str) -> float:
    """Return the share of the sentence's words that a unit has, or 0 if the two do not agree.

    Words that are missing from the unit may be in `about`, which says what the unit is about.
    """
    claim, unit_claim, context = claim_of(sentence), claim_of(unit), claim_of(about)
    if not _has_figures(sentence, claim, unit_claim.exact | context.exact) or _denies(unit, claim):
        return 0.0
    if _is_one_of_several(sentence, unit) or _denies_another_thing(sentence, unit):
        return 0.0
    if not agree(sentence, unit, about) or not _figures_are_in_context(claim, unit):
        return 0.0
    if _gives_figure_of_another(sentence, unit) or is_of_another_moment(sentence, unit):
        return 0.0
    unit_index = _index((*unit_claim.words, *other_stems(unit)))
    known_index = unit_index | _index(context.words)
    known = [_holds(known_index, word) for word in claim.words]
    if not any(_holds(unit_index, word) for word in claim.words):
        return 0.0
    if _shares_only_figures(claim, unit, unit_index) and _has_another_subject(claim, unit, context):
        return 0.0  # "The meeting is at 23:00" of "The bar is open until 23:00"
    longest_gap = max(map(len, "".join("x" if is_known else "." for is_known in known).split("x")))
    if sum(known) < min(len(known), LEAST_SHARED_WORDS) or longest_gap > LONGEST_GAP:
        return 0.0
    if not _has_every_clause(sentence, known_index) or not _has_subject(sentence, known_index):
        return 0.0
    subject, predicate = around_verb(sentence)
    if not _has_half(subject, known_index) or not _has_half(predicate, known_index):
        return 0.0
    told = set(claim_of(predicate).words) - PLAIN_VERBS
    if told and unit_claim.softly_denied and not any(_holds(unit_index, word) for word in told):
        return 0.0  # "They are read" of "They are refused"
    if not _has_every_phrase(sentence, known_index):
        return 0.0
    known_words = unit_claim.all_words | context.all_words
    # A word counts neither way if only the context has it, or if it is a verb that rows and fields leave out.
    own = [
        _holds(unit_index, word)
        for word, is_known in zip(claim.words, known, strict=True)
        if _holds(unit_index, word) or not (is_known or word in PLAIN_VERBS)
    ]
    return sum(own) / len(own) if own and all(_is_name_in(known_words, name) for name in claim.names) else 0.0


def _has_figures(sentence: str, claim: Claim, known: frozenset[str]) -> bool:
    """Tell whether all figures are known; a table in millions writes them without the word."""
    missing = claim.exact - known
    in_tables = {
        one.value for one in quantities_of(sentence).quantities if one.scale and one.written in known
    }
    return missing <= in_tables


def _figures_are_in_context(claim: Claim, unit: str) -> bool:
    """Tell whether each figure is in a statement of the unit that has another word of the claim.

    "It shows at most N passages; the default is 10" does not say "It limits passages to 10".
    """
    statements = [claim_of(part) for part in re.split(r"(?<!\.)[;.]\s", unit)]  # dot leaders end nothing
    if len(statements) < 2:
        return True
    others = [word for word in claim.words if not word[0].isdigit()]
    return all(
        any(any(_holds(_index(one.words), word) for word in others) for one in having)
        for figure in claim.exact
        if figure[0].isdigit() and (having := [one for one in statements if figure in one.exact])
    )


def _gives_figure_of_another(sentence: str, unit: str) -> bool:
    """Tell whether a word beside a figure of the sentence stands only beside other figures of the unit.

    "You join a crew of three for the service of 28 turbines" does not say "You join a crew of 28". The words
    between two figures belong to both. Rows of tables name what all of their figures are about.
    """
    zones = _figure_zones(unit)
    if len(zones) < 2 or len(cells(unit)) > 1:
        return False
    subject, predicate = around_verb(sentence)
    subject_words = claim_of(subject).words if predicate else ()  # "the code is 0 if …, and 2 if …"
    for figures, before, after in _figure_zones(sentence):
        if all(YEAR.fullmatch(figure) for figure in figures):
            continue  # "In 2023 revenue was …": what stands beside a year is often said of another figure
        for word in (*(word for word in before[-1:] if word not in subject_words), *after[:1]):
            having = [zone for zone in zones if _holds(_index((*zone[1], *zone[2])), word)]
            if having and not any(figures & zone[0] for zone in having):
                return True
    return False


@lru_cache(maxsize=CACHED_CLAIMS)
def _figure_zones(text: str) -> tuple[tuple[frozenset[str], tuple[str, ...], tuple[str, ...]], ...]:
    """Return the figures of a text with the content words before and behind them, up to the next figures.

    Figures without a content word in between, as in a range or a date, are taken together.
    """
    groups: list[tuple[list[str], list[str]]] = [([], [])]
    for token in TOKEN.findall(plain_figures(text)):
        words = [] if token.lower() in UNITS or token.lower() in DATES else _compared_words(token)
        for word in words:
            if not word[0].isdigit():
                groups[-1][1].append(word)
            elif groups[-1][1] or not groups[-1][0]:
                groups.append(([word], []))
            else:
                groups[-1][0].append(word)
    return tuple(
        (frozenset(figures), tuple(before), tuple(after))
        for (_, before), (figures, after) in pairwise(groups)
    )


def _shares_only_figures(claim: Claim, unit: str, unit_index: frozenset[str]) -> bool:
    """Tell whether a unit has no word of a claim but for figures and days."""
    return not any(
        _holds(unit_index, word) for word in claim.words if not (word[0].isdigit() or word in DATE_STEMS)
    )


def _has_another_subject(claim: Claim, unit: str, context: Claim) -> bool:
    """Tell whether a unit has a subject before its verb, of which neither claim nor context has a word."""
    subject, predicate = around_verb(unit)
    words = [word for word in claim_of(subject).words if not word[0].isdigit()]
    known = _index((*claim.words, *context.words))
    return bool(predicate and words) and not any(_holds(known, word) for word in words)


def _denies_another_thing(sentence: str, unit: str) -> bool:
    """Tell whether the sentence leaves out an "outside", or denies another thing."""
    for marker, word in EXCEPTION.findall(unit):
        if marker.lower() not in sentence.lower() and any(
            has_word(sentence, w) for w in _compared_words(word)
        ):
            return True
    denied, denied_in_unit = (
        {word for part in DENIED.findall(text) for word in claim_of(part).words} for text in (sentence, unit)
    )
    return bool(
        {word for word in denied - denied_in_unit if has_word(unit, word)}
        and {word for word in denied_in_unit - denied if has_word(sentence, word)}
    )


def _denies(unit: str, claim: Claim) -> bool:
    """Tell whether the unit contradicts a claim, both as a whole and in its statement with most of the words.

    A denial in another statement of the unit, behind a semicolon or an "and", may deny something else.
    """
    statements = [claim_of(part) for part in STATEMENT_BREAK.split(unit)]
    nearest = max(
        statements, key=lambda statement: sum(_holds(_index(statement.words), word) for word in claim.words)
    )
    return _contradict(claim, nearest) and _contradict(claim, claim_of(unit))


def _is_one_of_several(sentence: str, unit: str) -> bool:
    """Tell whether the unit says "one of the most …" where the sentence says "the most …"."""
    return bool(SUPERLATIVE.search(sentence) and ONE_OF.search(unit) and not ONE_OF.search(sentence))


def _contradict(claim: Claim, source: Claim) -> bool:
    if claim.denied != source.denied and not (source if claim.denied else claim).softly_denied:
        return True
    return any(
        claim.all_words & words
        and source.all_words & opposites
        and not (claim.all_words & opposites or source.all_words & words)
        for pair in OPPOSITES
        for words, opposites in (pair, pair[::-1])
    )


def _has_every_clause(sentence: str, known: frozenset[str]) -> bool:
    """Tell whether half of the words of each clause are in the source, unlike "… and a driving licence"."""
    clauses = CLAUSE_BREAK.split(sentence)
    words_of_clauses = [claim_of(clause).words for clause in clauses] if len(clauses) > 1 else []
    return all(2 * sum(_holds(known, word) for word in words) >= len(words) for words in words_of_clauses)


def _has_subject(sentence: str, known: frozenset[str]) -> bool:
    """Tell whether the source names the subject of a sentence such as "The landlord may …"."""
    subject = SUBJECT.match(sentence.strip())
    if subject is None:
        return True
    noun = subject["noun"]
    before_verb, behind_verb = around_verb(sentence.strip())
    phrase = NOUN_PHRASE.match(before_verb)
    if behind_verb and phrase and phrase["article"].lower() in ("the", "a", "an"):
        noun = phrase["head"]  # of "the default language model", it is the last
    words = [] if noun.lower() in GENERAL_NOUNS else _compared_words(noun)
    return not words or any(_holds(known, word) for word in words)


def _has_half(subject: str, known: frozenset[str]) -> bool:
    """Tell whether the source has half of the words of a subject; a pronoun may stand for one word."""
    words = claim_of(subject).words
    return len(words) < 2 or 2 * sum(_holds(known, word) for word in words) >= len(words)


def _has_every_phrase(sentence: str, known: frozenset[str]) -> bool:
    """Tell whether each phrase with a preposition has a word in the source, unlike "in the office"."""
    phrases = (claim_of(phrase[0]).words for phrase in PHRASE.finditer(sentence))
    return all(len(words) < 2 or any(_holds(known, word) for word in words) for words in phrases)


def _is_name_in(words: frozenset[str], name: str) -> bool:
    if name in words:
        return True
    known = {part.removesuffix("s") for word in words for part in word.split("-")}
    return all(part.removesuffix("s") in known for part in name.split("-"))


def word_share(sentence: str, unit: str, about: str) -> float:
    """Return the share of the sentence's words that are in the unit or in `about`, agreeing or not."""
    words = claim_of(sentence).words
    known = _index(claim_of(unit).words) | _index(claim_of(about).words)
    return sum(_holds(known, word) for word in words) / max(len(words), 1)


def has_word(text: str, word: str) -> bool:
    """Tell whether a text has a content word, in the same or in another form."""
    return _holds(_index(claim_of(text).words), word)


@lru_cache(maxsize=CACHED_CLAIMS)
def _index(words: tuple[str, ...]) -> frozenset[str]:
    """Return the words, and the prefixes in which their other forms agree."""
    return frozenset(words) | {f"{word[:PREFIX_LENGTH]}…" for word in words if len(word) >= PREFIX_LENGTH}


def _holds(index: frozenset[str], word: str) -> bool:
    if word in index:
        return True
    return len(word) >= PREFIX_LENGTH and not word[0].isdigit() and f"{word[:PREFIX_LENGTH]}…" in index
