"""The file of the conversations: how it is opened, how it forgets, and what goes wrong with it in words."""

from __future__ import annotations

import sqlite3

from docent.errors import StoreError

HISTORY = "history.db"
ANSWER_KEY = "docent"
"""Under this key of a message's metadata: the answer with its citations and receipt."""
BUSY_SECONDS = 30.0  # as long as the catalog waits; writing 100 MB anew took 4 to 7 s on two busy cores


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
    """Return what a person is told of an error of the file: the transaction it ended changed nothing."""
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
