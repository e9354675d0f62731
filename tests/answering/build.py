"""Requests, services and passages for tests, cut from a page whose text the test knows."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from docent.answering.answer_context import AnswerServices
from docent.answering.answer_limits import AnswerLimits
from docent.answering.answer_pipeline import answer
from docent.answering.content_policy import NO_POLICY
from docent.answering.models.client import ModelClient
from docent.answering.prompt.personas import PLAIN
from docent.answering.prompt.token_budget import LearningCounter, counter_for
from docent.indexing import chunk, embedded_text
from docent.store import Store
from docent.text_language import detect_language
from docent.types import (
    Answer,
    Answered,
    AnswerRequest,
    Document,
    Event,
    Heading,
    Notice,
    Page,
    Passage,
    Scope,
    SourceFile,
    State,
    StoredDocument,
    document_id,
)
from tests.fakes.embedder import WordHashEmbedder

PAGE = (
    "Opening hours\n\nThe museum opens at 9:30 and closes at 18:00. On Thursdays it stays open until 21:00.\n"
    "Admission is 12.50 euro; children under twelve enter free.\n\nThe café on the roof serves soup and cake."
)


def passage(
    text: str = PAGE, *, start: int = 0, n: int = 1, header: str = "museum | Opening hours"
) -> Passage:
    return Passage(
        chunk_id=f"c{n}", document_id=f"d{n}", file=f"museum{n}.pdf", library="l", page=3, page_label="",
        place="p. 3", heading="Opening hours", header=header, text=text, start=start, end=start + len(text),
        score=1.0 / n,
    )  # fmt: skip


LIMITS = AnswerLimits(context_tokens=4096, answer_tokens=256, passages=8)
OTHER = "The library lends books for four weeks. Late books cost ten cents a day."
FOUND = [passage(n=1), passage(OTHER, n=2, header="library | Lending")]


def document(name: str, title: str = "", state: State = State.READY) -> StoredDocument:
    return StoredDocument(
        id=name, library="l", name=name, title=title, kind="text", sha256="", paths=(name,), state=state,
        reason="", pages=1, unread_pages=0, chunks=1, embedded=1, bytes=1, language="en", date="", added="",
    )  # fmt: skip


class Catalog:
    """A store of which only the list of documents is asked for."""

    def __init__(self, *documents: StoredDocument) -> None:
        self._documents = list(documents)

    def documents(self, scope: Scope) -> list[StoredDocument]:
        return self._documents


def answering(question: str, model: ModelClient | None, **changes: Any) -> AsyncGenerator[Event, None]:
    """Answer with the passages `FOUND`; `changes` are fields of the request or of the services."""
    services: dict[str, Any] = {
        "retrieve": lambda question, scope: FOUND,
        "translate": lambda question, scope: (),
        "store": Catalog(document("museum1.pdf")),
        "persona": PLAIN,
        "limits": LIMITS,
        "counter": LearningCounter(counter_for("" if model is None else model.name)),
        "policy": NO_POLICY,
        "sizes": {},
        "tool_servers": None,
        "today": dt.date.today,
        "tables": None,
    }
    services |= {name: changes.pop(name) for name in list(changes) if name in services}
    request = AnswerRequest(question=question, **{"scope": Scope(), **changes})
    return answer(request, AnswerServices(model=model, **services))


async def events(question: str, model: ModelClient | None, **changes: Any) -> list[Any]:
    return [event async for event in answering(question, model, **changes)]


def answer_of(found: list[Any]) -> Answer:
    assert isinstance(found[-1], Answered)
    return found[-1].answer


def notices(found: list[Any]) -> str:
    return " ".join(event.text for event in found if isinstance(event, Notice))


def stored(folder: Path, texts: dict[str, str], *, chunk_tokens: int = 60) -> Store:
    """A real store with documents of one page for each form feed in their text; close it after use.

    The name's folder is the library: {"handbook/leave.txt": "…"}. A .csv file's pages begin with its columns.
    """
    embedder = WordHashEmbedder()
    store = Store(folder, fingerprint=embedder.fingerprint)
    for name, text in texts.items():
        library, _, path = name.rpartition("/")
        file = folder.parent / "files" / library / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        table = path.endswith(".csv")
        pages = tuple(
            Page(number, part, headings=(Heading(0, part.partition("\n")[0]),) if table else ())
            for number, part in enumerate(text.split("\f"), 1)
        )
        document = Document(
            sha256=sha256,
            name=path,
            kind="csv" if table else "text",
            pages=pages,
            language=detect_language(text),
        )
        chunks = chunk(
            document,
            document_id=document_id(library, sha256),
            tokenizer=embedder.tokenizer,
            size=chunk_tokens,
            overlap=8,
            limit=embedder.max_tokens,
        )
        stat = file.stat()
        source = SourceFile(library, path, file, stat.st_size, stat.st_mtime_ns)
        store.put_words(source, document, chunks)
        store.put_vectors([one.id for one in chunks], embedder.embed([embedded_text(one) for one in chunks]))
    return store
