"""Coverage of the worker processes that parse files, for `make coverage`: `pytest -p tests.covering --cov`.

A worker has a bare environment and is ended by a signal, so nobody would hear what it ran. Here it is told
where to write that down, and is let go instead: it ends by itself when its input does.
"""

from __future__ import annotations

import subprocess
from contextlib import suppress
from typing import Any

from docent.loading.worker import worker_process

SECONDS = 10.0

worker_process.PASSED_ON = (*worker_process.PASSED_ON, "COVERAGE_PROCESS_CONFIG", "COVERAGE_FILE")
killed = worker_process.WorkerProcess.kill


def let_go(worker: Any) -> None:
    with suppress(OSError):
        worker.requests.close()
    with suppress(subprocess.TimeoutExpired):
        worker.process.wait(SECONDS)
    killed(worker)


worker_process.WorkerProcess.kill = let_go  # type: ignore[method-assign]
