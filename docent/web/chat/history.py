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

from docent.errors import StoreError
from docent.store.conversations import HISTORY
from docent.web.chat.history_database import HistoryFile, Rows, Statement
from docent.web.chat.history_schema import prepare
from docent.web.chat.storage_failures import stored_again, tell_not_stored

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

BEGUN = """
INSERT INTO threads ("id", "createdAt", "userId", "userIdentifier")
SELECT :id, :now, u."id", u."identifier" FROM users u WHERE u."id" = :owner AND NOT deleted(:id)
ON CONFLICT ("id") DO NOTHING
"""
"""Of a user who is there: neither somebody removed nor a deleted conversation comes back with a late save."""

SET = """
UPDATE threads SET "name" = COALESCE(:name, "name"), "tags" = COALESCE(:tags, "tags"),
    "metadata" = merged("metadata", :metadata) WHERE "id" = :id
"""

LEFT = """
SELECT (SELECT COUNT(*) FROM threads WHERE "id" = :id) + (SELECT COUNT(*) FROM steps WHERE "threadId" = :id)
    + (SELECT COUNT(*) FROM elements WHERE "threadId" = :id)
    + (SELECT COUNT(*) FROM feedbacks WHERE "threadId" = :id) AS count
"""
LEFT_OF_USER = """
SELECT (SELECT COUNT(*) FROM users WHERE "identifier" = :user)
    + (SELECT COUNT(*) FROM threads WHERE "userIdentifier" = :user) AS count
"""
NOT_DELETED = StoreError(
    "Not all of the conversations (history.db) that were to be deleted are deleted. Try again; if it happens "
    "again, see what is wrong with: python -m docent doctor"
)


class History(SQLAlchemyDataLayer):
    """What Chainlit asks to keep and to show again."""

    after_deleting: Callable[[str, str], None] | None = None
    """Told the user and the conversation that was deleted."""
    knows: Callable[[str], bool] | None = None
    """Whether somebody of this name may log in; a removed user gets no row."""

    def __init__(self, storage: Path) -> None:
        path = storage / HISTORY
        prepare(path)
        self._deleted: set[str] = set()
        """An answer may still be under way in a conversation that was deleted: it is not kept."""
        functions: list[tuple[str, int, Callable[..., Any]]] = [
            ("holds", 2, holds),
            ("merged", 2, merged),
            ("deleted", 1, self._deleted.__contains__),
        ]
        self._file = HistoryFile(path, functions=functions)
        # Chainlit's own beginning would open an engine that nothing here uses.
        self.storage_provider = NoCopies()
        self.user_thread_limit, self.show_logger = 1000, False

    async def execute_sql(self, query: str, parameters: Mapping[str, Any]) -> Rows | int:
        """Raises StoreError, where Chainlit's own would say nothing."""
        return await self._execute((query, parameters))

    async def _execute(self, *statements: Statement, then: Callable[[], None] | None = None) -> Rows | int:
        """Lists and mappings go in as JSON and come out as what they were."""
        rows = await self._file.run(*((query, _encoded(given)) for query, given in statements), then=then)
        if any(query.lstrip().startswith("DELETE") for query, _ in statements):
            await self._file.empty_log()
        if not isinstance(rows, list):
            return rows
        return [{name: _decoded(name, value) for name, value in row.items()} for row in rows]

    async def _store(self, *statements: Statement) -> None:
        """For what Chainlit stores in the background: the page is told when it could not be."""
        try:
            await self._execute(*statements)
        except StoreError as error:
            await tell_not_stored(error)

    async def close(self) -> None:
        await asyncio.to_thread(self._file.close)

    async def rows(self, query: str, **parameters: Any) -> Rows:
        found = await self.execute_sql(query, parameters)
        assert isinstance(found, list)
        return found

    # --- users -----------------------------------------------------------------------------

    async def create_user(self, user: User) -> PersistedUser | None:
        """Keep a user, or what is known of them now; None for somebody who was removed meanwhile."""
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
        # Asked afterwards: a removal takes the login first, then this row, so one of the two sees the other.
        if self.knows is not None and not await asyncio.to_thread(self.knows, user.identifier):
            await self.forget(user.identifier)
            return None
        return await self.get_user(user.identifier)

    async def forget(self, identifier: str) -> int:
        """Delete a user with every conversation, read back what is left, and count the conversations."""
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
        if (await self.rows(LEFT_OF_USER, **user))[0]["count"]:
            raise NOT_DELETED
        await self._file.forget_deleted()
        return len(deleted)

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
        """Begin a conversation of a user, or change one that is there."""
        name = name if name is not None else (metadata or {}).get("name")
        short = " ".join((name or "").split()) or None  # a message of files only has no words to go by
        if short is not None and len(short) > NAME:
            short = short[: NAME - 1].rstrip() + "…"
        begun = {"id": thread_id, "now": utc_now(), "owner": user_id}
        values = {"id": thread_id, "name": short, "tags": tags, "metadata": metadata or {}}
        try:
            await self._execute((BEGUN, begun), (SET, values))
        except StoreError as error:
            if not await tell_not_stored(error):
                raise

    async def metadata(self, thread_id: str) -> Rows:
        """What is kept with each message that Docent sent in a conversation."""
        rows = await self.rows(
            """SELECT "metadata" FROM steps WHERE "threadId" = :id
            AND "type" IN ('assistant_message', 'system_message') ORDER BY "createdAt" """,
            id=thread_id,
        )
        return [row["metadata"] for row in rows if isinstance(row["metadata"], dict)]

    async def delete_thread(self, thread_id: str) -> None:
        """Delete a conversation, and read back that nothing of it is left."""
        author = await self.get_thread_author(thread_id)
        # Steps, elements and thumbs go with their thread; what is written next must not bring it back.
        statement = ('DELETE FROM threads WHERE "id" = :id', {"id": thread_id})
        await self._file.run(statement, then=partial(self._deleted.add, thread_id))
        if (await self.rows(LEFT, id=thread_id))[0]["count"]:
            raise NOT_DELETED
        if self.after_deleting is not None and author:
            await asyncio.to_thread(self.after_deleting, author, thread_id)
        await self._file.forget_deleted()

    # --- what was said ---------------------------------------------------------------------

    @once_begun
    async def create_step(self, step_dict: StepDict) -> None:
        """Keep a step, or what has become of it; ids come from browsers, so it stays in its thread."""
        known = {name: value for name, value in step_dict.items() if name in STEP_COLUMNS}
        values = {name: value for name, value in known.items() if value is not None}
        values["showInput"] = str(step_dict.get("showInput", "")).lower()
        try:
            thread = {"id": step_dict["threadId"], "now": utc_now(), "owner": await self._owner()}
            await self._execute((BEGUN, thread), (_upsert("steps", values), values))
        except StoreError as error:
            await tell_not_stored(error)
        else:
            if step_dict["type"] == "user_message":
                stored_again()

    async def _owner(self) -> str | None:
        """Whose page it is; None for somebody who was removed. Raises StoreError.

        Of a page that was opened while the file could not be read Chainlit knows the name only.
        """
        user = context.session.user
        if not isinstance(user, PersistedUser):
            user = await self.get_user(user.identifier) if user is not None else None
            context.session.user = user or context.session.user
        return user.id if user is not None else None

    @once_begun
    async def delete_step(self, step_id: str) -> None:
        there = {"id": step_id, "thread": context.session.thread_id}
        await self._store(
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
        await self._store((_upsert("elements", values), values))


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


def _upsert(table: str, values: Mapping[str, Any]) -> str:
    """Insert into a thread that is there, or update the row of this id in the same thread; the names are
    ours, not a browser's."""
    names = ", ".join(f'"{name}"' for name in values)
    new = ", ".join(f":{name}" for name in values)
    updates = ", ".join(f'"{name}" = EXCLUDED."{name}"' for name in values if name != "id")
    return (
        f"INSERT INTO {table} ({names}) SELECT {new} "
        'WHERE EXISTS (SELECT 1 FROM threads WHERE "id" = :threadId) '
        f'ON CONFLICT ("id") DO UPDATE SET {updates} WHERE "threadId" = EXCLUDED."threadId"'
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


def merged(metadata: str | None, given: str) -> str:
    """A thread's metadata with what is given now; what is given as None goes."""
    both = {**json.loads(metadata or "{}"), **json.loads(given)}
    return json.dumps({name: value for name, value in both.items() if value is not None})


def folded(text: str) -> str:
    """A text without case and accents, for looking things up."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in plain if not unicodedata.combining(character))
