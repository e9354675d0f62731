"""Scores of one answer: by the claims check, by the answer that a person wrote, and by the pages it cites.

No model judges. Faithfulness is how much of the answer its sources support, completeness how many of the gold
answer's facts it has, citation precision how many of its cited sentences quote a gold page.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from docent.answering.citing.citations import FOUND_NOTHING, MARK, sentences_with_marks
from docent.answering.citing.claims import claim_of
from docent.answering.citing.quantities import normal_figure, plain_figures
from docent.answering.citing.text_units import FIGURE, sentence_spans
from docent.answering.citing.vocabulary import STOP_WORDS, content_words
from docent.evaluating.questions import Question
from docent.types import Answer, Citation

SCORES = {
    "faithfulness": "sentences of the answer that its sources support",
    "completeness": "figures and names of the gold answer that the answer has",
    "cited_completeness": "answers with every one of these, each in a quote as well",
    "citation_precision": "cited sentences that quote a gold page",
    "abstained": "questions with an answer that were not answered",
    "refused": "questions that nothing answers that were not answered",
    "loops": "answers that repeat themselves",
    "tokens": "tokens that the model wrote",
    "seconds": "seconds for an answer",
}
"""Each score, and its meaning. All but the last two are shares from 0 to 1."""
SHARES = tuple(SCORES)[:-2]

LOOP_WORDS = 8
LOOP_TIMES = 3
"""An answer that says the same eight words three times repeats itself."""
SHORTEST_REPEATED = 4
"""Words of a sentence that may not come three times."""
ASSENT = frozenset("yes no oui non ja nein".split())

SentenceVerdict = Literal["supported", "unsupported", ""]


@dataclass(frozen=True, slots=True)
class AnswerSentence:
    """The characters `start:end` of an answer; its verdict is empty where it claims nothing."""

    start: int
    end: int
    verdict: SentenceVerdict


def score_answer(
    question: Question, answer: Answer, seconds: float, labels: Mapping[str, str] | None = None
) -> dict[str, float | None]:
    """Return every score of an answer; None where one does not apply, such as without a gold answer.

    `labels` may say of a cited sentence, as `bare_words` writes it, that a reader found it supported; that
    precedes the gold page.
    """
    facts = gold_facts(question.answer) if question.answerable else frozenset[str]()
    quoted = facts_in(" ".join(f"{citation.file} {citation.quote}" for citation in answer.citations))
    claims = [sentence.verdict for sentence in sentences_of(answer) if sentence.verdict]
    right = list(_cited_rightly(question, answer, labels or {}))
    nothing = answer.receipt.not_found or bool(FOUND_NOTHING.search(answer.text) and not answer.citations)
    missing = missing_facts(question, answer)
    return {
        "faithfulness": claims.count("supported") / len(claims) if claims else None,
        "completeness": 1 - len(missing) / len(facts) if facts else None,
        "cited_completeness": float(not missing and facts <= quoted) if facts else None,
        "citation_precision": sum(right) / len(right) if right else None,
        "abstained": float(nothing) if question.answerable else None,
        "refused": None if question.answerable else float(nothing),
        "loops": float(repeats_itself(answer.text)),
        "tokens": float(answer.receipt.tokens_answered),
        "seconds": seconds,
    }


def sentences_of(answer: Answer) -> Iterator[AnswerSentence]:
    """Yield the sentences of an answer with the verdict of the claims check, which cited it.

    A sentence with a mark is supported, unless one of its halves was reported; one that was reported is not.
    """
    reported = [f" {bare_words(text)} " for text in answer.receipt.unsupported]
    for start, end in sentences_with_marks(answer.text):
        sentence = answer.text[start:end]
        words = f" {bare_words(sentence)} "
        if any(text in words for text in reported):
            yield AnswerSentence(start, end, "unsupported")
        else:
            yield AnswerSentence(start, end, "supported" if MARK.search(sentence) else "")


def _cited_rightly(question: Question, answer: Answer, labels: Mapping[str, str]) -> Iterator[bool]:
    """Yield for each sentence with a mark if it is supported: by its label, else if a gold page is quoted.

    Without labels and gold pages, nothing is known of any sentence.
    """
    for start, end in sentences_with_marks(answer.text):
        sentence = answer.text[start:end]
        numbers = {int(number) for mark in MARK.finditer(sentence) for number in mark[1].split(",")}
        label = labels.get(bare_words(sentence))
        if numbers and label:
            yield label == "supported"
        elif numbers and question.pages:
            yield any(is_gold(question, cited) for cited in answer.citations if cited.n in numbers)


def is_gold(question: Question, citation: Citation) -> bool:
    """Tell whether a citation is of a page that answers the question."""
    cited, named = PurePosixPath(citation.file), PurePosixPath(question.file).name
    return (
        citation.page in question.pages
        and named in (cited.name, cited.stem)
        and question.library in ("", citation.library)
    )


def bare_words(sentence: str) -> str:
    """Return the words of a sentence in small letters, without marks and signs."""
    return " ".join(re.findall(r"\w+", MARK.sub("", sentence).lower()))


def missing_facts(question: Question, answer: Answer) -> list[str]:
    """Return the figures and names of the gold answer that an answer does not have."""
    facts = gold_facts(question.answer) if question.answerable else frozenset[str]()
    return sorted(facts - facts_in(MARK.sub("", answer.text)))


def gold_facts(gold: str) -> frozenset[str]:
    """Return the figures, days and names of a gold answer; of one without any, its content words."""
    names = {word.lower() for word in re.findall(r"[^\W\d_][\w'’-]+", gold) if word[0].isupper()}
    return claim_of(gold).exact | (names - STOP_WORDS - ASSENT) or content_words(gold)


def facts_in(text: str) -> frozenset[str]:
    """Return everything in a text that a gold fact may be."""
    claim = claim_of(text)
    figures = {normal_figure(figure) for figure in FIGURE.findall(plain_figures(text))}
    return claim.exact | claim.all_words | content_words(text) | figures


def repeats_itself(text: str) -> bool:
    """Tell whether an answer says a sentence, or eight words in a row, three times."""
    words = bare_words(text).split()
    runs = Counter(tuple(words[at : at + LOOP_WORDS]) for at in range(len(words) - LOOP_WORDS + 1))
    sentences = Counter(
        text[start:end].lower()
        for start, end in sentence_spans(text)
        if len(text[start:end].split()) >= SHORTEST_REPEATED
    )
    return max([*runs.values(), *sentences.values()], default=0) >= LOOP_TIMES
