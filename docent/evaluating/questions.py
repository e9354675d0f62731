"""Questions whose pages are known: read from files that people write, or stored as golden questions.

Golden questions are the users' own: a JSON object a line, in one file of storage/ that people can read, edit
and back up, and that `eval` reads like any other; or in PostgreSQL.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from docent.errors import InputError
from docent.json_lines import LineFile, line_of, open_lines
from docent.messages import Message
from docent.types import Answer

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
    answer: str = ""
    """The gold answer, for `eval --answers`; empty where nobody wrote one."""
    evidence: str = ""
    """The sentence, row or field that holds the answer, as the page has it."""
    document_id: str = ""
    """Of a question that Docent made: the document it was made from."""
    synthetic: bool = False
    """Docent made it; False for people's own."""
    kind: str = ""
    """Of a question that Docent made: the kind of text it was made from."""


def read_questions(path: Path) -> list[Question]:
    """Read a JSON object a line: question, file, pages; library, answer and answerable if given."""
    if not path.exists():
        raise InputError(
            "{path} cannot be read: {strerror}. Name a file of questions.",
            path=path,
            strerror=os.strerror(errno.ENOENT),
        )
    return _questions(path, LineFile(path).read())


def _questions(path: Path, lines: Sequence[str]) -> list[Question]:
    return [_question(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _question(path: Path, number: int, line: str) -> Question:
    try:
        return question_of(json.loads(line))
    except ValueError as error:
        raise InputError(
            "{path}, line {number}: not a question ({error}). Each line is a JSON object with "
            "question, file and pages (counted from 1), or with question and answerable: false.",
            path=path,
            number=number,
            error=error.args[0],
        ) from error


def question_of(row: Any) -> Question:
    """Read a row under any of the usual key names. Raises ValueError, with a message."""
    if not isinstance(row, dict):
        raise ValueError(Message("not a JSON object"))
    text = str(_first(row, ("question",))).strip()
    if not text:
        raise ValueError(Message("the question is empty"))
    answerable = bool(row.get("answerable", not row.get("is_impossible", False)))
    library = str(row.get("library") or "")
    if not answerable:
        return Question(text, "", (), library, answerable=False)
    file, pages = str(_first(row, FILE_KEYS)), pages_of(_first(row, PAGE_KEYS))
    if not file or not pages:
        raise ValueError(Message("an answerable question names a file and at least one page"))
    keys = ("evidence", "document_id", "kind")
    texts = {key: row[key] for key in keys if isinstance(row.get(key), str)}
    answer = str(row.get("answer") or "").strip()
    return Question(text, file, pages, library, answer=answer, synthetic=bool(row.get("synthetic")), **texts)


def _first(row: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    for key in keys:
        if row.get(key) is not None:
            return row[key]
    raise ValueError(Message("{key} is missing", key=keys[0]))


def pages_of(value: Any) -> tuple[int, ...]:
    """Parse page numbers counted from 1, such as 3, "3", [3, 4], ["3"] or "3, 5-7"."""
    parts = value if isinstance(value, list) else str(value).split(",")
    pages: list[int] = []
    for part in parts:
        match = re.fullmatch(r"\s*(?:p\.?\s*)?(\d+)\s*(?:[-–]\s*(\d+)\s*)?", str(part))
        if match is None:
            raise ValueError(Message("{part!r} is not a page number", part=part))
        first, last = int(match[1]), int(match[2] or match[1])
        if not 1 <= first <= last:
            raise ValueError(Message("{part!r}: pages are counted from 1", part=part))
        pages += range(first, last + 1)
    return tuple(dict.fromkeys(pages))


class GoldenQuestions:
    """The stored golden questions; the same words are in a library once."""

    def __init__(self, path: Path, *, database_url: str = "") -> None:
        self.path = path
        """The file; where a URL names a database, they are there under its name."""
        self._lines = open_lines(path, database_url)

    def all(self, library: str = "") -> list[Question]:
        """Return the questions of one library, or of all for an empty name."""
        questions = _questions(self.path, self._lines.read())
        return [question for question in questions if library in ("", question.library)]

    def add(self, question: Question) -> None:
        """Store a question; it replaces one of the same words in that library."""
        new = replace(question, question=question.question.strip())  # as it will be read
        key = (new.question, new.library)
        self.all()  # raises for a line that is none, with its number
        self._lines.change(lambda line: self._key(line) != key, [_line(new)])

    def remove(self, question: str, library: str = "") -> Question:
        """Remove the question of these words. Raises InputError when there is none."""
        self.all()
        removed: list[Question] = []

        def is_kept(line: str) -> bool:
            stored = _question(self.path, 0, line)
            is_meant = stored.question == question.strip() and library in ("", stored.library)
            removed.extend([stored] if is_meant else [])
            return not is_meant

        self._lines.change(is_kept)
        if not removed:
            raise InputError(
                "There is no golden question {question!r}. `python -m docent golden list` shows them.",
                question=question,
            )
        return removed[0]

    def _key(self, line: str) -> tuple[str, str]:
        stored = _question(self.path, 0, line)
        return stored.question, stored.library


def _line(question: Question) -> str:
    """Return a question as a line; what it does not have is left out."""
    optional = {field.name: field.default for field in fields(Question)[5:]}
    row = asdict(question)
    kept = {key: value for key, value in row.items() if key not in optional or value != optional[key]}
    return line_of(kept)


def from_answer(answer: Answer) -> Question | None:
    """Make a question from a good answer: the pages of the file it cites most; None when it cites none."""
    citation_counts = Counter((citation.library, citation.file) for citation in answer.citations)
    if not citation_counts:
        return None
    (library, file), _ = citation_counts.most_common(1)[0]
    pages = sorted(
        {cited.page for cited in answer.citations if (cited.library, cited.file) == (library, file)}
    )
    # As it was searched: a follow-up cannot be understood without the turns before.
    return Question(answer.receipt.searched or answer.receipt.question, file, tuple(pages), library)
