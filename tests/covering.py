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

worker_process.KEPT = (*worker_process.KEPT, "COVERAGE_PROCESS_CONFIG", "COVERAGE_FILE")
killed = worker_process.Worker.kill


def let_go(worker: Any) -> None:
    with suppress(OSError):
        worker._requests.close()
    with suppress(subprocess.TimeoutExpired):
        worker._process.wait(SECONDS)
    killed(worker)


worker_process.Worker.kill = let_go  # type: ignore[method-assign]
