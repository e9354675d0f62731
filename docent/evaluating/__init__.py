"""From questions whose pages and answers are known to figures on retrieval and on answers.

read_questions(file) → ask → Outcome of each question → report → EvalReport; compare(two runs) → Comparison
read_questions(file) → ask_answers → AnswerRun, with scores of each answer; compare_answers; html_report
"""

from docent.evaluating.answer_report import html_report
from docent.evaluating.answer_run import (
    AnswerComparison,
    AnswerOutcome,
    AnswerRun,
    ask_answers,
    compare_answers,
    read_answers,
    save_answers,
)
from docent.evaluating.past_evaluations import (
    PastAnswerEvaluation,
    PastAnswerEvaluations,
    PastEvaluation,
    PastEvaluations,
)
from docent.evaluating.questions import GoldenQuestions, Question, from_answer, read_questions
from docent.evaluating.run import EvalRun, Outcome, ask, read_run, save_run
from docent.evaluating.scores import Comparison, EvalReport, Figure, compare, report

__all__ = [
    "AnswerComparison",
    "AnswerOutcome",
    "AnswerRun",
    "Comparison",
    "Figure",
    "GoldenQuestions",
    "Outcome",
    "PastAnswerEvaluation",
    "PastAnswerEvaluations",
    "PastEvaluation",
    "PastEvaluations",
    "Question",
    "EvalReport",
    "EvalRun",
    "ask",
    "ask_answers",
    "compare",
    "compare_answers",
    "from_answer",
    "html_report",
    "read_answers",
    "read_questions",
    "read_run",
    "report",
    "save_answers",
    "save_run",
]
