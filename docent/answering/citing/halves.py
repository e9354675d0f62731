"""Cut a sentence that says several things into its statements, each with its subject.

"The internship pays DKK 21,400 a month, and it is hybrid" says "The internship pays DKK 21,400 a month" and
"The internship is hybrid". A sentence is cut only before a verb that is known, so most sentences stay whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_VERBS = """
    is are was were has have had does do did can cannot could must may might will would should needs costs
    pays starts begins? ends lasts opens closes takes? gives? gets? runs works includes? offers provides?
    comes? goes? shows keeps? makes? uses requires? allows? speaks? receives? earns? contains? serves?
    describes? stays lies becomes? means produces? photographs
    est sont était ont coûte(?:nt)? dure(?:nt)? commence(?:nt)? peut peuvent doit doivent comprend ouvre ferme
    finit paie reçoit
    ist sind war waren hat haben kostet kosten dauert beginnt endet kann können muss müssen darf wird werden
    bekommt
"""
VERB = re.compile(rf"(?<!to )\b(?!(?-i:War|May)\b)(?:{'|'.join(_VERBS.split())})\b(?!['’-])", re.I)
"""With capitals, "May" is a month and "War" no German verb."""
BREAK = re.compile(
    r"\s*[;,]\s+(?:(?:and|but|so|while|whereas|und|aber|sowie|während|et|mais|tandis que)\s+)?"
    r"|\s+(?:and|but|und|aber|et|mais)\s+",
    re.I,
)
PRONOUN = re.compile(
    r"(?:it|they|he|she|which|es|sie|er|il|elle|ils|elles|qui)\s+(?:also\s+|auch\s+|aussi\s+)?", re.I
)
MOST_WORDS_BEFORE_VERB = 6


def around_verb(text: str) -> tuple[str, str]:
    """Return what stands before and behind the first verb of a statement; all of it if there is no verb."""
    verb = VERB.search(text)
    return (text[: verb.start()], text[verb.end() :]) if verb else (text, "")


@dataclass(frozen=True, slots=True)
class Half:
    """The characters `start:end` of a sentence, and what they say with the subject put in."""

    start: int
    end: int
    statement: str
    subject: str = ""
    """The words that were put in; empty if the half has a subject of its own."""


def halves(sentence: str) -> list[Half]:
    """Return the statements of a sentence in order; one if it says one thing."""
    first_verb = VERB.search(sentence)
    if first_verb is None:
        return [Half(0, len(sentence), sentence)]
    subject = sentence[: first_verb.start()].strip()
    cuts = [
        cut for cut in BREAK.finditer(sentence, first_verb.end()) if _begins_statement(sentence[cut.end() :])
    ]
    starts = [0, *(cut.end() for cut in cuts)]
    ends = [*(cut.start() for cut in cuts), len(sentence)]
    return list(_with_subjects(sentence, subject, zip(starts, ends, strict=True)))


def _begins_statement(rest: str) -> bool:
    """Tell whether a verb comes within a few words, before the next comma or "and"."""
    verb = VERB.search(re.split(r"[,;:.]\s|\s(?:and|or|und|oder|et|ou)\s", rest)[0])
    if re.match(r"\w+ing\b", rest):
        return False  # "using …" belongs to the statement before
    return verb is not None and len(rest[: verb.start()].split()) <= MOST_WORDS_BEFORE_VERB


def _with_subjects(sentence: str, subject: str, spans: Iterator[tuple[int, int]]) -> Iterator[Half]:
    for start, end in spans:
        text = sentence[start:end]
        bare = PRONOUN.sub("", text, count=1) if PRONOUN.match(text) else text
        if start and (bare != text or VERB.match(text)):
            yield Half(start, end, f"{subject} {bare}", subject)
        else:
            yield Half(start, end, text)
