"""Help around documents that nobody has to wait for: an overview, questions, a summary written ahead."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING

from docent.errors import DocentError
from docent.store import COPIES, Copies
from docent.types import Answer, AnswerRequest, Scope, StoredDocument

if TYPE_CHECKING:  # 0.1 s, when a storage folder is opened
    from docent.app.docent import Docent
    from docent.app.summaries import Job
    from docent.questions.upload_card import Overview

OVERVIEWS = 3
"""Raised when overviews are made in another way, so that old ones are made again."""
CHECK_SECONDS = 1.0
"""Between two looks whether the document is still there, while its summary is written."""


def summarise_later(docent: Docent, document: StoredDocument, reader: str) -> None:
    """Let the model write the summary of a document in the background, so that nobody waits for it."""
    if docent.settings.summaries_ahead:
        docent.summary_writer.add(*summary_job(docent, document, reader))


def summary_job(docent: Docent, document: StoredDocument, reader: str) -> Job:
    """Return the writing of a document's summary, which ends early if the document is gone."""
    scope = Scope(reader=reader, libraries=(document.library,), documents=(document.id,))
    request = AnswerRequest(question="Summarise this document", scope=scope, at_hand=scope.documents)

    async def write() -> None:
        checked = time.monotonic()
        with suppress(DocentError):  # who asks for the summary is told what is wrong
            async with aclosing(docent.answer_behind(request)) as events:
                async for _ in events:
                    if time.monotonic() - checked > CHECK_SECONDS:
                        checked = time.monotonic()
                        await asyncio.to_thread(docent.store.document, document.id, scope)

    return document.id, write


def make_overview_later(docent: Docent, document: StoredDocument, reader: str) -> None:
    """Make the overview of a document in the background, while no question is being answered."""

    async def make() -> None:
        with suppress(DocentError):  # it was deleted meanwhile
            await asyncio.to_thread(document_overview, docent, document, reader)

    docent.summary_writer.add(f"overview of {document.id}", make)


def document_overview(
    docent: Docent, document: StoredDocument, reader: str, is_wanted: Callable[[], bool] = lambda: True
) -> Overview:
    """Return what is shown of a document that was just read; it is made once, and saved.

    Once it is not wanted any more, what there is of it is returned and not saved.
    """
    from docent.answering.answer_context import ScopedDocuments
    from docent.questions.checking import Checker
    from docent.questions.upload_card import overview

    if (saved := saved_overview(docent, document)) is not None:
        return saved
    scope = Scope(reader=reader, libraries=(document.library,), documents=(document.id,))
    passages = ScopedDocuments(docent.store, scope).read_whole([document])
    checker = Checker(partial(docent.retrieve, scope=scope), docent.settings.relevant_from)
    made = overview(passages, language=document.language, checker=checker, is_wanted=is_wanted)
    if is_wanted():
        data = json.dumps(asdict(made), ensure_ascii=False).encode()
        original = docent.store.original(document.id, scope)
        Copies(docent.store.folder / COPIES).get(original, _overview_file(document), lambda: data)
    return made


def with_summary(docent: Docent, document: StoredDocument, reader: str, made: Overview) -> Overview | None:
    """Return the overview with the first lines of the model's summary; None as long as there is none."""
    from docent.answering.answer_context import ScopedDocuments
    from docent.app.summaries import SummaryFiles
    from docent.questions.upload_card import summary_lines

    summaries = SummaryFiles(docent.store, docent.model.name, reader)
    if not summaries.has(document):
        return None
    scope = Scope(reader=reader, libraries=(document.library,), documents=(document.id,))
    summary = summaries.get(document, ScopedDocuments(docent.store, scope).read_whole([document]))
    lines = summary_lines(summary) if summary else ()
    return replace(made, sentences=lines, model=summary.model) if summary and lines else None


def saved_overview(docent: Docent, document: StoredDocument) -> Overview | None:
    """Return the overview of a document, if it was made since the document was read."""
    from docent.questions.upload_card import read_overview

    path = docent.store.folder / COPIES / document.sha256 / _overview_file(document)
    try:
        return read_overview(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except ValueError:  # damaged, as after a power cut: it is made again
        path.unlink(missing_ok=True)
        return None


def _overview_file(document: StoredDocument) -> str:
    """Return the name of an overview: another reading of the same file has another one."""
    reading = f"{document.loader}-{document.pages}-{document.unread_pages}-{document.chunks}"
    return f"overview-{OVERVIEWS}-{reading}.json"


def follow_up_questions(docent: Docent, answer: Answer, scope: Scope, asked: Sequence[str]) -> list[str]:
    """Return questions that may follow an answer, each answered within the scope."""
    from docent.questions.checking import Checker
    from docent.questions.offered_questions import follow_ups

    cited = list(dict.fromkeys(citation.document_id for citation in answer.citations))
    passages = [passage for passage in answer.passages if passage.document_id in cited]
    known = docent.store.documents(replace(scope, documents=tuple(cited))) if cited else []
    documents = sorted(known, key=lambda document: cited.index(document.id))
    # Nobody who asks of an English document goes on with a French one.
    documents = [document for document in documents if document.language == documents[0].language]
    checker = Checker(partial(docent.retrieve, scope=scope), docent.settings.relevant_from)
    return follow_ups(
        passages,
        documents,
        checker=checker,
        asked=asked,
        told=answer.citations,
        several=len(scope.documents) != 1,
    )
