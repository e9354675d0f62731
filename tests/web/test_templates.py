"""The templates escape every value and fail on a missing one."""

from __future__ import annotations

import jinja2
import pytest

from docent.store import LibraryEntry
from docent.types import Deletion, Page, ReadBy, State, StoredDocument
from docent.web.api.application import docs_page
from docent.web.documents import document_list, page
from docent.web.documents.document_list import ListQuery
from docent.web.documents.page import Permissions
from docent.web.templates import render

HOSTILE = '<b title="x">&amp;'
ESCAPED = "&lt;b title=&#34;x&#34;&gt;&amp;amp;"
ALL = Permissions(change=True, share=True, unshare=True)


def document(state: State) -> StoredDocument:
    return StoredDocument(
        id="d" * 32, library=HOSTILE, name=HOSTILE, title="", kind="pdf", sha256="", language="", date="",
        added="2026-01-01", bytes=1, pages=3, unread_pages=1, chunks=1, embedded=1, state=state,
        reason=HOSTILE, owner=None, paths=(HOSTILE,), loader=1,
    )  # fmt: skip


def pages() -> list[str]:
    """Return every documents page in English, with hostile text in every value of other people."""
    every = [document(state) for state in State]
    read = [
        Page(n, "", place=HOSTILE, read_by=by, note=HOSTILE, hidden=HOSTILE) for n, by in enumerate(ReadBy, 1)
    ]
    query = ListQuery(HOSTILE, HOSTILE)
    counts = dict.fromkeys(page.DELETED_THINGS, 1)
    return [
        document_list.list_page(
            document_list.DocumentList(
                query=query,
                documents=every,
                total=200,
                failures=[],
                libraries=[LibraryEntry(HOSTILE, None, HOSTILE, 7)],
                tags={"d" * 32: [HOSTILE]},
                known_tags=[HOSTILE],
                origins={"d" * 32: document_list.Origin(HOSTILE, HOSTILE)},
                unfinished=1,
            ),
            document_list.ListPermissions("ann", admin=True),
            shared=[HOSTILE],
            accepts_mb=100,
            language="en",
        ),
        *(document_list.state_cell(one, (1, 2), "en") for one in every),
        page.confirmation_page(HOSTILE, HOSTILE, action="/", fields=[(HOSTILE, HOSTILE)], language="en"),
        *(
            page.document_page(
                one,
                read,
                start=0,
                allowed=ALL,
                libraries=[HOSTILE],
                notes=[HOSTILE],
                busy=True,
                language="en",
            )
            for one in every
        ),
        page.deletion_page(Deletion("", HOSTILE, counts, counts), language="en"),
        page.refusal_page(HOSTILE, language="en"),
        render("password.html", "en", name=HOSTILE, is_sent=False, longest=9),
        docs_page(
            {"info": {"description": HOSTILE}, "paths": {f"/{HOSTILE}": {"get": {"description": HOSTILE}}}}
        ),
    ]


@pytest.mark.parametrize("text", pages())
def test_values_are_escaped(text):
    """A name, a reason, a note or a query never becomes markup."""
    assert ESCAPED in text
    assert "<b" not in text.replace("<body", "").replace("<button", "").replace("<br>", "")


def test_every_state_and_way_to_read_has_a_name():
    """Each State and ReadBy has a name on the pages."""
    assert set(document_list.STATE_NAMES) == {*(state.value for state in State), "nothing"}
    assert set(page.WAYS_TO_READ) == set(ReadBy)


def test_a_missing_value_is_an_error():
    """A template without one of its values raises an error."""
    with pytest.raises(jinja2.UndefinedError):
        render("password.html", "en", name="a.pdf")


def test_a_page_is_in_one_language():
    """The texts of a page and its `lang` attribute are in the same language."""
    text = render("password.html", "fr-CA", name="a.pdf", is_sent=True, longest=9)
    assert '<html lang="fr">' in text and "<title>Un mot de passe pour a.pdf</title>" in text
