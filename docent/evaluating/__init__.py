"""The corridor from questions whose pages are known to figures that say how well they are found.

read_questions(file) → ask → Outcome of each question → report → Report, compare(two of them)
"""

from docent.evaluating.asking import Outcome, ask
from docent.evaluating.comparing import Comparison, compare
from docent.evaluating.figures import Figure, Report, report
from docent.evaluating.golden import Golden, from_answer
from docent.evaluating.questions import Question, read_questions
from docent.evaluating.saving import Run, read_run, save_run

__all__ = [
    "Comparison",
    "Figure",
    "Golden",
    "Outcome",
    "Question",
    "Report",
    "Run",
    "ask",
    "compare",
    "from_answer",
    "read_questions",
    "read_run",
    "report",
    "save_run",
]
