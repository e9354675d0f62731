"""Research tables of an opened Docent: compare many documents, one a row, and keep the rows."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Literal

from docent.app.retrieval import Retrieval
from docent.types import ResearchTable, TableEvent, TableRequest, TableRow

TableFormat = Literal["xlsx", "csv", "docx"]


class Tables(Retrieval):
    """The parts of a run, with tables over many documents."""

    def research(self, request: TableRequest) -> AsyncGenerator[TableEvent, None]:
        """Fill a table, event by event: `TablePlanned`, a `TableProgress` a document, `TableFilled`.

        Closing the generator cancels it; the rows so far are kept, and `resume_table` goes on with them.
        Raises InputError for a question that names no columns.
        """
        raise NotImplementedError

    def resume_table(self, table_id: str, *, reader: str | None) -> AsyncGenerator[TableEvent, None]:
        """Go on with a table that was cancelled or stopped. Raises UnknownTable."""
        raise NotImplementedError

    def table(self, table_id: str, *, reader: str | None) -> ResearchTable:
        """Return a table of this reader as it is now. Raises UnknownTable."""
        raise NotImplementedError

    def table_rows(
        self, table_id: str, *, reader: str | None, start: int = 0, limit: int = 200
    ) -> Sequence[TableRow]:
        """Return rows of a table in its order. Raises UnknownTable."""
        raise NotImplementedError

    def export_table(
        self, table_id: str, form: TableFormat, path: Path, *, reader: str | None, language: str | None = None
    ) -> None:
        """Write every row of a table, with its citations, to a file. Raises UnknownTable."""
        raise NotImplementedError

    def delete_table(self, table_id: str, *, reader: str | None) -> None:
        """Delete a table of this reader. Raises UnknownTable."""
        raise NotImplementedError
