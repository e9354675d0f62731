"""Take the fact that leads from one hop to the next out of the passages found: a name, a day, a document."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from docent.answering.citing.sources import citation_at
from docent.answering.citing.vocabulary import content_words
from docent.answering.multi_hop.hop_patterns import Kind, PlannedHop
from docent.answering.quoted_units import quoted_units, shown_sentence
from docent.answering.replies_without_model import FALLOFF, find_best_sentences
from docent.text_language import detect_question_language
from docent.types import Citation, Passage

WEEKDAYS = (
    "monday tuesday wednesday thursday friday saturday sunday lundi mardi mercredi jeudi vendredi "
    "samedi dimanche montag dienstag mittwoch donnerstag freitag samstag sonntag"
)
MONTHS = (
    "january february march april may june july august september october november december janvier "
    "février mars avril mai juin juillet août septembre octobre novembre décembre januar februar märz "
    "juni juli oktober dezember"
)
LANGUAGES = (
    "english french german spanish italian portuguese dutch swedish danish norwegian finnish polish "
    "czech greek russian turkish arabic hebrew chinese japanese korean hindi swahili irish welsh "
    "catalan estonian latin anglais français allemand espagnol italien portugais néerlandais englisch "
    "französisch deutsch spanisch italienisch portugiesisch"
)


def _one_of(words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(words.split())})\b", re.IGNORECASE)


_DAY = rf"(?:\d{{1,2}}\.? )?(?:{'|'.join(MONTHS.split())})(?: \d{{1,2}},?)?(?: \d{{4}})?"
VALUES: dict[Kind, re.Pattern[str]] = {
    # "Fridays" is Friday; "may" is a month only with its capital.
    "weekday": re.compile(rf"\b(?:{'|'.join(WEEKDAYS.split())})(?=s?\b)", re.IGNORECASE),
    "month": re.compile(rf"\b(?:(?!may\b)(?:{'|'.join(MONTHS.split())})|(?-i:May))\b", re.IGNORECASE),
    "year": re.compile(r"\b(?:1[5-9]|20)\d\d\b"),
    "date": re.compile(
        rf"\b{_DAY}\b|\b\d{{4}}-\d\d-\d\d\b|\b\d{{1,2}}[./]\d{{1,2}}[./]\d{{2,4}}\b", re.IGNORECASE
    ),
    "language": _one_of(LANGUAGES),
}
NAME = re.compile(
    r"[^\W\d_a-zß-ÿ][\w'’&.-]*(?:,? (?:(?:of|the|and|de|la|le|von|van|&) ){0,2}[^\W\d_a-zß-ÿ][\w'’&-]*)*"
)
"""Words with a capital that stand together."""
NO_NAME = re.compile(rf"(?:{'|'.join(f'{MONTHS} {WEEKDAYS}'.split())})|\w{{1,2}}", re.IGNORECASE)
SAME_EVENT = (
    (
        r"begin|start|commenc|débute|from\b|beginnt|anfang",
        r"begin|start|commenc|from\b|when\b|débute|dès|ab\b|beginn",
    ),
    (
        r"clos|end\b|deadline|stop|until|apply|application|candidature|bewerb|frist",
        r"clos|deadline|apply (?:by|before)|applications?\b.*\b(?:by|until|before)|jusqu|avant|bis\b|frist",
    ),
)
"""Words of a question about a date, and words that say the same in a list of dates."""
EVENT_FACTOR = 2.0
LEAST_SENTENCE_SHARE = 0.5
"""Of the words of a description that the sentence taken for it must hold, its document's name included."""
MOST_NAMES = 3
LEAST_SHARE = 0.34
"""Of the words of a description that its document must hold, in its own language or in the question's."""


@dataclass(frozen=True, slots=True)
class BridgingFact:
    """A fact that a hop found, with the characters of the passage that say it."""

    text: str
    passage: Passage
    citation: Citation
    document: str = ""
    """The id of the document that was described, where the fact is a document."""
    noun: str = ""
    """The word for it in the question: "company"."""
    words: str = ""
    """What is searched in its place, where the text is a sentence."""

    @property
    def searched(self) -> str:
        return self.words or self.text


def find_fact(
    hop: PlannedHop,
    passages: Sequence[Passage],
    titles: Mapping[str, str],
    *,
    asked: Sequence[str],
) -> BridgingFact | None:
    """Return the fact that answers a hop; None where the passages do not say it.

    `asked` holds the hop's question and its translations; `titles`, by their ids, those of the documents.
    """
    if hop.kind == "document":
        return _described_document(hop, passages, titles, asked)
    pattern = VALUES.get(hop.kind)
    known = content_words(" ".join(asked))
    named = _names_in(hop.question)
    for passage, start, end in _by_likelihood(hop, passages):
        said = passage.text[start:end]
        citation = citation_at(1, passage, start, end)
        values = [match[0] for match in (pattern or NAME).finditer(said)]
        new = [value for value in values if not content_words(value) <= known]
        if pattern is not None and new:
            return BridgingFact(new[0], passage, citation, noun=hop.noun)
        if pattern is None:
            new = [name for name in new if not NO_NAME.fullmatch(name)]
            # No pattern can tell which of its names is meant: the sentence is shown, its names are searched.
            held = content_words(f"{said} {passage.header}")
            if not (new and named <= held and len(known & held) >= LEAST_SENTENCE_SHARE * len(known)):
                continue
            names = " ".join(dict.fromkeys(new[:MOST_NAMES]))
            return BridgingFact(shown_sentence(citation.quote), passage, citation, noun=hop.noun, words=names)
    return None


def _described_document(
    hop: PlannedHop, passages: Sequence[Passage], titles: Mapping[str, str], asked: Sequence[str]
) -> BridgingFact | None:
    """Return the document most likely described, with its sentence that fits the description best."""
    own: dict[str, list[Passage]] = defaultdict(list)
    for passage in passages:
        own[passage.document_id].append(passage)

    def share(document: str) -> float:
        words = content_words(" ".join(f"{one.file} {one.header} {one.text}" for one in own[document]))
        return max(len(wanted & words) / max(len(wanted), 1) for wanted in map(content_words, asked))

    def likelihood(document: str) -> float:
        found = (
            FALLOFF**rank * one.relevance for rank, one in enumerate(passages) if one.document_id == document
        )
        return share(document) * sum(found)

    document = max(own, key=likelihood)
    best = find_best_sentences(" ".join(asked), own[document], most=1)
    held = content_words(" ".join(f"{one.file} {one.header} {one.text}" for one in own[document]))
    if share(document) < LEAST_SHARE or not _names_in(hop.question) <= held or not best.citations:
        return None
    citation = best.citations[0]
    passage = own[document][citation.n - 1]
    return BridgingFact(titles.get(document) or passage.file, passage, citation, document, hop.noun)


def _by_likelihood(hop: PlannedHop, passages: Sequence[Passage]) -> list[tuple[Passage, int, int]]:
    """Return the sentences of the passages, those that fit the hop best first."""
    asked = content_words(hop.question)
    events = [
        re.compile(said, re.IGNORECASE) for words, said in SAME_EVENT if re.search(words, hop.question, re.I)
    ]
    scored = []
    for rank, passage in enumerate(passages):
        about = len(asked & content_words(f"{passage.file} {passage.header}"))
        for unit in quoted_units(passage.text):
            said = passage.text[unit.start : unit.end]
            score = 1.0 + 2 * len(asked & content_words(said)) + about
            score *= EVENT_FACTOR if any(event.search(said) for event in events) else 1.0
            scored.append((score * FALLOFF**rank, passage, unit.start, unit.end))
    scored.sort(key=lambda one: -one[0])
    return [(passage, start, end) for _, passage, start, end in scored]


def _names_in(question: str) -> frozenset[str]:
    """Return the words of a description that are names; in German every noun has a capital."""
    if detect_question_language(question) == "de":
        return frozenset()
    return content_words(" ".join(NAME.findall(question)))


def fact_at(words: str, hop: PlannedHop, passages: Sequence[Passage]) -> BridgingFact | None:
    """Return words that a model named as the fact, if a passage has them, with the sentence around them."""
    pattern = re.compile(r"(?<!\w)" + r"\s+".join(map(re.escape, words.split())) + r"(?!\w)", re.IGNORECASE)
    for passage in passages:
        if match := pattern.search(passage.text):
            around = (unit for unit in quoted_units(passage.text) if unit.start <= match.start() < unit.end)
            unit = next(around, None)
            start, end = (unit.start, max(unit.end, match.end())) if unit else match.span()
            return BridgingFact(
                " ".join(match[0].split()), passage, citation_at(1, passage, start, end), noun=hop.noun
            )
    return None
