"""Research tables of an opened Docent: compare many documents, one a row, and keep the rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from docent.app.retrieval import Retrieval
from docent.errors import InputError
from docent.types import (
    ANSWERING,
    Answer,
    Passage,
    Receipt,
    ResearchTable,
    Scope,
    StoredDocument,
    TableEvent,
    TableFilled,
    TablePlan,
    TableRequest,
    TableRow,
)

if TYPE_CHECKING:  # imported when a table is asked for
    from docent.answering.models.client import ModelClient
    from docent.research.filling import TableServices
    from docent.saved_tables import SavedTable, SavedTables

Result = TypeVar("Result")
TableFormat = Literal["xlsx", "csv", "docx"]
PASSAGES_ASKED = 6
"""Passages of one document that a model reads for its cells."""


class Tables(Retrieval):
    """The parts of a run, with tables over many documents."""

    @cached_property
    def saved_tables(self) -> SavedTables:
        from docent.saved_tables import SavedTables

        return SavedTables(self.store.folder, database_url=self.settings.database)

    def compare(
        self,
        question: str,
        *,
        library: str = "",
        columns: Sequence[str] = (),
        scope: Scope | None = None,
        use_model: bool = True,
    ) -> ResearchTable:
        """Return a table over many documents: one document a row, each cell with its checked citations.

        The question names the columns ("compare all internships by pay and place"), or `columns` does.
        """
        return run_to_end(
            self.acompare(question, library=library, columns=columns, scope=scope, use_model=use_model)
        )

    async def acompare(
        self,
        question: str,
        *,
        library: str = "",
        columns: Sequence[str] = (),
        scope: Scope | None = None,
        use_model: bool = True,
    ) -> ResearchTable:
        within = self._scope(library, scope)
        request = TableRequest(question=question, scope=within, columns=tuple(columns), use_model=use_model)
        async with aclosing(self.research(request)) as events:
            async for event in events:
                if isinstance(event, TableFilled):
                    return event.table
        raise InputError("The table was not filled. Ask again.")

    async def research(self, request: TableRequest) -> AsyncGenerator[TableEvent, None]:
        """Fill a table, event by event: `TablePlanned`, then `TableProgress`, in the end `TableFilled`.

        Closing the generator cancels it; the rows so far are kept, and `resume_table` goes on with them.
        Raises InputError for a question that names no columns or no documents.
        """
        plan, documents = await asyncio.to_thread(self.table_plan, request)
        async with aclosing(self.fill_planned(request, plan, documents)) as events:
            async for event in events:
                yield event

    def table_plan(self, request: TableRequest) -> tuple[TablePlan, list[StoredDocument]]:
        """Return the columns of a table and its documents. Raises InputError where there are none."""
        from docent.research.requests import NO_COLUMNS_GIVEN, documents_asked, table_plan

        plan = table_plan(request.question, request.columns)
        if plan is None:
            raise InputError(NO_COLUMNS_GIVEN)
        documents = documents_asked(replace(plan, explicit=True), self.answering_documents(request.scope))
        if not documents:
            raise InputError(
                "No document is about {subject!r}. Name the documents by their library, or leave the word "
                "out to compare all of them.",
                subject=plan.subject,
            )
        return plan, documents

    async def fill_planned(
        self, request: TableRequest, plan: TablePlan, documents: Sequence[StoredDocument]
    ) -> AsyncGenerator[TableEvent, None]:
        """Fill a table whose columns and documents are known; see `research`."""
        model = await self._good_model(request)
        key = await asyncio.to_thread(
            self.saved_tables.create,
            request.scope.reader,
            request.question,
            plan,
            [document.id for document in documents],
            model=model.name if model is not None else "",
        )
        async with aclosing(self._filling(key, request.scope, model)) as events:
            async for event in events:
                yield event

    async def resume_table(self, table_id: str, *, reader: str | None) -> AsyncGenerator[TableEvent, None]:
        """Go on with a table that was cancelled or stopped. Raises UnknownTable; InputError if it runs."""
        from docent.saved_tables import BEING_FILLED

        saved = await asyncio.to_thread(self.saved_tables.get, table_id, reader)
        if saved.state == "running":
            raise InputError(BEING_FILLED)
        await asyncio.to_thread(self.saved_tables.resumed, table_id)
        model = self.open_model(name=saved.model) if saved.model else None
        async with aclosing(self._filling(table_id, Scope(reader=reader), model)) as events:
            async for event in events:
                yield event

    def table(self, table_id: str, *, reader: str | None) -> ResearchTable:
        """Return a table of this reader as it is now. Raises UnknownTable."""
        from docent.research.filling import table_as_shown

        visible = self._visible(reader)
        return table_as_shown(table_id, reader=reader, visible=visible, saved=self.saved_tables)

    def tables(self, *, reader: str | None) -> list[SavedTable]:
        """Return the tables of this reader without their rows, the newest first."""
        return self.saved_tables.list(reader)

    def table_rows(
        self, table_id: str, *, reader: str | None, start: int = 0, limit: int = 200
    ) -> Sequence[TableRow]:
        """Return rows of a table in its order. Raises UnknownTable."""
        from docent.research.filling import numbered, rows_in_order

        visible = self._visible(reader)
        _, rows = rows_in_order(table_id, reader=reader, visible=visible, saved=self.saved_tables)
        return list(numbered(list(islice(rows, start, start + limit))))

    def table_row(self, table_id: str, document_id: str, *, reader: str | None) -> TableRow | None:
        """Return the row of a document; None where it is not in the table. Raises UnknownTable."""
        self.saved_tables.get(table_id, reader)
        row = self.saved_tables.row(table_id, document_id)
        return row if row is not None and document_id in self._visible(reader) else None

    def table_answer(self, table_id: str, *, reader: str | None) -> Answer:
        """Return a table as it is now, as the answer to its question. Raises UnknownTable."""
        from docent.research.table_text import table_citations, table_text

        table = self.table(table_id, reader=reader)
        receipt = Receipt(question=table.question, searched=table.question, model=table.model)
        return Answer(table_text(table), table_citations(table), (), receipt, table=table)

    def export_table(
        self,
        table_id: str,
        form: TableFormat,
        path: Path,
        *,
        reader: str | None,
        translate: Callable[[str], str] = str,
    ) -> None:
        """Write every row of a table, with its citations, to a file. Raises UnknownTable.

        `translate` returns Docent's own texts in the reader's language.
        """
        from docent.research.filling import rows_in_order, table_as_shown
        from docent.research.table_files import write_table

        visible = self._visible(reader)
        saved = self.saved_tables
        table = table_as_shown(table_id, reader=reader, visible=visible, saved=saved)
        _, rows = rows_in_order(table_id, reader=reader, visible=visible, saved=saved)
        write_table(table, rows, form=form, path=path, translate=translate)

    def stop_table(self, table_id: str, *, reader: str | None) -> None:
        """Stop the filling of a table by another process; what was found stays. Raises UnknownTable."""
        self.saved_tables.get(table_id, reader)
        self.saved_tables.stop(table_id)

    def delete_table(self, table_id: str, *, reader: str | None) -> None:
        """Delete a table of this reader. Raises UnknownTable."""
        self.saved_tables.delete(table_id, reader)

    def answering_documents(self, scope: Scope) -> list[StoredDocument]:
        """Return the documents in scope that answer now, by library and name."""
        found = [document for document in self.store.documents(scope) if document.state in ANSWERING]
        return sorted(found, key=lambda document: (document.library, document.name))

    def _visible(self, reader: str | None) -> frozenset[str]:
        return frozenset(document.id for document in self.store.documents(Scope(reader=reader)))

    def _filling(self, key: str, scope: Scope, model: ModelClient | None) -> AsyncGenerator[TableEvent, None]:
        from docent.research.filling import fill_table

        services = self._table_services(scope, model)
        return fill_table(key, reader=scope.reader, scope=Scope(reader=scope.reader), services=services)

    def _table_services(self, scope: Scope, model: ModelClient | None) -> TableServices:
        from docent.answering.prompt.token_budget import LearningCounter, counter_for
        from docent.research.filling import TableServices
        from docent.research.model_cells import CellAsker

        if model is None:
            return TableServices(self.store, self.saved_tables)
        counter = self.counters.setdefault(
            model.name, LearningCounter(counter_for(model.name, self.llamacpp and self.llamacpp.model))
        )

        def find(document_id: str, words: str) -> list[Passage]:
            within = replace(Scope(reader=scope.reader), documents=(document_id,))
            return self.retrieve(words, within, PASSAGES_ASKED)

        asker = CellAsker(model, find, counter.count, self.settings.context_tokens)
        return TableServices(self.store, self.saved_tables, asker)

    async def _good_model(self, request: TableRequest) -> ModelClient | None:
        """Return the model if it is there and large enough to be asked for cells."""
        from docent.answering.small_models import is_small_model

        if not request.use_model:
            return None
        model = self.open_model(name=request.model)
        status = await model.check()
        small = status.ready and await is_small_model(
            model, setting=self.settings.small_model, sizes=self.sizes
        )
        return model if status.ready and not small else None


def run_to_end(work: Coroutine[Any, Any, Result]) -> Result:
    """Run async work to its end; where a loop runs already, as in a notebook, in a thread of its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1, "docent") as pool:
        return pool.submit(asyncio.run, work).result()
