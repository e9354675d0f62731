"""Errors of the HTTP API in the shape that clients of OpenAI read, each with a sentence for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse

from docent.errors import (
    DocentError,
    InputError,
    LoadError,
    ModelError,
    ModelNoJson,
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


class RequestRefused(Exception):
    """A request that is not answered, with its HTTP status."""

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


def refusal_for(error: DocentError) -> RequestRefused:
    """Return the refusal that tells a client of one of our errors."""
    match error:
        case UnknownDocument() | UnknownLibrary():
            return RequestRefused(404, str(error), code="not_found")
        case InputError():
            return RequestRefused(400, str(error), code="invalid_request")
        case LoadError():
            return RequestRefused(422, str(error), code="unreadable_file")
        case ModelNoJson():
            return RequestRefused(503, str(error), code="invalid_json")
        case ModelError() | StoreError():
            return RequestRefused(503, str(error), code="unavailable")
        case _:
            return RequestRefused(500, str(error), code="failed")


def not_found(what: str) -> RequestRefused:
    """Return the same refusal for what does not exist and for what belongs to others."""
    return RequestRefused(404, f"There is no such {what}, or this key may not see it.", code="not_found")


def answer_broken_off(reason: str) -> RequestRefused:
    return RequestRefused(503, reason, code="broken_off")


def not_open() -> RequestRefused:
    return RequestRefused(503, "Docent is starting or stopping. Ask again in a moment.", code="not_open")


def unexpected() -> RequestRefused:
    """Return the refusal for a bug in Docent; its details may quote a document and are not sent."""
    return RequestRefused(
        500,
        "This is a bug in Docent. Ask again; if it happens again, report it with the X-Request-ID.",
        code="mistake",
    )
