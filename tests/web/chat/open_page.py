"""An open page of the chat, without a browser."""

from __future__ import annotations

import uuid
from typing import Any

from chainlit.context import init_ws_context
from chainlit.session import WebsocketSession
from chainlit.user import User

from docent.web.accounts.users import LOCAL


class OpenPage:
    """An open page, with the socket events that were sent to it."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []

        async def emit(event: str, data: Any) -> None:
            self.events.append((event, data))

        self.session = WebsocketSession(
            id=str(uuid.uuid4()),
            socket_id=str(uuid.uuid4()),
            emit=emit,
            emit_call=emit,
            user_env={},
            client_type="webapp",
            user=User(identifier=LOCAL),
        )
        init_ws_context(self.session)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages that were sent to the page."""
        return [data for event, data in self.events if event == "new_message"]
