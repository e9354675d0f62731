"""Read the pages of a document for a table; of a long one, only those that may state what is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from docent.answering.citing.vocabulary import fold
from docent.research.known_fields import field_of
from docent.store.protocols import Reader
from docent.types import Chunk, Page, Scope, StoredDocument, TableColumn

SHORT = 8
"""Pages of a document that is read whole, with its headings."""
AT_ONCE = 64
"""Pages of a long document that are held in memory."""
HINTS = {
    "pay": "pay|paid|salar|wage|stipend|remun|gratif",
    "deadline": "appl|candidat|deadline|limite|closing|due",
    "start": "start|begin|from|commenc|debut|period",
    "duration": "week|month|last|semaine|mois|dur",
    "hours": "hours|heures|week|semaine",
    "remote": "home|remote|site|hybrid|distance|teletravail|where|place",
}
"""Words of the sentences that state a field without its label."""


@dataclass(frozen=True)
class DocumentPages:
    """The pages and chunks of a document, as its table needs them."""

    document: StoredDocument
    columns: Sequence[TableColumn]
    store: Reader
    scope: Scope

    def pages(self) -> Iterator[Page]:
        document = self.document
        if document.pages <= SHORT or any(column.kind == "count" for column in self.columns):
            for number in range(1, document.pages + 1):
                yield self.store.page(document.id, number, self.scope)
            return
        for first in range(1, document.pages + 1, AT_ONCE):
            last = min(first + AT_ONCE, document.pages + 1)
            wanted = [(document.id, number) for number in range(first, last)]
            plain = self.store.plain_pages(wanted, self.scope)
            for key in wanted:
                if key not in plain:
                    continue
                if key[1] == 1 or (self._hints and self._hints.search(fold(plain[key].text))):
                    yield self.store.page(*key, self.scope)
                elif self._figures and self._figures.search(fold(plain[key].text)):
                    yield plain[key]  # rows of statements need no headings

    def chunks(self) -> Sequence[Chunk]:
        return self.store.chunks_of(self.document.id, self.scope)

    @cached_property
    def _figures(self) -> re.Pattern[str] | None:
        """Return a pattern of the rows of statements that are looked for."""
        terms = [
            fold(term)
            for column in self.columns
            if (known := field_of(column.field)) and known.figure
            for term in known.terms
        ]
        return re.compile("|".join(map(re.escape, terms))) if terms else None

    @cached_property
    def _hints(self) -> re.Pattern[str] | None:
        """Return a pattern of the words by which the other columns may be stated."""
        words: list[str] = []
        for column in self.columns:
            known = field_of(column.field)
            if known is None or not known.figure:
                words += [rf"\b{re.escape(fold(term))}" for term in column.terms]
                words += [HINTS[column.field]] if column.field in HINTS else []
        return re.compile("|".join(words)) if words else None
