"""Slow imports are made when they are needed, not before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
SLOW = {
    "torch",
    "transformers",
    "sentence_transformers",
    "openai",
    "llama_index",
    "pandas",
    "scipy",
    "sklearn",
}
FOR_A_DATABASE = {"psycopg", "alembic", "sqlalchemy", "obstore", "pyrage"}
TRACING = {"grpc"}
FOR_SEARCH = {"chromadb", "ollama", "openvino", "mistral_common", "chainlit"}
TOLD = """
import json, runpy, sys
sys.argv = ["docent", *{arguments}]
try:
    runpy.run_module("docent", run_name="__main__", alter_sys=True)
except SystemExit as ended:
    assert not ended.code, ended.code
print(json.dumps(sorted({{name.split(".")[0] for name in sys.modules}})), file=sys.stderr)
"""


def imported(code: str, folder: Path) -> set[str]:
    """Return the outside packages that a fresh process has imported when it ends."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DOCENT_")}
    environ = {
        **kept,
        "DOCENT_STORAGE": str(folder),
        "CHAINLIT_APP_ROOT": str(folder),
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environ, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.strip().splitlines()[-1]))


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        pytest.param(["--help"], SLOW | FOR_SEARCH | FOR_A_DATABASE, id="help"),
        pytest.param(
            ["search", "anything"],
            SLOW | FOR_A_DATABASE | FOR_SEARCH - {"openvino"},
            id="search in a new storage/",
        ),
    ],
)
def test_a_command_imports_what_it_needs(arguments, absent, tmp_path):
    """`--help` imports no slow package; a search in a new storage/ imports OpenVINO only."""
    assert imported(TOLD.format(arguments=arguments), tmp_path) & absent == set()


def test_the_page_needs_no_model_library(tmp_path):
    """The server shows its first page without torch, llama-index, psycopg and call tracing."""
    code = (
        "import json, sys\nfrom docent.web import server\nserver.prepare()\n"
        "from fastapi.testclient import TestClient\nimport chainlit.server\n"
        "page = TestClient(chainlit.server.app, base_url='http://localhost').get('/')\n"
        "assert page.status_code == 200, page.text\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})), file=sys.stderr)\n"
    )
    assert imported(code, tmp_path) & (SLOW | TRACING | {"psycopg", "alembic", "obstore"}) == set()


def test_ingest_reads_before_slow_imports(tmp_path):
    """`ingest.py` reads its first page before the libraries for vectors and answers are imported."""
    code = (
        "import json, sys\nimport ingest\nimport docent.app.factory\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})), file=sys.stderr)\n"
    )
    assert imported(code, tmp_path) & (SLOW | FOR_SEARCH | {"numpy", "asyncio", "rich", "httpx"}) == set()
