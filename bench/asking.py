"""The questions of a file, and what they call a document."""

from __future__ import annotations

from pathlib import Path

from docent.evaluating import Question, read_questions


def answerable(path: Path) -> list[Question]:
    return [one for one in read_questions(path) if one.answerable]


def bare(file: str) -> str:
    """A PDF's name without folder and suffix: questions name it with or without either."""
    return Path(file).name.removesuffix(".pdf")
