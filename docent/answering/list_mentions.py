"""A request for every document that mentions something: all are looked at, with progress, and counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from docent.answering import mentions
from docent.answering.draft import Draft
from docent.answering.mentions import Mention
from docent.answering.scoped_documents import ScopedDocuments, answering, not_ready, placed
from docent.messages import Message
from docent.types import Event, PassagesFound, Searching, StepProgress, StoredDocument

AT_ONCE = 25
"""Documents between two reports of progress."""


async def list_mentions(
    term: str, documents: Sequence[StoredDocument], kept: ScopedDocuments, draft: Draft
) -> AsyncGenerator[Event, None]:
    draft.searched = term
    yield Searching(term)
    readable = sorted(answering(documents), key=lambda document: (document.library, document.name))
    found: list[Mention] = []
    for at in range(0, len(readable), AT_ONCE):
        yield StepProgress(Message("Looking through the documents"), at, len(readable))
        found += await asyncio.to_thread(_look, term, readable[at : at + AT_ONCE], kept)
    unread = not_ready(document for document in documents if document not in readable)
    cited, passages = mentions.told(
        term, found, scanned=len(readable), documents=len(documents), unread=unread
    )
    draft.found = len(passages)
    draft.lap("retrieve")
    yield PassagesFound(passages)
    yield draft.answered(cited, passages)


def _look(term: str, documents: Sequence[StoredDocument], kept: ScopedDocuments) -> list[Mention]:
    pattern = mentions.pattern_of(term)
    found = [mentions.find(pattern, document, kept.chunks_of(document.id)) for document in documents]
    return [
        replace(one, passage=placed(one.passage, kept.page(one.passage.document_id, one.passage.page)))
        for one in found
        if one is not None
    ]
