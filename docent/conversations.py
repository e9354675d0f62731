"""The conversations at rest: how they are opened, how text is erased from them, and errors in words.

They are in storage/history.db, or in PostgreSQL. When a document is deleted, what answers quote of it is
deleted or blanked here.
"""

from __future__ import annotations

import json
import re
import sqlite3
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from docent.errors import StoreError
from docent.postgres import require_packages
from docent.types import Quotes
from docent.write_ahead import BUSY_SECONDS

HISTORY = "history.db"
ANSWER_KEY = "docent"
"""The key of a message's metadata that holds the answer with its citations and receipt."""
TABLE_KEY = "docent_table"
"""The key of a message's metadata that holds the id of the research table that it shows."""


Place = Path | str
"""Where conversations are: a storage folder, or the URL of a database."""


class ConversationConnection(Protocol):
    """A connection inside a transaction; its rows have the names of their columns as keys."""

    def execute(self, statement: str, values: Mapping[str, Any] = ..., /) -> Any: ...


class Conversations(Protocol):
    """The conversations of one place."""

    @property
    def may_quote(self) -> str:
        """The condition of an answer in `steps s` that may quote :documents or was made of :chunks."""

    @property
    def to_change(self) -> str:
        """Ends a statement whose rows must stay as they were read until they are changed."""

    @property
    def stores_folded(self) -> bool:
        """True if a text that is searched is stored by `fold` as well, in the column `folded`."""

    def read(self) -> AbstractContextManager[ConversationConnection]: ...

    def write(self) -> AbstractContextManager[ConversationConnection]:
        """Run the block in one transaction: all of it happens, or none."""

    def forget_deleted(self) -> None:
        """Leave as little of what was deleted as the database allows. Raises StoreError."""


def configure(connection: sqlite3.Connection) -> None:
    """Set what every connection to the file needs."""
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA secure_delete = ON")  # deleted text is overwritten, not unlinked


def empty_log(connection: sqlite3.Connection) -> None:
    """Truncate the write-ahead log, where deleted text would stand until its place is used again."""
    try:
        (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        raise history_error(error) from error
    if busy:
        raise StoreError(
            "It is deleted, but its text still stands in history.db-wal, because another program has "
            "been reading the conversations for {busy_seconds:.0f} seconds. Stop that program; the "
            "next deletion, or the end of Docent, removes the text.",
            busy_seconds=BUSY_SECONDS,
        )


def forget_deleted(connection: sqlite3.Connection) -> None:
    """Write the file anew without what was deleted, and empty its log.

    secure_delete alone is not enough: where rows moved from page to page as the file grew, copies of them
    stand in the unused part of a page (after 1 of 240 deletions, measured).
    """
    try:
        connection.execute("VACUUM")
    except sqlite3.Error as error:
        raise StoreError(
            "It is deleted, but its text still stands in unused parts of history.db, because the "
            "file could not be written anew ({error}). Free some space on its disk and on that of "
            "the temporary files; the next deletion removes the text.",
            error=error,
        ) from error
    empty_log(connection)


def history_error(error: sqlite3.Error) -> StoreError:
    """Return a database error as a sentence; the transaction that it ended changed nothing."""
    said = str(error)
    if "full" in said or "disk I/O" in said:
        return StoreError(
            "The conversations (history.db) could not be changed: the disk is full. Nothing of this was "
            "stored or deleted. Free some space and try again."
        )
    if "locked" in said or "busy" in said:
        return StoreError(
            "The conversations (history.db) are locked by another program. Nothing of this was stored or "
            "deleted. Wait for that program to finish, or stop it, and try again."
        )
    return StoreError(
        "The conversations (history.db) could not be read or changed ({said}). Nothing of this was "
        "stored or deleted. Check that the file may be written, or restore it from a backup.",
        said=said,
    )


BLANK = "[…]"
"""Replaces a deleted quote."""
RUN = 5
"""Words in a row that count as copied; fewer coincide in many texts by chance."""

TEXTS = ("name", "input", "output")

# Chinese and Japanese write without spaces: each sign counts as a word.
SIGN = r"\u3040-\u30ff\u3400-\u9fff"
WORD = re.compile(rf"\[\d+\]|[{SIGN}]|[^\W{SIGN}]+")

# All but a person's own words, and answers that were made of other documents only.
CONCERNED = """
SELECT s."id", s."parentId", s."type", s."name", s."input", s."output", s."metadata" FROM steps s
WHERE s."type" NOT IN ('user_message', 'run') AND
"""


class ConversationFile:
    """The file storage/history.db."""

    may_quote = f"""(
    COALESCE(json_array_length(s."metadata", '$.{ANSWER_KEY}.citations'), 0) = 0
    OR COALESCE(json_array_length(s."metadata", '$.{ANSWER_KEY}.receipt.sent'), 0) = 0
    OR EXISTS (SELECT 1 FROM json_each(s."metadata", '$.{ANSWER_KEY}.citations') c
        WHERE CASE c.type WHEN 'object' THEN json_extract(c.value, '$.document_id') END
            IN (SELECT value FROM json_each(:documents)))
    OR EXISTS (SELECT 1 FROM json_each(s."metadata", '$.{ANSWER_KEY}.receipt.sent') c
        WHERE c.value IN (SELECT value FROM json_each(:chunks))))
"""
    to_change = ""  # whoever writes does so alone
    stores_folded = False  # SQLite calls `fold` as it searches

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @contextmanager
    def read(self) -> Iterator[ConversationConnection]:
        yield self._connection

    @contextmanager
    def write(self) -> Iterator[ConversationConnection]:
        self._connection.execute("BEGIN IMMEDIATE")
        with self._connection:
            yield self._connection

    def forget_deleted(self) -> None:
        forget_deleted(self._connection)


def fold(text: str) -> str:
    """Return text without case and accents, to search in."""
    if text.isascii():  # the same, in a fiftieth of the time
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in plain if not unicodedata.combining(character))


class Wording:
    """Texts as runs of words, to recognise what was copied from them into another text."""

    def __init__(self, texts: Iterable[str], *, wider: Wording | None = None) -> None:
        self._runs: dict[int, set[int]] = dict(wider._runs) if wider else {}
        """The hash of each run, by its length."""
        for text in texts:
            words = [word for word, _, _ in _words(text)]
            length = min(RUN, len(words))
            if length > 1:
                runs = {hash(tuple(words[at : at + length])) for at in range(len(words) - length + 1)}
                self._runs[length] = self._runs.get(length, set()) | runs

    def blank(self, text: str) -> str:
        """Return the text with `BLANK` in place of each copied run."""
        words = list(_words(text))
        copied = bytearray(len(words))
        for length, runs in self._runs.items():
            for at in range(len(words) - length + 1):
                if hash(tuple(word for word, _, _ in words[at : at + length])) in runs:
                    copied[at : at + length] = b"\1" * length
        parts, at, n = [], 0, 0
        while n < len(words):
            first = n
            while n < len(words) and copied[n]:
                n += 1
            if n > first:
                parts += [text[at : words[first][1]], BLANK]
                at = words[n - 1][2]
            else:
                n += 1
        return "".join((*parts, text[at:]))


def _words(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield each word with its start and end, skipping the numbers of citations."""
    for found in WORD.finditer(text):
        if not found[0].startswith("["):
            yield found[0].casefold(), *found.span()


@dataclass(frozen=True, slots=True)
class Quoted:
    """Documents that answers may quote: their ids, chunks and wording."""

    documents: frozenset[str]
    """Their ids, with those under which the same files were shared before."""
    chunks: frozenset[str]
    wording: Wording

    def blanked(self, texts: Mapping[str, str], metadata: Any) -> tuple[dict[str, str], Any]:
        """Return a step's texts and metadata without what they quote of these documents."""
        own = self._citations(metadata)
        # A cited quote may be shorter than a run and was copied all the same.
        short = [quote for _, quote in own if len(list(_words(quote))) < RUN] + self._facts(metadata)
        wording = Wording(short, wider=self.wording) if short else self.wording
        chunks = {chunk for chunk, _ in own}

        def without(value: Any, key: str = "") -> Any:
            match value:
                case str():  # the question is the person's own text
                    return "" if key in chunks else value if key == "question" else wording.blank(value)
                case list():
                    return [without(one, key) for one in value]
                case {"document_id": str(document), "quote": str()}:
                    return {**value, "quote": ""} if document in self.documents else value
                case dict():
                    return {name: without(one, name) for name, one in value.items()}
            return value

        return {name: wording.blank(text) for name, text in texts.items()}, without(metadata)

    def _citations(self, metadata: Any) -> list[tuple[str, str]]:
        """Return chunk and quote of each citation of these documents; metadata may come from a browser."""
        match metadata:
            case {"docent": {"citations": list(citations)}}:
                pass
            case _:
                return []
        found = []
        for citation in citations:
            match citation:
                case {"document_id": str(document), "chunk_id": str(chunk), "quote": str(quote)}:
                    found += [(chunk, quote)] if document in self.documents else []
        return found

    def _facts(self, metadata: Any) -> list[str]:
        """Return the facts that an answer took from these documents on its way."""
        match metadata:
            case {"docent": {"receipt": {"hops": list(hops)}}}:
                pass
            case _:
                return []
        facts = []
        for hop in hops:
            match hop:
                case {"fact": str(fact), "citation": {"document_id": str(document)}}:
                    facts += [fact] if document in self.documents else []
        return facts

    def erase(self, place: Place, how: Quotes) -> int:
        """Delete the answers that quote them, or blank the quotes, and count them. Raises StoreError."""
        with open_conversations(place) as conversations:
            if conversations is None:
                return 0
            with conversations.write() as db:
                quoting = self._quoting(conversations, db, to_change=True)
                for row, new in quoting:
                    if how == "delete":
                        _delete(db, row)
                        continue
                    if conversations.stores_folded:
                        new["folded"] = fold(new["output"])
                    changes = ", ".join(f'"{name}" = :{name}' for name in new)
                    db.execute(f'UPDATE steps SET {changes} WHERE "id" = :id', {**new, "id": row["id"]})
            if quoting:
                conversations.forget_deleted()
        return len(quoting)

    def count(self, place: Place) -> int:
        """Count the answers that quote them."""
        with open_conversations(place) as conversations:
            if conversations is None:
                return 0
            with conversations.read() as db:
                return len(self._quoting(conversations, db))

    def _quoting(
        self, conversations: Conversations, db: ConversationConnection, *, to_change: bool = False
    ) -> list[tuple[Mapping[str, Any], dict[str, str]]]:
        """Return the rows that quote them, each with its texts without the quotes."""
        given = {"documents": json.dumps(list(self.documents)), "chunks": json.dumps(list(self.chunks))}
        statement = CONCERNED + conversations.may_quote + (conversations.to_change if to_change else "")
        found = []
        for row in db.execute(statement, given):
            texts, metadata = {name: row[name] for name in TEXTS}, json.loads(row["metadata"])
            new, blanked = self.blanked(texts, metadata)
            if (new, blanked) != (texts, metadata):
                found.append((row, {**new, "metadata": json.dumps(blanked)}))
        return found


def quoted(documents: Collection[str], chunks: Collection[str], texts: Iterable[str]) -> Quoted:
    """Build a Quoted from document ids, the ids of their chunks, and their texts."""
    return Quoted(frozenset(documents), frozenset(chunks), Wording(texts))


def _delete(db: ConversationConnection, row: Mapping[str, Any]) -> None:
    """Delete an answer with its steps, but not the question before it."""
    values = {"id": row["id"], "parent": row["parentId"] if row["type"] == "assistant_message" else None}
    these = (
        """SELECT "id" FROM steps WHERE "id" = :id OR ("parentId" = :parent AND "type" NOT LIKE '%message')"""
    )
    db.execute(f'DELETE FROM elements WHERE "forId" IN ({these})', values)
    db.execute(f'DELETE FROM steps WHERE "id" IN ({these})', values)


@contextmanager
def open_conversations(place: Place) -> Iterator[Conversations | None]:
    """Open the conversations of a storage folder or a database; yield None where there are none."""
    if isinstance(place, str):
        require_packages()
        from docent.postgres.conversation_server import ConversationServer

        yield ConversationServer(place)
        return
    path = place / HISTORY
    if not path.exists():
        yield None
        return
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
            connection.row_factory = sqlite3.Row
            configure(connection)
            known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'steps'").fetchone()
            yield ConversationFile(connection) if known else None
    except sqlite3.Error as error:
        raise history_error(error) from error
