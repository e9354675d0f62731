"""Questions on the start page about a reader's own documents, each checked when it was made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import chainlit as cl

from docent.app import Docent
from docent.app.document_aids import make_overview_later, saved_overview
from docent.resources import SAMPLES
from docent.types import ANSWERING, Scope, StoredDocument
from docent.web.chat.file_scope import is_of_a_conversation

MOST_QUESTIONS = 4
NEWEST_DOCUMENTS = 8
"""The documents that questions are offered about."""
ICON = "/public/favicon.svg"


def start_questions(docent: Docent, documents: Iterable[StoredDocument], *, reader: str) -> list[cl.Starter]:
    """Return questions about the newest documents; it reads what was saved, and has the rest made."""
    offered: list[tuple[StoredDocument, Sequence[str]]] = []
    for document in newest(documents):
        overview = saved_overview(docent, document)
        if overview is None:
            make_overview_later(docent, document, reader)
        else:
            offered.append((document, overview.questions))
    most = max((len(questions) for _, questions in offered), default=0)
    in_turn = [
        (document, questions[n]) for n in range(most) for document, questions in offered if n < len(questions)
    ]
    unique = {question.casefold(): (document, question) for document, question in reversed(in_turn)}
    return [_starter(*one) for one in list(reversed(unique.values()))[:MOST_QUESTIONS]]


def newest(documents: Iterable[StoredDocument]) -> list[StoredDocument]:
    """Return the newest documents, without samples and what only one conversation or no name can find."""
    own = [
        document
        for document in documents
        if document.library not in SAMPLES
        and not is_of_a_conversation(document.library)
        and document.state in ANSWERING
        and '"' not in document.name
    ]
    names = Counter(document.name.casefold() for document in own)
    own = [document for document in own if names[document.name.casefold()] == 1]
    return sorted(own, key=lambda document: document.added, reverse=True)[:NEWEST_DOCUMENTS]


def prepare_start_questions(docent: Docent) -> None:
    """Have the questions about the newest shared documents made in the background."""
    start_questions(docent, docent.store.documents(Scope(reader="")), reader="")


def _starter(document: StoredDocument, question: str) -> cl.Starter:
    """Return a question that names its document, which becomes the source of the conversation."""
    return cl.Starter(
        label=f"{question} ({document.name})", message=f'{question} #"{document.name}"', icon=ICON
    )
