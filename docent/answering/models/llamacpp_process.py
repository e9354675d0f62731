"""The process in which llama.cpp runs: its orders come on stdin, and its address goes out.

It ends with stdin: when Docent ends, however it does. The only file that imports xllamacpp.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

ERRORS_ONLY = 1
FIRST_TO_END = "800"
"""Of 1000: when memory runs out, the system ends this process before Docent."""


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for Docent, which ends this process
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump would hold people's questions
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_END)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # a library that prints must not garble the answer
    order = json.loads(sys.stdin.readline())

    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = order["model"]
    params.n_ctx = order["context_tokens"]
    params.n_parallel = 1  # several would divide the context window
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = order["threads"]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [order["key"]]
    params.ui = params.endpoint_slots = False  # slots would show questions
    params.fit_params = False  # it may choose a smaller context window
    params.cache_ram_mib = 0  # by default 8 GB of earlier prompts
    params.verbosity = ERRORS_ONLY
    try:
        server = xllamacpp.Server(params)
    except RuntimeError:
        os._exit(1)  # the reason is in the log
    print(json.dumps({"address": server.listening_address}), file=answers, flush=True)
    sys.stdin.read()
    os._exit(0)  # an answer under way is not waited for


if __name__ == "__main__":
    main()
