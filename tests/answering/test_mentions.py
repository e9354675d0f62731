"""A list of every document that mentions a term says how many were read, and which could not be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from docent.answering.answer_context import Draft, ScopedDocuments
from docent.answering.replies_without_model import list_mentions
from docent.messages import Message, restored, stored
from docent.store import Store
from docent.types import Answered, Scope, State, StoredDocument
from docent.web.i18n import say
from tests.answering import build

# Chroma says so of its own collections when they are opened.
pytestmark = pytest.mark.filterwarnings("ignore:legacy embedding function config:DeprecationWarning")


@pytest.fixture
def store(tmp_path) -> Iterator[Store]:
    texts = {"rules/museum.txt": "Dogs stay out.\fA dog needs a lead.", "rules/lending.txt": "No cats."}
    store = build.stored(tmp_path / "storage", texts)
    yield store
    store.close()


async def mentions(term: str, documents: list[StoredDocument], store: Store) -> str:
    documents_in_scope = ScopedDocuments(store, Scope())
    events = list_mentions(term, documents, documents_in_scope, Draft("Which?"))
    *_, last = [event async for event in events]
    assert isinstance(last, Answered)
    return last.answer.text


async def test_a_list_of_mentions_is_in_the_readers_language(store):
    """Counts, places and reasons are translated, also of a stored answer; quotes and names are not."""
    documents = store.documents(Scope())
    reason = Message("The page is blank.")
    scan = replace(documents[0], id="scan", name="scan.pdf", state=State.FAILED, reason=reason)
    text = await mentions("dog", [*documents, scan], store)
    assert text == (
        "Scanned 2 of 3 documents for “dog”: 1 match.\n\n"
        "- museum.txt, p. 1 (2 places): “Dogs stay out.” [1]\n\n"
        "Not scanned: scan.pdf: failed (The page is blank.)."
    )
    assert say(restored(stored(text)), "fr") == say(text, "fr")
    assert say(text, "fr") == (
        "Recherche de « dog » dans 2 sur 3 documents : 1 résultat.\n\n"
        "- museum.txt, p. 1 (2 occurrences) : « Dogs stay out. » [1]\n\n"
        "Non parcourus : scan.pdf : illisible (La page est vide.)."
    )


async def test_without_a_mention_only_the_count_is_told(store):
    """Neither a list nor a heading follows the count; a single document is counted as one."""
    documents = store.documents(Scope())[:1]
    text = await mentions("unicorn", documents, store)
    assert text == "Scanned 1 of 1 document for “unicorn”: 0 matches."


async def test_marks_and_links_of_a_document_stay_words(store):
    """A file's name and a term that look like Markdown or like a parameter are shown as they are."""
    [document, *_] = store.documents(Scope())
    scan = replace(document, name="{n} [2](http://x.example).pdf", state=State.FAILED, reason="")
    text = await mentions("{n} dogs", [scan], store)
    assert "“{n} dogs”" in text
    assert "](" not in text
