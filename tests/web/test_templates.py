"""Pages of our own are made by templates that escape every value and miss none."""

from __future__ import annotations

import jinja2
import pytest

from docent.types import Deletion, Page, ReadBy, State, StoredDocument
from docent.web.api.application import docs_page
from docent.web.documents import page
from docent.web.documents.page import ListQuery, Permissions
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
    """Every page of the documents, in English, with hostile text wherever text of others is shown."""
    every = [document(state) for state in State]
    read = [
        Page(n, "", place=HOSTILE, read_by=by, note=HOSTILE, hidden=HOSTILE) for n, by in enumerate(ReadBy, 1)
    ]
    query = ListQuery(HOSTILE, HOSTILE)
    counts = dict.fromkeys(page.DELETED_THINGS, 1)
    return [
        page.list_page(every, [], total=200, query=query, libraries=[HOSTILE], language="en"),
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
def test_what_others_wrote_is_shown_as_text(text):
    """A name, a reason, a note or a query never becomes part of the page."""
    assert ESCAPED in text
    assert "<b" not in text.replace("<body", "").replace("<button", "").replace("<br>", "")


def test_every_state_and_way_to_read_has_a_name():
    """Also those that are added later: the pages show each of them."""
    assert set(page.STATE_NAMES) == {*(state.value for state in State), "nothing"}
    assert set(page.WAYS_TO_READ) == set(ReadBy)


def test_a_template_that_is_not_given_a_name_fails():
    """A page with a hole in it would go unnoticed."""
    with pytest.raises(jinja2.UndefinedError):
        render("password.html", "en", name="a.pdf")


def test_a_page_is_in_one_language():
    """Its texts and the language that it says it is in."""
    text = render("password.html", "fr-CA", name="a.pdf", is_sent=True, longest=9)
    assert '<html lang="fr">' in text and "<title>Un mot de passe pour a.pdf</title>" in text
