"""The first start: while there is no document, the page offers to add one, and to read the sample library."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from docent.app import Docent
from docent.errors import DocentError, StoreError
from docent.ingesting import IngestProgress
from docent.resources import SAMPLES, copy_samples
from docent.types import Scope
from docent.web.chat.page_session import language_of
from docent.web.documents.page_access import from_our_own_page
from docent.web.i18n import say
from docent.web.input_checks import NOT_OUR_PAGE
from docent.web.page_routes import PRIVATE, require_login
from docent.web.templates import render
from docent.web.thread_pool import run_in_small_pool


def routes() -> list[Route]:
    return [
        Route("/first-run", require_login(show_first_run)),
        Route("/first-run/samples", require_login(read_samples), methods=["POST"]),
    ]


class SampleReading:
    """The reading of the sample library, at most once at a time."""

    def __init__(self, docent: Docent) -> None:
        self._docent = docent
        self._task: asyncio.Task[None] | None = None
        self.progress: IngestProgress | None = None
        self.error: DocentError | None = None

    @property
    def under_way(self) -> bool:
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        if not self.under_way:
            self.error = None
            self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            await asyncio.to_thread(self._copy_and_ingest)
        except DocentError as error:
            self.error = error

    def _copy_and_ingest(self) -> None:
        data = self._docent.settings.data
        if not all((data / name).is_dir() for name in SAMPLES):
            try:
                copy_samples(data)
            except OSError as error:
                raise StoreError(
                    "The sample documents could not be copied to {data} ({why}). Make that folder writable, "
                    "or add documents of your own.",
                    data=data.name,
                    why=error.strerror or type(error).__name__,
                ) from error
        self._docent.ingest(
            [data / name for name in SAMPLES],
            retry_failed=False,
            password=None,
            on_progress=self._on_progress,
        )

    def _on_progress(self, progress: IngestProgress) -> None:
        self.progress = progress


async def show_first_run(request: Request, reader: str) -> Response:
    """Return the card of the first start; nothing for a reader who has documents to ask."""
    state: Any = request.app.state
    samples: SampleReading = state.samples
    if not samples.under_way and await run_in_small_pool(_has_documents, state.docent, reader):
        return Response(status_code=204, headers=PRIVATE)
    language = language_of(request)
    may_read = state.authenticator.is_admin(reader)
    card = render("first_run.html", language, samples=samples, may_read=may_read)
    return HTMLResponse(card, headers=PRIVATE)


def _has_documents(docent: Docent, reader: str) -> bool:
    return bool(docent.store.documents(Scope(reader=reader)))


async def read_samples(request: Request, reader: str) -> Response:
    """Begin to read the sample library, which is shared: only an administrator may."""
    state: Any = request.app.state
    language = language_of(request)
    if not from_our_own_page(request):
        return JSONResponse({"detail": say(NOT_OUR_PAGE, language)}, 403, headers=PRIVATE)
    if not state.authenticator.is_admin(reader):
        refusal = say("Only an administrator can add the sample library.", language)
        return JSONResponse({"detail": refusal}, 403, headers=PRIVATE)
    state.samples.start()
    return JSONResponse({}, 202, headers=PRIVATE)
