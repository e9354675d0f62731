"""Every way of saying no, in the shape that clients of OpenAI read, with a sentence for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse

from docent.errors import (
    DocentError,
    InputError,
    LoadError,
    ModelError,
    StoreError,
    UnknownDocument,
    UnknownLibrary,
)

KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout_error",
    413: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "server_error",
}


class Refused(Exception):
    """A request that is not answered."""

    def __init__(
        self,
        status: int,
        sentence: str,
        *,
        code: str,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code
        self.param = param
        self.headers = dict(headers or {})

    def response(self) -> JSONResponse:
        return JSONResponse(self.body(), self.status, headers=self.headers)

    def body(self) -> dict[str, Any]:
        kind = KINDS[self.status]
        return {"error": {"message": str(self), "type": kind, "param": self.param, "code": self.code}}


def refused(error: DocentError) -> Refused:
    """What went wrong in the house, as a refusal."""
    match error:
        case UnknownDocument() | UnknownLibrary():
            return Refused(404, str(error), code="not_found")
        case InputError():
            return Refused(400, str(error), code="invalid_request")
        case LoadError():
            return Refused(422, str(error), code="unreadable_file")
        case ModelError() | StoreError():
            return Refused(503, str(error), code="unavailable")
        case _:
            return Refused(500, str(error), code="failed")


def broken_off(why: str) -> Refused:
    """What is said of an answer that a model began and did not finish."""
    return Refused(503, why, code="broken_off")


def closed() -> Refused:
    return Refused(503, "Docent is starting or stopping. Ask again in a moment.", code="not_open")


NOT_THERE = "There is no such {what}, or this key may not see it."
"""Said alike of what does not exist and of what is somebody else's."""


def not_there(what: str) -> Refused:
    return Refused(404, NOT_THERE.format(what=what), code="not_found")
