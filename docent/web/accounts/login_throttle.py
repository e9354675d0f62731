"""Bound the guessing of passwords: attempts by name and by address, and checks at a time."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, TypeVar

FIRST_WAIT, LONGEST_WAIT = 30.0, 900.0
DOUBLINGS = 5
"""After as many the longest wait is reached."""
MOST_KEYS = 10_000

Reason = Literal["name", "known", "address", "busy"]
Clock = Callable[[], float]
Result = TypeVar("Result")


class TooManyAttempts(Exception):
    """An attempt to log in that is not checked, and the seconds until the next one may be."""

    def __init__(self, reason: Reason, seconds: float) -> None:
        super().__init__(f"{reason}: wait {seconds:.0f} s")
        self.reason = reason
        self.seconds = seconds


class Attempts:
    """Count attempts by key. Beyond the free ones each waits twice as long as the one before.

    An attempt counts when it begins: those that are made at the same time count each other. Each is forgotten
    when its key has waited as long as it had to, and `forget_after` seconds more.
    """

    def __init__(
        self, reason: Reason, *, free: int, forget_after: float, clock: Clock = time.monotonic
    ) -> None:
        self.reason = reason
        self._free = free
        self._forget_after = forget_after
        self._clock = clock
        self._begun: dict[str, tuple[float, float]] = {}
        """How many there were, and when the last one began."""

    def alone(self) -> AbstractContextManager[object]:
        """Keep others from beginning an attempt during the block; one process has one thread that does."""
        return nullcontext()

    def seconds_to_wait(self, key: str) -> float:
        count, last = self._begun.get(key, (0.0, 0.0))
        return max(0.0, last + self.pause(count) - self._clock())

    def begin(self, key: str) -> None:
        now = self._clock()
        count, last = self._begun.pop(key, (0.0, now))
        if len(self._begun) >= MOST_KEYS:
            del self._begun[next(iter(self._begun))]  # the one that was idle longest
        self._begun[key] = (self.with_one_more(count, last, now), now)

    def give_back(self, key: str) -> None:
        """Take one attempt off, because it succeeded or was never checked."""
        count, last = self._begun.pop(key, (0.0, 0.0))
        if count > 1:
            self._begun[key] = (count - 1, last)

    def forget(self, key: str) -> None:
        self._begun.pop(key, None)

    def with_one_more(self, count: float, last: float, now: float) -> float:
        """Return the count after an attempt that begins now, less what was forgotten since the last."""
        idle = max(0.0, now - last - self.pause(count))
        return min(max(0.0, count - idle / self._forget_after) + 1, self._free + DOUBLINGS)

    def pause(self, count: float) -> float:
        """Return how long the next attempt after so many waits."""
        over = math.ceil(count) - self._free
        return min(FIRST_WAIT * 2**over, LONGEST_WAIT) if over >= 0 else 0.0


def begin_attempts(counted: Sequence[tuple[Attempts, str]]) -> None:
    """Count an attempt for each key, unless one of them has to wait: then none. Raises TooManyAttempts."""
    with counted[0][0].alone():
        for attempts, key in counted:
            if seconds := attempts.seconds_to_wait(key):
                raise TooManyAttempts(attempts.reason, seconds)
        for attempts, key in counted:
            attempts.begin(key)


class PasswordChecks:
    """Check one password at a time, on a thread of its own.

    The address with the fewest that wait comes first, and of one address the newest: a flood delays itself.
    When too many wait, the oldest of the address with the most is refused.
    """

    def __init__(self, *, waiting: int) -> None:
        self._thread = ThreadPoolExecutor(1, "password")
        self._busy = False
        self._most_waiting = waiting
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}

    async def run(self, check: Callable[[], Result], *, address: str) -> Result:
        """Return what `check` returns. Raises TooManyAttempts."""
        await self._wait_for_turn(address)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, check)
        finally:
            self._start_next()

    async def _wait_for_turn(self, address: str) -> None:
        if not self._busy:
            self._busy = True
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(address, []).append(turn)
        if sum(map(len, self._waiting.values())) > self._most_waiting:
            refused = self._take(max(self._waiting, key=self._waiting_from), 0)
            if not refused.done():  # done: its caller was cancelled
                refused.set_exception(TooManyAttempts("busy", 2.0))
        await turn

    def _start_next(self) -> None:
        while self._waiting:
            turn = self._take(min(self._waiting, key=self._waiting_from), -1)
            if not turn.done():
                turn.set_result(None)
                return
        self._busy = False

    def _waiting_from(self, address: str) -> int:
        return len(self._waiting[address])

    def _take(self, address: str, position: int) -> asyncio.Future[None]:
        turns = self._waiting[address]
        turn = turns.pop(position)
        if not turns:
            del self._waiting[address]
        return turn
