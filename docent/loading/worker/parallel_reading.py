"""A long file read by several workers at once; to the letter what one of them reads alone.

A page is finished when those before it are known and a few after it are (`Gist`). So each worker reads a
range of pages, hears through `Shares` what the ranges around it say, and then finishes its own.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from docent.errors import HarmfulFile, OutOfReach
from docent.glossary import Page
from docent.loading.pdf.page_context import Gist
from docent.loading.worker.file_worker import Attempt, changed, page_in
from docent.loading.worker.worker_pool import Seats
from docent.loading.worker.worker_process import WorkerDied, WorkerLate

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


RANGE = 24  # pages
AHEAD = 2  # ranges given out beyond those at work: bounds what waits for a slow caller


class Shares:
    """Ranges given out, and put together in their order. Every method may be called from any thread."""

    def __init__(self, pages: int) -> None:
        self._ranges = [(first, min(first + RANGE - 1, pages)) for first in range(1, pages + 1, RANGE)]
        self._changed = threading.Condition()
        self._given = 0
        self._reading = 0
        """The range whose pages the caller gets now."""
        self._heads: dict[int, list[Any]] = {}
        self._gists: dict[int, list[Any]] = {}
        self._before = Gist()
        """Of the ranges that every worker knows; they are not in `_gists` any more."""
        self._merged = 0
        self._known: dict[int, int] = {}
        """By worker: the first range of which it has not heard."""
        self._pages: list[deque[Page]] = [deque() for _ in self._ranges]
        self._delivered = [first - 1 for first, _ in self._ranges]
        self._stopped: BaseException | None = None

    # --- for the workers' threads ------------------------------------------------------------

    def join(self, worker: int) -> None:
        """One more is at work; or one that was begins anew, and knows nothing."""
        with self._changed:
            self._known[worker] = 0

    def leave(self, worker: int) -> None:
        with self._changed:
            self._known.pop(worker, None)
            self._changed.notify_all()

    def take(self) -> int | None:
        """The next range to read, once the caller is not too far behind; None when there is none left."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._over() or self._given < self._reading + len(self._known) + AHEAD
            )
            if self._over():
                return None
            self._given += 1
            return self._given - 1

    @property
    def left(self) -> int:
        """Ranges that nobody has taken, and somebody wants."""
        return 0 if self._stopped else len(self._ranges) - self._given

    def span(self, number: int) -> tuple[int, int]:
        """First and last page of a range."""
        return self._ranges[number]

    def tell_head(self, number: int, gists: list[Any]) -> None:
        """What the first pages of a range say, each."""
        with self._changed:
            self._heads.setdefault(number, gists)
            self._changed.notify_all()

    def tell_gist(self, number: int, gist: list[Any]) -> None:
        """What all pages of a range say together."""
        with self._changed:
            self._gists.setdefault(number, gist)
            self._changed.notify_all()

    def around(self, worker: int, number: int) -> dict[str, Any]:
        """For a worker that has read a range: what there is before it and has not been told yet, and after.

        What comes after is None where nobody else is there to read it: then it has to look itself.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._is_known_around(number))
            if self._stopped:
                raise WorkerDied("reading was stopped")
            known = self._known[worker]
            before = [self._before.to_wire()] if known < self._merged else []
            before += [self._gists[one] for one in range(max(known, self._merged), number)]
            self._known[worker] = number + 1
            self._merge()
            after = [] if number + 1 == len(self._ranges) else self._heads.get(number + 1)
            return {"before": before, "after": after}

    def deliver(self, number: int, page: Page) -> None:
        """A page that is finished; what a worker that died since had finished is not taken twice."""
        with self._changed:
            if page.number == self._delivered[number] + 1:
                self._delivered[number] = page.number
                self._pages[number].append(page)
                self._changed.notify_all()

    def is_whole(self, number: int) -> bool:
        """Whether every page of a range was delivered."""
        return self._delivered[number] == self._ranges[number][1]

    @property
    def are_whole(self) -> bool:
        """Whether every page of every range was delivered."""
        return all(map(self.is_whole, range(len(self._ranges))))

    @property
    def stopped(self) -> bool:
        return self._stopped is not None

    def stop(self, why: BaseException) -> None:
        """The first reason is the one that the caller gets."""
        with self._changed:
            self._stopped = self._stopped or why
            self._changed.notify_all()

    # --- for the caller ----------------------------------------------------------------------

    def pages(self) -> Iterator[Page]:
        """All of them in order. Raises what went wrong with any."""
        for number, (first, last) in enumerate(self._ranges):
            with self._changed:
                self._reading = number
                self._changed.notify_all()
            for _ in range(first, last + 1):
                yield self._next(number)

    def _next(self, number: int) -> Page:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._pages[number])
            if self._stopped:
                raise self._stopped
            return self._pages[number].popleft()

    # --- within the lock ---------------------------------------------------------------------

    def _over(self) -> bool:
        return self._stopped is not None or self._given == len(self._ranges)

    def _is_known_around(self, number: int) -> bool:
        before = all(one in self._gists for one in range(self._merged, number))
        following = number + 1
        alone = len(self._known) == 1 and self._given == following
        return before and (following == len(self._ranges) or following in self._heads or alone)

    def _merge(self) -> None:
        """Forget one by one what all know; a range that is not through yet may have to be begun anew."""
        for number in range(self._merged, min(self._reading, *self._known.values(), len(self._ranges))):
            self._before.add(Gist.from_wire(self._gists.pop(number)))
            self._heads.pop(number, None)
            self._merged = number + 1
