"""Questions to offer about documents, each checked: a search finds the words that it was made from."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from docent.answering.citing.text_units import FIGURE
from docent.answering.citing.vocabulary import content_words
from docent.answering.intents import intent_of
from docent.answering.key_sentences import key_sentences
from docent.answering.quoted_units import quoted_units, shown_sentence
from docent.answering.replies_without_model import find_best_sentences
from docent.types import Citation, Passage

QUESTIONS = 3
OVERVIEW_SENTENCES = 3
MOST_CHECKS = 8
"""Searches for one list of questions; each takes about 50 ms."""
PASSAGES_CHECKED = 8
NOUNS = r"(?P<what>(?:(?:the|our) )?[^\W\d_][\w’'&/-]*(?: [^\W\d_][\w’'&/-]*){0,5}?)"
CHANGED = re.compile(
    rf"{NOUNS} (?:has |have )?(?P<verb>increased|decreased|rose|fell|grew|declined)\b", re.IGNORECASE
)
ARTICLES = {word: word for word in ("the", "le", "la", "les")} | {"our": "the"}
HOW_CHANGED = {
    "increased": "increase",
    "decreased": "decrease",
    "rose": "rise",
    "fell": "fall",
    "grew": "grow",
    "declined": "decline",
}
AMOUNTED = re.compile(
    rf"{NOUNS} (?P<verb>was|were|is|are) (?:approximately |about |up to |only )?[$€£¥]?\d", re.IGNORECASE
)
CHANGED_FR = re.compile(
    r"(?P<what>(?:le |la |les |l[’'])[^\W\d_][\w’'-]*(?: [^\W\d_][\w’'-]*){0,5}?) (?P<verb>a|ont) "
    r"(?:augmenté|diminué|progressé|baissé|reculé)\b",
    re.IGNORECASE,
)
NO_SUBJECT = frozenset(
    """it this that these those there they we you he she i which who what as in on at for from to by with if
    when while and or but also both each all some such one item note table total page see following above
    other il elle ils elles ce cela nous vous on en dans pour par sur si""".split()
)
"""Words that a question's subject does not begin with."""
HEADING = re.compile(r"[^\W\d_][^.;:!?()\d|]{3,58}")
NUMBERED = re.compile(
    r"^(?:item|note|section|chapter|part|chapitre|article)?\s*[\dIVX]+[A-Z]?\s*[-—–.:]\s*", re.IGNORECASE
)
EMPTY_HEADING = re.compile(
    r"\b(contents|signatures?|exhibits?|certifications?|sommaire|table des mati|appendix|index|reserved"
    r"|reports?|statements?|sheets?)\b",
    re.IGNORECASE,
)
BEFORE_NOUN = r"\b(?:the|an?|our|your|of|le|la|les|une?|du|des|de) "
PAIR = re.compile(rf"{BEFORE_NOUN}([^\W\d_]{{4,}} [^\W\d_]{{4,}})\b|\b([A-ZÀ-Þ]\w{{3,}} [A-ZÀ-Þ]\w{{3,}})\b")
NAME = re.compile(r"[a-zà-ÿ,] ([A-ZÀ-Þ][\w’'&-]+)")
"""A word with a capital inside a sentence."""
SINGLE = re.compile(rf"{BEFORE_NOUN}([^\W\d_]{{5,}})\b")
MOST_OF_A_KIND = 40

Search = Callable[[str], Sequence[Passage]]


@dataclass(frozen=True, slots=True)
class Place:
    """Characters of a passage that answer a question; of a heading, all of the passage."""

    passage: Passage
    start: int
    end: int

    def is_cited_by(self, citation: Citation) -> bool:
        passage = self.passage
        same_page = (citation.document_id, citation.page) == (passage.document_id, passage.page)
        return (
            same_page
            and citation.start < passage.start + self.end
            and passage.start + self.start < citation.end
        )


@dataclass(frozen=True, slots=True)
class Overview:
    """Key sentences and questions, shown of a document that was just read."""

    sentences: tuple[tuple[str, str], ...]
    """A sentence and its place."""
    questions: tuple[str, ...]


def overview(passages: Sequence[Passage], *, language: str, search: Search) -> Overview:
    """Return three sentences of a document that was read whole, and three questions that it answers."""
    key = key_sentences(passages, most=OVERVIEW_SENTENCES)
    questions = suggest(passages, language=language, search=search)
    sentences = tuple((shown_sentence(citation.quote), citation.place) for citation in key.citations)
    return Overview(sentences, tuple(questions))


def suggest(
    passages: Sequence[Passage],
    *,
    language: str,
    search: Search,
    asked: Collection[str] = (),
    most: int = QUESTIONS,
) -> list[str]:
    """Return questions that these passages answer, the commonest subjects first, none like those `asked`."""
    known = [content_words(question) for question in asked]
    chosen: list[str] = []
    for checks, (question, places) in enumerate(_ranked(passages, language)):
        if len(chosen) == most or checks == MOST_CHECKS + len(chosen):
            break
        subject = content_words(question)
        repeated = any(subject <= other or other <= subject for other in known)
        if not repeated and _is_answered(question, places, search):
            chosen.append(question)
            known.append(subject)
    return chosen


def _ranked(passages: Sequence[Passage], language: str) -> list[tuple[str, list[Place]]]:
    """Return a question for each subject with its places, the commonest of each kind first."""
    common = Counter(word for passage in passages for word in content_words(passage.text))
    names = {name for passage in passages for name in NAME.findall(passage.text)}
    names -= {word.capitalize() for passage in passages for word in passage.text.split() if word.islower()}

    def rank(found: tuple[str, list[Place]]) -> float:
        subject = content_words(found[0])
        return sum(common[word] for word in subject) / (1 + len(subject))

    kinds = (
        _about_figures(passages, language, names),
        _about_headings(passages, language),
        _about_words(passages, language, PAIR),
        _about_words(passages, language, SINGLE),
    )
    ranked = [sorted(_grouped(kind).items(), key=rank, reverse=True)[:MOST_OF_A_KIND] for kind in kinds]
    *told, single = ranked  # single words are the last resort
    return [one for kind in told for one in kind[:2]] + [one for kind in told for one in kind[2:]] + single


def _grouped(kind: Iterator[tuple[str, Place]]) -> dict[str, list[Place]]:
    questions: dict[str, list[Place]] = {}
    for question, place in kind:
        questions.setdefault(question, []).append(place)
    return questions


def _about_figures(
    passages: Sequence[Passage], language: str, names: Collection[str]
) -> Iterator[tuple[str, Place]]:
    """Yield a question for each sentence that says how something changed, or what it was."""
    for passage in passages:
        for unit in quoted_units(passage.text):
            text = passage.text[unit.start : unit.end]
            if unit.row or not unit.whole or not FIGURE.search(text):
                continue
            if question := _question(" ".join(text.split()), language, names):
                yield question, Place(passage, unit.start, unit.end)


def _question(sentence: str, language: str, names: Collection[str]) -> str:
    if language == "fr":
        found = CHANGED_FR.match(sentence)
        return f"Comment {found['verb']} évolué {_subject(found['what'], names)} ?" if found else ""
    if found := CHANGED.match(sentence):
        verb = HOW_CHANGED[found["verb"].casefold()]
        return f"By how much did {what} {verb}?" if (what := _subject(found["what"], names)) else ""
    if (found := AMOUNTED.match(sentence)) and (what := _subject(found["what"], names)):
        return f"What {found['verb']} {what}?"
    return ""


def _subject(what: str, names: Collection[str]) -> str:
    """Return a subject as it stands inside a sentence; empty for one that says nothing by itself."""
    words = what.split()
    named = words[1:] if words[0].casefold() in ("the", "our") else words
    if not named or named[0].casefold() in NO_SUBJECT or len(" ".join(named)) < 4:
        return ""
    first = ARTICLES.get(words[0].casefold(), words[0])
    if first not in names and not first.isupper() and (len(words) == 1 or not words[1][0].isupper()):
        first = first[0].lower() + first[1:]
    return " ".join((first, *words[1:]))


def _about_headings(passages: Sequence[Passage], language: str) -> Iterator[tuple[str, Place]]:
    for passage in passages:
        topic = NUMBERED.sub("", " ".join(passage.heading.split()))
        topic = topic.capitalize() if topic.isupper() else topic
        if HEADING.fullmatch(topic) and not EMPTY_HEADING.search(topic) and len(content_words(topic)) > 1:
            yield _said_about(topic, language), Place(passage, 0, len(passage.text))


def _about_words(
    passages: Sequence[Passage], language: str, words: re.Pattern[str]
) -> Iterator[tuple[str, Place]]:
    """Yield a question for each place of words, those first that stand most often in the text."""
    places: dict[str, list[Place]] = {}
    for passage in passages:
        for found in words.finditer(passage.text):
            which = found.lastindex or 1
            said = found[which].casefold()
            if len(content_words(said)) == len(said.split()) and said.split()[0] not in NO_SUBJECT:
                places.setdefault(said, []).append(Place(passage, *found.span(which)))
    often = sorted(places.values(), key=len, reverse=True)
    for where in often[:MOST_OF_A_KIND]:
        first = where[0].passage.text[where[0].start : where[0].end]
        for place in where:
            yield _said_about(first, language), place


def _said_about(topic: str, language: str) -> str:
    return f"Que dit le texte sur « {topic} » ?" if language == "fr" else f"What is said about {topic}?"


def _is_answered(question: str, places: Sequence[Place], search: Search) -> bool:
    """Tell whether a search for the question finds one of its places, among the best sentences."""
    if intent_of(question, ()).kind != "question":
        return False
    best = find_best_sentences(question, search(question)[:PASSAGES_CHECKED])
    return any(place.is_cited_by(citation) for citation in best.citations for place in places)
