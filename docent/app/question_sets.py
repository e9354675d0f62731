"""The questions that an opened Docent makes of its documents, also in the background."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from docent.app.golden_questions import Golden
from docent.errors import DocentError, InputError
from docent.types import Scope

if TYPE_CHECKING:  # imported when they are used
    from docent.evaluating import GoldenQuestions
    from docent.questions.library_questions import QuestionProgress

log = logging.getLogger(__name__)


class QuestionSets(Golden):
    """The questions that people wrote, and those that Docent makes itself."""

    @property
    def synthetic(self) -> GoldenQuestions:
        """The questions with known pages that Docent made of the documents of shared libraries."""
        from docent.evaluating import GoldenQuestions
        from docent.question_pairs import PAIRS

        return GoldenQuestions(self.store.folder / PAIRS, database_url=self.settings.database)

    def make_questions(
        self,
        library: str,
        *,
        count: int | None = None,
        use_model: bool = False,
        on_progress: Callable[[QuestionProgress], None] = lambda progress: None,
        stop: threading.Event | None = None,
    ) -> QuestionProgress:
        """Make pairs of question and page from the documents of a shared library, and store them.

        At most `count` of them in all, by default about one for each page. Documents that were gone through
        before are skipped. With `use_model` the model writes questions, too; each is checked all the same.
        """
        from docent.answering.answer_context import ScopedDocuments
        from docent.question_pairs import PairFiles
        from docent.questions.checking import Checker
        from docent.questions.library_questions import QuestionMaker
        from docent.questions.model_questions import ModelQuestions

        if library not in self.store.libraries(None):
            raise InputError(
                "There is no shared library {name!r}. There are: {names}.",
                name=library,
                names=", ".join(self.store.libraries(None)) or "none",
            )
        scope = Scope(libraries=(library,))
        maker = QuestionMaker(
            documents=ScopedDocuments(self.store, scope),
            checker=Checker(partial(self.retrieve, scope=scope), self.settings.relevant_from),
            files=PairFiles(self.store.folder, database_url=self.settings.database),
            known=[*self.golden.all(library), *self.synthetic.all(library)],
            writer=ModelQuestions(self.open_model) if use_model else None,
            on_progress=on_progress,
            stop=stop or threading.Event(),
        )
        return maker.make(count)

    def clear_questions(self, library: str) -> int:
        """Remove the questions that Docent made of a library; return how many there were."""
        from docent.question_pairs import PairFiles

        return PairFiles(self.store.folder, database_url=self.settings.database).clear(library)

    @property
    def question_job(self) -> QuestionJob:
        """The making of questions in the background, one library after the other."""
        job: QuestionJob = vars(self).setdefault("_question_job", QuestionJob(self))
        return job

    def close(self) -> None:
        self.question_job.close()
        super().close()


class QuestionJob:
    """Makes the questions of one library in a thread; a second one is refused until that is done."""

    def __init__(self, sets: QuestionSets) -> None:
        self._sets = sets
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.library = ""
        self.progress: QuestionProgress | None = None
        """Of the last library, also after it is done; None before the first."""
        self.failure = ""
        """The sentence of the error that ended it."""

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self, library: str) -> None:
        """Begin with a library. Raises InputError while another one is under way."""
        with self._lock:
            if self.running:
                raise InputError(
                    "Questions are being made of {library} already. Wait, or stop it.", library=self.library
                )
            self.library, self.progress, self.failure = library, None, ""
            self._stop.clear()
            self._thread = threading.Thread(target=self._work, name="questions", daemon=True)
            self._thread.start()

    def cancel(self) -> None:
        """Stop after the document at hand; what was made is kept."""
        self._stop.set()

    def wait(self, seconds: float | None = None) -> None:
        if self._thread is not None:
            self._thread.join(seconds)

    def close(self) -> None:
        self.cancel()
        self.wait(20)

    def _work(self) -> None:
        def note(progress: QuestionProgress) -> None:
            self.progress = progress

        try:
            self.progress = self._sets.make_questions(self.library, on_progress=note, stop=self._stop)
        except DocentError as error:
            self.failure = str(error)
            log.info("No questions were made: %s", type(error).__name__)
