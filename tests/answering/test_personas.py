"""Personas are a file that anyone can change; a mistake in it is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from docent.answering.prompt.personas import Persona, Starter, read_personas
from docent.answering.prompt.templates import INSTRUCTIONS
from docent.errors import SettingsError
from docent.messages import Message

ROOT = Path(__file__).parents[2]

GOOD = """\
[guide]
name = "Guide"
library = "handbook"
system = "Be kind."
temperature = 0.2
thinking = "step by step"
starters = [{ label = "Begin", message = "How do I begin?" }]

[[guide.examples]]
question = "What is it?"
answer = "A house [1]."

[other]
name = "Other"
"""


def read(folder: Path, text: str) -> tuple[Persona, ...]:
    file = folder / "personas.toml"
    file.write_text(text, encoding="utf-8")
    return read_personas(file)


def test_a_file_of_personas(tmp_path):
    """Everything that the file says reaches the model: rules first, then the persona, then its examples."""
    guide, other = read(tmp_path, GOOD)
    assert (guide.key, guide.name, guide.library, guide.temperature) == ("guide", "Guide", "handbook", 0.2)
    assert guide.starters == (Starter("Begin", "How do I begin?"),)
    told = guide.instructions
    assert told.startswith(INSTRUCTIONS)
    assert told.index("Be kind.") < told.index("<think>") < told.index("A house [1].")
    assert guide.temperature == 0.2
    assert other.instructions == INSTRUCTIONS


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        pytest.param(("temperature = 0.2", "temperature = 3"), 5, "0 to 2", id="out of range"),
        pytest.param(("temperature = 0.2", 'temperature = "hot"'), 5, "number", id="not a number"),
        pytest.param(("library =", "libary ="), 3, "'libary'", id="unknown field"),
        pytest.param(('"step by step"', '"slowly"'), 6, "'direct' or 'step by step'", id="unknown thinking"),
        pytest.param(('"Be kind."', "7"), 4, "quotation marks", id="not a text"),
        pytest.param(('name = "Other"', 'library = "x"'), 13, "needs a name", id="no name"),
        pytest.param(("message =", "massage ="), 7, "starters must be", id="misspelt starter"),
        pytest.param(
            ('question = "What is it?"', 'question = ""'), 9, "examples must be", id="empty example"
        ),
        pytest.param(('system = "Be kind."', "system = Be kind."), 4, "not TOML", id="not TOML"),
        pytest.param(("[guide]\n", "loose = 1\n[guide]\n"), 1, "outside a persona", id="outside"),
    ],
)
def test_a_mistake_is_refused_with_its_line(change, line, said, tmp_path):
    """The sentence names the file, the line and what is allowed, and can be translated."""
    with pytest.raises(SettingsError, match=said) as refused:
        read(tmp_path, GOOD.replace(*change, 1))
    assert f"line {line}" in str(refused.value)
    assert isinstance(refused.value.message.parameters.get("what", Message("")), Message)
    assert "personas.toml" in str(refused.value)


def test_a_missing_file_is_named(tmp_path):
    """The sentence names the path of the missing file."""
    with pytest.raises(SettingsError, match="nowhere.toml"):
        read_personas(tmp_path / "nowhere.toml")


def test_the_three_that_ship():
    """Each ships with its library, a greeting and starters, and reads without a mistake."""
    shipped = read_personas(ROOT / "personas.toml")
    assert [one.name for one in shipped] == ["Guide to Docent", "Internship guide", "Restaurant guide"]
    for one in shipped:
        assert (ROOT / "data" / one.library).is_dir()
        assert one.greeting and len(one.starters) >= 3 and len(one.system) > 200
