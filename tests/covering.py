"""Coverage of the worker processes that parse files, for `make coverage`: `pytest -p tests.covering --cov`.

A worker has a minimal environment and is ended by a signal, so its coverage would be lost. Here it gets
coverage's variables, and its input is closed instead, after which it exits by itself.
"""

from __future__ import annotations

import subprocess
from contextlib import suppress
from typing import Any

from docent.loading import sandbox

SECONDS_TO_EXIT = 10.0

sandbox.KEPT = (*sandbox.KEPT, "COVERAGE_PROCESS_CONFIG", "COVERAGE_FILE")
original_kill = sandbox.Worker.kill


def close_and_wait(worker: Any) -> None:
    with suppress(OSError):
        worker._requests.close()
    with suppress(subprocess.TimeoutExpired):
        worker._process.wait(SECONDS_TO_EXIT)
    original_kill(worker)


sandbox.Worker.kill = close_and_wait  # type: ignore[method-assign]
