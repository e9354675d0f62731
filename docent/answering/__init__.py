"""From a request to its answer: condense, search, budget, prompt, stream, cite."""

from docent.answering.answer_pipeline import answer
from docent.answering.services import AnswerLimits, AnswerServices, Retrieve, search_in_thread
from docent.retrieving.question_limits import LONGEST as LONGEST_QUESTION
from docent.retrieving.question_limits import left_out

__all__ = [
    "LONGEST_QUESTION",
    "AnswerLimits",
    "AnswerServices",
    "Retrieve",
    "answer",
    "left_out",
    "search_in_thread",
]
