"""Searching in threads: all long questions share one, so that those waiting leave the others to everybody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from docent.retrieving.query import is_long

Given = ParamSpec("Given")
Result = TypeVar("Result")

_long = ThreadPoolExecutor(1, "long questions")


async def search_in_thread(
    question: str, search: Callable[Given, Result], *given: Given.args, **named: Given.kwargs
) -> Result:
    """As `asyncio.to_thread`, for what searches this question."""
    if not is_long(question):
        return await asyncio.to_thread(search, *given, **named)
    return await asyncio.get_running_loop().run_in_executor(_long, partial(search, *given, **named))
