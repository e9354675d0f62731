"""Answer a question over many documents with a table, where its words and the documents make it one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from docent.answering.answer_context import Draft
from docent.answering.citing.citations import CitedAnswer
from docent.errors import UnknownTable
from docent.messages import Message
from docent.types import (
    AnswerRequest,
    Event,
    LeadingRows,
    Notice,
    ResearchTable,
    Scope,
    StepProgress,
    StoredDocument,
    TableFilled,
    TablePlan,
    TablePlanned,
    TableProgress,
    TableRequest,
    TableRow,
)

if TYPE_CHECKING:
    from docent.app.tables import Tables

PROBED = 30
"""Documents that are looked into, before all are read for a question that does not name them."""
MOST_COMPARED = 300
"""Documents that are read for one step of a question; reading more takes longer than a person waits."""
ANNOUNCED_FROM = 5.0
"""Seconds from which the time is said before the answer begins."""
STANDS_ALONE = frozenset({"pay"})
"""Fields that a superlative names: "What pays best?" leans on no earlier question, "the cheapest" does."""


class TableAnswers:
    """Answers with tables, for a person or a program that asks a question as any other."""

    def __init__(self, docent: Tables) -> None:
        self._docent = docent

    async def answer(self, request: AnswerRequest, draft: Draft) -> AsyncGenerator[Event, None]:
        """Yield the events of a table and its answer; nothing for a question that asks for no table."""
        if request.table_id:
            reader = request.scope.reader
            events = self._docent.resume_table(request.table_id, reader=reader)
        else:
            planned = await asyncio.to_thread(self._planned, request)
            if planned is None:
                return
            asked = TableRequest(
                question=request.question,
                scope=request.scope,
                model=request.preferences.model,
                use_model=request.use_model,
            )
            events = self._docent.fill_planned(asked, *planned)
        async with aclosing(events):
            async for event in events:
                match event:
                    case TablePlanned():
                        yield event
                        if event.seconds >= ANNOUNCED_FROM:
                            yield Notice(event.text)
                    case TableProgress(done=done, total=total):
                        yield event
                        yield StepProgress(Message("Documents read"), done, total)
                    case TableFilled(table):
                        yield self._answered(table, draft)

    def leading(self, question: str, scope: Scope) -> LeadingRows | None:
        """Return the documents that come first by what a question compares; None if it compares nothing."""
        from docent.research.arranging import arrange
        from docent.research.requests import documents_asked, table_plan

        plan = table_plan(question)
        if plan is None or plan.order is None:
            return None
        documents = documents_asked(plan, self._docent.answering_documents(scope))
        if not 1 < len(documents) <= MOST_COMPARED:
            return None
        rows = [self._row(document, plan, scope) for document in documents]
        arranged = arrange(replace(plan, top=1), enumerate(rows))
        first = tuple(rows[position] for position in arranged.shown)
        return LeadingRows(first, plan.order.column, arranged.conclusion)

    def _row(self, document: StoredDocument, plan: TablePlan, scope: Scope) -> TableRow:
        from docent.research.document_pages import DocumentPages
        from docent.research.row_reading import read_row

        pages = DocumentPages(document, plan.columns, self._docent.store, replace(scope, documents=()))
        return read_row(document, plan.columns, pages)

    def _planned(self, request: AnswerRequest) -> tuple[TablePlan, list[StoredDocument]] | None:
        """Return the plan of a question and the documents it is about; None if it asks for no table."""
        from docent.research.requests import documents_asked, table_plan

        plan = table_plan(request.question)
        if plan is None:
            return self._changed(request)
        leans = bool(request.history) and not plan.subject and plan.columns[0].field not in STANDS_ALONE
        if leans and not plan.explicit:
            return None
        documents = documents_asked(plan, self._docent.answering_documents(request.scope))
        if plan.explicit and not documents:
            self._docent.table_plan(TableRequest(question=request.question, scope=request.scope))
        if not documents or not (plan.explicit or self._is_stated(plan, documents, request.scope)):
            return None
        return plan, documents

    def _changed(self, request: AnswerRequest) -> tuple[TablePlan, list[StoredDocument]] | None:
        """Return the plan of the table before, changed as the question says; None for any other question."""
        from docent.research.follow_ups import follow_up_plan
        from docent.research.requests import documents_asked

        if not request.after_table:
            return None
        try:
            before = self._docent.saved_tables.get(request.after_table, request.scope.reader)
        except UnknownTable:  # it was deleted
            return None
        plan = follow_up_plan(request.question, before.plan)
        if plan is None:
            return None
        return plan, documents_asked(plan, self._docent.answering_documents(request.scope))

    def _is_stated(self, plan: TablePlan, documents: Sequence[StoredDocument], scope: Scope) -> bool:
        """Tell whether two of a sample of the documents state something of what is asked."""
        stated = 0
        step = max(1, len(documents) // PROBED)
        for document in documents[::step]:
            stated += not self._row(document, plan, scope).is_empty
            if stated == 2:
                return True
        return False

    def _answered(self, table: ResearchTable, draft: Draft) -> Event:
        from docent.research.table_text import table_citations, table_text

        citations = table_citations(table)
        draft.found = len(citations)
        draft.model = table.model if any(cell.by_model for row in table.rows for cell in row.cells) else ""
        draft.lap("retrieve")
        answered = draft.answered(CitedAnswer(table_text(table), citations), ())
        return replace(answered, answer=replace(answered.answer, table=table))
