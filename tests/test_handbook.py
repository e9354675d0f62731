"""The handbook promises only what exists: its settings, commands, options, files and states."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from docent.__main__ import parser
from docent.setting_files import PREFIX
from docent.settings import Settings
from docent.types import State

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "data" / "handbook").glob("*.md"))
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
CODE = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) + re.findall(r"`([^`\n]+)`", TEXT)
LINES = [line for block in CODE for line in block.splitlines()]
SAMPLES = {path.name for path in (ROOT / "data").glob("*/*")}


def test_settings_exist(tmp_path: Path):
    """Every DOCENT_ name in the handbook is a setting, and every value shown is allowed."""
    named = set(re.findall(rf"\b{PREFIX}[A-Z_]+", TEXT))
    assert named
    assert {name.removeprefix(PREFIX).lower() for name in named} <= Settings.model_fields.keys()
    for line in LINES:
        shown = dict(re.findall(rf"({PREFIX}[A-Z_]+)=(\S+)", line))
        Settings.read(environ=shown, folder=tmp_path)


def test_defaults_are_the_settings_own(tmp_path: Path):
    """A table of settings in the handbook gives their real defaults."""
    rows = re.findall(rf"^\| `{PREFIX}([A-Z_]+)` \| (\S+) \|", TEXT, re.MULTILINE)
    assert rows
    settings = Settings.read(environ={}, folder=tmp_path)
    assert rows == [(name, str(getattr(settings, name.lower()))) for name, _ in rows]


@pytest.mark.parametrize("line", sorted({line for line in LINES if "-m docent " in line}))
def test_commands_exist(line: str):
    """Every `python -m docent …` in the handbook is a command with those options, naming real samples."""
    words = re.findall(r'"[^"]*"|\S+', line.split("-m docent ", 1)[1].split(" > ")[0])
    arguments = parser().parse_args([word.strip('"') for word in words])
    for name in ("document", "coverage"):
        value = getattr(arguments, name, None)
        assert value in {None, "FILE", "old-menu.pdf"} | SAMPLES


def test_states_are_explained():
    """The table of states names every state a document can have."""
    table = TEXT.split("## The states of a document", 1)[1]
    assert [state for state in re.findall(r"^\| (\w+) \|", table, re.MULTILINE) if state != "state"] == [
        state.value for state in State
    ]


def test_make_targets_exist():
    """Every `make …` in the handbook is a target."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {word for line in LINES for word in re.findall(r"\bmake ([a-z-]+)", line)} <= targets


def test_python_version_is_the_one_required():
    """The handbook asks for the Python that the package asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"Python {project['requires-python'].removeprefix('>=')} or newer" in TEXT
