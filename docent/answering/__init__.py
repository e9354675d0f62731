"""From a request to its answer: condense, search, budget, prompt, stream, cite."""

from docent.answering.answer_pipeline import answer
from docent.answering.services import AnswerLimits, AnswerServices, Retrieve, search_in_thread
from docent.retrieving.query import MAX_QUESTION as LONGEST_QUESTION
from docent.retrieving.query import shortened_notice

__all__ = [
    "LONGEST_QUESTION",
    "AnswerLimits",
    "AnswerServices",
    "Retrieve",
    "answer",
    "search_in_thread",
    "shortened_notice",
]
