"""The golden questions of the user's own libraries: a JSON object a line, in one file of storage/.

A file that people can read, edit and back up, and that `eval` takes as it takes any other.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path

from docent.errors import InputError
from docent.evaluating.questions import Question, read_questions
from docent.types import Answer

WRITING = threading.Lock()


class Golden:
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
