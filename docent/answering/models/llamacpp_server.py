"""llama.cpp's own server in a process of its own, which Docent starts and ends: a crash ends that alone.

Why: docs/decisions/0023-model-file-in-a-process.md.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import select
import signal
import subprocess
import sys
import threading
from collections import deque
from concurrent.futures import Future
from importlib.util import find_spec
from pathlib import Path

from docent.answering.models.client import LONGEST_SERVER_TEXT
from docent.answering.models.gguf import read_model_file
from docent.errors import ModelError, ModelFailed, ModelTimeout
from docent.messages import Message

ROOT = Path(__file__).resolve().parents[3]
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")
LOG_LINES = 40
REASON = re.compile(r"error loading model: (?:llama_model_loader: )?(.+)")
EXIT_SECONDS = 2.0
"""A connection breaks a little before the process that held it has ended."""

MEMINFO = Path("/proc/meminfo")
CONTAINER = Path("/sys/fs/cgroup")
GB = 1_000_000_000


class LlamaCppServer:
    """A model file and the process that serves it: started with the first use, and again after a crash."""

    def __init__(self, model: Path, *, context_tokens: int, threads: int, seconds_to_load: float) -> None:
        self.model = model.expanduser()
        self.name = model.stem
        self.key = secrets.token_urlsafe(32)
        self._context_tokens = context_tokens
        self._threads = threads
        self._seconds_to_load = seconds_to_load
        self._lock = threading.Lock()
        self._closed = False
        self._process: subprocess.Popen[bytes] | None = None
        self._address: Future[str] | None = None
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._log_reader = threading.Thread()

    def address(self) -> Future[str]:
        """Return the server's address, as soon as it has loaded the model; at the latest, a ModelError."""
        with self._lock:
            address = self._address
            if address is None or address.done() and not self.alive:
                self._address = address = Future()
                threading.Thread(target=self._start, args=(address,), name="llama.cpp", daemon=True).start()
            return address

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def ending(self) -> Message | None:
        """Return how the process ended; None while it runs. Waits a moment for its end."""
        try:
            code = self._process.wait(timeout=EXIT_SECONDS) if self._process is not None else 0
        except subprocess.TimeoutExpired:
            return None
        if code >= 0:
            return Message("exit code {code}", code=code)
        with contextlib.suppress(ValueError):
            return Message("killed by {signal}", signal=signal.Signals(-code).name)
        return Message("killed by signal {number}", number=-code)

    def close(self) -> None:
        """End the process, also in the middle of an answer or of loading."""
        with self._lock:
            self._closed = True
            starting = self._address
            if self._process is not None:
                self._process.kill()
        if starting is not None:
            starting.exception()  # the thread that starts it has done with its pipes
        self._end()

    def _end(self) -> None:
        """End the process of before, if there is one, and close its pipes."""
        if self._process is not None:
            assert self._process.stdin is not None and self._process.stdout is not None
            self._process.kill()
            self._process.wait()
            self._process.stdin.close()
            self._process.stdout.close()

    def _start(self, address: Future[str]) -> None:
        self._end()
        try:
            self._examine()
            address.set_result(self._await_address(self._spawn()))
        except ModelError as error:
            self._end()
            address.set_exception(error)
        except OSError as error:
            address.set_exception(
                ModelFailed(
                    "No process could be started for {model} ({why}). End other programs, and ask again.",
                    model=self.name,
                    why=error.strerror or type(error).__name__,
                )
            )

    def _examine(self) -> None:
        """Read the file's header; raise ModelError for all that can be known before loading."""
        if find_spec("xllamacpp") is None:
            raise ModelFailed(
                "DOCENT_MODEL names a model file, which needs the package xllamacpp. "
                "Run: make install-llamacpp, or: pip install 'docent-rag[llamacpp]'"
            )
        file = read_model_file(self.model)
        if 0 < file.trained_context < self._context_tokens:
            raise ModelFailed(
                "{model} reads at most {n} tokens at once. Set DOCENT_CONTEXT_TOKENS to {n} or less.",
                model=self.name,
                n=file.trained_context,
            )
        needed, free = file.memory_needed(self._context_tokens), free_memory()
        if free is not None and needed > free:
            raise ModelFailed(
                "{model} needs {needed:.1f} GB of memory, and {free:.1f} GB are free. Choose a smaller "
                "model, or lower DOCENT_CONTEXT_TOKENS.",
                model=self.name,
                needed=needed / GB,
                free=free / GB,
            )

    def _spawn(self) -> subprocess.Popen[bytes]:
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        # OpenMP's threads wait without spinning: on two busy cores 36 tokens/s instead of 9.
        environment |= {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "OMP_WAIT_POLICY": "passive"}
        order = {
            "model": str(self.model.resolve()),
            "context_tokens": self._context_tokens,
            "threads": self._threads,
            "key": self.key,
        }
        with self._lock:
            if self._closed:
                raise ModelFailed("Docent is shutting down. Start it again.")
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "docent.answering.models.llamacpp_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                bufsize=0,
            )
            self._process, self._log = process, deque(maxlen=LOG_LINES)
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it died at once: its exit is reported
            process.stdin.write(json.dumps(order).encode() + b"\n")
        self._log_reader = threading.Thread(target=self._read_log, args=(process, self._log), daemon=True)
        self._log_reader.start()
        return process

    @staticmethod
    def _read_log(process: subprocess.Popen[bytes], log: deque[str]) -> None:
        assert process.stderr is not None
        with process.stderr as lines:
            while line := lines.readline(4096):
                log.append(line.decode("utf-8", errors="replace"))

    def _await_address(self, process: subprocess.Popen[bytes]) -> str:
        assert process.stdout is not None
        poll = select.poll()
        poll.register(process.stdout, select.POLLIN | select.POLLHUP)
        if not poll.poll(self._seconds_to_load * 1000):
            raise ModelTimeout(
                "{model} was not loaded within {seconds:g} s. Choose a smaller model, or raise "
                "DOCENT_FIRST_TOKEN_TIMEOUT.",
                model=self.name,
                seconds=self._seconds_to_load,
            )
        line = process.stdout.readline()
        if line:
            return str(json.loads(line)["address"])
        ending = self.ending() or Message("it stopped answering")
        self._log_reader.join(EXIT_SECONDS)
        reasons = [match[1] for text in self._log if (match := REASON.search(text))]
        raise ModelFailed(
            "llama.cpp cannot load {model} ({why}). Download the file again, choose another model, or "
            "install a newer xllamacpp.",
            model=self.name,
            why=reasons[-1].strip()[:LONGEST_SERVER_TEXT] if reasons else ending,
        )


def free_memory() -> int | None:
    """Return the bytes that a new process may take; None if the system does not say."""
    free = []
    with contextlib.suppress(OSError, ValueError, IndexError):
        free.append(int(MEMINFO.read_text().partition("MemAvailable:")[2].split()[0]) * 1024)
    with contextlib.suppress(OSError, ValueError):
        limit, used = (int((CONTAINER / f"memory.{name}").read_text()) for name in ("max", "current"))
        free.append(max(0, limit - used))
    return min(free, default=None)
