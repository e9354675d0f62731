"""Read the questions of a file, and compare the file names in them."""

from __future__ import annotations

from pathlib import Path

from docent.evaluating import Question, read_questions


def answerable(path: Path) -> list[Question]:
    return [question for question in read_questions(path) if question.answerable]


def bare_name(file: str) -> str:
    """Return a PDF's name without folder and suffix: questions name it with or without either."""
    return Path(file).name.removesuffix(".pdf")
