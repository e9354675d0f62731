"""The corridor from questions whose pages are known to figures that say how well they are found.

read_questions(file) → ask → Outcome of each question → report → Report, compare(two of them)
"""

from docent.evaluating.compare import Comparison, compare
from docent.evaluating.golden_questions import Golden, from_answer
from docent.evaluating.questions import Question, read_questions
from docent.evaluating.run import Outcome, ask
from docent.evaluating.saved_runs import Run, read_run, save_run
from docent.evaluating.scores import Figure, Report, report

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
