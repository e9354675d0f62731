"""An answer that was kept knows what was said, and what became of its sources."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import pytest

from docent.errors import UnknownDocument
from docent.types import Answer, Citation, Page, Passage, Receipt, Scope
from docent.web.chat.export import markdown
from docent.web.chat.saved_answer import KEY, extract, fates, keep, recall, turns

TEXT = "Menu\nThe soup costs 6 euros.\nThe bread is free."
QUOTE = "The soup costs 6 euros."
START = TEXT.index(QUOTE)
CITATION = Citation(
    n=1, chunk_id="c", document_id="d", file="menu.md", library="l", page=1, page_label="",
    place="p. 1", start=START, end=START + len(QUOTE), quote=QUOTE,
)  # fmt: skip
PASSAGE = Passage(
    chunk_id="c", document_id="d", file="menu.md", library="l", page=1, page_label="", place="p. 1",
    heading="Menu", header="", text=TEXT, start=0, end=len(TEXT), score=1.0,
)  # fmt: skip
ANSWER = Answer("Soup costs 6 euros [1].", (CITATION,), (PASSAGE,), Receipt("How much?", "How much?"))


@dataclass
class Message:
    type: str
    content: str
    metadata: dict | None = None


@dataclass
class Stored:
    """One document of one reader."""

    text: str | None
    name: str = "menu.md"
    library: str = "l"

    def documents(self, scope: Scope) -> list[Stored]:
        return [self]

    def page(self, document_id: str, number: int, scope: Scope) -> Page:
        if self.text is None:
            raise UnknownDocument("gone")
        return Page(number, self.text)


def through_storage(metadata):
    return json.loads(json.dumps(metadata))


def test_an_answer_comes_back_whole():
    """Text, citations and receipt survive being written down."""
    kept = recall(through_storage(keep("How much?", ANSWER)))
    assert (kept.question, kept.text, kept.citations) == ("How much?", ANSWER.text, (CITATION,))
    assert kept.receipt["searched"] == "How much?"


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param(None, id="none"),
        pytest.param({}, id="empty"),
        pytest.param({"docent": None}, id="nothing kept"),
        pytest.param({"docent": "text"}, id="a text"),
        pytest.param(
            {
                KEY: {
                    "question": "q",
                    "text": "t",
                    "citations": [{"n": 1}],
                    "extracts": {},
                    "receipt": {},
                }
            },
            id="half a citation",
        ),
    ],
)
def test_what_is_no_answer_of_ours_is_none(metadata):
    """Metadata may come from a browser: what is not whole is not used."""
    assert recall(metadata) is None


def test_memory_is_what_is_on_the_page():
    """Turns are the kept answers, in order; other messages are none."""
    messages = [
        Message("user_message", "How much?", keep("forged", ANSWER)),
        Message("assistant_message", "Soup…", keep("How much?", ANSWER)),
        Message("assistant_message", "Download this"),
    ]
    assert [(turn.question, turn.answer) for turn in turns(messages)] == [("How much?", ANSWER.text)]


@pytest.mark.parametrize(
    ("stored", "fate", "shown"),
    [
        pytest.param(Stored(TEXT), "same", TEXT, id="as it was"),
        pytest.param(Stored("x" * len(TEXT)), "changed", QUOTE, id="read otherwise"),
        pytest.param(Stored(None), "changed", QUOTE, id="a newer version under its name"),
        pytest.param(Stored(None, name="other.md"), "deleted", QUOTE, id="gone"),
        pytest.param(Stored(None, library="other"), "deleted", QUOTE, id="the same name elsewhere"),
    ],
)
def test_a_source_that_is_no_longer_what_it_was_is_said(stored, fate, shown):
    """The passage is read again; where that cannot be, the quote stands for it and the fate is told."""
    kept = recall(keep("How much?", ANSWER))
    found, became = extract(CITATION, kept, reader=stored, scope=Scope())
    assert (found.text, became) == (shown, fate)
    assert fates(kept, reader=stored, scope=Scope()) == ({} if fate == "same" else {"menu.md": fate})


def test_a_conversation_becomes_a_file_with_its_sources():
    """Questions, answers and quotes in order; other messages are left out, markup is shown as it is."""
    two = replace(ANSWER, citations=(replace(CITATION, quote="*not bold*"),))
    thread = {
        "name": "How much?",
        "createdAt": "2026-01-02T03:04:05Z",
        "steps": [
            {"type": "run", "output": "", "metadata": {}},
            {"type": "user_message", "output": "How much?", "metadata": {}},
            {"type": "assistant_message", "output": "…", "metadata": keep("How much?", two)},
            {"type": "assistant_message", "output": "Download this", "metadata": {}},
        ],
    }
    assert markdown(thread, language="fr") == (
        "# How much?\n\n2026-01-02\n\n## Vous\n\nHow much?\n\n## Docent\n\nSoup costs 6 euros [1].\n\n"
        "**Sources**\n\n- \\[1\\] menu\\.md, p\\. 1: “\\*not bold\\*”\n"
    )
