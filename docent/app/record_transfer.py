"""Carry test questions, evaluations and what was learned over from storage/ to PostgreSQL."""

from __future__ import annotations

from pathlib import Path

from docent.indexing.adapted_embedder import ADAPTER
from docent.json_lines import LineFile, LineTable, SharedFile
from docent.messages import Message
from docent.retrieving.learned_weights import LEARNED, LearnedWeights
from docent.settings import Settings

LINES = ("golden.jsonl", "evaluations.jsonl", "answer-evaluations.jsonl")
UNUSED = (*LINES, LEARNED, "synthetic.jsonl", "synthetic-done.jsonl", "tables.db", "audit.db")
"""Files of storage/ that a database takes the place of. Questions that Docent made can be made again."""


def records_left(settings: Settings) -> Message | None:
    """Return what to say about files of storage/ that are not used; None where there are none."""
    names = [name for name in UNUSED if (settings.storage / name).exists()]
    if not settings.database or not names:
        return None
    return Message(
        "{names} in {storage} are from before DOCENT_DATABASE_URL was set, and are not used. Carry test "
        "questions, evaluations and what was learned over with: python -m docent migrate --records. Then "
        "remove the files.",
        names=", ".join(names),
        storage=settings.storage,
    )


def carry_over_records(storage: Path, database_url: str) -> int:
    """Carry over the lines of each file of which the database has none yet, and count them.

    The files stay as they are. Research tables and the audit log are not carried over.
    """
    count = 0
    for name in LINES:
        lines = [line for line in LineFile(storage / name).read() if line.strip()]
        table = LineTable(database_url, name)
        if not table.version():
            table.append(lines)
            count += len(lines)
    learned = LearnedWeights(storage, database_url=database_url)
    if not learned.steps():
        for step in LearnedWeights(storage).steps():
            learned.add(step)
            count += 1
    adapter = SharedFile(storage / ADAPTER, database_url)
    if (storage / ADAPTER).exists() and not LineTable(database_url, ADAPTER).version():
        adapter.publish()
        count += 1
    return count
