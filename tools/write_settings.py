"""Write what lists the fields of Settings: `.env.example`, `docs/settings.md`, the Helm chart's schema.

python tools/write_settings.py            write them
python tools/write_settings.py --check    exit 1 if one is out of date
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

ROOT = Path(__file__).resolve().parent.parent
CHART_SCHEMA = ROOT / "deploy/helm/docent/values.schema.json"
SET_BY_CHART = frozenset(
    "storage data host port replica read_files sources_every "
    "database_url database_url_file model_key model_key_file files_key files_key_file".split()
)
sys.path.insert(0, str(ROOT))

from docent.setting_files import PREFIX  # noqa: E402  (after the path is set)
from docent.settings import Settings  # noqa: E402


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None or value == () or isinstance(value, SecretStr):
        return ""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _allowed(field: FieldInfo) -> str:
    annotation: Any = field.annotation
    if get_origin(annotation) is UnionType or get_origin(annotation) is Union:
        annotation = next((one for one in get_args(annotation) if get_origin(one) is Literal), annotation)
    if get_origin(annotation) is Literal:
        choices = [f"`{choice}`" for choice in get_args(annotation)]
        plugin = ["`plugin:NAME`"] if annotation is not field.annotation else []
        return " or ".join([*choices, *plugin])
    bounds = {"gt": "over", "ge": "from", "le": "to", "lt": "under"}
    words = [
        f"{word} {getattr(rule, name)}"
        for name, word in bounds.items()
        for rule in field.metadata
        if getattr(rule, name, None) is not None
    ]
    return " ".join(words)


def env_example() -> str:
    lines = ["# Copy to .env and change what you need. Every setting is explained in docs/settings.md.", ""]
    for name, field in Settings.model_fields.items():
        lines += [f"# {field.description}", f"# {PREFIX}{name.upper()}={_default(field)}", ""]
    return "\n".join(lines)


def settings_page() -> str:
    return "\n".join(_page_lines()) + "\n"


def _page_lines() -> Iterator[str]:
    yield "# Settings"
    yield ""
    yield "Set any of these in the environment, in a file `.env`, or (in small letters, without `DOCENT_`)"
    yield "in `docent.toml`. The environment wins over `.env`, which wins over `docent.toml`. With an unknown"
    yield "setting or a value that is not allowed Docent does not start, and says which one it is."
    yield ""
    yield "| setting | default | allowed | what it does |"
    yield "| --- | --- | --- | --- |"
    for name, field in Settings.model_fields.items():
        default = f"`{_default(field)}`" if _default(field) else ""
        yield f"| `{PREFIX}{name.upper()}` | {default} | {_allowed(field)} | {field.description} |"


def chart_schema() -> str:
    """Return the chart's schema with its part about settings made anew."""
    schema = json.loads(CHART_SCHEMA.read_text())
    fields = Settings.model_json_schema()["properties"]
    schema["properties"]["settings"]["properties"] = {
        name: {key: value for key, value in field.items() if key not in ("title", "description", "default")}
        for name, field in fields.items()
        if name not in SET_BY_CHART
    }
    return json.dumps(schema, indent=2) + "\n"


def main() -> int:
    wanted = {
        ROOT / ".env.example": env_example(),
        ROOT / "docs/settings.md": settings_page(),
        CHART_SCHEMA: chart_schema(),
    }
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(
                f"{path.relative_to(ROOT)} is out of date. Run: python tools/write_settings.py",
                file=sys.stderr,
            )
        return 1 if stale else 0
    for path in stale:
        path.write_text(wanted[path])
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
