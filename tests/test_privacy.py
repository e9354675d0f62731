"""Nothing leaves the machine: the only connection that is made is to the configured model server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent

WATCHED = """
import ipaddress, json, socket, sys
reached = []
connect, look_up = socket.socket.connect, socket.getaddrinfo
def watched_connect(self, address):
    if self.family != socket.AF_UNIX:
        reached.append(address[0])
    return connect(self, address)
def watched_look_up(host, *rest, **more):
    reached.append(host.decode() if isinstance(host, bytes) else host)
    return look_up(host, *rest, **more)
socket.socket.connect, socket.getaddrinfo = watched_connect, watched_look_up

import runpy
def run(*argv):
    sys.argv = list(argv)
    try:
        runpy.run_path(argv[0], run_name="__main__") if argv[0].endswith(".py") else runpy.run_module(
            argv[0], run_name="__main__")
    except SystemExit as ended:
        assert not ended.code, argv

run("ingest.py", "--json")
run("docent", "ask", "What does the soup cost?", "--json")
import chainlit.server
from docent.web import server
server.prepare()
server.open_once()
server.docent().embedder.embed_query("warm")
server.close()
print(json.dumps(sorted({str(host) for host in reached})))
"""


def test_only_the_model_server_is_reached(tmp_path, ollama):
    """Ingesting, asking and opening the chat look up and connect to nothing else."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/menu.txt").write_text("The tomato soup costs 4.50 euro.")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DOCENT_")}
    own = {
        "DOCENT_DATA": str(tmp_path / "data"),
        "DOCENT_STORAGE": str(tmp_path / "storage"),
        "DOCENT_MODEL_URL": ollama.url,
    }
    done = subprocess.run(
        [sys.executable, "-c", WATCHED], cwd=ROOT, env=kept | own, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert ollama.requests_to("/api/chat"), "the model server itself was not asked: nothing was watched"
    assert json.loads(done.stdout.splitlines()[-1]) == ["127.0.0.1"]
