"""A long file read by several workers at once; to the letter what one of them reads alone.

A page is finished when those before it are known and a few after it are (`Gist`). So each worker reads a
range of pages, hears through `Shares` what the ranges around it say, and then finishes its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from docent.errors import HarmfulFile, OutOfReach
from docent.glossary import Page
from docent.loading.attempt import Attempt, changed, page_in
from docent.loading.sandbox import WorkerDied, WorkerLate
from docent.loading.seats import Seats
from docent.loading.shares import Shares

FROM_PAGES = 60  # a second worker takes 0.2 s to start, in which the first reads 30 pages


class Sharing:
    """The workers on one long file. `begun` is the first of them, which has opened it."""

    def __init__(
        self,
        begun: Attempt,
        another: Callable[[], Attempt],
        *,
        name: str,
        sha256: str,
        pages: int,
        seats: Seats,
    ) -> None:
        self._another = another
        self._name = name
        self._sha256 = sha256
        self._seats = seats
        self._shares = Shares(pages)
        self._attempts: list[Attempt] = []
        self._threads: list[threading.Thread] = []
        self._adding = threading.Lock()
        self._add(begun, helps=False)

    def pages(self) -> Iterator[Page]:
        """In order. Raises LoadError with a sentence."""
        return self._shares.pages()

    def close(self) -> None:
        """Return when nobody is at work any more; who has read its last page can read another file."""
        whole = self._shares.are_whole
        if not whole:
            self._shares.stop(WorkerDied("reading was stopped"))
        with self._adding:
            for attempt in self._attempts:
                if not (whole and attempt.is_opened):
                    attempt.stop()
        for thread in self._threads:
            thread.join()

    def _invite(self) -> None:
        """As many helpers as there are seats, and work for them."""
        while len(self._attempts) < self._shares.left and self._seats.sit_down():
            self._add(self._another(), helps=True)

    def _add(self, attempt: Attempt, *, helps: bool) -> None:
        with self._adding:
            number = len(self._attempts)
            self._attempts.append(attempt)
            self._shares.join(number)
            thread = threading.Thread(target=self._work, args=(number, attempt, helps), name="sharing")
            self._threads.append(thread)
            thread.start()

    def _work(self, number: int, attempt: Attempt, helps: bool) -> None:
        try:
            if helps and not self._opened(number, attempt):
                return
            while not (helps and self._seats.crowded):
                if not helps:
                    self._invite()
                if (share := self._shares.take()) is None:
                    break
                self._read(number, attempt, share)
            if attempt.is_begun:
                attempt.dismiss()
        except BaseException as error:  # raised again where the pages are waited for
            self._shares.stop(error)
        finally:
            attempt.release()
            self._shares.leave(number)
            if helps:
                self._seats.stand_up()

    def _opened(self, number: int, attempt: Attempt) -> bool:
        """Whether there is one more worker; where there is no room for it, those at work do without."""
        try:
            self._open(number, attempt)
        except (HarmfulFile, OutOfReach, OSError):
            return False
        return True

    def _open(self, number: int, attempt: Attempt) -> None:
        self._shares.join(number)
        if attempt.open(share_from=1)["sha256"] != self._sha256:
            raise changed(self._name)

    def _read(self, number: int, attempt: Attempt, share: int) -> None:
        """One range; from its beginning where a page of it ended the worker."""
        while True:
            try:
                if not attempt.is_begun:
                    self._open(number, attempt)
                return self._once(number, attempt, share)
            except (WorkerDied, WorkerLate) as trouble:
                if self._shares.stopped:
                    raise
                attempt.blame(trouble)

    def _once(self, number: int, attempt: Attempt, share: int) -> None:
        message = attempt.ask({"range": self._shares.span(share)}, "head", "gist", "read", "ranged")
        while "ranged" not in message:
            if "head" in message:
                self._shares.tell_head(share, message["head"])
            elif "gist" in message:
                self._shares.tell_gist(share, message["gist"])
                attempt.ask(self._shares.around(number, share))
            else:
                self._shares.deliver(share, page_in(message))
            message = attempt.next("head", "gist", "read", "ranged")
        if not self._shares.is_whole(share):
            raise WorkerDied("it left pages out")
