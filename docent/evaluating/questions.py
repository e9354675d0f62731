"""Questions whose pages are known, as people write them down."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docent.errors import InputError

FILE_KEYS = ("file", "document", "doc", "filename", "doc_name")
PAGE_KEYS = ("pages", "page")


@dataclass(frozen=True, slots=True)
class Question:
    question: str
    file: str
    """The document's file name, with or without its folder and suffix; empty when nothing answers."""
    pages: tuple[int, ...]
    """Physical page numbers, counted from 1; any of them answers."""
    library: str = ""
    answerable: bool = True


def read_questions(path: Path) -> list[Question]:
    """A JSON object a line: question, file, pages; library and answerable if given."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")  # JSON may hold what splitlines() ends at
    except UnicodeDecodeError as error:
        raise InputError(
            "{path} is not text in UTF-8. Name a file with a JSON object a line.", path=path
        ) from error
    except OSError as error:
        raise InputError(
            "{path} cannot be read: {strerror}. Name a file of questions.", path=path, strerror=error.strerror
        ) from error
    return [_question(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _question(path: Path, number: int, line: str) -> Question:
    try:
        return question_of(json.loads(line))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            "{path}, line {number}: not a question ({error}). Each line is a JSON object with "
            "question, file and pages (counted from 1), or with question and answerable: false.",
            path=path,
            number=number,
            error=_why(error),
        ) from error


def question_of(row: Any) -> Question:
    """A row under the names people use; raises ValueError, KeyError or TypeError."""
    if not isinstance(row, dict):
        raise TypeError("not a JSON object")
    text = str(row["question"]).strip()
    if not text:
        raise ValueError("the question is empty")
    answerable = bool(row.get("answerable", not row.get("is_impossible", False)))
    library = str(row.get("library") or "")
    if not answerable:
        return Question(text, "", (), library, answerable=False)
    file, pages = str(_first(row, FILE_KEYS)), _pages(_first(row, PAGE_KEYS))
    if not file or not pages:
        raise ValueError("an answerable question names a file and at least one page")
    return Question(text, file, pages, library)


def _first(row: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    for key in keys:
        if row.get(key) is not None:
            return row[key]
    raise KeyError(keys[0])


def _pages(value: Any) -> tuple[int, ...]:
    """3, "3", [3, 4], ["3"], "3, 5-7": all mean pages counted from 1."""
    parts = value if isinstance(value, list) else str(value).split(",")
    pages: list[int] = []
    for part in parts:
        match = re.fullmatch(r"\s*(?:p\.?\s*)?(\d+)\s*(?:[-–]\s*(\d+)\s*)?", str(part))
        if match is None:
            raise ValueError(f"{part!r} is not a page number")
        first, last = int(match[1]), int(match[2] or match[1])
        if not 1 <= first <= last:
            raise ValueError(f"{part!r}: pages are counted from 1")
        pages += range(first, last + 1)
    return tuple(dict.fromkeys(pages))


def _why(error: Exception) -> str:
    return f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
