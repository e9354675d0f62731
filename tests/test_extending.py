"""The worked examples of docs/extending.md are run as they stand there."""

from __future__ import annotations

import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest

from docent.answering.models.client import ModelClient
from docent.answering.prompt.personas import read_personas
from docent.loading import file_types
from docent.loading.job import Job, Limits, Ocr, read_input_file

PAGE = (Path(__file__).resolve().parent.parent / "docs/extending.md").read_text(encoding="utf-8")


def code(heading: str, language: str) -> str:
    """The block of a section."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.S)[0]


def test_a_persona(tmp_path):
    """The table is a persona with everything that it says."""
    path = tmp_path / "personas.toml"
    path.write_text(code("A persona", "toml"))
    (persona,) = read_personas(path)
    assert (persona.name, persona.library, persona.starters[0].label) == ("Archivist", "default", "The roof")
    assert "name the date" in persona.instructions


def test_a_format(tmp_path, monkeypatch):
    """With the module and its two entries, a file of the new kind is read in pages."""
    module = ModuleType("docent.loading.formats.srt")
    exec(code("A format", "python"), module.__dict__)  # the page's own code is what is tested
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(file_types.BY_SUFFIX, ".srt", "srt")
    monkeypatch.setitem(file_types.READERS, "srt", "srt.read")
    path = tmp_path / "film.srt"
    path.write_text(
        "1\n00:00:01,000 --> 00:00:02,000\nGood morning.\n\n2\n00:01:00,000 --> 00:01:03,000\nBye.\n"
    )
    job = Job(path=str(path), limits=Limits(), ocr=Ocr())
    source = read_input_file(path, largest=job.limits.file_bytes)
    with source.stream:
        assert file_types.detect_kind(source, job.limits) == "srt"
        contents = file_types.open_contents(source, "srt", job, report_step=lambda page, step: None)
        read = [(page.place, page.text) for page in contents.pages]
    assert read == [("00:00:01,000", "Good morning."), ("00:01:00,000", "Bye.")]


async def test_a_model_server():
    """The class is a model client: it streams, with its counts at the end, and answers every other call."""
    space: dict[str, type] = {}
    exec(code("A model server", "python"), space)
    client: ModelClient = space["Echo"]()
    pieces = [piece async for piece in client.stream([{"role": "user", "content": "Who paid?"}])]
    assert "".join(piece.text for piece in pieces) == "Who paid? "
    assert pieces[-1].prompt_tokens
    assert (await client.check()).ready
    assert await client.models() == ("echo",)
    assert [done async for done in client.pull()] == []
    await client.warm()


@pytest.mark.filterwarnings("ignore:legacy embedding function config:DeprecationWarning")
def test_a_pipeline_of_your_own(tmp_path):
    """Our cutting, embedding and vectors in llama-index's pipeline: found by meaning, no text in Chroma."""
    space: dict[str, type] = {}
    exec(code("A pipeline of your own", "python"), space)
    texts = [
        "The ferry leaves at noon.",
        "Trout are smoked over alder.",
        "The roof was paid for by the parish.",
    ]
    notes = space["Notes"](tmp_path, texts)
    try:
        assert notes.about("When does the boat go?", limit=1) == [texts[0]]
        assert set(notes.about("fish", limit=3)) == set(texts)
    finally:
        notes.close()
    with closing(sqlite3.connect(tmp_path / "chroma/chroma.sqlite3")) as kept:
        said = "\n".join(line for line in kept.iterdump())
    assert "ferry" not in said
