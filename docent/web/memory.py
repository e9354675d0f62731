"""Memory that a long-running server gives back, where the C library would rather keep it."""

from __future__ import annotations

import ctypes
import os
import sys

ARENAS = 2
"""Pools of memory for all threads. glibc makes eight for each core, and what one thread frees in its pool no
other may use: under twenty clients for ten minutes the server grew from 570 to 608 MB, and with two it stayed
between 516 and 526 (docs/performance.md)."""
M_ARENA_MAX = -8  # of malloc.h


def share_arenas() -> None:
    """Let all threads share two pools; before there are threads. Not where the user has set a number."""
    if sys.platform != "linux" or "MALLOC_ARENA_MAX" in os.environ:
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none, and needs none
    if mallopt is not None:
        mallopt(M_ARENA_MAX, ARENAS)
