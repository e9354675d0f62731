"""Parse the Markdown tables that the measurements print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def column(self, name: str) -> list[float]:
        """Return a column's figures, without units, thousands separators and intervals."""
        at = self.head.index(name)
        return [figure(row[at]) for row in self.rows]

    @property
    def names(self) -> list[str]:
        return [row[0] for row in self.rows]


def tables(text: str) -> Iterator[Table]:
    """Yield every Markdown table of a text."""
    for block in re.findall(r"(?:^\|.*\|\n)+", text.rstrip() + "\n", re.MULTILINE):
        head, _, *rows = [_cells(line) for line in block.splitlines()]
        yield Table(head, tuple(rows))


def figure(cell: str) -> float:
    """Return the first number of a cell, 0 when there is none; 53% is 0.53."""
    match = re.search(r"-?\d[\d,]*\.?\d*", cell)
    if not match:
        return 0.0
    return float(match.group().replace(",", "")) / (100 if cell.endswith("%") else 1)


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.strip().strip("|").split("|"))
