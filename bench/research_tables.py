"""Time a research table over many made-up documents, and its memory: `python -m bench.research_tables`.

Each document is a job offer of about 500 words with its fields in one of four forms, or without some of them.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from docent.research.filling import TableServices, fill_table, rows_in_order
from docent.research.requests import table_plan
from docent.research.table_files import write_table
from docent.saved_tables import SavedTables
from docent.store import Arrival, Store
from docent.types import (
    Chunk,
    Document,
    Page,
    ResearchTable,
    Scope,
    SourceFile,
    TableFilled,
    TablePlanned,
    document_id,
)

CITIES = ("Lyon, France", "Oslo, Norway", "Porto, Portugal", "Turin, Italy", "Ghent, Belgium")
WORDS = [f"word{number}" for number in range(5_000)]
AT_ONCE = 64
QUESTION = "/table offers by pay, place and deadline"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=5_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="docent-bench-") as name:
        folder = Path(name)
        store = Store(folder / "storage", fingerprint="f")
        numbers = random.Random(1)
        offers = (_arrival(folder, number, numbers) for number in range(args.documents))
        for some in _batches(offers):
            store.put_several(some)
        before = _memory()
        table, planned, seconds = asyncio.run(_fill(store, folder))
        after = _memory()
        stated = [
            sum(row.cells[at].state == "stated" for row in _rows(store, folder, table)) for at in range(3)
        ]
        print("| | |\n|---|---|")
        print(f"| documents | {args.documents:,} |")
        print(f"| time stated before it starts | {planned:.0f} s |")
        print(f"| time to fill | {seconds:.1f} s |")
        print(f"| memory before and at most | {before:.0f} and {after:.0f} MB |")
        print(f"| tables.db | {(folder / 'storage' / 'tables.db').stat().st_size / 1e6:.1f} MB |")
        print(f"| stated: pay, place, deadline | {', '.join(map(str, stated))} |")
        for form in ("csv", "xlsx", "docx"):
            began = time.perf_counter()
            write_table(table, _rows(store, folder, table), form=form, path=folder / f"table.{form}")
            print(f"| {form} | {time.perf_counter() - began:.1f} s, {_memory():.0f} MB at most |")
        store.close()


async def _fill(store: Store, folder: Path) -> tuple[ResearchTable, float, float]:
    saved = SavedTables(folder / "storage")
    plan = table_plan(QUESTION)
    assert plan is not None
    documents = [document.id for document in store.documents(Scope())]
    key = saved.create(None, QUESTION, plan, documents, model="")
    began, planned = time.perf_counter(), 0.0
    async for event in fill_table(key, reader=None, scope=Scope(), services=TableServices(store, saved)):
        if isinstance(event, TablePlanned):
            planned = event.seconds
        if isinstance(event, TableFilled):
            return event.table, planned, time.perf_counter() - began
    raise AssertionError("the last event is TableFilled")


def _rows(store: Store, folder: Path, table: ResearchTable) -> Iterator:  # type: ignore[type-arg]
    visible = frozenset(document.id for document in store.documents(Scope()))
    saved = SavedTables(folder / "storage")
    return rows_in_order(table.id, reader=None, visible=visible, saved=saved)[1]


def _arrival(folder: Path, number: int, numbers: random.Random) -> Arrival:
    text = _offer(number, numbers)
    file = folder / f"offer-{number:05}.md"
    file.write_text(text)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    key = document_id("offers", sha256)
    chunks = [
        Chunk(hashlib.sha256(f"{key}{start}".encode()).hexdigest()[:32], key, 1, start, start + 900,
              text[start : start + 900], file.stem, tokens=200)
        for start in range(0, len(text), 900)
    ]  # fmt: skip
    stat = file.stat()
    source = SourceFile("offers", file.name, file, stat.st_size, stat.st_mtime_ns)
    document = Document(
        sha256, file.name, "markdown", (Page(1, text),), title=f"Offer {number}", language="en"
    )
    return Arrival(source, document, chunks)


def _offer(number: int, numbers: random.Random) -> str:
    pay = f"€{numbers.randrange(800, 3000):,} a month"
    place = numbers.choice(CITIES)
    day = f"{numbers.randrange(1, 28)} {numbers.choice(('March', 'April', 'May'))} 2027"
    prose = [" ".join(numbers.choices(WORDS, k=60)).capitalize() + "." for _ in range(8)]
    fields = (
        f"- **Pay:** {pay}\n- **Place:** {place}\n- **Deadline:** {day}",
        f"| Salary | {pay} |\n|---|---|\n| Where | {place} |\n| Apply by | {day} |",
        f"Pay: {pay}  Location: {place}\nClosing date: {day}",
        f"{place}\n\nThe work is paid {pay}. Applications close on {day}.",
        "",
    )
    return "\n\n".join((f"# Offer {number}", fields[number % len(fields)], *prose))


def _batches(offers: Iterator[Arrival]) -> Iterator[list[Arrival]]:
    batch: list[Arrival] = []
    for offer in offers:
        batch.append(offer)
        if len(batch) == AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
