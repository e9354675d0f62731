"""Two things asked of the C library's memory: pools that are shared, and memory that comes empty.

Both are settings of glibc's malloc; where another C library is used, nothing happens.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

ARENAS = 2
"""Pools of memory for all threads. glibc makes eight for each core, and what one thread frees in its pool no
other may use: under twenty clients for ten minutes the server grew from 570 to 608 MB, and with two it stayed
between 516 and 526 (docs/performance.md)."""
M_ARENA_MAX = -8  # of malloc.h
M_PERTURB = -6
ZEROS = 0xFF  # memory handed out is filled with the opposite of these bits

_ONE_AT_A_TIME = threading.Lock()


def share_arenas() -> None:
    """Let all threads share two pools; before there are threads. Not where the user has set a number."""
    if "MALLOC_ARENA_MAX" not in os.environ:
        _set(M_ARENA_MAX, ARENAS)


@contextmanager
def blank() -> Iterator[None]:
    """What is allocated meanwhile is empty: for a library that writes memory to a file before filling it."""
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
