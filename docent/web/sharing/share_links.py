"""Links to conversations: one for each at most, stored as a digest, gone with the conversation."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from chainlit.utils import utc_now

from docent.web.chat.history import History

TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class SharedConversation:
    """A conversation that a link leads to."""

    thread: str
    author: str


class ShareLinks:
    """The links of one installation."""

    def __init__(self, history: History) -> None:
        self._history = history

    async def make(self, thread: str) -> str:
        """Return the token of a new link to a conversation; the one before, if any, ends."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        await self._history.execute_sql(
            'INSERT INTO share_links ("threadId", "digest", "createdAt") VALUES (:thread, :digest, :now) '
            'ON CONFLICT ("threadId") DO UPDATE SET "digest" = EXCLUDED."digest", '
            '"createdAt" = EXCLUDED."createdAt"',
            {"thread": thread, "digest": _digest(token), "now": utc_now()},
        )
        return token

    async def revoke(self, thread: str) -> None:
        """End the link to a conversation."""
        await self._history.execute_sql(
            'DELETE FROM share_links WHERE "threadId" = :thread', {"thread": thread}
        )

    async def made(self, thread: str) -> str:
        """Return the day on which the link to a conversation was made; empty without one."""
        rows = await self._history.rows(
            'SELECT "createdAt" AS at FROM share_links WHERE "threadId" = :thread', thread=thread
        )
        return str(rows[0]["at"])[:10] if rows else ""

    async def find(self, token: str) -> SharedConversation | None:
        """Return the conversation that a token opens; None for one that was revoked or never made."""
        rows = await self._history.rows(
            'SELECT t."id" AS thread, t."userIdentifier" AS author FROM share_links l '
            'JOIN threads t ON t."id" = l."threadId" WHERE l."digest" = :digest',
            digest=_digest(token),
        )
        return SharedConversation(rows[0]["thread"], str(rows[0]["author"] or "")) if rows else None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
