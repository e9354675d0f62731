"""Compare everything that follows the catalog with it, id by id, for a person who asks what is wrong."""

from __future__ import annotations

import sqlite3

from docent.store import contents
from docent.store.protocols import StoreContents


def compare(db: sqlite3.Connection, generation: int, there: StoreContents) -> list[str]:
    """Return what is missing and what is left over, in sentences."""
    embedded = contents.embedded_chunk_ids(db, generation)
    pairs = {f"vectors of {name}": (embedded.get(name, set()), ids) for name, ids in there.vectors.items()}
    pairs["words"] = contents.every_chunk_id(db, generation), there.words
    return [
        f"{name}: {len(expected - indexed)} missing, {len(indexed - expected)} too many"
        for name, (expected, indexed) in pairs.items()
        if expected != indexed
    ]


def lost_originals(db: sqlite3.Connection, kept: set[str]) -> list[str]:
    """Return a sentence that names some of the documents whose file is missing, if there are any."""
    rows = db.execute("SELECT name, sha256 FROM documents ORDER BY name")
    lost = [name for name, sha256 in rows if sha256 not in kept]
    return [f"originals missing: {', '.join(lost[:5])}"] if lost else []
