"""A saved answer is loaded complete, and its changed sources are reported."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import pytest

from docent.answering import replies_without_model
from docent.conversations import ANSWER_KEY
from docent.errors import UnknownDocument
from docent.types import Answer, Citation, Page, Passage, Receipt, Scope
from docent.web.chat.saved_answer import (
    answer_metadata,
    changed_sources,
    conversation_markdown,
    load_answer,
    load_extract,
    previous_turns,
)

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
class OneDocument:
    """A store with one document."""

    text: str | None
    name: str = "menu.md"
    library: str = "l"

    def documents(self, scope: Scope) -> list[OneDocument]:
        return [self]

    def page(self, document_id: str, number: int, scope: Scope) -> Page:
        if self.text is None:
            raise UnknownDocument("gone")
        return Page(number, self.text)


def test_a_saved_answer_is_loaded_complete():
    """Question, text, citations and receipt survive as JSON."""
    answer = load_answer(json.loads(json.dumps(answer_metadata("How much?", ANSWER))))
    assert (answer.question, answer.text, answer.citations) == ("How much?", ANSWER.text, (CITATION,))
    assert answer.receipt["searched"] == "How much?"


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param(None, id="none"),
        pytest.param({}, id="no keys"),
        pytest.param({"docent": None}, id="empty"),
        pytest.param({"docent": "text"}, id="a text"),
        pytest.param(
            {
                ANSWER_KEY: {
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
def test_malformed_metadata_is_no_answer(metadata):
    """Metadata may come from a browser, so an incomplete answer is not used."""
    assert load_answer(metadata) is None


def test_previous_turns_are_the_answers_on_the_page():
    """Only saved answers count, in order; other messages are left out."""
    messages = [
        Message("user_message", "How much?", answer_metadata("forged", ANSWER)),
        Message("assistant_message", "Soup…", answer_metadata("How much?", ANSWER)),
        Message("assistant_message", "Download this"),
    ]
    assert [(turn.question, turn.answer) for turn in previous_turns(messages)] == [("How much?", ANSWER.text)]


@pytest.mark.parametrize(
    ("store", "state", "shown"),
    [
        pytest.param(OneDocument(TEXT), "same", TEXT, id="unchanged"),
        pytest.param(OneDocument("x" * len(TEXT)), "changed", QUOTE, id="other text"),
        pytest.param(OneDocument(None), "changed", QUOTE, id="a newer version under its name"),
        pytest.param(OneDocument(None, name="other.md"), "deleted", QUOTE, id="deleted"),
        pytest.param(OneDocument(None, library="other"), "deleted", QUOTE, id="the same name elsewhere"),
    ],
)
def test_a_changed_or_deleted_source_is_reported(store, state, shown):
    """The cited passage is read again; if it is gone, the quote is shown instead."""
    answer = load_answer(answer_metadata("How much?", ANSWER))
    extract, found_state = load_extract(CITATION, answer, reader=store, scope=Scope())
    assert (extract.text, found_state) == (shown, state)
    expected = {} if state == "same" else {"menu.md": state}
    assert changed_sources(answer, reader=store, scope=Scope()) == expected


def test_a_conversation_is_exported_with_its_sources():
    """Questions, answers and quotes are in order; other messages are left out, and markup is escaped."""
    answer = replace(ANSWER, citations=(replace(CITATION, quote="*not bold*"),))
    thread = {
        "name": "How much?",
        "createdAt": "2026-01-02T03:04:05Z",
        "steps": [
            {"type": "run", "output": "", "metadata": {}},
            {"type": "user_message", "output": "How much?", "metadata": {}},
            {"type": "assistant_message", "output": "…", "metadata": answer_metadata("How much?", answer)},
            {"type": "assistant_message", "output": "Download this", "metadata": {}},
        ],
    }
    assert conversation_markdown(thread, language="fr") == (
        "# How much?\n\n2026-01-02\n\n## Vous\n\nHow much?\n\n## Docent\n\nSoup costs 6 euros [1].\n\n"
        "**Sources**\n\n- \\[1\\] menu\\.md, p\\. 1: “\\*not bold\\*”\n"
    )


def test_docents_own_answers_are_exported_in_the_language():
    """A fixed reply, saved in English, is exported in the reader's language, a model's text as it is."""

    def exported(model: str) -> str:
        reply = Answer(replies_without_model.NOTHING, (), (), Receipt("How much?", "How much?", model=model))
        step = {"type": "assistant_message", "output": "", "metadata": answer_metadata("How much?", reply)}
        saved = json.loads(json.dumps({"steps": [step]}))
        return conversation_markdown(saved, language="fr")

    assert "Rien n'en parle" in exported("")
    assert replies_without_model.NOTHING in exported("mistral")
