"""Cut a question into hops by its words: the things that it describes instead of naming them.

"What does the company that runs the Aarhus internship say about travel?" describes a company. It is found
first ("Which company runs the Aarhus internship?"), and its name then stands in the question.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from docent.answering.citing.vocabulary import content_words
from docent.text_language import detect_question_language

Kind = Literal["document", "first", "weekday", "month", "year", "date", "place", "language", "name"]
"""The kind of fact that a hop looks for: a document, the first of all documents, or words of a passage."""

MOST_HOPS = 3
"""The most searches for one question, the last one for its answer included."""
PLACEHOLDER = re.compile(r"#(\d)")


@dataclass(frozen=True, slots=True)
class PlannedHop:
    """One search of a question with several; #1 stands for what the first one finds."""

    question: str
    kind: Kind = "name"
    noun: str = ""
    """What it looks for, in one word or two: "company"."""
    compares: str = ""
    """The question over all documents whose answer it is: "Which internship pays most?"."""

    def filled(self, facts: Sequence[str]) -> str:
        """Return the question with the facts that were found in place of #1, #2."""
        return PLACEHOLDER.sub(lambda mark: facts[int(mark[1]) - 1], self.question)

    @property
    def needs(self) -> tuple[int, ...]:
        """The positions, from 0, of the facts that the question needs."""
        return tuple(int(number) - 1 for number in PLACEHOLDER.findall(self.question))


def _nouns(**kinds: str) -> dict[str, Kind]:
    return {noun: kind for kind, nouns in kinds.items() for noun in nouns.split()}  # type: ignore[misc]


ENGLISH = _nouns(
    document="company firm employer business studio workshop agency institute museum university "
    "school hospital shop hotel restaurant café cafe club bar bakery place organisation "
    "organization association supplier vendor contractor landlord bank atelier internship "
    "traineeship job position offer project course report contract agreement policy paper "
    "article study book document menu recipe product",
    weekday="weekday day",
    month="month",
    year="year",
    date="date",
    place="city town village country state county region",
    language="language",
    name="person author writer director producer composer performer singer band founder owner "
    "president manufacturer publisher tool format currency brand river",
)
FRENCH = _nouns(
    document="entreprise société employeur studio atelier agence institut musée université école "
    "hôpital boutique hôtel restaurant café club bar boulangerie organisation association "
    "fournisseur stage poste offre projet cours rapport contrat document menu recette "
    "produit étude livre article",
    weekday="jour",
    month="mois",
    year="année",
    date="date",
    place="ville village pays région état",
    language="langue",
    name="personne auteur autrice réalisateur réalisatrice compositeur fondateur fondatrice outil "
    "format monnaie",
)
GERMAN = _nouns(
    document="firma unternehmen arbeitgeber betrieb studio werkstatt agentur institut museum "
    "universität schule krankenhaus laden hotel restaurant café club bar bäckerei "
    "organisation verein lieferant praktikum stelle angebot projekt kurs bericht vertrag "
    "dokument menü rezept produkt studie buch artikel",
    weekday="wochentag tag",
    month="monat",
    year="jahr",
    date="datum",
    place="stadt dorf land region",
    language="sprache",
    name="person autor autorin regisseur regisseurin komponist gründer gründerin werkzeug format währung",
)
NOUNS: Mapping[str, Mapping[str, Kind]] = {"en": ENGLISH, "fr": FRENCH, "de": GERMAN}


def _either(words: Mapping[str, Kind]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


SMALL = r"(?:of|at|in|on|for|from|with|by|to|the|an?|and|or|that|which)\b"
"""Words that end a noun phrase: the company, not the travel, is described in "travel to the company that"."""
DESCRIBED = {
    "en": re.compile(
        rf"\b(?P<article>the|that) (?P<noun>(?:(?!{SMALL})[\w'-]+ ){{0,3}}?(?:{_either(ENGLISH)})),? "
        r"(?P<joint>(?:(?:in|on|at|for|from|with|of|by) which|that|which|who|whose|where|when)\b)",
        re.IGNORECASE,
    ),
    "fr": re.compile(
        r"(?P<article>\b(?:le|la|du|au|les|des|aux|ce|cette) |\bl['’])"
        rf"(?P<noun>(?:{_either(FRENCH)})(?: [\w'-]+)?),? (?P<joint>(?:(?:dans|pendant|pour|avec|en|à|chez) "
        r"(?:lequel|laquelle|qui)|qui|que|où|dont)\b|qu['’])",
        re.IGNORECASE,
    ),
    "de": re.compile(
        r"\b(?P<article>der|die|das|dem|den|des|im|am|zum|zur|vom|beim) "
        rf"(?P<noun>(?:\w+ )?(?:{_either(GERMAN)})e?s?n?), "
        r"(?P<joint>(?:(?:in|an|bei|für|mit|von|zu) (?:der|dem|den)|der|die|das|dem|den|deren|dessen|wo)\b)",
        re.IGNORECASE,
    ),
}
"""A thing that is described: its noun, and the joint that begins the description."""
_ROLES = _either({noun: kind for noun, kind in ENGLISH.items() if kind == "name"})
OF = re.compile(
    r"\bthe (?P<noun>(?:[\w'-]+ )?(?:city|town|village|country|state|county|region|place)) of #\d"
    rf"|\bthe (?P<role>(?:[a-z'-]+ )?(?:{_ROLES})) of "
    r"(?:#\d|(?:the )?[A-Z][\w'’-]*(?:(?: (?:of|the|and|in|for|with|de|la|&))*,? [A-Z0-9][\w'’-]*)*)"
)
"""A place of something found, or a person behind a thing: "the city of #1", "the author of Brand"."""
SPEAKERS = re.compile(
    r"(i|you|we|my|your|our|one|je|j['’]|tu|on|nous|vous|ich|du|wir|man|sie)\b", re.IGNORECASE
)
"""A description that begins with these is of the reader's own doing: "the file that I uploaded"."""
BASE_VERBS = (
    "accept allow answer apply ask attend become begin bring build buy call change charge close cook "
    "cost cover deliver demand do earn employ end expect give have hire hold include join keep know "
    "last leave lend let live make mean meet need offer open own pay plan produce promise provide "
    "publish quote recommend refund rent reply report request require say sell serve show sleep speak "
    "specify start state take teach tell translate use want work write"
)
_VERBS = "|".join(BASE_VERBS.split())
STATES = (
    "open closed free paid allowed included located available required refunded vegan vegetarian "
    "possible welcome cheaper older newer larger published founded born based"
)
FORMS_OF_BE = frozenset("is are was were be been".split())
SUBJECT = {
    "en": re.compile(
        r"\b(?:(?P<does>do|does|did|can|could|may|must|should|will|would)(?P<part>(?: [\w'-]+){1,3} of)?"
        r"|is|are|was|were|has|have)\s*$",
        re.IGNORECASE,
    ),
    "fr": re.compile(
        r"\b(?:quels?|quelles?|quand|où|comment|combien|que|quoi|pourquoi)\b[^,?]*$", re.IGNORECASE
    ),
    "de": re.compile(r"$"),
}
"""What stands before a description whose verb follows it: "What does the company that … say"."""
VERB_AFTER = re.compile(rf" (?=(?:{_VERBS})\b)", re.IGNORECASE)
STATE_AFTER = re.compile(rf" (?=(?:{'|'.join(STATES.split())})\b)", re.IGNORECASE)
INVERTED = re.compile(r" (?=(?:n['’])?\w+-(?:t-)?(?:il|elle|ils|elles|on)\b)", re.IGNORECASE)
TOPIC = re.compile(r" (?=(?:sur|concernant|au sujet|à propos)\b)", re.IGNORECASE)
END = re.compile(r"\s*(?:[;?]|\.$|$)")
NEXT_CLAUSE = re.compile(
    r",\s+(?=(?:and|or|but|what|how|which|who|when|where|why|is|are|does|do|did|can|et|ou|mais|quels?|quelles?|combien|"
    r"quand|comment|où|qui|est)\b)",
    re.IGNORECASE,
)
COMMA = re.compile(r",")
FEW_WORDS = 2
"""Words before a description that opens the question, as in "In the month in which …, what is taught?"."""
LIGHT = frozenset(
    "currently name names named called number title nom noms titre heißt heisst give list show tell "
    "find exact full file page which what who".split()
)
"""Words that leave nothing to be asked about a thing but which one it is."""
ARTICLES = {
    "au": "à", "aux": "à", "du": "de", "des": "de",
    "im": "in", "am": "an", "zum": "zu", "zur": "zu", "vom": "von", "beim": "bei",
}  # fmt: skip
"""What is left of a preposition and an article where a name takes the place of the noun."""
SUPERLATIVE = re.compile(
    r"\b(?<!at )(?:most|least|fewest|highest|lowest|longest|shortest|earliest|latest|soonest|cheapest|dearest"
    r"|largest|biggest|smallest|greatest|oldest|newest|youngest|best|worst|nearest|closest|fastest|slowest)\b"
    r"|\b(?:first|last)$|\bl[ea] (?:plus|moins)\b|\bam \w+sten\b"
    r"|\b(?:höchst|niedrigst|längst|kürzest|meist|wenigst|frühest|spätest|größt|kleinst|billigst)\w*",
    re.IGNORECASE,
)
"""A comparison of all documents, which no search makes, but a table does."""
WITH = re.compile(
    rf"\b(?P<article>the|that) (?P<noun>(?:(?!{SMALL})[\w'-]+ ){{0,3}}?(?:{_either(ENGLISH)})) "
    r"(?P<joint>with) (?=the (?:most|least|fewest|highest|lowest|longest|shortest|earliest|latest)\b)",
    re.IGNORECASE,
)
"""A thing that a superlative describes: "the internship with the earliest deadline"."""
COMPARED = {
    ("en", "with"): "Which {noun} has {clause}?",
    ("en", "that"): "Which {noun} {clause}?",
    ("en", "which"): "Which {noun} {clause}?",
    ("fr", "qui"): "Quel {noun} {clause} ?",
}
"""The question over all documents that a description is, by language and joint."""


def plan_by_patterns(question: str) -> tuple[PlannedHop, ...]:
    """Return the hops of a question, the last one for its answer; none where one search is enough."""
    language = detect_question_language(question) or "en"
    if language not in DESCRIBED or PLACEHOLDER.search(question):
        return ()
    text, hops = " ".join(question.split()), list[PlannedHop]()
    while len(hops) < MOST_HOPS - 1:
        cut = _cut(text, language, len(hops) + 1)
        if cut is None:
            break
        hop, text = cut
        hops.append(hop)
    asked = {word for word in content_words(PLACEHOLDER.sub(" ", text).lower()) if word not in LIGHT}
    return (*hops, PlannedHop(text)) if hops and asked else ()


def _cut(text: str, language: str, number: int) -> tuple[PlannedHop, str] | None:
    """Return the innermost described thing as a hop, and the text in which its number stands instead."""
    found = [*DESCRIBED[language].finditer(text), *(WITH.finditer(text) if language == "en" else ())]
    for match in sorted(found, key=lambda match: -match.start()):
        end = _end_of_clause(text[: match.start()], text[match.end() :], language)
        clause = text[match.end() : match.end() + end].strip()
        noun = match["noun"]
        compared = COMPARED.get((language, match["joint"].lower()), "")
        is_first = bool(SUPERLATIVE.search(clause))
        if SPEAKERS.match(clause) or not content_words(clause) or (is_first and not compared):
            continue
        kind: Kind = "first" if is_first else NOUNS[language][_head(noun, language)]
        described = f"{noun}{text[match.end('noun') : match.end() + end]}"
        article = match["article"].strip().lower()
        left, right = text[: match.start()], text[match.end() + end :]
        left += f"{ARTICLES[article]} " if article in ARTICLES else ""
        if language == "de":
            right = right.removeprefix(",")
        asked = compared.format(noun=noun, clause=clause) if is_first else ""
        hop = PlannedHop(f"the {described}" if language == "en" else described, kind, noun, asked)
        return hop, " ".join(f"{left}#{number}{right}".split())
    if language == "en" and (part := OF.search(text)):
        noun = part["noun"] or part["role"]
        hop = PlannedHop(part[0], NOUNS[language][_head(noun, language)], noun)
        return hop, f"{text[: part.start()]}#{number}{text[part.end() :]}"
    return None


def _head(noun: str, language: str) -> str:
    """Return the word of a noun phrase that says its kind."""
    known = NOUNS[language]
    words = [word.lower() for word in noun.split()]
    for word in words if language == "fr" else reversed(words):
        for form in (word, word.removesuffix("s"), word.removesuffix("es"), word.removesuffix("n")):
            if form in known:
                return form
    return next(noun for noun in known if words[-1].startswith(noun))


def _end_of_clause(before: str, after: str, language: str) -> int:
    """Return how many characters of `after` describe the thing; 0 where that cannot be told."""
    opens = len(before.split()) <= FEW_WORDS or language == "de"
    ends = [found.start() for sign in (END, COMMA if opens else NEXT_CLAUSE) if (found := sign.search(after))]
    end = min(ends, default=len(after))
    clause = after[:end]
    if not (subject := SUBJECT[language].search(before)):
        return end
    if language == "en":
        verbs = (VERB_AFTER if subject["does"] else STATE_AFTER).finditer(clause)
        for verb in verbs:
            words = clause[: verb.start()].split()
            # The word right after the joint, or after "was", belongs to the description.
            if len(words) > 1 and words[-1].lower() not in FORMS_OF_BE:
                return verb.start()
        return 0 if subject["does"] and not subject["part"] else end
    if language == "fr":
        says = before.lower().startswith("que")
        split = INVERTED.search(clause) or (TOPIC.search(clause) if says else None)
        return split.start() if split else end
    return end
