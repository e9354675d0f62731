"""The settings panel holds a reader's choices for one conversation; values from a browser are checked."""

from __future__ import annotations

import pytest

from docent.settings import Settings
from docent.types import Preferences
from docent.web.chat.conversation import ANY, ChatChoices, read_choices, settings_panel

SETTINGS = Settings(passages=8, temperature=0.1)
MODELS = ("mistral", "qwen3")


def panel(**current: object):
    return settings_panel(SETTINGS, models=MODELS, current=current, language="en")


def values(panel) -> dict[str, object]:
    return {widget.id: widget.to_dict()["initial"] for widget in panel}


def test_an_untouched_panel_changes_nothing():
    """Confirmed as it is shown, the panel leaves every choice to the persona and the settings."""
    assert read_choices(values(panel()), settings=SETTINGS, models=MODELS) == ChatChoices()


def test_the_panel_offers_as_many_passages_as_the_settings_allow():
    """Confirming the panel does not lower a number of passages above its usual maximum."""
    many = Settings(passages=45)
    shown = settings_panel(many, models=MODELS, current={}, language="en")
    slider = next(widget.to_dict() for widget in shown if widget.id == "passages")
    assert slider["initial"] == slider["max"] == 45
    assert read_choices(values(shown), settings=many, models=MODELS) == ChatChoices()


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param({"model": "qwen3"}, ChatChoices(Preferences(model="qwen3")), id="a model"),
        pytest.param({"length": "200"}, ChatChoices(Preferences(answer_tokens=200)), id="a length"),
        pytest.param({"passages": 3}, ChatChoices(Preferences(passages=3)), id="passages"),
        pytest.param({"temperature": 1.5}, ChatChoices(Preferences(temperature=1.5)), id="a temperature"),
        pytest.param({"receipt": False}, ChatChoices(show_receipt=False), id="no receipt"),
        pytest.param({"model": "not-offered"}, ChatChoices(), id="a model that was not offered"),
        pytest.param({"length": "999999"}, ChatChoices(), id="a length that was not offered"),
        pytest.param({"passages": 10_000}, ChatChoices(Preferences(passages=30)), id="too many passages"),
        pytest.param({"temperature": -3}, ChatChoices(Preferences(temperature=0)), id="too cold"),
        pytest.param({"passages": "many", "temperature": float("nan")}, ChatChoices(), id="nonsense"),
        pytest.param({}, ChatChoices(), id="nothing"),
    ],
)
def test_choices_are_read(sent, expected):
    """Each offered choice is used; a value that was never offered counts as not chosen."""
    assert read_choices(sent, settings=SETTINGS, models=MODELS) == expected


def test_a_conversation_remembers_its_panel():
    """The panel shows earlier choices again; one that is no longer offered is shown as not chosen."""
    current = {"model": "gone", "passages": 3, "temperature": 1.0, "receipt": False}
    shown = values(panel(**current))
    assert shown == {
        "model": ANY,
        "length": ANY,
        "passages": 3,
        "temperature": 1.0,
        "receipt": False,
    }
