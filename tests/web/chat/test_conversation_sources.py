"""The sources of a conversation: only those that its reader may see, saved, and searched exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import chainlit as cl
import pytest

from docent.errors import UnknownLibrary
from docent.store import Store
from docent.types import Scope, StoredDocument, private_library
from docent.web.accounts.users import LOCAL
from docent.web.chat.conversation_sources import (
    FOUND,
    MESSAGE,
    SOURCES,
    ConversationSource,
    change_sources,
    document_source,
    library_source,
    load_source,
    present_sources,
    refresh_names,
    set_sources,
    sources,
    sources_scope,
    take_tags,
)
from docent.web.chat.file_scope import choosable_libraries, own_library, question_scope
from tests.answering.build import stored
from tests.store.damage import give_library
from tests.web.chat.open_page import OpenPage

OTHERS = private_library(LOCAL, own_library(LOCAL, "99999999-of another conversation"))
ADAS = private_library("ada", "uploads")
FILES = {
    "filings/COSTCO_2021_10K.txt": "Costco sold goods.",
    "filings/AMCOR_2023Q4.txt": "Amcor made boxes.",
    "menus/lunch.txt": "Soup is served at noon.",
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = stored(tmp_path / "storage", FILES, chunk_tokens=100)
    yield opened
    opened.close()


@pytest.fixture
def docent(store: Store) -> Any:
    return SimpleNamespace(store=store, persona=lambda key: SimpleNamespace(library=""))


@pytest.fixture
async def page() -> Any:
    opened = OpenPage()
    yield opened
    await opened.session.delete()


def named(store: Store, name: str) -> StoredDocument:
    return next(one for one in store.documents(Scope()) if name in one.name)


async def say_to_server(docent: Any, **asked: str) -> None:
    await change_sources({MESSAGE: asked}, docent=docent, libraries=choosable_libraries)


async def test_the_page_adds_and_removes(docent, page):
    """What is added is shown on the page and saved in the session; what is removed is gone from both."""
    costco = named(docent.store, "COSTCO")
    await say_to_server(docent, do="add", kind="document", id=costco.id)
    await say_to_server(docent, do="add", kind="library", id="menus")
    await say_to_server(docent, do="add", kind="library", id="menus")
    assert [source.name for source in sources()] == [costco.name, "menus"]
    await say_to_server(docent, do="remove", kind="document", id=costco.id)
    assert sources() == (library_source("menus"),)
    shown = [data[MESSAGE] for event, data in page.events if event == "window_message"][-1]
    assert shown == [{"kind": "library", "id": "menus", "name": "menus"}]
    assert cl.user_session.get(SOURCES) == [asdict(library_source("menus"))]


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        pytest.param("library", ADAS, id="another user's library"),
        pytest.param("library", OTHERS, id="another conversation's files"),
        pytest.param("library", "no-such-library", id="no library"),
        pytest.param("document", "0" * 32, id="no document"),
        pytest.param("folder", "menus", id="no kind"),
    ],
)
async def test_only_what_the_reader_may_see_is_added(docent, page, monkeypatch, kind, key):
    """Ids come from a browser: one of somebody else's adds nothing, and is not said to exist."""
    existing = docent.store.libraries(LOCAL)
    monkeypatch.setattr(type(docent.store), "libraries", lambda self, reader: [*existing, OTHERS])
    await say_to_server(docent, do="add", kind=kind, id=key)
    assert sources() == ()


async def test_another_users_document_is_not_added(docent, page, store, tmp_path):
    """Not even by its right id, and a search does not find it."""
    private = stored(tmp_path / "own", {"hers/secret.txt": "Ada's secret."}, chunk_tokens=100)
    give_library(tmp_path / "own", "hers", "ada")
    docent.store = private
    (secret,) = private.documents(Scope(reader="ada"))
    await say_to_server(docent, do="add", kind="document", id=secret.id)
    await say_to_server(docent, do="find", search="secret")
    found = [data[FOUND] for event, data in page.events if event == "window_message" and FOUND in data][-1]
    assert sources() == ()
    assert found["documents"] == found["libraries"] == []
    private.close()


async def test_a_search_finds_by_parts_of_a_name(docent, page):
    """Libraries and documents whose name holds every word, in any case."""
    await say_to_server(docent, do="find", search="COSTCO 10k")
    found = [data[FOUND] for event, data in page.events if event == "window_message"][-1]
    assert [one["name"] for one in found["documents"]] == ["COSTCO_2021_10K.txt"]
    assert found["libraries"] == []


async def test_a_renamed_source_is_shown_by_its_present_name(docent, page, store):
    """Library and file have another name since they were chosen; the conversation shows it when opened."""
    lunch = document_source(named(store, "lunch.txt"))
    await set_sources([library_source("filings", "Filings"), replace(lunch, name="old.txt")])
    store.organiser.rename_library("filings", "Annual reports", None)
    page.events.clear()
    names = [source.name for source in await refresh_names(docent)]
    assert names == ["Annual reports", "lunch.txt"]
    (shown,) = (data[MESSAGE] for event, data in page.events if event == "window_message")
    assert [source["name"] for source in shown] == names
    page.events.clear()
    await refresh_names(docent)
    assert page.events == []


async def test_a_library_is_shown_by_its_title(docent, page):
    """In the list, beside its documents, on the chip and after "#"; its name stays what it is known by."""
    docent.store.organiser.rename_library("menus", "Lunch cards", None)
    await say_to_server(docent, do="find", search="lunch")
    found = [data[FOUND] for event, data in page.events if event == "window_message"][-1]
    assert found["libraries"] == [{"kind": "library", "id": "menus", "name": "Lunch cards"}]
    assert [(one["name"], one["library"]) for one in found["documents"]] == [("lunch.txt", "Lunch cards")]
    await take_tags('#"Lunch cards"', docent=docent, libraries=choosable_libraries)
    assert sources() == (ConversationSource("library", "menus", "Lunch cards"),)


@pytest.mark.parametrize(
    ("said", "left", "names"),
    [
        ("What is served? #menus", "What is served?", ["menus"]),
        ("#costco What was sold?", "What was sold?", ["COSTCO_2021_10K.txt"]),
        ("#lunch.txt", "", ["lunch.txt"]),
        ('What is in #"AMCOR_2023Q4.txt" and #menus', "What is in and", ["AMCOR_2023Q4.txt", "menus"]),
        ("What is the #1 dish?", "What is the #1 dish?", []),
        ("Is C# used?", "Is C# used?", []),
        ("#20 is two documents", "#20 is two documents", []),
    ],
)
async def test_names_after_a_number_sign_are_taken(docent, page, said, left, names):
    """A name that is one library or document becomes a source; anything else stays in the question."""
    assert await take_tags(said, docent=docent, libraries=choosable_libraries) == left
    assert [source.name for source in sources()] == names


async def test_exactly_the_sources_are_searched(docent, page, store):
    """Documents, libraries, or both together; the scope names each library that it needs."""
    costco, lunch = named(store, "COSTCO"), named(store, "lunch")
    only = sources_scope(docent, [document_source(costco)])
    assert {one.name for one in store.documents(only)} == {costco.name}
    library = sources_scope(docent, [library_source("filings")])
    assert len(store.documents(library)) == 2
    both = sources_scope(docent, [library_source("filings"), document_source(lunch)])
    assert len(store.documents(both)) == 3


async def test_a_new_version_replaces_a_source(docent, page, store):
    """A document that was replaced is found again by library and name."""
    costco = named(store, "COSTCO")
    old = replace(document_source(costco), id="0" * 32)
    assert present_sources(docent, [old]) == [document_source(costco)]


async def test_sources_that_are_gone_are_reported(docent, page):
    """Where none is left, the question is not asked of everything instead."""
    gone = ConversationSource("document", "0" * 32, "gone.pdf", "filings")
    with pytest.raises(UnknownLibrary, match=r"gone\.pdf was deleted or is empty"):
        question_scope(docent, chosen=[gone], persona="")


@pytest.mark.parametrize(
    "saved",
    [
        "text",
        None,
        {},
        {"kind": "file", "id": "1", "name": "x", "library": ""},
        {"kind": "document", "id": "1"},
    ],
)
def test_saved_sources_are_checked(saved):
    """Metadata that is no source is left out."""
    assert load_source(saved) is None


async def test_the_library_of_an_older_conversation_is_its_source(page):
    """A library chosen in the settings is shown as a chip, until the sources are changed."""
    page.session.chat_settings = {"library": "menus"}
    assert sources() == (library_source("menus"),)
    await set_sources(())
    assert sources() == ()
