"""Find the characters of the passages that support a sentence, or each half of it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from docent.answering.citing.alignment import Support, find_support
from docent.answering.citing.claims import (
    LEAST_SUPPORT,
    SUBJECT,
    claim_of,
    has_word,
    language_of,
    word_share,
)
from docent.answering.citing.halves import VERB, Half, around_verb
from docent.answering.citing.near_copies import is_altered, is_near_copy
from docent.answering.citing.quantities import agree
from docent.answering.citing.text_units import text_units
from docent.answering.citing.vocabulary import PLAIN_VERBS
from docent.types import Citation, Passage

LOCATOR = re.compile(r"\|\s*(?:page|p\.|lines?|rows?|slides?|items?|sheet)\s[^|]*\Z", re.IGNORECASE)
"""The place at the end of a header, whose numbers are no figures of the document."""
MOST_COMPARED = 20
"""Passages whose units are compared with a sentence; a document read whole has hundreds of passages."""
LEAST_OF_HALF = 0.75
"""Share of the words of a half, without its subject, that its source must have."""
_SOURCE = (
    r"(?:the |this |your |dem |das |der |le |la )?(?:\w+ )?"
    r"(?:passages?|documents?|texts?|tables?|rows?|lists?|sources?|menu|dokument|tabelle|liste|tableau|texte)"
    r"(?: (?:n?[°º] ?)?\d{1,3})?"
)
LEAD_IN = re.compile(
    rf"^\s*(?:(?:[-*•]|\d{{1,2}}[.)]) +)?"
    rf"(?:(?:according to|based on|as (?:stated|mentioned|described|shown|listed|noted) in|"
    rf"in|laut|gemäß|selon|d['’]après|dans) {_SOURCE},\s+(?:it is (?:mentioned|stated|said|noted) that\s+)?|"
    rf"{_SOURCE} (?:says?|states?|shows?|lists?|mentions?|notes?|reads?|sagt|nennt|indique|dit)"
    rf"(?: that| dass| que|:)\s+|{_SOURCE} is:\s+|"
    r"it is (?:mentioned|stated|said|noted) that\s+|"
    r"(?:a (?:possible )?answer|(?:the |so,? the )?(?:answer|reason)(?: to (?:this|the|your) question)?)"
    r"(?:(?: is)?:| is that)\s+|(?:yes|so|ja|oui|in addition|additionally|also|moreover|furthermore|however|"
    r"instead|rather|overall|finally|specifically|in fact|for example|for instance|in summary|außerdem|zudem|"
    r"de plus|en outre),\s+)?",
    re.IGNORECASE,
)
"""A list number, and words that assert nothing: "According to the table, …", "The answer is: …"."""


TURNED = re.compile(
    r"(?P<described>(?:The|Der|Die|Das|Le|La|Les) (?:(?!\b(?:is|was|are|were|ist|war|est|était)\b)[^,;:])+?) "
    r"(?P<verb>is|was|are|were|ist|war|est|était) (?P<name>(?:the )?[A-ZÀ-Þ\d][^;:]*?)[.!]?"
)
"""A sentence that names at its end what it describes: "The largest city is Fresno" is "Fresno is …".

Only a name or a figure can change places so; "The cat is an animal" cannot be turned around."""
ANSWER_IS = re.compile(r"\s*(?:so,? )?(?:the |a (?:possible )?)?answer(?: to \w+ question)?(?: is)?\b", re.I)


def citation_at(n: int, passage: Passage, start: int, end: int) -> Citation:
    """Return a citation of characters `start:end` of a passage, by their positions on its page."""
    return Citation(
        n=n,
        chunk_id=passage.chunk_id,
        document_id=passage.document_id,
        file=passage.file,
        library=passage.library,
        page=passage.page,
        page_label=passage.page_label,
        place=passage.place,
        start=passage.start + start,
        end=passage.start + end,
        quote=passage.text[start:end],
        origin=passage.origin,
    )


def find_sources(
    sentence: str, named: Sequence[int], passages: Sequence[Passage], *, closely: bool = False
) -> list[Citation]:
    """Return citations of the named passages that support a sentence; if none does, of the best of all.

    With `closely`, only a sentence that is nearly a copy of its source has one.
    """
    if closely and _only_answers(sentence):
        return []
    sentence = LEAD_IN.sub("", sentence)
    if not claim_of(sentence).words:
        return []
    if not named:
        return _best_sources(sentence, _likely_passages(sentence, passages), passages, closely=closely)
    supports = {n: _support(sentence, passages[n - 1], closely=closely) for n in named}
    supporting = [n for n, support in supports.items() if support.share >= LEAST_SUPPORT]
    if not supporting:
        translated = [] if closely else _translated_sources(sentence, named, passages)
        return translated or find_sources(sentence, (), passages, closely=closely)
    return [citation_at(n, passages[n - 1], *span) for n in supporting for span in supports[n].spans]


def _support(sentence: str, passage: Passage, *, closely: bool) -> Support:
    """Return the best support of a passage for a sentence, or else for the same turned around.

    The name that a sentence ends with must be in its source, not only in what the passage is about.
    """
    found = TURNED.fullmatch(sentence.strip())
    if found is None or VERB.search(found["name"]):
        return _support_as_written(sentence, passage, closely=closely)
    described = f"{found['described'][0].lower()}{found['described'][1:]}"
    for text in (sentence, f"{found['name']} {found['verb']} {described}."):
        support = _support_as_written(text, passage, closely=closely)
        quote = "\n".join(passage.text[start:end] for start, end in support.spans)
        if support.share >= LEAST_SUPPORT and any(
            has_word(quote, word) for word in claim_of(found["name"]).words
        ):
            return support
    return Support(0.0, ())


def _support_as_written(sentence: str, passage: Passage, *, closely: bool) -> Support:
    """Return the best support of a passage; none for an altered copy or, with `closely`, for no copy."""
    if _repeats_its_subject(sentence) or closely and _only_answers(sentence):
        return Support(0.0, ())
    about = _subject(passage)
    support = find_support(sentence, passage.text, about)
    if support.share < LEAST_SUPPORT:
        return support
    quote = "\n".join(passage.text[start:end] for start, end in support.spans)
    if closely:
        columns = "\n".join(
            unit.columns for unit in text_units(passage.text) if (unit.start, unit.end) in support.spans
        )
        stands = is_near_copy(sentence, quote, about, columns)
        stands = stands and not is_altered(sentence, quote, closely=True)
    else:
        stands = not is_altered(sentence, quote)
    return support if stands else Support(0.0, ())


def _repeats_its_subject(sentence: str) -> bool:
    """Tell whether a sentence is like "The menu is made by the menu", which says nothing."""
    subject, rest = (set(claim_of(part).words) for part in around_verb(sentence))
    return bool(rest - PLAIN_VERBS) and rest - PLAIN_VERBS <= subject


def _only_answers(sentence: str) -> bool:
    """Tell whether a sentence is like "The answer is: Hooke's law": what it claims is in the question."""
    start = ANSWER_IS.match(sentence)
    return start is not None and not VERB.search(sentence, start.end())


def _best_sources(
    sentence: str, numbers: Sequence[int], passages: Sequence[Passage], *, closely: bool
) -> list[Citation]:
    """Return citations of the passage, of these numbers, that supports a sentence best; none if none does."""
    supports = {n: _support(sentence, passages[n - 1], closely=closely) for n in numbers}
    best = max(supports, key=lambda n: (supports[n].share, -n), default=0)
    if not best or supports[best].share < LEAST_SUPPORT:
        return []
    return [citation_at(best, passages[best - 1], *span) for span in supports[best].spans]


def _subject(passage: Passage) -> str:
    """Return what a passage is about; its library may say so where no document does: internships, menus."""
    return f"{passage.library} | {LOCATOR.sub('', passage.header)}"


def _likely_passages(sentence: str, passages: Sequence[Passage], least: float = LEAST_SUPPORT) -> list[int]:
    """Return the numbers of the passages to compare: all of a few, of many those with most of the words."""
    numbers = range(1, len(passages) + 1)
    if len(passages) <= MOST_COMPARED:
        return list(numbers)
    share = {n: word_share(sentence, passages[n - 1].text, _subject(passages[n - 1])) for n in numbers}
    likely = sorted((n for n in numbers if share[n] >= least), key=lambda n: (-share[n], n))
    return likely[:MOST_COMPARED]


ANY_TIME = "second minute hour day week month year"
"""In another language, a time may stand without its unit: "à 17 heures" is "at 17"."""


def _translated_sources(sentence: str, named: Sequence[int], passages: Sequence[Passage]) -> list[Citation]:
    """Return whole named passages in another language than the sentence, if they have its quantities.

    A translation shares too few words with its source to be compared, so the model's mark is trusted.
    """
    language = language_of(sentence)
    if not language:
        return []
    figures = {term for term in claim_of(sentence).exact if term[0].isdigit()}
    return [
        citation_at(n, passages[n - 1], 0, len(text))
        for n in named
        if language_of(text := passages[n - 1].text) not in ("", language)
        and figures <= claim_of(text).exact
        and agree(sentence, text, ANY_TIME)
    ]


def sources_of_halves(
    sentence: str,
    parts: Sequence[Half],
    sources: Sequence[Citation],
    named: Sequence[int],
    passages: Sequence[Passage],
    *,
    closely: bool = False,
) -> list[list[Citation]]:
    """Return the sources of each half, all in one document: it is the one that supports most halves.

    If the sentence has a source, that is the source of its halves as well, but for those that have a subject
    of their own: "The disk is full, and the disk is growing" must be said of the disk twice.
    """
    cited = {source.document_id for source in sources}
    language = language_of(sentence)
    if len(sources) > 1 or any(language_of(source.quote) not in ("", language) for source in sources):
        return [list(sources) for _ in parts]
    best: list[list[Citation]] = [[] for _ in parts]
    likely = _likely_passages(sentence, passages, least=LEAST_SUPPORT / 2)
    for document in dict.fromkeys(passages[n - 1].document_id for n in (*named, *likely)):
        if cited and document not in cited:
            continue
        numbers = [n for n in sorted({*named, *likely}) if passages[n - 1].document_id == document]
        found = [
            _sources_of_half(half, sentence, sources, numbers, passages, closely=closely) for half in parts
        ]
        if sum(map(bool, found)) > sum(map(bool, best)) or (
            sum(map(bool, found)) == sum(map(bool, best)) and not set(named).isdisjoint(numbers)
        ):
            best = found
    return best


def _sources_of_half(
    half: Half,
    sentence: str,
    sources: Sequence[Citation],
    numbers: Sequence[int],
    passages: Sequence[Passage],
    *,
    closely: bool,
) -> list[Citation]:
    text = sentence[half.start : half.end]
    said = claim_of(" ".join(around_verb(text))).words if half.subject else ()
    if closely and any(
        is_near_copy(text, source.quote, _subject(passages[source.n - 1])) for source in sources
    ):
        return list(sources)
    if sources and half.subject:
        quote = " ".join(source.quote for source in sources)
        known_words = sum(has_word(quote, word) for word in said)
        return list(sources) if 2 * known_words >= len(said) else []
    if sources and (
        not SUBJECT.match(half.statement) or any(_bare(text) in _bare(source.quote) for source in sources)
    ):
        return list(sources)
    subject = claim_of(half.subject).words
    said = said or claim_of(around_verb(half.statement)[1]).words
    supported = []
    for source in _best_sources(half.statement, numbers, passages, closely=closely):
        known = f"{source.quote} {_subject(passages[source.n - 1])}"
        quoted_share = sum(has_word(source.quote, word) for word in said) / max(len(said), 1)
        known_share = sum(has_word(known, word) for word in said) / max(len(said), 1)
        if (
            all(has_word(known, word) for word in subject)
            and (sources or not said or known_share >= LEAST_OF_HALF)
            and (not said or quoted_share >= LEAST_OF_HALF / 2)
        ):
            supported.append(source)
    return supported


def _bare(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))
