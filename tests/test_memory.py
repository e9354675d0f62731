"""What is asked of the C library's memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

POOLS = """
import ctypes, sys, threading
from docent.memory import share_arenas
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


GRAPHS = """
import shutil, sys
import numpy as np
from pathlib import Path
from docent.store.index.vectors import ChromaVectors
folder = Path(sys.argv[1])
def make(ask):
    vectors = ChromaVectors(folder, name="s", url="")
    for library in "abcdefgh":
        held = [b"a deleted secret " * size for size in range(10, 10_000, 10)]
        # Blocks as small as a new graph's lengths, each second one freed: they are handed out as they are.
        held += [(b"a deleted secret " * 30)[: 400 - 33] for _ in range(12_000)]
        del held[::2]
        ask(vectors, library)
    for file in folder.rglob("*.*"):
        print(file.name, file.read_bytes().count(b"deleted secret"))
    vectors.close()
make(lambda vectors, library: vectors.put(library, ["1"], np.ones((1, 384), np.float32)))
for graph in folder.glob("*/"):
    shutil.rmtree(graph)
make(lambda vectors, library: vectors.nearest(library, [1.0] * 384, 1))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's own")
def test_a_new_graph_holds_nothing_of_what_was_in_memory_before(tmp_path):
    """Chroma writes the memory of a new graph to a file before anything is in it: when vectors come, or
    at the next question, where a kill came between that and the graph."""
    found = subprocess.run(
        [sys.executable, "-c", GRAPHS, str(tmp_path)],
        env={"MALLOC_ARENA_MAX": "1", "PYTHONMALLOC": "malloc"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert found.count("data_level0.bin") == 16
    assert set(found[1::2]) == {"0"}
