"""Questions about sections and figures: what stands below a heading or beside a caption."""

from __future__ import annotations

import re
from collections.abc import Iterator

from docent.answering.citing.vocabulary import content_words
from docent.answering.quoted_units import BULLET, quoted_units
from docent.questions.question_candidates import Candidate, DocumentName, is_subject, lowered
from docent.types import Passage

NUMBERED = re.compile(
    r"^(?:item|note|section|chapter|part|chapitre|article|partie|annexe)?\s*(?:\d+(?:\.\d+)*|[IVX]+\b)[A-Z]?"
    r"\s*[-—–.:)]*\s*",
    re.IGNORECASE,
)
HEADING = re.compile(r"[^\W\d_][^.;:!()\d|·/]{3,58}")
EMPTY_HEADING = re.compile(
    r"\b(?:contents|signatures?|exhibits?|certifications?|sommaire|table des mati|appendix|index|reserved"
    r"|reports?|statements?|sheets?|notes?|references|bibliography|overview|introduction|conclusion|summary|general"
    r"|table|figure|page|continued|and the rest|other|mentions légales|divers|more)\b",
    re.IGNORECASE,
)
SENTENCE = re.compile(
    r"^(?:an?|let|make|use|try|go|get|see|add|write|read|ask|put|take|send|find|choose|install|run|start|stop"
    r"|open|close|set|check|come|keep|give|look) "
    r"|\b(?:is|are|was|were|has|have|can|cannot|will|does|do|takes?|goes|gets|makes|est|sont|you|we|us|nous|vous)\b",
    re.IGNORECASE,
)
"""A heading that is a sentence, or asks for something to be done."""
CAPTION = re.compile(
    r"^[ \t*]*(?P<what>(?:Table|Figure|Chart|Exhibit|Diagram|Tableau|Graphique|Schéma) \d+(?:[.-]\d+)*)"
    r"[ .:–—-]+(?P<answer>[^\n]{8,200})$",
    re.MULTILINE,
)
LEAST_WORDS, MOST_WORDS = 6, 45


def heading_questions(passage: Passage, name: DocumentName, language: str) -> Iterator[Candidate]:
    """Yield a question for each heading in a passage, answered by the sentence that follows it."""
    text = passage.text
    units = quoted_units(text)
    for unit, following in zip(units, units[1:], strict=False):
        if unit.row or following.row or not following.whole:
            continue
        heading = " ".join(text[unit.start : unit.end].strip("#* ").split())
        answer = BULLET.sub("", " ".join(text[following.start : following.end].split()))
        if not LEAST_WORDS <= len(answer.split()) <= MOST_WORDS or answer[-1] not in ".!":
            continue
        known = " ".join(passage.heading.split())
        if heading != known and not text[unit.start : unit.end].startswith("#"):
            continue
        if question := _asked_of_heading(heading, text, name, language):
            yield Candidate(
                "heading", question, answer, answer, passage, following.start, following.end, label=heading
            )


def _asked_of_heading(heading: str, text: str, name: DocumentName, language: str) -> str:
    if heading.endswith("?") and len(heading.split()) >= 4:
        return heading  # a list of questions and answers
    topic = NUMBERED.sub("", heading)
    topic = topic.capitalize() if topic.isupper() else topic
    words = topic.split()
    if not HEADING.fullmatch(topic) or EMPTY_HEADING.search(topic) or SENTENCE.search(topic):
        return ""
    if not is_subject(words) or not 1 < len(words) <= 8 or content_words(topic) <= content_words(name.text):
        return ""
    if name.text and content_words(name.text) <= content_words(topic):
        return ""  # the title
    if name.title and content_words(topic) <= content_words(name.title):
        return ""
    if not name.text:
        if len(content_words(topic)) < 2:
            return ""
        about = f"« {topic} »" if language == "fr" else lowered(topic, text)
        return f"Que dit le texte sur {about} ?" if language == "fr" else f"What is said about {about}?"
    if language == "fr":
        return f"Que dit {name.who('fr')} sur « {topic} » ?"
    return f"What does {name.who('en')} say about {lowered(topic, text)}?"


def caption_questions(passage: Passage, name: DocumentName, language: str) -> Iterator[Candidate]:
    """Yield a question for each numbered table or figure with a caption."""
    for found in CAPTION.finditer(passage.text):
        answer = found["answer"].strip(" *.")
        if re.search(r"\.{4,}|\s\d+$", answer) or len(content_words(answer)) < 3:
            continue  # a table of contents
        what = found["what"]
        of = "" if not name.text else {"fr": name.where("fr"), "en": name.where("en")}[language]
        question = f"Que montre {what}{of} ?" if language == "fr" else f"What does {what} show{of}?"
        yield Candidate(
            "caption", question, answer, found[0].strip(), passage, found.start("what"), found.end(),
            label=what,
        )  # fmt: skip
