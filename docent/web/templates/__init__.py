"""Pages of our own by jinja2: every value is escaped, and a name that a page is not given is an error."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from docent.web.i18n import say, speaks

ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(template: str, language: str | None, /, **values: Any) -> str:
    """Return a page in a reader's language; in the template `_("…", name=…)` is a message in it."""
    return ENVIRONMENT.get_template(template).render(
        language=speaks(language), _=partial(_said, language), **values
    )


def _said(language: str | None, message: str, /, **values: Any) -> str:
    return say(message, language, **values)


def file_size(count: int) -> str:
    """Return a number of bytes as a person would say it."""
    amount, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 10 else f"{amount:.1f} {unit}"


ENVIRONMENT.filters |= {"file_size": file_size, "thousands": "{:,}".format}
