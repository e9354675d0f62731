"""One line for each request: when, what, how long; never a text, a question or a key."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Literal

LOGGER = logging.getLogger("docent.requests")
REFUSED_LOGIN = "Exception authenticating connection"

Form = Literal["text", "json", "off"]


def configure(form: Form) -> None:
    """Send request lines to stderr in this form; once more replaces the form before."""
    logging.getLogger("chainlit").addFilter(without_traceback)
    LOGGER.handlers.clear()
    LOGGER.propagate = False
    if form == "off":
        LOGGER.addHandler(logging.NullHandler())
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)


def without_traceback(record: logging.LogRecord) -> bool:
    """A login that is over is no fault of Chainlit's; it says so with a traceback for each socket."""
    if str(record.msg).startswith(REFUSED_LOGIN):
        record.exc_info = None
    return True


def line(what: str, **fields: Any) -> None:
    LOGGER.info(what, extra={"fields": fields})


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields = getattr(record, "fields", {})
        return json.dumps(
            {"at": at, "level": record.levelname.lower(), "what": record.getMessage(), **fields}
        )


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", {})
        return " ".join([record.getMessage(), *(f"{name}={value}" for name, value in fields.items())])
