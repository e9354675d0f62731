"""The pairs of question and page that Docent made from documents, at rest.

`synthetic.jsonl` has one JSON object a line, as `docent eval` reads them; `synthetic-done.jsonl` says which
documents were gone through. The lines of a document go with it. Both are in storage/, or in PostgreSQL.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from docent.json_lines import DOCUMENT, line_of, open_lines

PAIRS = "synthetic.jsonl"
DONE = "synthetic-done.jsonl"

Row = Mapping[str, Any]


class PairFiles:
    """The pairs of one installation; any number of threads and processes may use them."""

    def __init__(self, folder: Path, *, database_url: str = "") -> None:
        self._pairs = open_lines(folder / PAIRS, database_url)
        self._done = open_lines(folder / DONE, database_url)

    def done(self) -> dict[str, Row]:
        """Return the record of each document that was gone through, the latest of several."""
        return {str(row.get(DOCUMENT)): row for row in _rows(self._done.read())}

    def add(self, pairs: Sequence[Row], done: Row) -> None:
        """Add the pairs of one document, and the record that it was gone through."""
        self._pairs.append([line_of(pair) for pair in pairs])
        self._done.append([line_of(done)])

    def count(self, documents: Collection[str]) -> int:
        """Return how many pairs there are of these documents."""
        return self._pairs.count(documents)

    def forget(self, documents: Collection[str]) -> None:
        """Remove the lines of these documents; before this returns, nothing of them is left."""
        self._pairs.forget(documents)
        self._done.forget(documents)

    def clear(self, library: str) -> int:
        """Remove every line of a library, and return how many pairs that were."""

        def is_other(line: str) -> bool:
            return all(row.get("library") != library for row in _rows([line]))

        removed = self._pairs.change(is_other)
        self._done.change(is_other)
        return removed


def _rows(lines: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of lines; one that a power cut left unfinished is none."""
    for line in lines:
        with suppress(ValueError):
            row = json.loads(line)
            if isinstance(row, dict):
                yield row
