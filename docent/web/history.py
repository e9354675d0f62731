"""The conversations, kept in storage/history.db: Chainlit's own data layer, made to work on SQLite.

What is kept is what was said, and for each answer its citations and receipt. Files are not kept
here: a side panel is made anew from the store when it is opened, so a deleted document is gone
from old conversations too.
"""

from __future__ import annotations

import asyncio
import json
import unicodedata
import uuid
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from chainlit.context import context
from chainlit.data.sql_alchemy import SQLAlchemyDataLayer
from chainlit.data.storage_clients.base import BaseStorageClient
from chainlit.data.utils import queue_until_user_message
from chainlit.element import Element
from chainlit.step import StepDict
from chainlit.types import Feedback, PageInfo, PaginatedResponse, Pagination, ThreadDict, ThreadFilter
from chainlit.utils import utc_now

from docent.web.history_file import HistoryFile, Rows, Statement
from docent.web.history_schema import prepare

Queued = TypeVar("Queued", bound=Callable[..., Awaitable[None]])
once_begun: Callable[[Queued], Queued] = queue_until_user_message()
"""Chainlit's: nothing is kept of a conversation in which nothing has been said."""

NAME = 80
"""Longest name that a conversation gets from its first question."""

JSON_COLUMNS = frozenset(
    f"{table}{column}"
    for table in ("", "thread_", "step_")
    for column in ("metadata", "tags", "generation", "modes")
)
STEP_COLUMNS = frozenset(StepDict.__annotations__) - {"feedback"}
ELEMENT_COLUMNS = ("id", "threadId", "type", "url", "name", "display", "size", "page", "language")

LATEST = """COALESCE((SELECT MAX(s."createdAt") FROM steps s WHERE s."threadId" = t."id"), t."createdAt")"""
LISTED = f"""
SELECT * FROM (
    SELECT t."id", t."createdAt", t."name", t."userId", t."userIdentifier", t."tags", t."metadata",
           {LATEST} AS latest
    FROM threads t WHERE t."userId" = :user
)  AS t
WHERE (:latest IS NULL OR (t.latest, t."id") < (:latest, :cursor))
AND (:search IS NULL OR holds(t."name", :search) OR EXISTS (
    SELECT 1 FROM steps s
    WHERE s."threadId" = t."id" AND s."type" LIKE '%message' AND holds(s."output", :search)))
AND (:feedback IS NULL OR EXISTS (
    SELECT 1 FROM steps s JOIN feedbacks f ON f."forId" = s."id"
    WHERE s."threadId" = t."id" AND f."value" = :feedback))
ORDER BY t.latest DESC, t."id" DESC
LIMIT :most
"""

BEGUN = 'INSERT INTO threads ("id", "createdAt") VALUES (:id, :now) ON CONFLICT ("id") DO NOTHING'


class History(SQLAlchemyDataLayer):
    """What Chainlit asks to keep and to show again."""

    before_deleting: Callable[[str, str], None] | None = None
    """Told the user and the conversation that is about to be deleted."""

    def __init__(self, storage: Path) -> None:
        path = storage / "history.db"
        prepare(path)
        self._file = HistoryFile(path, functions=[("holds", 2, holds)])
        self._deleted: set[str] = set()
        """An answer may still be under way in a conversation that was deleted: it is not kept."""
        # Chainlit's own beginning would open an engine that nothing here uses.
        self.storage_provider = NoCopies()
        self.user_thread_limit, self.show_logger = 1000, False

    async def execute_sql(self, query: str, parameters: Mapping[str, Any]) -> Rows | int | None:
        return await self._execute((query, parameters))

    async def _execute(self, *statements: Statement) -> Rows | int | None:
        """Lists and mappings go in as JSON and come out as what they were."""
        rows = await self._file.run(*((query, _encoded(given)) for query, given in statements))
        if not isinstance(rows, list):
            return rows
        return [{name: _decoded(name, value) for name, value in row.items()} for row in rows]

    async def close(self) -> None:
        await asyncio.to_thread(self._file.close)

    async def rows(self, query: str, **parameters: Any) -> Rows:
        found = await self.execute_sql(query, parameters)
        return found if isinstance(found, list) else []

    async def get_current_timestamp(self) -> str:
        return str(utc_now())

    # --- conversations ---------------------------------------------------------------------

    async def list_threads(
        self, pagination: Pagination, filters: ThreadFilter
    ) -> PaginatedResponse[ThreadDict]:
        """One page of a user's conversations, the latest first, without what was said in them."""
        cursor = pagination.cursor
        at = await self.rows(f'SELECT {LATEST} AS latest FROM threads t WHERE t."id" = :id', id=cursor)
        found = await self.rows(
            LISTED,
            user=filters.userId,
            latest=at[0]["latest"] if at else None,
            cursor=cursor,
            search=folded(filters.search) if filters.search else None,
            feedback=filters.feedback,
            most=pagination.first + 1,
        )
        threads: list[Any] = [
            # Chainlit's page sorts once more, by the day it began; ours went on since.
            {**row, "createdAt": row.pop("latest"), "steps": [], "elements": []}
            for row in found[: pagination.first]
        ]
        info = PageInfo(
            hasNextPage=len(found) > pagination.first,
            startCursor=threads[0]["id"] if threads else None,
            endCursor=threads[-1]["id"] if threads else None,
        )
        return PaginatedResponse(pageInfo=info, data=threads)

    async def get_thread_author(self, thread_id: str) -> str:
        """Nobody, where there is no such conversation: Chainlit answers that with "not found"."""
        rows = await self.rows(
            'SELECT "userIdentifier" AS author FROM threads WHERE "id" = :id', id=thread_id
        )
        return str(rows[0]["author"] or "") if rows else ""

    async def update_thread(
        self,
        thread_id: str,
        name: str | None = None,
        user_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        tags: list[str] | None = None,
    ) -> None:
        if thread_id in self._deleted:  # a page that had it open says at its end what was set in it
            return
        short = " ".join((name or "").split()) or None  # a message of files only has no words to go by
        if short is not None and len(short) > NAME:
            short = short[: NAME - 1].rstrip() + "…"
        await super().update_thread(thread_id, short, user_id, metadata, tags)

    async def metadata(self, thread_id: str) -> Rows:
        """What is kept with each message that Docent sent in a conversation."""
        rows = await self.rows(
            """SELECT "metadata" FROM steps WHERE "threadId" = :id
            AND "type" IN ('assistant_message', 'system_message') ORDER BY "createdAt" """,
            id=thread_id,
        )
        return [row["metadata"] for row in rows if isinstance(row["metadata"], dict)]

    async def delete_thread(self, thread_id: str) -> None:
        if self.before_deleting is not None and (author := await self.get_thread_author(thread_id)):
            await asyncio.to_thread(self.before_deleting, author, thread_id)
        self._deleted.add(thread_id)
        await super().delete_thread(thread_id)

    async def forget(self, identifier: str) -> int:
        """Delete every conversation of a user, and say how many there were."""
        deleted = await self.execute_sql(
            'DELETE FROM threads WHERE "userIdentifier" = :user', {"user": identifier}
        )
        return deleted if isinstance(deleted, int) else 0

    # --- what was said ---------------------------------------------------------------------

    @once_begun
    async def create_step(self, step_dict: StepDict) -> None:
        """Keep a step, or what has become of it; ids come from browsers, so it stays in its thread."""
        if step_dict["threadId"] in self._deleted:
            return
        known = {name: value for name, value in step_dict.items() if name in STEP_COLUMNS}
        values = {name: value for name, value in known.items() if value is not None}
        values["showInput"] = str(step_dict.get("showInput", "")).lower()
        thread = {"id": step_dict["threadId"], "now": utc_now()}
        await self._execute((BEGUN, thread), (_upsert("steps", values, same="threadId"), values))

    @once_begun
    async def delete_step(self, step_id: str) -> None:
        there = {"id": step_id, "thread": context.session.thread_id}
        await self._execute(
            ('DELETE FROM steps WHERE "id" = :id AND "threadId" = :thread', there),
            ('DELETE FROM elements WHERE "forId" = :id AND "threadId" = :thread', there),
        )

    async def said(self, step_id: str) -> tuple[dict[str, Any], str] | None:
        """A step and who may see it."""
        rows = await self.rows(
            """SELECT s.*, t."userIdentifier" AS author FROM steps s JOIN threads t ON t."id" = s."threadId"
            WHERE s."id" = :id""",
            id=step_id,
        )
        return (rows[0], str(rows[0].pop("author") or "")) if rows else None

    async def answers(self, step_id: str) -> list[tuple[dict[str, Any], str]]:
        """A message, or the messages of a run, the latest first, each with who may see it."""
        rows = await self.rows(
            """SELECT s.*, t."userIdentifier" AS author FROM steps s JOIN threads t ON t."id" = s."threadId"
            WHERE (s."id" = :id OR s."parentId" = :id) AND s."type" = 'assistant_message'
            ORDER BY s."createdAt" DESC""",
            id=step_id,
        )
        return [(row, str(row.pop("author") or "")) for row in rows]

    async def upsert_feedback(self, feedback: Feedback) -> str:
        """One thumb for each answer: a second one replaces the first."""
        feedback.id = str(uuid.uuid5(uuid.NAMESPACE_OID, feedback.forId))
        await self.execute_sql(
            """INSERT INTO feedbacks ("id", "forId", "threadId", "value", "comment")
            SELECT :id, s."id", s."threadId", :value, :comment FROM steps s WHERE s."id" = :step
            ON CONFLICT ("id") DO UPDATE SET "value" = EXCLUDED."value", "comment" = EXCLUDED."comment"
            """,
            {
                "id": feedback.id,
                "step": feedback.forId,
                "value": feedback.value,
                "comment": feedback.comment or None,
            },
        )
        return feedback.id

    async def rated(self, feedback_id: str) -> str:
        """The step a feedback is for; nothing, where there is none."""
        rows = await self.rows('SELECT "forId" AS step FROM feedbacks WHERE "id" = :id', id=feedback_id)
        return str(rows[0]["step"]) if rows else ""

    @once_begun
    async def create_element(self, element: Element) -> None:
        """Keep where an element is found; never a copy of what is in it."""
        if not element.for_id or not element.url:
            return
        there: dict[str, Any] = dict(element.to_dict())
        values = {name: there[name] for name in ELEMENT_COLUMNS if there.get(name) is not None}
        values |= {"forId": element.for_id, "mime": element.mime or "application/octet-stream"}
        await self.execute_sql(_upsert("elements", values, same="threadId"), values)


class NoCopies(BaseStorageClient):
    """Chainlit would keep a copy of each file here; Docent's store keeps the only one."""

    async def upload_file(
        self,
        object_key: str,
        data: bytes | str,
        mime: str = "application/octet-stream",
        overwrite: bool = True,
        content_disposition: str | None = None,
    ) -> dict[str, Any]:
        return {}

    async def delete_file(self, object_key: str) -> bool:
        return True

    async def get_read_url(self, object_key: str) -> str:
        return ""

    async def close(self) -> None:
        return None


def _upsert(table: str, values: Mapping[str, Any], *, same: str) -> str:
    """Insert, or update the row of this id if it has the same owner; the names are ours, not a browser's."""
    names = ", ".join(f'"{name}"' for name in values)
    new = ", ".join(f":{name}" for name in values)
    updates = ", ".join(f'"{name}" = EXCLUDED."{name}"' for name in values if name != "id")
    return (
        f"INSERT INTO {table} ({names}) VALUES ({new}) "
        f'ON CONFLICT ("id") DO UPDATE SET {updates} WHERE "{same}" = EXCLUDED."{same}"'
    )


def _encoded(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: json.dumps(value) if isinstance(value, list | dict) else value for name, value in given.items()
    }


def _decoded(name: str, value: Any) -> Any:
    return json.loads(value) if name in JSON_COLUMNS and isinstance(value, str) and value else value


def holds(text: str | None, needle: str) -> bool:
    """Whether a text holds an already folded needle."""
    return text is not None and needle in folded(text)


def folded(text: str) -> str:
    """A text without case and accents, for looking things up."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in plain if not unicodedata.combining(character))
