"""Questions that may be asked about a page, each with the characters that answer it, before any check."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from docent.answering.citing.vocabulary import content_words
from docent.types import Passage

Kind = Literal["field", "price", "cell", "figure", "definition", "rule", "caption", "heading", "model"]

LANGUAGES = ("en", "fr")
"""The languages in which questions are made without a model."""
LEAST_LETTERS, MOST_LETTERS = 10, 170
LONGEST_ANSWER = 240


@dataclass(frozen=True, slots=True)
class DocumentName:
    """The words by which a question names its document; empty where there is only one to ask about."""

    text: str = ""
    form: Literal["organisation", "report", "title"] = "title"
    thing: str = ""
    """The sort of document, if its text says so too: "internship", of the library "internships"."""
    title: str = ""
    """Of the document; a heading that repeats it is asked about by nobody."""

    def where(self, language: str) -> str:
        """Return the end of a question that is asked of many documents: " at Quillstone"."""
        if not self.text:
            return ""
        if language == "fr":
            return {
                "organisation": f" chez {self.text}",
                "report": f" d’après le rapport {self.text}",
                "title": f" dans « {self.text} »",
            }[self.form]
        return {
            "organisation": f" at {self.text}",
            "report": f" in the {self.text} report",
            "title": f" in “{self.text}”",
        }[self.form]

    def who(self, language: str) -> str:
        """Return the document as the subject of a sentence: "the Amazon 2017 report"."""
        if not self.text:
            return "le document" if language == "fr" else "the document"
        if language == "fr":
            return {"organisation": self.text, "report": f"le rapport {self.text}"}.get(
                self.form, f"« {self.text} »"
            )
        return {"organisation": self.text, "report": f"the {self.text} report"}.get(
            self.form, f"“{self.text}”"
        )


@dataclass(frozen=True, slots=True)
class Candidate:
    """A question with its answer, before it is checked."""

    kind: Kind
    question: str
    answer: str
    """Characters of the passage, in which white space may differ."""
    statement: str
    """The answer as a sentence, for the check of claims."""
    passage: Passage
    start: int
    end: int
    """Of the evidence, in the passage's text."""
    label: str = ""
    """The name of a field, or the like: what the answer is the value of."""
    wording: int = 0
    """Of several questions about the same place; the first that is accepted is enough."""
    must_be_first: bool = False
    """Nothing in the question names the document, so that its page has to be the first one found."""

    @property
    def evidence(self) -> str:
        return self.passage.text[self.start : self.end]

    @property
    def page_span(self) -> tuple[int, int]:
        return self.passage.start + self.start, self.passage.start + self.end


Maker = Callable[[Passage, DocumentName, str], Iterator[Candidate]]
"""Yields candidates of one kind from a passage, for a document of this name, in a language."""


def is_well_formed(candidate: Candidate) -> bool:
    """Tell whether the words of a candidate may be shown: of a usual length, and no torn-off piece."""
    question, answer = candidate.question, candidate.answer.strip()
    if not LEAST_LETTERS <= len(question) <= MOST_LETTERS or not 0 < len(answer) <= LONGEST_ANSWER:
        return False
    if any(question.count(a) != question.count(b) for a, b in ("()", "“”", "«»", "[]")):
        return False
    if re.search(r"[|\n\t\x00-\x1f]|\.{3,}|  |�|\bhttps?:|www\.|[*_#]{2}", question):
        return False
    last = answer.split()[-1].casefold().strip("*_`")
    return (
        bool(content_words(question) and re.search(r"\w", answer))
        and last[-1:] not in ",;:("
        and last not in UNFINISHED
        and not re.search(r"\b[A-Z]$", answer)  # cut after an initial
    )


UNFINISHED = frozenset(
    """a an the and or but if of to in on at by for from with as is are was were that which who le la les
    un une des du de et ou mais si à au aux en par pour sur avec que qui est sont""".split()
)
"""Words with which no answer ends: the rest of it stands elsewhere."""


def folded(text: str) -> str:
    """Return a text without white space and case, as answers are compared."""
    return re.sub(r"[\s\u00ad\ufffe*_`]+", "", text).casefold()


NO_END = frozenset(
    """it this that these those there they we you he she i which who whom whose what as in on at of for
    from to by with if when while and or but nor also both each every all any many most much few several
    some no another such same my your his her its our their one two three four five six seven eight nine
    ten first second third last next how why where nothing not than then thus however note item example
    total page see following above below other here only about over under be is are was were been has
    have had will would can could may must shall should do does did most more less il elle ils elles ce
    cette ces cela ceci nous vous on en y dans pour par sur sous si chaque tout tous toute toutes
    plusieurs quelques aucun aucune mon ma mes ton son sa ses notre nos votre vos leur leurs autre
    autres et ou mais donc car ni que qui dont où comme plus moins très est sont était étaient sera
    seront a ont deux trois quatre cinq six sept huit neuf dix january february march april june july
    august september october november december monday tuesday wednesday thursday friday saturday sunday
    janvier février mars avril mai juin juillet août septembre octobre novembre décembre lundi mardi
    mercredi jeudi vendredi samedi dimanche""".split()
)
"""Words with which a subject neither begins nor ends."""


def is_subject(words: Sequence[str]) -> bool:
    """Tell whether words may name a thing: neither end is a pronoun, a number, a verb or a date."""
    if not words or {words[0].casefold(), words[-1].casefold()} & NO_END:
        return False
    return not any(word[0].isdigit() for word in (words[0], words[-1])) and len(" ".join(words)) > 2


def lowered(text: str, passage_text: str) -> str:
    """Return a phrase as it stands inside a sentence: a first word that is no name begins small."""
    first, _, rest = text.partition(" ")
    if first in ("A", "An", "The", "Our", "Your"):
        return first.lower() + text[len(first) :]
    if not first[:1].isupper() or not first[1:].islower() or "-" in first and first[1:] != first[1:].lower():
        return text
    if any(len(word) > 3 and word[0].isupper() for word in rest.split()):
        return text  # several words with capitals are a name, or a title
    if re.search(rf"(?<!\S){re.escape(first.lower())}\b", passage_text):
        return first.lower() + text[len(first) :]
    name_inside = re.search(rf"(?<=[a-zà-ÿ,;] ){re.escape(first)}\b", passage_text)
    return text if name_inside else first.lower() + text[len(first) :]


def is_proper_name(text: str, passage_text: str) -> bool:
    """Tell whether a phrase names one thing everywhere: "Ariq Böke", not "Adjusted EBIT"."""
    words = [word for word in text.split() if word.casefold() not in ARTICLES]
    long = [word for word in words if len(word) > 3]
    if not long or any(word.isupper() for word in words) or not all(word[0].isupper() for word in long):
        return False
    if all(word in GENERIC for word in long):
        return False
    return len(long) > 1 or bool(re.search(rf"(?<=[a-zà-ÿ,] ){re.escape(long[0])}\b", passage_text))


GENERIC = frozenset(
    """Company Group Board Directors Committee Registrant Agreement Tenant Landlord Buyer Seller Customer
    Supplier Contractor Client Employer Employee Party Parties Bank Trust Fund Notes Plan Management
    Shareholders""".split()
)
"""Words that contracts and reports write like names, each of another thing."""
ARTICLES = frozenset(("the", "a", "an", "our", "your", "le", "la", "les", "un", "une"))


def is_plural(words: str) -> bool:
    """Tell whether an English noun phrase is plural, by its last word before any preposition."""
    head = re.split(r" (?:of|for|in|at|on|by|from|with|to|per|until|before|under|over|and) ", f"{words} ")[0]
    last = head.split()[-1].casefold() if head.split() else ""
    if re.search(r"\band\b", words) and not re.search(r" (?:of|for|in|at|with) ", words):
        return True
    return (
        last.endswith("s")
        and not last.endswith(("ss", "us", "is", "ness", "series", "news", "gross"))
        or last in ("people", "children", "fees", "data")
    )
