"""The pages of one document and the receipts of changes. No script is needed to read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from docent.messages import Message
from docent.store import UPLOADED
from docent.types import Deletion, Page, ReadBy, StoredDocument
from docent.web.documents.document_list import entry_of
from docent.web.i18n import say
from docent.web.templates import render

PAGES_SHOWN = 200
WAYS_TO_READ = {
    ReadBy.TEXT: Message("text"),
    ReadBy.OCR: Message("recognised ({percent} % sure)"),
    ReadBy.EMPTY: Message("empty"),
    ReadBy.FAILED: Message("not read"),
}
DELETED_THINGS = {
    "chunks": Message("pieces of text"),
    "pages": Message("pages"),
    "words": Message("entries of the word index"),
    "vectors": Message("vectors"),
    "originals": Message("files"),
    "answers": Message("answers that quote it"),
    "copies": Message("copies made for showing"),
    "questions": Message("questions made from it"),
}
"""By the name in a deletion's counts."""


@dataclass(frozen=True, slots=True)
class Permissions:
    """The changes that a person may make to a document."""

    change: bool
    share: bool
    unshare: bool


def document_page(
    document: StoredDocument,
    pages: Sequence[Page],
    *,
    start: int,
    allowed: Permissions,
    libraries: Sequence[str],
    notes: Sequence[str],
    busy: bool,
    language: str,
) -> str:
    """Return one document: what it is, what can be done with it, how each page was read."""
    before, after = start - PAGES_SHOWN, start + PAGES_SHOWN
    return render(
        "documents/document.html",
        language,
        entry=entry_of(document, language),
        paths=[path for path in document.paths if not path.startswith(UPLOADED)],
        shown=pages[start:after],
        total=len(pages),
        start=start,
        previous=before if 0 <= before < len(pages) else None,
        next=after if after < len(pages) else None,
        ways=WAYS_TO_READ,
        allowed=allowed,
        libraries=[(name, name) for name in libraries],
        notes=notes,
        busy=busy,
    )


def deletion_page(
    deletion: Deletion, *, language: str, title: str = "", note: str = "", back: str = "/documents"
) -> str:
    """Return what a deletion found, and what it left; the title is that of one document by default."""
    return render(
        "documents/deleted.html",
        language,
        title=title or say("“{name}” was deleted", language, name=deletion.name),
        deletion=deletion,
        is_left=any(deletion.left.values()),
        names=DELETED_THINGS,
        note=note,
        back=back,
    )


def confirmation_page(
    question: str, consequence: str, *, action: str, fields: Sequence[tuple[str, str]], language: str
) -> str:
    """Return a page that asks once more; its button sends the same fields again."""
    return render(
        "documents/confirm.html",
        language,
        question=question,
        consequence=consequence,
        action=action,
        fields=fields,
    )


def refusal_page(why: str, *, language: str) -> str:
    """Return a sentence that says why something was not done."""
    return render("documents/refused.html", language, why=why)
