"""Which ranges of a long file's pages there are, who reads them, and what they say to each other."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

from docent.glossary import Page
from docent.loading.gist import Gist
from docent.loading.sandbox import WorkerDied

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
