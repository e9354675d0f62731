"""From questions whose pages are known to figures that say how often the pages are found.

read_questions(file) → ask → Outcome of each question → report → EvalReport; compare(two runs) → Comparison
"""

from docent.evaluating.past_evaluations import PastEvaluation, PastEvaluations
from docent.evaluating.questions import GoldenQuestions, Question, from_answer, read_questions
from docent.evaluating.run import EvalRun, Outcome, ask, read_run, save_run
from docent.evaluating.scores import Comparison, EvalReport, Figure, compare, report

__all__ = [
    "Comparison",
    "Figure",
    "GoldenQuestions",
    "Outcome",
    "PastEvaluation",
    "PastEvaluations",
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
