"""The settings panel: how one person wants their answers, in one conversation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chainlit.input_widget import InputWidget, Select, Slider, Switch

from docent.messages import Message
from docent.settings import Settings
from docent.types import Preferences
from docent.web.i18n import say

ANY = "*"
"""Chosen where nothing is chosen: a page's list cannot hold an empty value."""

LENGTHS = (
    (Message("Short (about 150 words)"), 200),
    (Message("Medium (about 375 words)"), 500),
    (Message("Long (about 1,100 words)"), 1500),
)
MOST_PASSAGES = 30
"""That the panel offers, where the settings themselves do not say more."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What somebody chose, as the house understands it."""

    preferences: Preferences = Preferences()
    libraries: tuple[str, ...] = ()
    show_receipt: bool = True


def widgets(
    settings: Settings,
    *,
    libraries: Sequence[str],
    models: Sequence[str],
    before: Mapping[str, Any],
    language: str | None,
) -> list[InputWidget]:
    """The panel; `before` is what was chosen in this conversation already."""

    def words(key: str, **values: Any) -> str:
        return say(key, language, **values)

    lengths = {words(name): str(tokens) for name, tokens in LENGTHS}
    return [
        _select(
            "library",
            words(Message("Library")),
            {words(Message("All libraries")): ANY} | _same(libraries),
            before,
        ),
        _select(
            "model",
            words(Message("Model")),
            {words(Message("As set up ({what})"), what=settings.model): ANY} | _same(models),
            before,
        ),
        _select(
            "length",
            words(Message("Length of answers")),
            {words(Message("As set up")): ANY} | lengths,
            before,
        ),
        Slider(
            id="passages",
            label=words(Message("Passages")),
            description=words(Message("How many the model is shown at most")),
            initial=_number(before.get("passages"), settings.passages, 1, _most(settings)),
            min=1,
            max=_most(settings),
            step=1,
        ),
        Slider(
            id="temperature",
            label=words(Message("Temperature")),
            description=words(Message("0 keeps to the text; 2 is free")),
            initial=_number(before.get("temperature"), settings.temperature, 0, 2),
            min=0,
            max=2,
            step=0.1,
        ),
        Switch(
            id="receipt",
            label=words(Message("Show how each answer came about")),
            initial=before.get("receipt") is not False,
        ),
    ]


def chosen(values: Mapping[str, Any], *, settings: Settings, models: Iterable[str]) -> Chosen:
    """What the panel says. It comes from a browser: what was not offered counts as not chosen."""
    passages = round(_number(values.get("passages"), settings.passages, 1, _most(settings)))
    temperature = _number(values.get("temperature"), settings.temperature, 0, 2)
    library, model, length = (values.get(name) for name in ("library", "model", "length"))
    lengths = {str(tokens): tokens for _, tokens in LENGTHS}
    return Chosen(
        preferences=Preferences(
            model=str(model) if model in set(models) else "",
            temperature=None if temperature == settings.temperature else temperature,
            answer_tokens=lengths.get(str(length)),
            passages=None if passages == settings.passages else passages,
        ),
        libraries=(library,) if isinstance(library, str) and library not in ("", ANY) else (),
        show_receipt=values.get("receipt") is not False,
    )


def _most(settings: Settings) -> int:
    return max(MOST_PASSAGES, settings.passages)


def _select(name: str, label: str, items: dict[str, str], before: Mapping[str, Any]) -> Select:
    value = before.get(name)
    return Select(id=name, label=label, items=items, initial_value=value if value in items.values() else ANY)


def _same(names: Sequence[str]) -> dict[str, str]:
    return {name: name for name in names}


def _number(value: Any, default: float, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return default
    return min(max(value, least), most)
