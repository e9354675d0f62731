"""Coverage of the worker processes that parse files, for `make coverage`: `pytest -p tests.covering --cov`.

A worker has a minimal environment and is ended by a signal, so its coverage would be lost. Here it gets
coverage's variables, and its input is closed instead, after which it exits by itself.
"""

from __future__ import annotations

import subprocess
from contextlib import suppress
from typing import Any

from docent.loading.worker import worker_process

SECONDS_TO_EXIT = 10.0

worker_process.PASSED_ON = (*worker_process.PASSED_ON, "COVERAGE_PROCESS_CONFIG", "COVERAGE_FILE")
original_kill = worker_process.WorkerProcess.kill


def close_and_wait(worker: Any) -> None:
    with suppress(OSError):
        worker.requests.close()
    with suppress(subprocess.TimeoutExpired):
        worker.process.wait(SECONDS_TO_EXIT)
    original_kill(worker)


worker_process.WorkerProcess.kill = close_and_wait  # type: ignore[method-assign]
