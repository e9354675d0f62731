"""Carry the conversations of storage/history.db over to the database that DOCENT_DATABASE_URL names."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from docent.conversations import (
    HISTORY,
    ConversationConnection,
    Place,
    configure,
    fold,
    history_error,
    open_conversations,
)
from docent.errors import InputError
from docent.messages import Message
from docent.settings import Settings
from docent.web.chat.history_database import prepare

TABLES = ("threads", "steps", "elements", "feedbacks", "share_links")
SEARCHED = {"threads": "name", "steps": "output"}
"""The column of each table that is searched."""


def left_in_storage(settings: Settings) -> Message | None:
    """Return what to say about conversations in storage/ that are not shown; None where there are none."""
    path = settings.storage / HISTORY
    if not settings.database or not path.exists():
        return None
    return Message(
        "{path} holds conversations from before DOCENT_DATABASE_URL was set, which are not shown. Carry them "
        "over with: python -m docent migrate --conversations. Then remove the file.",
        path=path,
    )


def carry_over(storage: Path, database: Place) -> int:
    """Copy the conversations of a storage folder, all of them or none, and return how many were new.

    What the database has already, or had until it was deleted there, stays as it is. Raises InputError.
    """
    path = storage / HISTORY
    if not path.exists():
        raise InputError("There are no conversations to carry over: {path} does not exist.", path=path)
    prepare(path)
    with open_conversations(database) as conversations, closing(sqlite3.connect(path)) as file:
        assert conversations is not None
        file.row_factory = sqlite3.Row
        configure(file)
        try:
            with conversations.write() as db:
                users = {row["id"]: _user(db, dict(row)) for row in file.execute("SELECT * FROM users")}
                counts = dict.fromkeys(TABLES, 0)
                for table in TABLES:
                    for row in file.execute(f"SELECT * FROM {table} ORDER BY rowid"):
                        values = dict(row)
                        if table == "threads":
                            values["userId"] = users.get(values["userId"])
                        counts[table] += _insert(db, table, values)
        except sqlite3.Error as error:
            raise history_error(error) from error
    return counts["threads"]


def _user(db: ConversationConnection, values: Mapping[str, Any]) -> str:
    """Return the id of a user in the database, who may have logged in there before."""
    names = ", ".join(f'"{name}"' for name in values)
    given = ", ".join(f":{name}" for name in values)
    db.execute(f"INSERT INTO users ({names}) VALUES ({given}) ON CONFLICT DO NOTHING", values)
    found = db.execute('SELECT "id" FROM users WHERE "identifier" = :identifier', values).fetchone()
    return str(found["id"])


def _insert(db: ConversationConnection, table: str, values: dict[str, Any]) -> int:
    """Insert a row unless it is there, or its conversation is not; return the number of new rows."""
    if table in SEARCHED and (text := values[SEARCHED[table]]):
        values["folded"] = fold(text)
    condition = (
        "NOT deleted(:id)"
        if table == "threads"
        else 'EXISTS (SELECT 1 FROM threads t WHERE t."id" = :threadId)'
    )
    if table == "feedbacks":
        condition = 'EXISTS (SELECT 1 FROM steps s WHERE s."id" = :forId)'
    names = ", ".join(f'"{name}"' for name in values)
    given = ", ".join(f":{name}" for name in values)
    statement = f"INSERT INTO {table} ({names}) SELECT {given} WHERE {condition} ON CONFLICT DO NOTHING"
    return int(db.execute(statement, values).rowcount)
