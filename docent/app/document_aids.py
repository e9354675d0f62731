"""Help around documents that nobody has to wait for: an overview, questions, a summary written ahead."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from docent.errors import DocentError
from docent.types import Answer, AnswerRequest, Scope, StoredDocument

if TYPE_CHECKING:  # 0.1 s, when a storage folder is opened
    from docent.answering.suggestions import Overview
    from docent.app.docent import Docent


def summarise_later(docent: Docent, document: StoredDocument, reader: str) -> None:
    """Let the model write the summary of a document in the background, so that nobody waits for it."""
    scope = Scope(reader=reader, libraries=(document.library,), documents=(document.id,))
    request = AnswerRequest(question="Summarise this document", scope=scope, at_hand=scope.documents)

    async def write() -> None:
        with suppress(DocentError):  # who asks for the summary is told what is wrong
            async with aclosing(docent.answer_behind(request)) as events:
                async for _ in events:
                    pass

    docent.summary_writer.add(document.id, write)


def document_overview(docent: Docent, document: StoredDocument, reader: str) -> Overview:
    """Return key sentences of a document, and questions that it answers."""
    from docent.answering.answer_context import ScopedDocuments
    from docent.answering.suggestions import overview

    scope = Scope(reader=reader, libraries=(document.library,), documents=(document.id,))
    passages = ScopedDocuments(docent.store, scope).read_whole([document])
    return overview(passages, language=document.language, search=partial(docent.retrieve, scope=scope))


def follow_up_questions(docent: Docent, answer: Answer, scope: Scope, asked: Sequence[str]) -> list[str]:
    """Return questions that may follow an answer, each answered within the scope."""
    from docent.answering.suggestions import suggest

    cited = {citation.document_id for citation in answer.citations}
    passages = [passage for passage in answer.passages if passage.document_id in cited]
    documents = docent.store.documents(replace(scope, documents=tuple(cited))) if cited else []
    language = documents[0].language if documents else ""
    return suggest(passages, language=language, search=partial(docent.retrieve, scope=scope), asked=asked)
