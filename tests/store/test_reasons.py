"""Reasons why files were not read are stored as messages, so that each reader has them in their language."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from docent.errors import UnknownLibrary
from docent.messages import Message
from docent.types import Page, ReadBy, Scope, SourceFile
from tests.store.damage import catalog
from tests.store.databases import open_store
from tests.store.putting import arrival

IN_BOTH_DATABASES = True

LIMIT = Message("Only the first {most} characters of this page were kept.", most=9)
EMPTY = Message("{name} is empty.", name="a.pdf")


def parts(text: str) -> tuple[str, dict[str, object]]:
    """The template and the parameters that a translation is made of."""
    message = Message(text)
    return message.template, message.parameters


@pytest.fixture
def folder(tmp_path):
    """A store with a file that failed, one that waits and one whose page was not read, closed again."""
    with closing(open_store(tmp_path / "storage", fingerprint="f")) as store:
        store.fail(SourceFile("default", "a.pdf", tmp_path / "a.pdf", 1, 1), EMPTY)
        read = arrival(tmp_path, "b.txt", "Nine to six.")
        pages = (*read.document.pages, Page(2, "", note=LIMIT, read_by=ReadBy.FAILED))
        store.put_words(read.file, replace(read.document, pages=pages), read.chunks)
        handed_in = arrival(tmp_path, "c.pdf", "Closed.")
        sha256 = handed_in.document.sha256
        store.expect(handed_in.file.full, sha256, name="c.pdf", library="default", owner=None)
        (waiting,) = store.waiting.unread()
        store.give_up(waiting.id, EMPTY)
    return tmp_path / "storage"


def test_reasons_keep_their_parameters(folder):
    """Of a file of a folder, of one that was handed in, of a document and of its page, after a restart."""
    with closing(open_store(folder, fingerprint="f")) as store:
        (failure,) = store.failures(Scope())
        (known,) = [one for one in store.known_files("default") if one.reason]
        reasons = {document.name: document.reason for document in store.documents(Scope())}
        (document,) = [document for document in store.documents(Scope()) if document.name == "b.txt"]
        note = store.pages(document.id, Scope())[1].note
    assert parts(failure.reason) == parts(known.reason) == parts(reasons["c.pdf"]) == parts(EMPTY)
    assert parts(reasons["b.txt"]) == parts(note) == parts(LIMIT)


def test_a_reason_of_an_earlier_version_is_shown_as_it_is(folder):
    """It was stored as a sentence; one without parameters is its own template and is translated, too."""
    with catalog(folder) as db:
        db.execute("UPDATE failures SET reason = 'There is no text in it.'")
    with closing(open_store(folder, fingerprint="f")) as store:
        (failure,) = store.failures(Scope())
    assert parts(failure.reason) == ("There is no text in it.", {})


def test_messages_come_across_between_processes(folder):
    """Another process that works with the store reads the same messages, in values and in errors."""
    with (
        closing(open_store(folder, fingerprint="f")),
        closing(open_store(folder, fingerprint="f")) as other,
    ):
        assert not other.owned
        (failure,) = other.failures(Scope())
        with pytest.raises(UnknownLibrary) as raised:
            other.delete_library("x", Scope(reader="ann"))
    assert parts(failure.reason) == parts(EMPTY)
    assert raised.value.message.parameters == {"name": "x"}
