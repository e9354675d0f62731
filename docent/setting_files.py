"""Read settings from `.env` and `docent.toml`, and say which one is wrong."""

from __future__ import annotations

import contextlib
import difflib
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import ValidationError

from docent.errors import SettingsError
from docent.messages import Message

PREFIX = "DOCENT_"
ENVIRONMENT = Message("the environment")
ENCODING = "utf-8-sig"  # some editors begin a file with a byte order mark
SECRETS = frozenset({"model_key", "database_url"})


def read_toml(path: Path) -> dict[str, Any]:
    """Return the settings in a file, if it is there. Raises SettingsError."""
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding=ENCODING))
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            "{path} cannot be read as TOML: {error}. Correct that line or remove the file.",
            path=path,
            error=error,
        ) from error


def read_dotenv(path: Path) -> dict[str, str]:
    try:
        return prefixed(dotenv_values(path, encoding=ENCODING))
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError | UnicodeDecodeError) -> SettingsError:
    return SettingsError(
        "{path} cannot be read ({error}). Save it as text in UTF-8 that Docent may read, or remove it.",
        path=path,
        error=reason_of(error),
    )


def reason_of(error: OSError | UnicodeDecodeError) -> str:
    return str(error.strerror) if isinstance(error, OSError) else "it is not text in UTF-8"


def prefixed(environ: Mapping[str, str | None]) -> dict[str, str]:
    """Return the keys that begin with DOCENT_; an empty value means "not set", as compose files write it."""
    return {
        key.upper().removeprefix(PREFIX).lower(): value
        for key, value in environ.items()
        if key.upper().startswith(PREFIX) and value
    }


def decoded(value: Any) -> Any:
    """Parse lists, which come from the environment as JSON."""
    if isinstance(value, str) and value.startswith("["):
        with contextlib.suppress(json.JSONDecodeError):  # the field's own check refuses the text then
            return json.loads(value)
    return value


def unknown_setting(key: str, source: str, known: Mapping[str, Any]) -> SettingsError:
    """Return the error for a key that is no setting, with the setting that is nearest to it."""
    name = f"{PREFIX}{key.upper()}"
    if near := difflib.get_close_matches(key, known, n=1):
        return SettingsError(
            "{name} (in {source}) is not a setting. Did you mean {near}? docs/settings.md lists them all; "
            "remove or correct the key.",
            name=name,
            source=source,
            near=f"{PREFIX}{near[0].upper()}",
        )
    return SettingsError(
        "{name} (in {source}) is not a setting. docs/settings.md lists them all; remove or correct the key.",
        name=name,
        source=source,
    )


def refused_setting(
    error: ValidationError, values: Mapping[str, Any], origin: Mapping[str, str]
) -> SettingsError:
    """Return the error for a value that is not allowed."""
    problem = error.errors()[0]
    key = str(problem["loc"][0])
    return SettingsError(
        "{name} is {value} (in {source}), which is not allowed: {allowed}. Change it there and start again.",
        name=f"{PREFIX}{key.upper()}",
        # A secret is named, never quoted.
        value=Message("the value given") if key in SECRETS else repr(values.get(key)),
        source=origin.get(key, Message("the defaults")),
        allowed=problem["msg"].removeprefix("Value error, ").removeprefix("Input should be "),
    )
