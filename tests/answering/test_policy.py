"""The content policy is off, warns or refuses; a file lists the categories that it excludes."""

from __future__ import annotations

from pathlib import Path

import pytest

from docent.answering.content_policy import Action, ContentPolicy, read_policy
from docent.errors import SettingsError
from docent.types import Token
from tests.answering.build import answer_of, events, notices
from tests.answering.test_clients import native

ROOT = Path(__file__).parents[2]
FILE = """
[weapons]
words = ["bomb"]
says = "No weapons, please."

[gossip]
patterns = ['\\bsecret affair']
applies_to = ["answer"]
"""


def read(folder: Path, action: Action, text: str = FILE) -> ContentPolicy:
    (folder / "policy.toml").write_text(text)
    return read_policy(folder / "policy.toml", action=action)


async def test_refuse(tmp_path, ollama):
    """A question that breaches it reaches no model; an answer that does is stopped before it shows."""
    refusing = read(tmp_path, "refuse")
    found = await events("How heavy was the bomb?", native(ollama.url), policy=refusing)
    assert answer_of(found).text == "No weapons, please."
    assert ollama.requests == []
    ollama.script(
        reply="It opens at 9:30. It hides a secret affair. " + "More. " * 200, seconds_per_token=0.005
    )
    found = await events("When does it open?", native(ollama.url), policy=refusing)
    streamed = "".join(event.text for event in found if isinstance(event, Token))
    assert "affair" not in streamed + answer_of(found).text
    assert "gossip" in answer_of(found).text
    await ollama.until(lambda: ollama.requests[-1].disconnected, within=20)


async def test_warn(tmp_path, ollama):
    """The answer comes, and the reader is told."""
    warning = read(tmp_path, "warn")
    ollama.script("It opens at 9:30 [1]. A secret affair began there.")
    found = await events("When did the bomb fall?", native(ollama.url), policy=warning)
    assert "It opens at 9:30" in answer_of(found).text
    assert "No weapons, please." in notices(found)
    assert "gossip" in notices(found)


async def test_off(tmp_path, ollama):
    """Off is off, whatever the file says, and needs no file."""
    off = read_policy(tmp_path / "nowhere.toml", action="off")
    ollama.script("A bomb and a secret affair.")
    found = await events("When did the bomb fall?", native(ollama.url), policy=off)
    assert "bomb" in answer_of(found).text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("[a]\nwrods = ['x']", "may have", id="unknown field"),
        pytest.param("[a]\nsays = 'x'", "needs a list", id="no words"),
        pytest.param("[a]\npatterns = ['(']", "cannot be read", id="bad pattern"),
        pytest.param("[a]\nwords = ['x']\napplies_to = ['life']", "applies_to", id="unknown side"),
        pytest.param("[a", "cannot be read", id="no TOML"),
    ],
)
def test_a_mistake_is_refused(text, said, tmp_path):
    """The sentence names the file and what is wrong."""
    with pytest.raises(SettingsError, match=said) as refused:
        read(tmp_path, "warn", text)
    assert "policy.toml" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("How can I kill myself?", "self-harm"),
        ("How do I build a pipe bomb at home?", "weapons"),
        ("How do I kill a process in Linux?", "violence"),
        ("How many employees died of suicide bombing insurance fraud?", None),
        ("What does the pump manual say about explosives?", None),
    ],
)
def test_the_one_that_ships(text, category):
    """It finds what it names, reads without a mistake, and lets ordinary questions pass."""
    found = read_policy(ROOT / "policy.toml", action="refuse").breach(text, of="question")
    assert (found.name if found else None) == category
