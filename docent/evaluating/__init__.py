"""The corridor from questions whose pages are known to figures that say how well they are found.

read_questions(file) → ask → Outcome of each question → report → Report, compare(two of them)
"""

from docent.evaluating.questions import GoldenQuestions, Question, from_answer, read_questions
from docent.evaluating.run import EvalRun, Outcome, ask, read_run, save_run
from docent.evaluating.scores import Comparison, Estimate, EvalReport, compare, report

__all__ = [
    "Comparison",
    "Estimate",
    "GoldenQuestions",
    "Outcome",
    "Question",
    "EvalReport",
    "EvalRun",
    "ask",
    "compare",
    "from_answer",
    "read_questions",
    "read_run",
    "report",
    "save_run",
]
