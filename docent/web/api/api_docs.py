"""/api-docs: the API's description for people, made from openapi.json; no script, nothing fetched."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem;
       color: #1c2430; background: #fff; }
code, pre { font: 14px/1.5 ui-monospace, monospace; background: #f0f2f5; border-radius: 4px; }
code { padding: 1px 4px } pre { padding: .75rem; overflow-x: auto }
h2 { margin-top: 2.5rem; font-size: 1.1rem } table { border-collapse: collapse; width: 100% }
td { border-top: 1px solid #d7dce3; padding: .3rem .5rem .3rem 0; vertical-align: top }
@media (prefers-color-scheme: dark) { body { color: #e6e9ee; background: #14181f }
  code, pre { background: #232a35 } td { border-color: #333c4a } }
"""

EXAMPLE = """curl http://localhost:8000/v1/chat/completions -H 'Content-Type: application/json' \\
  -d '{"model": "docent", "messages": [{"role": "user", "content": "How do I add my own documents?"}]}'"""


def docs_page(openapi: dict[str, Any]) -> str:
    """Return the page as HTML."""
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Docent: the API</title><style>{STYLE}"
        f"</style><h1>The API of Docent</h1><p>{escape(openapi['info']['description'])} "
        "For programs: <a href=/openapi.json>openapi.json</a>.</p>"
        f"<pre>{escape(EXAMPLE)}</pre>{''.join(_operations(openapi))}"
    )


def _operations(openapi: dict[str, Any]) -> Iterator[str]:
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            yield f"<h2><code>{method.upper()} {escape(path)}</code></h2>"
            yield f"<p>{escape(operation.get('description', ''))}</p>"
            yield _fields(operation, openapi)


def _fields(operation: dict[str, Any], openapi: dict[str, Any]) -> str:
    """Return a table of the fields of an operation's JSON body."""
    content = operation.get("requestBody", {}).get("content", {})
    name = next((body["schema"].get("$ref", "") for body in content.values()), "").rpartition("/")[2]
    if not name:
        return ""
    schema = openapi["components"]["schemas"][name]
    required = schema.get("required", [])
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code><td>{_type(about)}{' (required)' if field in required else ''}"
        f"<td>{escape(about.get('description', ''))}"
        for field, about in schema["properties"].items()
    )
    return f"<table>{rows}</table>"


def _type(about: dict[str, Any]) -> str:
    kinds = [about, *about.get("anyOf", [])]
    names = [kind.get("type") or kind.get("$ref", "").rpartition("/")[2] for kind in kinds]
    return escape(" or ".join(dict.fromkeys(kind for kind in names if kind and kind != "null")))
