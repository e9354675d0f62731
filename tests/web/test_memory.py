"""Memory of a server that runs for long."""

from __future__ import annotations

import subprocess
import sys

import pytest

POOLS = """
import ctypes, sys, threading
from docent.web.memory import share_arenas
share_arenas()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.fclose.argtypes = [ctypes.c_void_p]
together = threading.Barrier(16)
def work():
    libc.malloc(100)
    together.wait()
threads = [threading.Thread(target=work) for _ in range(16)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
file = libc.fopen(sys.argv[1].encode(), b"w")
libc.malloc_info(0, file)
libc.fclose(file)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's own")
@pytest.mark.parametrize(
    ("wanted", "pools"), [pytest.param("", 2, id="ours"), pytest.param("4", 4, id="theirs")]
)
def test_all_threads_share_two_pools(wanted, pools, tmp_path):
    """However many threads there are; unless the user has said how many pools there may be."""
    environ = {"MALLOC_ARENA_MAX": wanted} if wanted else {}
    report = tmp_path / "pools.xml"
    subprocess.run([sys.executable, "-c", POOLS, str(report)], env=environ, check=True)
    assert report.read_text().count("<heap nr=") == pools
