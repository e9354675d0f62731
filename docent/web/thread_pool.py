"""A few threads for what the page asks in passing, such as a list: it never waits behind answers.

What answers need is done in asyncio's own threads, as many as there are processors and four more;
fifty questions at once keep them busy for seconds (docs/decisions/0015-conversations-in-sqlite.md).
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")

_threads = ThreadPoolExecutor(4, "light")


async def lightly(function: Callable[Given, Result], *given: Given.args, **named: Given.kwargs) -> Result:
    """As `asyncio.to_thread`, for what takes milliseconds."""
    call = partial(contextvars.copy_context().run, partial(function, *given, **named))
    return await asyncio.get_running_loop().run_in_executor(_threads, call)
