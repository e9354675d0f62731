"""The tools of the MCP server: search, ask, verify, read a page, list and add documents."""

from __future__ import annotations

import asyncio
import base64
import binascii
import io
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, get_args

from pydantic import BaseModel

from docent.answering.answer_context import search_in_thread
from docent.answering.citing.text_units import sentence_spans
from docent.answering.citing.verification import Verdict, VerifiedSentence, verify
from docent.app import Docent, Persona
from docent.errors import InputError, LoadError
from docent.retrieving.query import shortened_notice
from docent.types import (
    Answer,
    Answered,
    AnswerRequest,
    Event,
    Hop,
    PassagesFound,
    Scope,
    Searching,
    State,
    StepProgress,
    StoredDocument,
    Token,
)
from docent.web.accounts.address_redaction import redact_events
from docent.web.api.access import KEYLESS, ApiClient
from docent.web.api.chat_completions import ShutdownSignal
from docent.web.api.document_routes import ID_PREFIX, ApiFiles
from docent.web.api.http_errors import RequestRefused, answer_broken_off, not_found
from docent.web.mcp import tool_schemas as schemas
from docent.web.monitoring import Metrics
from docent.web.thread_pool import run_in_small_pool

COMPARED = 20
"""Passages that a sentence is compared with."""
PROGRESS_SECONDS = 0.5
READING_SECONDS = 20.0
"""How long `add_document` waits for a file to be read; agents give up on a tool after about a minute."""
POLL_SECONDS = 0.2
LONGEST_DOCUMENT = 200_000
"""Characters of a document that are read at once as a resource."""
MOST_PAGES = 500
ENDED = (State.SEARCHABLE, State.READY, State.PARTIAL, State.FAILED)

NO_PICTURE = "There is no picture of this page: {why}"
MORE_PAGES = "This document is longer. Read its other pages one by one."


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCaller:
    """The client of a tool call, and the way to tell it how far the call is."""

    client: ApiClient
    report: Callable[[str], Awaitable[None]]
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class ToolReply:
    """The result of a tool: for programs, as text for models that read nothing else, and pictures (PNG)."""

    result: BaseModel
    text: str
    pictures: tuple[bytes, ...] = ()
    about: str = ""
    """The document or library, for the audit log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentTools:
    """The tools on what is open now. Each raises RequestRefused or DocentError with a sentence."""

    docent: Callable[[], Docent]
    files: ApiFiles
    metrics: Metrics
    shutdown: ShutdownSignal

    # --- what a client sees ----------------------------------------------------------------

    def libraries(self, client: ApiClient) -> list[str]:
        return client.visible(self.docent().store.libraries(client.reader))

    def personas(self, client: ApiClient) -> list[Persona]:
        libraries = self.libraries(client)
        personas = self.docent().personas
        return [one for one in personas if not one.library or one.library in libraries]

    async def persona(self, key: str, client: ApiClient) -> Persona:
        for persona in await run_in_small_pool(self.personas, client):
            if persona.key == key:
                return persona
        raise not_found("persona")

    async def scope(self, library: str, client: ApiClient) -> Scope:
        """Return the scope of a call. A library of others is refused as one that does not exist."""
        if library and library not in await run_in_small_pool(self.libraries, client):
            raise not_found("library")
        return client.scope(library)

    # --- tools -----------------------------------------------------------------------------

    async def search(self, arguments: schemas.SearchArguments, caller: ToolCaller) -> ToolReply:
        scope = await self.scope(arguments.library, caller.client)
        query = arguments.query
        passages = await search_in_thread(query, self.docent().retrieve, query, scope, arguments.limit)
        ranked = [schemas.PassageResult.ranked(rank, one) for rank, one in enumerate(passages, 1)]
        notices = [str(notice) for notice in (shortened_notice(query),) if notice]
        lines = [f"{one.rank}. {one.where} ({one.library})\n{one.quote}" for one in ranked]
        text = "\n\n".join([*(lines or ["Nothing was found."]), *notices])
        result = schemas.SearchResult(passages=ranked, notices=notices)
        return ToolReply(result, text, about=arguments.library)

    async def ask(self, arguments: schemas.AskArguments, caller: ToolCaller) -> ToolReply:
        library, key = arguments.library, arguments.persona
        if key:
            library = library or (await self.persona(key, caller.client)).library
        scope = await self.scope(library, caller.client)
        docent = self.docent()
        events = await asyncio.to_thread(
            docent.answer, AnswerRequest(question=arguments.question, scope=scope, persona=key)
        )
        if caller.client.name != KEYLESS:
            events = redact_events(events, docent.settings)
        name = caller.client.name
        events = self.metrics.observe(events, "mcp", actor=name, request_id=caller.request_id)
        answer = await _final_answer(self.shutdown.until_shutdown(events), caller)
        if answer.receipt.broken_off:
            raise answer_broken_off(answer.receipt.broken_off)
        citations = [schemas.CitationResult.numbered(citation) for citation in answer.citations]
        result = schemas.AskResult(
            answer=answer.text,
            citations=citations,
            found=not answer.receipt.not_found,
            unsupported=list(answer.receipt.unsupported),
            model=answer.receipt.model,
            notices=[str(notice) for notice in answer.receipt.notices],
        )
        sources = "\n".join(f"[{one.n}] {one.line}" for one in citations)
        return ToolReply(result, "\n\n".join(filter(None, (answer.text, sources, *result.notices))))

    async def verify(self, arguments: schemas.VerifyArguments, caller: ToolCaller) -> ToolReply:
        """Check each sentence against the passages that are found for it."""
        scope = await self.scope(arguments.library, caller.client)
        spans = list(sentence_spans(arguments.sentence))
        checked: list[VerifiedSentence] = []
        for number, (start, end) in enumerate(spans, 1):
            sentence = arguments.sentence[start:end]
            await caller.report(f"Checking sentence {number} of {len(spans)}")
            checked += await search_in_thread(sentence, self._verify, sentence, scope)
        if not checked:
            raise _unusable("There is no sentence to verify. Send one.")
        sentences = [schemas.SentenceResult.of(one) for one in checked]
        weakest = max((one.verdict for one in checked), key=get_args(Verdict).index)
        result = schemas.VerifyResult(verdict=weakest, sentences=sentences)
        return ToolReply(result, "\n\n".join(map(_verdict_text, sentences)), about=arguments.library)

    def _verify(self, sentence: str, scope: Scope) -> list[VerifiedSentence]:
        return verify(sentence, self.docent().retrieve(sentence, scope, COMPARED))

    async def read_page(self, arguments: schemas.ReadPageArguments, caller: ToolCaller) -> ToolReply:
        scope = await self.scope(arguments.library, caller.client)
        document = await asyncio.to_thread(self.find, arguments.document, scope)
        result = await asyncio.to_thread(self.page, document, arguments.page, scope)
        pictures: tuple[bytes, ...] = ()
        if arguments.image:
            spans = [(arguments.start, arguments.end)] if arguments.end > arguments.start else []
            try:
                pictures = (await asyncio.to_thread(self.picture, document, arguments.page, spans, scope),)
            except LoadError as error:
                result.note = " ".join(filter(None, (result.note, NO_PICTURE.format(why=error))))
        head = f"{result.file}, {result.place}, {result.page} of {result.pages} ({result.library})"
        text = "\n\n".join(filter(None, (head, result.note, result.text)))
        return ToolReply(result, text, pictures, about=result.file)

    async def list_documents(
        self, arguments: schemas.ListDocumentsArguments, caller: ToolCaller
    ) -> ToolReply:
        scope = await self.scope(arguments.library, caller.client)
        listing = await run_in_small_pool(
            self.docent().store.organiser.listing,
            scope,
            search=arguments.name,
            start=arguments.offset,
            limit=arguments.limit,
        )
        libraries = await run_in_small_pool(self.libraries, caller.client)
        documents = [schemas.DocumentResult.of(document) for document in listing.documents]
        result = schemas.DocumentListResult(libraries=libraries, total=listing.total, documents=documents)
        lines = [
            f"{one.library}/{one.file}: {one.pages} pages, {one.state}"
            + (f" ({one.reason})" if one.reason else "")
            for one in documents
        ]
        rest = listing.total - arguments.offset - len(documents)
        more = [f"and {rest} more: ask with offset {arguments.offset + len(documents)}"] if rest > 0 else []
        return ToolReply(result, "\n".join([*(lines or ["There are no documents."]), *more]))

    async def add_document(self, arguments: schemas.AddDocumentArguments, caller: ToolCaller) -> ToolReply:
        """Store a document, and wait a while until it is read."""
        client = caller.client.require_write_access()
        docent = self.docent()
        with await asyncio.to_thread(open_content, arguments, docent.settings.max_file_mb) as content:
            name = arguments.name or Path(getattr(arguments, "path", "")).name
            stored = await asyncio.to_thread(
                self.files.take_in,
                content,
                name=name,
                library=arguments.library,
                docent=docent,
                client=client,
            )
        document_id = stored["id"].removeprefix(ID_PREFIX)
        replaces = [name.removeprefix(ID_PREFIX) for name in stored["docent"]["replaces"]]
        deadline = time.monotonic() + READING_SECONDS
        while State(stored["docent"]["state"]) not in ENDED and time.monotonic() < deadline:
            await caller.report(f"{stored['filename']}: {stored['docent']['state']}")
            await asyncio.sleep(POLL_SECONDS)
            stored = await run_in_small_pool(self.files.status, document_id, docent, client)
        progress = stored["docent"]
        result = schemas.AddedResult(
            document=document_id,
            file=stored["filename"],
            library=progress["library"],
            state=progress["state"],
            reason=str(stored["status_details"] or ""),
            pages=progress["pages"],
            replaces=replaces,
        )
        text = f"{result.library}/{result.file}: {result.state}"
        text = f"{text} ({result.reason})" if result.reason else text
        return ToolReply(result, text, about=result.file)

    # --- documents and pages, also as resources ----------------------------------------------

    def find(self, name: str, scope: Scope) -> StoredDocument:
        """Return the one document of this id or file name. Raises RequestRefused."""
        documents = [
            document
            for document in self.docent().store.documents(scope)
            if name in (document.id, document.name) or name in document.paths
        ]
        if not documents:
            raise not_found("document")
        if len(documents) > 1:
            ids = ", ".join(f"{document.id} ({document.library})" for document in documents)
            sentence = f"Several documents have the name {name!r}. Name one by its id: {ids}."
            raise RequestRefused(400, sentence, code="ambiguous")
        return documents[0]

    def page(self, document: StoredDocument, number: int, scope: Scope) -> schemas.PageResult:
        if number > document.pages:
            sentence = f"{document.name} has {document.pages} pages; there is no page {number}."
            raise RequestRefused(404, sentence, code="not_found")
        page = self.docent().store.page(document.id, number, scope)
        return schemas.PageResult(
            document=document.id,
            file=document.name,
            library=document.library,
            page=number,
            pages=document.pages,
            place=page.where,
            text=page.text,
            note=str(page.note),
            uri=schemas.page_uri(document.id, number),
        )

    def picture(
        self, document: StoredDocument, number: int, spans: list[tuple[int, int]], scope: Scope
    ) -> bytes:
        return self.docent().picture(document.id, number, spans, file=document.name, scope=scope)

    def text(self, document: StoredDocument, scope: Scope) -> str:
        """Return the text of a document, page by page, as far as may be read at once."""
        wanted = {(document.id, number) for number in range(1, min(document.pages, MOST_PAGES) + 1)}
        pages = self.docent().store.plain_pages(wanted, scope)
        parts = [f"[{pages[key].where}]\n{pages[key].text}" for key in sorted(pages)]
        text = "\n\n".join(parts)
        if len(text) > LONGEST_DOCUMENT or document.pages > MOST_PAGES:
            text = f"{text[:LONGEST_DOCUMENT]}\n\n[{MORE_PAGES}]"
        return text


async def _final_answer(events: AsyncGenerator[Event, None], caller: ToolCaller) -> Answer:
    """Return the answer, and report the steps to it."""
    words, reported_at = 0, time.monotonic()
    async with aclosing(events):
        async for event in events:
            match event:
                case Searching(searched):
                    await caller.report(f"Searching: {searched[:300]}")
                case Hop(looked_for, fact):
                    await caller.report(f"Found {looked_for}: {fact}")
                case PassagesFound(passages):
                    await caller.report(f"Found {len(passages)} passages")
                case StepProgress(what, done, total):
                    await caller.report(f"{what}: {done} of {total}")
                case Token(text):
                    words += len(text.split())
                    if time.monotonic() - reported_at > PROGRESS_SECONDS:
                        reported_at = time.monotonic()
                        await caller.report(f"Writing: {words} words")
                case Answered(answer):
                    return answer
    raise InputError("No answer came. Ask again; if that does not help, run: python -m docent doctor")


def _verdict_text(sentence: schemas.SentenceResult) -> str:
    lines = [f"{sentence.verdict.capitalize()}: {sentence.sentence}"]
    lines += [f"- {source.line}" for source in sentence.sources]
    if sentence.verdict == "unsupported":
        lines += [f"Nothing supports: {part}" for part in sentence.missing if part != sentence.sentence]
        lines.append(f"Nearest: {sentence.nearest.line}" if sentence.nearest else "No text is about it.")
    for one in sentence.differences:
        found = f"the text has {', '.join(one.found)}" if one.found else "not in the text"
        lines.append(f"- {one.kind}: {one.stated}; {found}")
    return "\n".join(lines)


def open_content(arguments: schemas.AddDocumentArguments, max_file_mb: int) -> IO[bytes]:
    """Open a text, bytes in base64, or a file of this machine. Raises RequestRefused."""
    path = getattr(arguments, "path", "")
    if sum(map(bool, (arguments.text, arguments.base64, path))) != 1:
        raise _unusable("Send the content of the document once: as text, or as base64 for other files.")
    if arguments.text:
        return io.BytesIO(arguments.text.encode())
    if arguments.base64:
        try:
            return io.BytesIO(base64.b64decode(arguments.base64, validate=True))
        except binascii.Error as error:
            raise _unusable("This is no base64. Encode the bytes again.") from error
    file = Path(path).expanduser()
    try:
        if not file.is_file():
            raise _unusable(f"{file} is not a file of this machine. Correct the path.")
        if file.stat().st_size > max_file_mb * 1_000_000:
            raise _unusable(f"{file} is larger than the {max_file_mb} MB that DOCENT_MAX_FILE_MB allows.")
        return file.open("rb")
    except OSError as error:
        raise _unusable(f"{file} cannot be read ({error.strerror}). Let this user read it.") from error


def _unusable(sentence: str) -> RequestRefused:
    return RequestRefused(400, sentence, code="invalid_request")
