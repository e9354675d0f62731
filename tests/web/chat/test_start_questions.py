"""The start page offers questions about a reader's own documents, which were made and checked before."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from docent.app import Docent, open_docent
from docent.app.document_aids import document_overview, saved_overview
from docent.settings import Settings
from docent.types import Scope, StoredDocument, private_library
from docent.web.accounts.users import LOCAL
from docent.web.chat.conversation import STARTERS, chat_profiles
from docent.web.chat.conversation_sources import sources, take_tags
from docent.web.chat.file_scope import choosable_libraries, own_library
from docent.web.chat.start_questions import newest, start_questions
from tests.web.chat.open_page import OpenPage

REPORT = (
    "Net sales increased 18% during 2021, to 192 million. Costs are discussed below.\n\n"
    "The average membership fee was $60 per household in 2021.\n"
)


@pytest.fixture
def docent(tmp_path: Path, ollama: Any) -> Iterator[Docent]:
    files = {"filings/report.txt": REPORT, "restaurants/menu.txt": "The Barolo costs 98 euros."}
    for name, text in files.items():
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    settings = Settings(data=tmp_path / "data", storage=tmp_path / "storage", model_url=ollama.url)
    with open_docent(settings) as opened:
        opened.ingest([tmp_path / "data"], retry_failed=False, password=None, on_progress=lambda _: None)
        yield opened


def report(docent: Docent, reader: str = LOCAL) -> StoredDocument:
    return next(one for one in docent.store.documents(Scope(reader=reader)) if one.name == "report.txt")


def labels(docent: Docent) -> list[str]:
    (plain, *_) = chat_profiles(docent, reader=LOCAL, language="en")
    return [starter.label for starter in plain.starters or ()]


def written(docent: Docent) -> None:
    """Wait until everything was made that was asked for before."""
    done = threading.Event()

    async def last() -> None:
        done.set()

    docent.summary_writer.add("last", last)
    assert done.wait(60)


def test_the_page_offers_the_samples_until_the_questions_are_made(docent):
    """The page waits for nothing: the first time it has the samples' questions, then those of the report."""
    samples = [label.template for _, label, _ in STARTERS[1:2]]
    assert labels(docent) == samples
    written(docent)
    offered = labels(docent)
    assert "By how much did net sales increase in 2021? (report.txt)" in offered
    assert 0 < len(offered) <= 4 and not set(samples) & set(offered)


async def test_a_question_brings_its_document(docent):
    """What is sent names the file, which becomes the source of the conversation."""
    document_overview(docent, report(docent), LOCAL)
    page = OpenPage()
    (first, *_) = start_questions(docent, [report(docent)], reader=LOCAL)
    question = await take_tags(first.message, docent=docent, libraries=choosable_libraries)
    assert first.label == f"{question} (report.txt)"
    assert [source.id for source in sources()] == [report(docent).id]
    await page.session.delete()


def test_an_overview_is_made_once_and_gone_with_its_document(docent, monkeypatch):
    """The second time it is read, not made; nothing is left when the document is deleted."""
    document = report(docent)
    made = document_overview(docent, document, LOCAL)
    monkeypatch.setattr(docent, "retrieve", None)
    assert document_overview(docent, document, LOCAL) == saved_overview(docent, document) == made
    docent.store.delete(document.id, Scope())
    assert saved_overview(docent, document) is None


def test_only_what_every_conversation_can_ask_is_offered(docent):
    """Neither samples, nor files of one conversation, nor two of one name; the newest first."""
    document = report(docent)
    others = [
        replace(document, library="restaurants", name="menu.txt"),
        replace(document, library=private_library(LOCAL, own_library(LOCAL, "12345678-9")), name="a.txt"),
        replace(document, name="twice.txt"),
        replace(document, name="twice.txt", library="other"),
        replace(document, name="new.txt", added="2999-01-01"),
    ]
    assert [one.name for one in newest([document, *others])] == ["new.txt", "report.txt"]


@pytest.mark.parametrize(
    "damage", [b"", b'{"sentences": [["a"', b"[]", b'{"sentences": [1], "questions": []}']
)
def test_a_damaged_overview_is_made_again(docent, damage):
    """The start page comes without its questions, and has them the next time."""
    document = report(docent)
    made = document_overview(docent, document, LOCAL)
    (path,) = (docent.store.folder / "copies").rglob("overview-*.json")
    path.write_bytes(damage)
    assert labels(docent)
    written(docent)
    assert saved_overview(docent, document) == made
