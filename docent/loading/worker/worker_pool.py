"""How many workers there may be: one for each file that is read, and where there is room some to help."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Seats:
    """A file never waits for a helper: those leave when it gets crowded."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._changed = threading.Condition()
        self._files = 0
        self._helpers = 0

    @contextmanager
    def file(self) -> Iterator[None]:
        """Wait until there are fewer files than seats, and be one of them."""
        with self._changed:
            self._changed.wait_for(lambda: self._files < self._most)
            self._files += 1
        try:
            yield
        finally:
            with self._changed:
                self._files -= 1
                self._changed.notify()

    def sit_down(self) -> bool:
        """To help with a file, where a seat is free."""
        with self._changed:
            free = self.free
            self._helpers += free
            return free

    def stand_up(self) -> None:
        with self._changed:
            self._helpers -= 1

    @property
    def several(self) -> bool:
        return self._most > 1

    @property
    def free(self) -> bool:
        """Of many seats one stays free: pages are cut meanwhile, and somebody may ask a question."""
        return self._files + self._helpers < min(self._most, max(2, self._most - 1))

    @property
    def crowded(self) -> bool:
        return self._files + self._helpers > self._most
