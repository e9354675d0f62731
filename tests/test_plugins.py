"""The example packages of docs/extending/ are installed into an environment of their own, and used there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import pytest

from docent.answering.models.client import ModelClient
from docent.app.plugin_steps import PluginSteps
from docent.errors import EmbeddingError, ModelFailed, PluginError
from docent.plugins import Group, check_protocol, installed, load_plugin
from docent.types import FileReport
from tests.answering.build import passage

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = sorted((ROOT / "docs" / "extending").glob("*/pyproject.toml"))


# --- the examples, installed ---------------------------------------------------------------


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the example packages and, by a link, all that Docent needs."""
    folder = tmp_path_factory.mktemp("environment")
    uv = [sys.executable, "-m", "uv", "--quiet", "--offline", "--no-cache"]
    subprocess.run([*uv, "venv", "--python", sys.executable, str(folder)], check=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = folder / "lib" / version / "site-packages"
    (site / "docent-needs.pth").write_text(f"{sysconfig.get_path('purelib')}\n{ROOT}\n")
    there = folder / "bin" / "python"
    packages = [
        str(shutil.copytree(each.parent, folder / "packages" / each.parent.name)) for each in EXAMPLES
    ]
    install = ["pip", "install", "--no-deps", "--no-build-isolation", "--python", str(there), *packages]
    subprocess.run([*uv, *install], check=True)
    return there


def run(python: Path, folder: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
    environment |= {f"DOCENT_{name.upper()}": value for name, value in settings.items()}
    return subprocess.run(
        [str(python), *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )


def documents(folder: Path) -> None:
    data = folder / "data"
    data.mkdir()
    (data / "film.srt").write_text(
        "1\n00:00:01,000 --> 00:00:02,000\nGood morning.\n\n2\n00:01:00,000 --> 00:01:03,000\nIt sinks.\n"
    )
    (data / "menu-2019.md").write_text("# Menu\n\nThe soup of the ferry costs 4 euro.\n")
    (data / "menu-2025.md").write_text("# Menu\n\nThe soup of the ferry costs 7 euro.\n")


def test_the_examples_work_together(python, tmp_path):
    """A format, an embedder, a step, a model and a notifier of other packages answer one question."""
    documents(tmp_path)
    settings = {
        "provider": "plugin:echo", "model": "echo", "embedding_model": "plugin:letters",
        "retrieval": '["newest"]', "notifiers": '["journal"]', "small_model": "off", "relevant_from": "0",
    }  # fmt: skip
    read = run(python, tmp_path, str(ROOT / "ingest.py"), "--json", **settings)
    assert read.returncode == 0, read.stderr
    assert json.loads(read.stdout)["counts"]["added"] == 3
    journal = (tmp_path / "journal.txt").read_text()
    assert journal == "Documents: 3 added (film.srt, menu-2019.md, menu-2025.md)\n"
    asked = run(python, tmp_path, "-m", "docent", "ask", "--json", "What does the soup cost?", **settings)
    answer = json.loads(asked.stdout)
    assert answer["passages"][0]["file"] == "menu-2025.md"
    assert answer["receipt"]["model"] == "echo"
    assert any("7 euro" in citation["quote"] for citation in answer["citations"])
    asked = run(python, tmp_path, "-m", "docent", "search", "--json", "It sinks.", **settings)
    film = [each for each in json.loads(asked.stdout) if each["file"] == "film.srt"]
    assert film and film[0]["place"] == "00:01:00,000"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_each_example_is_on_the_page(path):
    """docs/extending.md names every package, its group and the setting that chooses it."""
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    (group,) = tomllib.loads(path.read_text())["project"]["entry-points"]
    assert f"extending/{path.parent.name}" in page and f"`{group}`" in page


# --- plugins that fail ---------------------------------------------------------------------


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Install a module as a plugin, in a folder on the path with its metadata."""
    monkeypatch.syspath_prepend(tmp_path / "site")

    def install(group: Group, name: str, code: str) -> None:
        module = f"plugin_{group}_{name}"
        site = tmp_path / "site"
        info = site / f"{module}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[docent.{group}]\n{name} = {module}:plugin\n")
        (site / f"{module}.py").write_text(textwrap.dedent(code))
        monkeypatch.delitem(sys.modules, module, raising=False)
        installed.cache_clear()

    yield install
    installed.cache_clear()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        pytest.param("1 / 0", "'one' failed .ZeroDivisionError", id="raises when it is imported"),
        pytest.param("import no_such_module", "No module named 'no_such_module'", id="lacks a package"),
        pytest.param("other = 1", "has no attribute 'plugin'", id="lacks its object"),
        pytest.param("plugin = 7", "is int, where a function", id="is no function"),
    ],
)
def test_a_plugin_that_cannot_be_loaded(plugin, code, said):
    """The error is one sentence with the name, the reason and what to do."""
    plugin("retrieval", "one", code)
    with pytest.raises(PluginError, match=said):
        PluginSteps(retrieval=["one"], notifiers=[])


def test_a_plugin_that_is_not_installed(plugin):
    """The error names those that are."""
    plugin("notifiers", "bell", "def plugin(notification): ...")
    with pytest.raises(PluginError, match=r"no plugin 'gong' among docent\.notifiers\. Installed: bell\."):
        load_plugin("notifiers", "gong")


def test_a_plugin_without_a_part_of_its_protocol(plugin):
    """What is missing is named before the plugin is used."""
    with pytest.raises(PluginError, match="has no check, describe, models, parameters, pull, stream, warm"):
        check_protocol(type("Half", (), {"name": "x"})(), ModelClient, "half")


def test_a_retrieval_step_that_fails_or_invents(plugin, caplog):
    """A step that raises is named and passed over; passages that a step adds or repeats are left out."""
    plugin("retrieval", "bad", "def plugin(question, passages): raise ValueError('no')")
    plugin(
        "retrieval",
        "greedy",
        """
        from dataclasses import replace
        def plugin(question, passages):
            stolen = replace(passages[0], chunk_id="of somebody else")
            altered = replace(passages[1], text="changed")
            return [stolen, altered, altered, passages[0]]
        """,
    )
    steps = PluginSteps(retrieval=["bad", "greedy"], notifiers=[])
    found = [passage(n=1), passage("two", n=2), passage("three", n=3)]
    assert steps.refine("?", found) == [found[1], found[0]]
    assert "The plugin 'bad' failed (ValueError: no)" in caplog.text


def test_a_notifier_that_fails_stops_nothing(plugin, caplog, monkeypatch):
    """One that raises or hangs is named, and the next is told all the same."""
    monkeypatch.setattr("docent.app.plugin_steps.NOTIFYING_SECONDS", 0.2)
    plugin("notifiers", "broken", "def plugin(notification): raise OSError('full')")
    plugin("notifiers", "slow", "import time\ndef plugin(notification): time.sleep(5)")
    plugin("notifiers", "bell", "rung = []\nplugin = rung.append")
    steps = PluginSteps(retrieval=[], notifiers=["broken", "slow", "bell"])
    steps.tell_of_ingest([FileReport("l", "a.md", "unchanged")])
    steps.tell_of_ingest([FileReport("l", "a.md", "unchanged"), FileReport("l", "b.md", "failed", "why")])
    steps.tell_of_failure("The server is gone.")
    rung = sys.modules["plugin_notifiers_bell"].rung
    assert [(each.kind, str(each.text)) for each in rung] == [
        ("ingested", "Documents: 1 failed"), ("source_failed", "The server is gone."),
    ]  # fmt: skip
    assert "OSError: full" in caplog.text and "'slow' takes more than" in caplog.text


MODEL = """
from docent.answering.models.client import ModelStatus, Piece
def plugin(**options): return Model()
class Model:
    name = "m"
    async def stream(self, messages, options=None):
        {body}
    async def check(self): raise OSError("gone")
    async def parameters(self): return None
    async def models(self): return ("m",)
    async def describe(self): return ()
    async def pull(self):
        return
        yield
    async def warm(self): raise RuntimeError("cold")
"""


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param("yield Piece('a'); raise KeyError('x')", "KeyError", id="raises"),
        pytest.param("yield 'a'", "str is no Piece", id="streams something else"),
    ],
)
async def test_a_model_that_fails(plugin, body, said):
    """Any error of the package is a model's failure with its name, as of a server."""
    from docent.answering.models.plugin_client import PluginModel

    plugin("models", "m", MODEL.format(body=body))
    model = PluginModel("m")
    with pytest.raises(ModelFailed, match=said):
        [piece async for piece in model.stream([])]
    with pytest.raises(ModelFailed, match="RuntimeError: cold"):
        await model.warm()
    status = await model.check()
    assert not status.ready and "gone" in status.sentence


EMBEDDER = """
import numpy as np
from tokenizers import Tokenizer, models
class plugin:
    name = fingerprint = "v"
    dimensions, max_tokens = 2, 64
    tokenizer = Tokenizer(models.WordLevel({{"a": 0}}, unk_token="a"))
    def __init__(self, **options): ...
    def embed_query(self, text): return {vector}
    def embed(self, texts): return np.array([{vector} for _ in texts])
    def warm(self): ...
    def close(self): ...
"""


@pytest.mark.parametrize(
    ("vector", "said"),
    [
        pytest.param("[0.6, 0.8, 0.0]", r"of the shape \(1, 3\)", id="too many numbers"),
        pytest.param("[6.0, 8.0]", "length one", id="not of length one"),
        pytest.param("[float('nan'), 1.0]", "length one", id="no number"),
        pytest.param("1 / 0", "ZeroDivisionError", id="raises"),
    ],
)
def test_vectors_that_are_wrong_are_not_stored(plugin, tmp_path, vector, said):
    """They are refused with the plugin's name, for documents and for questions."""
    from docent.indexing.plugin_embedder import PluginEmbedder

    plugin("embedders", "v", EMBEDDER.format(vector=vector))
    embedder = PluginEmbedder("v", cache=tmp_path, threads=1)
    for embed in (lambda: embedder.embed(["x"]), lambda: embedder.embed_query("x")):
        with pytest.raises(EmbeddingError, match=said):
            embed()


def test_a_reader_that_fails_costs_only_its_file(python, tmp_path):
    """A file on which a plugin's reader fails is reported with a sentence, and the others are read."""
    documents(tmp_path)
    (tmp_path / "data" / "broken.srt").write_text("1\n")
    read: Any = json.loads(run(python, tmp_path, str(ROOT / "ingest.py"), "--json").stdout)
    assert read["counts"]["added"] == 3 and read["counts"]["failed"] == 1
    (failed,) = [file for file in read["files"] if file["outcome"] == "failed"]
    assert failed["path"] == "broken.srt" and "could not be read" in failed["reason"]


def test_nothing_is_looked_up_when_no_plugin_is_named():
    """Opening Docent, and reading files of its own formats, does not search the installed packages."""
    code = (
        "import sys, docent.app.factory, docent.loading.worker.parser_process\n"
        "from docent.app.plugin_steps import PluginSteps\n"
        "PluginSteps(retrieval=(), notifiers=())\n"
        "from docent.plugins import installed\n"
        "print(installed.cache_info().currsize)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"
