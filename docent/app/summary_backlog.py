"""Documents without a summary yet: the model writes one after the other, while nothing else is to be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docent.app.document_aids import summary_job
from docent.app.summaries import Job, SummaryFiles
from docent.errors import UnknownDocument
from docent.resources import SAMPLES
from docent.types import ANSWERING, Scope, StoredDocument

if TYPE_CHECKING:
    from docent.app.docent import Docent


def summarise_ahead(docent: Docent) -> None:
    """Have the newest documents summarised in the background from now on, unless the settings say none."""
    if docent.settings.summaries_ahead:
        docent.summary_writer.look_for_more(SummaryBacklog(docent).next)


class SummaryBacklog:
    """Names the next document to summarise: the newest first, each once until Docent starts again.

    Shared documents, and files that were added since the start; the samples are short, and not among them.
    """

    def __init__(self, docent: Docent) -> None:
        self._docent = docent
        self._tried: set[str] = set()

    async def next(self) -> Job | None:
        """Return the next summary to write; None if there is none, no model for it, or other work to do."""
        docent = self._docent
        if docent.uploads.waiting() or docent.store.lacking():
            return None  # reading and embedding need the processor more
        documents = [document for document in self._newest() if document.id not in self._tried]
        if not documents or not await self._is_writer():
            return None
        model = docent.model.name
        for document in documents:
            self._tried.add(document.id)
            if not SummaryFiles(docent.store, model, document.owner).has(document):
                return summary_job(docent, document, document.owner or "")
        return None

    def _newest(self) -> list[StoredDocument]:
        docent = self._docent
        documents = {document.id: document for document in docent.store.documents(Scope())}
        for ticket in list(docent.uploads.recent):
            try:
                document = docent.store.document(ticket.document_id, Scope(reader=ticket.owner))
            except UnknownDocument:
                continue  # it was deleted or shared meanwhile
            documents[document.id] = document
        known = [one for one in documents.values() if one.state in ANSWERING and one.library not in SAMPLES]
        known.sort(key=lambda document: document.added, reverse=True)
        return known[: docent.settings.summaries_ahead]

    async def _is_writer(self) -> bool:
        """Tell whether the model is ready, and large enough to write a summary."""
        from docent.answering.small_models import is_small_model

        docent = self._docent
        if not (await docent.check_model()).ready:
            return False
        small = await is_small_model(docent.model, setting=docent.settings.small_model, sizes=docent.sizes)
        return not small
