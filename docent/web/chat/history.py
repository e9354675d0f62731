"""Chainlit's data layer on SQLite: save conversations to storage/history.db, list and load them.

Messages are saved and, with each answer, its citations and receipt. Files are not: a side panel is
made from the store when it is opened, so a deleted document is gone from old conversations too.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from chainlit.context import context
from chainlit.data.sql_alchemy import SQLAlchemyDataLayer
from chainlit.data.storage_clients.base import BaseStorageClient
from chainlit.data.utils import queue_until_user_message
from chainlit.element import Element
from chainlit.step import StepDict
from chainlit.types import Feedback, PageInfo, PaginatedResponse, Pagination, ThreadDict, ThreadFilter
from chainlit.user import PersistedUser, User
from chainlit.utils import utc_now

from docent.conversations import HISTORY, TABLE_KEY
from docent.errors import StoreError
from docent.web.chat.answer_stream import wait_for_citations
from docent.web.chat.history_database import (
    HistoryDatabase,
    Rows,
    Statement,
    contains_folded,
    fold,
    merge_metadata,
    prepare,
    upsert,
)
from docent.web.chat.page_session import saving_works, warn_unsaved

Method = TypeVar("Method", bound=Callable[..., Awaitable[None]])
after_first_message: Callable[[Method], Method] = queue_until_user_message()
"""Chainlit's: a conversation without a question is not saved."""

MAX_NAME_LENGTH = 80
"""Of the name that a conversation gets from its first question."""
STEP_COLUMNS = frozenset(StepDict.__annotations__) - {"feedback"}
ELEMENT_COLUMNS = ("id", "threadId", "type", "url", "name", "display", "size", "page", "language")

LATEST = """COALESCE((SELECT MAX(s."createdAt") FROM steps s WHERE s."threadId" = t."id"), t."createdAt")"""
LIST = f"""
SELECT * FROM (
    SELECT t."id", t."createdAt", t."name", t."userId", t."userIdentifier", t."tags", t."metadata",
           {LATEST} AS latest
    FROM threads t WHERE t."userId" = :user
)  AS t
WHERE (:latest IS NULL OR (t.latest, t."id") < (:latest, :cursor))
AND (:search IS NULL OR contains_folded(t."name", :search) OR EXISTS (
    SELECT 1 FROM steps s
    WHERE s."threadId" = t."id" AND s."type" LIKE '%message' AND contains_folded(s."output", :search)))
AND (:feedback IS NULL OR EXISTS (
    SELECT 1 FROM steps s JOIN feedbacks f ON f."forId" = s."id"
    WHERE s."threadId" = t."id" AND f."value" = :feedback))
ORDER BY t.latest DESC, t."id" DESC
LIMIT :limit
"""

CREATE = """
INSERT INTO threads ("id", "createdAt", "userId", "userIdentifier")
SELECT :id, :now, u."id", u."identifier" FROM users u WHERE u."id" = :owner AND NOT deleted(:id)
ON CONFLICT ("id") DO NOTHING
"""
"""Only for a user who exists: a late save brings back neither a removed user nor a deleted conversation."""

UPDATE = """
UPDATE threads SET "name" = COALESCE(:name, "name"), "tags" = COALESCE(:tags, "tags"),
    "metadata" = merge_metadata("metadata", :metadata) WHERE "id" = :id
"""

COUNT_REMAINS = """
SELECT (SELECT COUNT(*) FROM threads WHERE "id" = :id) + (SELECT COUNT(*) FROM steps WHERE "threadId" = :id)
    + (SELECT COUNT(*) FROM elements WHERE "threadId" = :id)
    + (SELECT COUNT(*) FROM feedbacks WHERE "threadId" = :id) AS count
"""
COUNT_REMAINS_OF_USER = """
SELECT (SELECT COUNT(*) FROM users WHERE "identifier" = :user)
    + (SELECT COUNT(*) FROM threads WHERE "userIdentifier" = :user) AS count
"""
NOT_DELETED = StoreError(
    "Some of the conversations (history.db) could not be deleted. Try again; if that does not help, find "
    "the cause with: python -m docent doctor"
)


class History(SQLAlchemyDataLayer):
    """Save what Chainlit hands over, and return what it shows again."""

    on_thread_deleted: Callable[[str, str], None] | None = None
    """Called with the user and the id of a conversation that was deleted."""
    on_step_deleted: Callable[[str, Any], Awaitable[None]] | None = None
    """Called with the user and the metadata of a step that was deleted."""
    user_exists: Callable[[str], bool] | None = None
    """Whether a user of this name may log in; a removed user is not saved."""

    def __init__(self, storage: Path) -> None:
        path = storage / HISTORY
        prepare(path)
        self._deleted: set[str] = set()
        """Deleted conversations; an answer that is still being written in one is not saved."""
        self._database = HistoryDatabase(
            path,
            functions={
                "contains_folded": (2, contains_folded),
                "merge_metadata": (2, merge_metadata),
                "deleted": (1, self._deleted.__contains__),
            },
        )
        # Instead of super().__init__(), which would open an engine that nothing here uses.
        self.storage_provider = NoFileStorage()
        self.user_thread_limit, self.show_logger = 1000, False

    async def execute_sql(self, query: str, parameters: Mapping[str, Any]) -> Rows | int:
        """Run a statement. Raises StoreError, where Chainlit's own would return nothing."""
        return await self._execute((query, parameters))

    async def _execute(self, *statements: Statement, then: Callable[[], None] | None = None) -> Rows | int:
        result = await self._database.run(*statements, then=then)
        if any(query.lstrip().startswith("DELETE") for query, _ in statements):
            await self._database.empty_log()
        return result

    async def _save(self, *statements: Statement) -> None:
        """Run statements in the background of a page, which is warned when that fails."""
        try:
            await self._execute(*statements)
        except StoreError as error:
            await warn_unsaved(error)

    async def rows(self, query: str, **parameters: Any) -> Rows:
        """Return the rows that a query selects. Raises StoreError."""
        rows = await self.execute_sql(query, parameters)
        assert isinstance(rows, list)
        return rows

    async def close(self) -> None:
        """Close the database once everything is written."""
        await asyncio.to_thread(self._database.close)

    # --- users -----------------------------------------------------------------------------

    async def create_user(self, user: User) -> PersistedUser | None:
        """Save a user or their new metadata; return None for one who was removed meanwhile."""
        values = {
            "id": str(uuid.uuid4()),
            "identifier": user.identifier,
            "metadata": user.metadata,
            "createdAt": utc_now(),
        }
        await self.execute_sql(
            'INSERT INTO users ("id", "identifier", "metadata", "createdAt") '
            "VALUES (:id, :identifier, :metadata, :createdAt) "
            'ON CONFLICT ("identifier") DO UPDATE SET "metadata" = EXCLUDED."metadata"',
            values,
        )
        # Checked after the insert: a removal takes the login first, then this row, so one of the two notices.
        if self.user_exists is not None and not await asyncio.to_thread(self.user_exists, user.identifier):
            await self.delete_user(user.identifier)
            return None
        return await self.get_user(user.identifier)

    async def delete_user(self, identifier: str) -> int:
        """Delete a user with every conversation, check that nothing is left, and return their number."""
        user = {"user": identifier}
        deleted = await self.rows(
            'SELECT "id" FROM threads WHERE "userIdentifier" = :user OR "userId" IN '
            '(SELECT "id" FROM users WHERE "identifier" = :user)',
            **user,
        )
        await self._execute(
            ('DELETE FROM users WHERE "identifier" = :user', user),
            ('DELETE FROM threads WHERE "userIdentifier" = :user', user),
            then=lambda: self._deleted.update(row["id"] for row in deleted),
        )
        if (await self.rows(COUNT_REMAINS_OF_USER, **user))[0]["count"]:
            raise NOT_DELETED
        await self._database.forget_deleted()
        return len(deleted)

    async def get_current_timestamp(self) -> str:
        return str(utc_now())

    # --- conversations ---------------------------------------------------------------------

    async def list_threads(
        self, pagination: Pagination, filters: ThreadFilter
    ) -> PaginatedResponse[ThreadDict]:
        """Return one page of a user's conversations, the latest first, without their messages."""
        cursor = pagination.cursor
        last = await self.rows(f'SELECT {LATEST} AS latest FROM threads t WHERE t."id" = :id', id=cursor)
        rows = await self.rows(
            LIST,
            user=filters.userId,
            latest=last[0]["latest"] if last else None,
            cursor=cursor,
            search=fold(filters.search) if filters.search else None,
            feedback=filters.feedback,
            limit=pagination.first + 1,
        )
        threads: list[Any] = [
            # Chainlit's page sorts once more by createdAt, so this is the time of the latest message.
            {**row, "createdAt": row.pop("latest"), "steps": [], "elements": []}
            for row in rows[: pagination.first]
        ]
        info = PageInfo(
            hasNextPage=len(rows) > pagination.first,
            startCursor=threads[0]["id"] if threads else None,
            endCursor=threads[-1]["id"] if threads else None,
        )
        return PaginatedResponse(pageInfo=info, data=threads)

    async def get_thread(self, thread_id: str) -> ThreadDict | None:
        """Return a conversation with everything that was handed over to be saved, and is still on its way."""
        await wait_for_citations(thread_id)
        await self._database.settle()
        return await super().get_thread(thread_id)

    async def get_thread_author(self, thread_id: str) -> str:
        """Return the user of a conversation; "" where there is none, which Chainlit reports as not found."""
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
        """Create a conversation of a user, or change one that exists."""
        name = name if name is not None else (metadata or {}).get("name")
        short = " ".join((name or "").split()) or None  # a message of files only has no text
        if short is not None and len(short) > MAX_NAME_LENGTH:
            short = short[: MAX_NAME_LENGTH - 1].rstrip() + "…"
        created = {"id": thread_id, "now": utc_now(), "owner": user_id}
        values = {"id": thread_id, "name": short, "tags": tags, "metadata": metadata or {}}
        try:
            await self._execute((CREATE, created), (UPDATE, values))
        except StoreError as error:
            if not await warn_unsaved(error):
                raise

    async def message_metadata(self, thread_id: str) -> Rows:
        """Return the metadata of each message that Docent sent in a conversation."""
        rows = await self.rows(
            """SELECT "metadata" FROM steps WHERE "threadId" = :id
            AND "type" IN ('assistant_message', 'system_message') ORDER BY "createdAt" """,
            id=thread_id,
        )
        return [row["metadata"] for row in rows if isinstance(row["metadata"], dict)]

    async def delete_thread(self, thread_id: str) -> None:
        """Delete a conversation, and check that nothing of it is left."""
        author = await self.get_thread_author(thread_id)
        # Steps, elements and ratings go with their thread; the next write must not bring it back.
        statement = ('DELETE FROM threads WHERE "id" = :id', {"id": thread_id})
        await self._database.run(statement, then=partial(self._deleted.add, thread_id))
        if (await self.rows(COUNT_REMAINS, id=thread_id))[0]["count"]:
            raise NOT_DELETED
        if self.on_thread_deleted is not None and author:
            await asyncio.to_thread(self.on_thread_deleted, author, thread_id)
        await self._database.forget_deleted()

    # --- messages -------------------------------------------------------------------------

    @after_first_message
    async def create_step(self, step_dict: StepDict) -> None:
        """Save a step or its new state. Its id comes from a browser, so a step never changes its thread."""
        known = {name: value for name, value in step_dict.items() if name in STEP_COLUMNS}
        values = {name: value for name, value in known.items() if value is not None}
        values["showInput"] = str(step_dict.get("showInput", "")).lower()
        try:
            thread = {"id": step_dict["threadId"], "now": utc_now(), "owner": await self._user_id()}
            await self._execute((CREATE, thread), (upsert("steps", values), values))
        except StoreError as error:
            await warn_unsaved(error)
        else:
            if step_dict["type"] == "user_message":
                saving_works()

    async def _user_id(self) -> str | None:
        """Return the id of this page's user; None for one who was removed. Raises StoreError.

        A page that was opened while the database could not be read knows only its user's name.
        """
        user = context.session.user
        if not isinstance(user, PersistedUser):
            user = await self.get_user(user.identifier) if user is not None else None
            context.session.user = user or context.session.user
        return user.id if user is not None else None

    @after_first_message
    async def delete_step(self, step_id: str) -> None:
        """Delete a step of the conversation at hand, with its elements, as when a question is edited."""
        step = {"id": step_id, "thread": context.session.thread_id}
        deletions = [
            (f'DELETE FROM {table} WHERE "{key}" = :id AND "threadId" = :thread', step)
            for table, key in (("steps", "id"), ("elements", "forId"))
        ]
        try:
            found, user = await self.step_and_author(step_id) or ({}, "")
            await self._execute(*deletions)
            if found.get("threadId") == step["thread"] and self.on_step_deleted is not None:
                await self.on_step_deleted(user, found["metadata"])
                await self._execute(*deletions)  # who filled its table until now has saved how far it was
        except StoreError as error:
            await warn_unsaved(error)

    async def step_and_author(self, step_id: str) -> tuple[dict[str, Any], str] | None:
        """Return a step and the user whose conversation it is in."""
        rows = await self.rows(
            """SELECT s.*, t."userIdentifier" AS author FROM steps s JOIN threads t ON t."id" = s."threadId"
            WHERE s."id" = :id""",
            id=step_id,
        )
        return (rows[0], str(rows[0].pop("author") or "")) if rows else None

    async def answers_and_authors(self, step_id: str) -> list[tuple[dict[str, Any], str]]:
        """Return an answer, or the answers of a run, the latest first, each with its conversation's user."""
        rows = await self.rows(
            """SELECT s.*, t."userIdentifier" AS author FROM steps s JOIN threads t ON t."id" = s."threadId"
            WHERE (s."id" = :id OR s."parentId" = :id) AND s."type" = 'assistant_message'
            ORDER BY s."createdAt" DESC""",
            id=step_id,
        )
        return [(row, str(row.pop("author") or "")) for row in rows]

    async def table_messages(self, table_id: str, user: str) -> Rows:
        """Return id, thread and metadata of the messages that show a research table to its user."""
        return await self.rows(
            f"""SELECT s."id", s."threadId", s."metadata" FROM steps s JOIN threads t ON t."id" = s."threadId"
            WHERE t."userIdentifier" = :user AND json_extract(s."metadata", '$.{TABLE_KEY}') = :table
            ORDER BY s."createdAt" """,
            table=table_id,
            user=user,
        )

    async def change_message(self, step_id: str, output: str, metadata: Mapping[str, Any]) -> None:
        """Save another text and metadata of a message, which may be in a conversation that is not open."""
        values = {"id": step_id, "output": output, "metadata": metadata}
        await self.execute_sql(
            'UPDATE steps SET "output" = :output, "metadata" = :metadata WHERE "id" = :id', values
        )

    async def upsert_feedback(self, feedback: Feedback) -> str:
        """Save a rating; a second rating of an answer replaces the first."""
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

    async def rated_step(self, feedback_id: str) -> str:
        """Return the id of the step that a rating is for; "" where there is no such rating."""
        rows = await self.rows('SELECT "forId" AS step FROM feedbacks WHERE "id" = :id', id=feedback_id)
        return str(rows[0]["step"]) if rows else ""

    @after_first_message
    async def create_element(self, element: Element) -> None:
        """Save the address of an element, never its content."""
        if not element.for_id or not element.url:
            return
        given: dict[str, Any] = dict(element.to_dict())
        values = {name: given[name] for name in ELEMENT_COLUMNS if given.get(name) is not None}
        values |= {"forId": element.for_id, "mime": element.mime or "application/octet-stream"}
        await self._save((upsert("elements", values), values))


class NoFileStorage(BaseStorageClient):
    """Store no file: Chainlit would store a second copy of each that is in Docent's store already."""

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
