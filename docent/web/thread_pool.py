"""A small thread pool for requests of the page that take milliseconds, such as a list.

Answers use asyncio's own threads, as many as there are processors and four more; fifty questions at once
keep those busy for seconds (docs/decisions/0015-conversations-in-sqlite.md).
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

Params = ParamSpec("Params")
Result = TypeVar("Result")

_threads = ThreadPoolExecutor(4, "small")


async def run_in_small_pool(
    function: Callable[Params, Result], *args: Params.args, **kwargs: Params.kwargs
) -> Result:
    """Run a function that takes milliseconds, as `asyncio.to_thread` does."""
    call = partial(contextvars.copy_context().run, partial(function, *args, **kwargs))
    return await asyncio.get_running_loop().run_in_executor(_threads, call)
