"""Questions to offer about documents, each checked: a search finds the words that it was made from."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from docent.answering.citing.text_units import FIGURE
from docent.answering.citing.vocabulary import content_words
from docent.answering.intents import intent_of
from docent.answering.quoted_units import quoted_units
from docent.answering.replies_without_model import find_best_sentences
from docent.types import Citation, Passage

QUESTIONS = 3
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
    when while and or but also both each every all any many most much few several some no another such same
    my your his her its their one two three four five six seven eight nine ten eleven twelve fifteen twenty
    thirty forty fifty hundred thousand million first second third last next half
    how why where nothing ended ending shall cannot again itself item note table total page see following
    above below other here only about over under
    il elle ils elles ce cette ces cela nous vous on en dans pour par sur si chaque tout tous toute toutes
    plusieurs quelques aucun aucune mon ma mes ton son sa ses notre nos votre vos leur leurs autre autres
    deux trois quatre cinq sept huit neuf dix onze douze quinze vingt trente quarante cinquante cent mille
    january february march april may june july august september october november december
    monday tuesday wednesday thursday friday saturday sunday
    janvier février mars avril mai juin juillet août septembre octobre novembre décembre
    lundi mardi mercredi jeudi vendredi samedi dimanche""".split()
)
"""Words that a question's subject neither begins nor ends with: determiners, numbers, dates."""
HEADING = re.compile(r"[^\W\d_][^.;:!?()\d|]{3,58}")
NUMBERED = re.compile(
    r"^(?:item|note|section|chapter|part|chapitre|article)?\s*[\dIVX]+[A-Z]?\s*[-—–.:]\s*", re.IGNORECASE
)
EMPTY_HEADING = re.compile(
    r"\b(contents|signatures?|exhibits?|certifications?|sommaire|table des mati|appendix|index|reserved"
    r"|reports?|statements?|sheets?)\b",
    re.IGNORECASE,
)
SENTENCE_HEADING = re.compile(r"^an? |[·|]|\b(?:is|are|was|were|est|sont)\b", re.IGNORECASE)
PHRASE = re.compile(
    r"\b(?P<before>the|an?|our|your|of|le|la|les|une?|du|des|de) (?P<what>[^\W\d_]{4,} [^\W\d_]{4,})\b"
)
"""Two words after an article; they name a thing where they stand together more than once."""
IN_SENTENCE = r"(?<!\w)[a-zà-ÿ]+,? "
TITLE = re.compile(rf"{IN_SENTENCE}(?P<what>[A-ZÀ-Þ]\w{{2,}}(?: [A-ZÀ-Þ]\w{{2,}}){{1,3}})\b(?! [A-ZÀ-Þ])")
"""Words with capitals inside a sentence; at its start, or in a row of a table, they may be no name."""
NAME = re.compile(rf"{IN_SENTENCE}(?P<what>[A-ZÀ-Þ][\w’'&-]{{2,}})")
"""A word with a capital inside a sentence."""
LABELS = (
    "amount due|closing date|contract period|deadline|delivery date|deposit|due date|duration|interest rate"
    "|invoice date|invoice number|minimum order|notice period|pay|premium|rent|salary|start date|total amount"
    "|warranty"
)
LABELLED = re.compile(rf"(?<!\w)(?P<label>{LABELS})(?::| [·|])[ \n](?=\S)", re.IGNORECASE)
"""A name that a form gives to a value: "Pay: 1,180 a month"."""
PRICED = re.compile(
    r"^(?P<what>[^\W\d_][^\d\n·|:;,.!?$€£¥()]{2,48}?) *(?:\([\d, ]+\))?[ ·|\n]{0,4}"
    r"[$€£¥] ?\d{1,5}[.,]\d\d(?!\d)",
    re.MULTILINE,
)
"""A line of a menu or a price list."""
MOST_WORDS_PRICED = 6
LEAST_PRICED = 5
"""Priced lines of a price list; a report has fewer, and they are about shares."""
ADDRESS = re.compile(
    r" · |\b\d+ (?:rue|avenue)\b|\b(?:street|road|house|building|university)\b", re.IGNORECASE
)
"""A line of an address or a footer, whose names are no subjects."""
NOUN = re.compile(r"\b(?:the|an?|our|your|of|le|la|les|une?|du|des|de) (\w+)", re.IGNORECASE)
SHORT_TEXT = 500
"""Characters; of a longer text, a name that it holds once may be any street or city."""
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
    names = {name for name in names if not name.isupper()}  # PDF and EUR are no subjects
    names -= {word.capitalize() for passage in passages for word in passage.text.split() if word.islower()}

    def rank(found: tuple[str, list[Place]]) -> float:
        subject = content_words(found[0])
        return sum(common[word] for word in subject) / (1 + len(subject))

    short = sum(len(passage.text) for passage in passages) < SHORT_TEXT
    kinds = (
        _about_figures(passages, language, names),
        _about_values(passages, language),
        _about_headings(passages, language),
        _about_words(passages, language, TITLE, least=1 if short else 2),
        _about_words(passages, language, PHRASE, least=2),
        _about_words(passages, language, NAME, least=1 if short else 3, among=names),
    )
    ranked = [sorted(_grouped(kind).items(), key=rank, reverse=True)[:MOST_OF_A_KIND] for kind in kinds]
    *told, named = ranked  # names of one word are the last resort
    return [one for kind in told for one in kind[:2]] + [one for kind in told for one in kind[2:]] + named


def _grouped(kind: Iterator[tuple[str, Place]]) -> dict[str, list[Place]]:
    questions: dict[str, list[Place]] = {}
    for question, place in kind:
        questions.setdefault(question, []).append(place)
    return questions


def _about_figures(
    passages: Sequence[Passage], language: str, names: AbstractSet[str]
) -> Iterator[tuple[str, Place]]:
    """Yield a question for each sentence that says how something changed, or what it was."""
    for passage in passages:
        for unit in quoted_units(passage.text):
            text = passage.text[unit.start : unit.end]
            if unit.row or not unit.whole or not FIGURE.search(text):
                continue
            if question := _question(" ".join(text.split()), language, names):
                yield question, Place(passage, unit.start, unit.end)


def _about_values(passages: Sequence[Passage], language: str) -> Iterator[tuple[str, Place]]:
    """Yield a question for each labelled value of a form, and each priced line."""
    if language == "fr":
        return
    priced: list[tuple[str, Place]] = []
    for passage in passages:
        for found in LABELLED.finditer(passage.text):
            yield f"What is the {found['label'].casefold()}?", Place(passage, *found.span())
        for found in PRICED.finditer(passage.text):
            words = found["what"].split()
            what = " ".join(words)
            if (
                what == found["what"].strip()
                and 1 < len(words) <= MOST_WORDS_PRICED
                and len(content_words(what)) > 1
                and _is_topic(words)
            ):
                priced.append((f"How much is {what}?", Place(passage, *found.span())))
    if len({question for question, _ in priced}) >= max(LEAST_PRICED, len(passages)):
        yield from priced


def _question(sentence: str, language: str, names: AbstractSet[str]) -> str:
    if language == "fr":
        found = CHANGED_FR.match(sentence)
        return f"Comment {found['verb']} évolué {_subject(found['what'], names)} ?" if found else ""
    if found := CHANGED.match(sentence):
        verb = HOW_CHANGED[found["verb"].casefold()]
        return f"By how much did {what} {verb}?" if (what := _subject(found["what"], names)) else ""
    found = AMOUNTED.match(sentence)
    what = _subject(found["what"], names) if found else ""
    if found and (len(content_words(what)) > 1 or names & set(what.split())):
        return f"What {found['verb']} {what}?"
    return ""


def _subject(what: str, names: AbstractSet[str]) -> str:
    """Return a subject as it stands inside a sentence; empty for one that says nothing by itself."""
    words = what.split()
    named = words[1:] if words[0].casefold() in ("the", "our") else words
    if not _is_topic(named) or len(" ".join(named)) < 4:
        return ""
    first = ARTICLES.get(words[0].casefold(), words[0])
    if first not in names and not first.isupper() and (len(words) == 1 or not words[1][0].isupper()):
        first = first[0].lower() + first[1:]
    return " ".join((first, *words[1:]))


def _about_headings(passages: Sequence[Passage], language: str) -> Iterator[tuple[str, Place]]:
    """Yield a question for each heading but the first of several, which is the title of everything."""
    several = len({passage.heading for passage in passages}) > 1
    for passage in passages:
        if several and passage.heading == passages[0].heading:
            continue
        topic = NUMBERED.sub("", " ".join(passage.heading.split()))
        topic = topic.capitalize() if topic.isupper() else topic
        is_heading = HEADING.fullmatch(topic) and not EMPTY_HEADING.search(topic)
        is_heading = is_heading and not SENTENCE_HEADING.search(topic)
        if is_heading and len(content_words(topic)) > 1 and _is_topic(topic.split()):
            yield _said_about(topic, language), Place(passage, 0, len(passage.text))


def _about_words(
    passages: Sequence[Passage],
    language: str,
    words: re.Pattern[str],
    *,
    least: int = 1,
    among: Collection[str] | None = None,
) -> Iterator[tuple[str, Place]]:
    """Yield a question for each place of words, those first that stand most often in the text.

    Words that stand in fewer than `least` places are left out, and with `among` all others.
    """
    places: dict[str, list[tuple[str, Place]]] = {}
    ended: set[str] = set()
    """Phrases that end where they are said to, at least once: no "emerging growth" of a company."""
    nouns = {noun.casefold() for passage in passages for noun in NOUN.findall(passage.text)}
    for passage in passages:
        for found in words.finditer(passage.text):
            if ADDRESS.search(_line_around(passage.text, *found.span())):
                continue
            what = found["what"]
            said = what.casefold().split()
            if words is PHRASE:
                plural = said[0].endswith("s") and not said[0].endswith("ss")
                if plural or what.istitle() != what[0].isupper() or _is_verb(said[-1], nouns):
                    continue  # "the authorities take", "the Company terminates"
                following = passage.text[found.end() : found.end() + 30].split()[:1]
                if not content_words(" ".join(following)):
                    ended.add(" ".join(said))
            if (among is None or what in among) and _is_topic(said) and len(content_words(what)) == len(said):
                article = found.groupdict().get("before") in ("the", "a", "an", "our", "your")
                topic = f"the {what}" if article else what
                place = Place(passage, *found.span("what"))
                places.setdefault(" ".join(said), []).append((topic, place))
    often = sorted(places, key=lambda key: len(places[key]), reverse=True)
    for key in often[:MOST_OF_A_KIND]:
        if len(places[key]) >= least and (words is not PHRASE or key in ended):
            for _, place in places[key]:
                yield _said_about(places[key][0][0], language), place


def _line_around(text: str, start: int, end: int) -> str:
    """Return the line, or the lines, that hold characters of a text."""
    return text[text.rfind("\n", 0, start) + 1 : (text.find("\n", end) + 1 or len(text) + 1) - 1]


def _is_verb(word: str, nouns: AbstractSet[str]) -> bool:
    """Tell whether a word may be a verb: it ends like one, and never stands after an article."""
    return word.endswith(("s", "ed", "ing")) and word not in nouns


def _is_topic(words: Sequence[str]) -> bool:
    """Tell whether words may name a thing: none of its ends is a determiner, a number or a date."""
    ends = {words[0].casefold(), words[-1].casefold()} if words else NO_SUBJECT
    spaced_out = sum(len(word) == 1 for word in words) > 2  # N e w s
    return not ends & NO_SUBJECT and not spaced_out


def _said_about(topic: str, language: str) -> str:
    return f"Que dit le texte sur « {topic} » ?" if language == "fr" else f"What is said about {topic}?"


def _is_answered(question: str, places: Sequence[Place], search: Search) -> bool:
    """Tell whether a search for the question finds one of its places, among the best sentences."""
    if intent_of(question, ()).kind != "question":
        return False
    best = find_best_sentences(question, search(question)[:PASSAGES_CHECKED])
    return any(place.is_cited_by(citation) for citation in best.citations for place in places)
