"""Pages of our own by jinja2: every value is escaped, and a name that a page is not given is an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from docent.messages import Message
from docent.web.i18n import say, say_number, speaks

ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

SIZES = (Message("{size} B"), Message("{size} kB"), Message("{size} MB"), Message("{size} GB"))


def render(template: str, language: str | None, /, **values: Any) -> str:
    """Return a page in a reader's language; in the template `_("…", name=…)` is a message in it."""

    def translate(message: str, /, **values: Any) -> str:
        return say(message, language, **values)

    return ENVIRONMENT.get_template(template).render(language=speaks(language), _=translate, **values)


def file_size(count: int, language: str | None) -> str:
    """Return a number of bytes as a person would say it."""
    power = 0
    while power < len(SIZES) - 1 and count >= 1000 ** (power + 1):
        power += 1
    amount = count / 1000**power
    places = 1 if power and amount < 10 else 0
    return say(SIZES[power], language, size=say_number(amount, language, f",.{places}f"))


@pass_context
def _file_size(context: Context, count: int) -> str:
    return file_size(count, context["language"])


@pass_context
def _thousands(context: Context, count: int) -> str:
    return say_number(count, context["language"])


ENVIRONMENT.filters |= {"file_size": _file_size, "thousands": _thousands}
