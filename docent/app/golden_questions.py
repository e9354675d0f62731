"""The golden questions of an opened Docent, and the figures of their earlier evaluations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docent.app.retrieval import Retrieval
from docent.types import Answer

if TYPE_CHECKING:  # imported when they are asked for
    from docent.evaluating import GoldenQuestions, PastAnswerEvaluations, PastEvaluations, Question


class Golden(Retrieval):
    """Lines in storage/ or PostgreSQL that `eval` and the administrators' page read and add to."""

    @property
    def golden(self) -> GoldenQuestions:
        """The user's own questions with known pages, for `eval`."""
        from docent.evaluating import GoldenQuestions

        return GoldenQuestions(self.store.folder / "golden.jsonl", database_url=self.settings.database)

    @property
    def past_evaluations(self) -> PastEvaluations:
        """The figures of earlier evaluations of these questions."""
        from docent.evaluating import PastEvaluations

        return PastEvaluations(self.store.folder / "evaluations.jsonl", database_url=self.settings.database)

    @property
    def past_answer_evaluations(self) -> PastAnswerEvaluations:
        """The scores of earlier evaluations of the answers to these questions."""
        from docent.evaluating import PastAnswerEvaluations

        return PastAnswerEvaluations(
            self.store.folder / "answer-evaluations.jsonl", database_url=self.settings.database
        )

    def keep_golden(self, answer: Answer) -> Question | None:
        """Add the question of a good answer, unless that cites nothing or a private document."""
        from docent.evaluating import from_answer

        question = from_answer(answer)
        if question is None or question.library not in self.store.libraries(""):
            return None
        self.golden.add(question)
        return question
