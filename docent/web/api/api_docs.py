"""The API's description for people, made from the one for programs: no script, nothing fetched."""

from __future__ import annotations

from functools import partial
from typing import Any

from docent.web.templates import render


def docs_page(openapi: dict[str, Any]) -> str:
    """Return the page as HTML."""
    return render("api.html", "en", openapi=openapi, body_of=partial(_body, openapi), type_of=_type)


def _body(openapi: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any] | None:
    """Return the schema of an operation's body, if it has one."""
    content = operation.get("requestBody", {}).get("content", {})
    name = next((body["schema"].get("$ref", "") for body in content.values()), "").rpartition("/")[2]
    return openapi["components"]["schemas"][name] if name else None


def _type(about: dict[str, Any]) -> str:
    kinds = [about, *about.get("anyOf", [])]
    names = [kind.get("type") or kind.get("$ref", "").rpartition("/")[2] for kind in kinds]
    return " or ".join(dict.fromkeys(name for name in names if name and name != "null"))
