"""Settings of glibc's malloc: fewer arenas, and memory that comes zeroed. No effect on other C libraries."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

ARENAS = 2
"""For all threads. glibc makes eight for each core, and memory freed in one is not used by another: under
twenty clients for ten minutes the server grew from 570 to 608 MB, and with two arenas it stayed between 516
and 526 (docs/performance.md)."""
M_ARENA_MAX = -8  # of malloc.h
M_PERTURB = -6
ZEROS = 0xFF  # memory handed out is filled with the opposite of these bits

_ONE_AT_A_TIME = threading.Lock()


def share_arenas() -> None:
    """Let all threads share two arenas, unless the user has set a number. Call it before starting threads."""
    if "MALLOC_ARENA_MAX" not in os.environ:
        _set(M_ARENA_MAX, ARENAS)


@contextmanager
def zeroed() -> Iterator[None]:
    """Zero what is allocated meanwhile, for a library that writes memory to a file before filling it."""
    with _ONE_AT_A_TIME:
        _set(M_PERTURB, ZEROS)
        try:
            yield
        finally:
            _set(M_PERTURB, 0)


def _set(what: int, value: int) -> None:
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        mallopt(what, value)
