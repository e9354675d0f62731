"""Q."""

from __future__ import annotations

import fcntl
import json
import os
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from docent.errors import InputError
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


WRITING = threading.Lock()


class GoldenQuestions:
    """The golden questions at rest. A question is in a library once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def all(self, library: str = "") -> list[Question]:
        """Those of one library, or of all for an empty name."""
        questions = read_questions(self.path) if self.path.exists() else []
        return [one for one in questions if library in ("", one.library)]

    def add(self, question: Question) -> None:
        """Keep a question; what was known of the same words in that library is replaced."""
        kept = replace(question, question=question.question.strip())  # as it is read again
        with self._alone():
            self._write([*(one for one in self.all() if not _same(one, kept)), kept])

    def remove(self, question: str, library: str = "") -> Question:
        """Forget the question of these words. Raises InputError when there is none."""
        with self._alone():
            known = self.all()
            gone = [one for one in known if one.question == question.strip() and library in ("", one.library)]
            if not gone:
                raise InputError(
                    "There is no golden question {question!r}. `python -m docent golden list` shows them.",
                    question=question,
                )
            self._write([one for one in known if one not in gone])
        return gone[0]

    def _write(self, questions: Sequence[Question]) -> None:
        lines = [json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in questions]
        part = self.path.with_suffix(".part")
        with part.open("w", encoding="utf-8") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.path)  # whole or not at all

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Whoever else would change the file waits, also in another process: a thumb, and `golden add`."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # The folder, since the file itself is another one after each change.
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                with suppress(OSError):  # some network drives lock no folder
                    fcntl.flock(folder, fcntl.LOCK_EX)
                with WRITING:
                    yield
            finally:
                os.close(folder)
        except OSError as error:
            raise InputError(
                "{path} cannot be written: {strerror}. Make it writable, or free some space.",
                path=self.path,
                strerror=error.strerror,
            ) from error


def from_answer(answer: Answer) -> Question | None:
    """What a good answer teaches: its question, and the pages it cites most; None when it cites none."""
    cited = Counter((citation.library, citation.file) for citation in answer.citations)
    if not cited:
        return None
    (library, file), _ = cited.most_common(1)[0]
    pages = sorted({one.page for one in answer.citations if (one.library, one.file) == (library, file)})
    # As it was searched: a follow-up means nothing without what went before.
    return Question(answer.receipt.searched or answer.receipt.question, file, tuple(pages), library)


def _same(one: Question, other: Question) -> bool:
    return (one.question, one.library) == (other.question, other.library)
