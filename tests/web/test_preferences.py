"""The settings panel says how one person wants their answers; what a browser sends is checked."""

from __future__ import annotations

import pytest

from docent.settings import Settings
from docent.types import Preferences
from docent.web.chat.chat_settings import ANY, Chosen, chosen, widgets

SETTINGS = Settings(passages=8, temperature=0.1)
MODELS = ("mistral", "qwen3")


def panel(**before: object):
    return widgets(SETTINGS, libraries=["handbook"], models=MODELS, before=before, language="en")


def values(shown) -> dict[str, object]:
    return {widget.id: widget.to_dict()["initial"] for widget in shown}


def test_an_untouched_panel_changes_nothing():
    """Confirmed as it is shown, the panel leaves every choice to the persona and the settings."""
    assert chosen(values(panel()), settings=SETTINGS, models=MODELS) == Chosen()


def test_the_panel_reaches_as_far_as_the_settings():
    """Where they allow more passages than a panel offers otherwise, confirming it takes none away."""
    many = Settings(passages=45)
    shown = widgets(many, libraries=[], models=MODELS, before={}, language="en")
    slider = next(widget.to_dict() for widget in shown if widget.id == "passages")
    assert slider["initial"] == slider["max"] == 45
    assert chosen(values(shown), settings=many, models=MODELS) == Chosen()


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param({"library": "handbook"}, Chosen(libraries=("handbook",)), id="a library"),
        pytest.param({"model": "qwen3"}, Chosen(Preferences(model="qwen3")), id="a model"),
        pytest.param({"length": "200"}, Chosen(Preferences(answer_tokens=200)), id="a length"),
        pytest.param({"passages": 3}, Chosen(Preferences(passages=3)), id="passages"),
        pytest.param({"temperature": 1.5}, Chosen(Preferences(temperature=1.5)), id="a temperature"),
        pytest.param({"receipt": False}, Chosen(show_receipt=False), id="no receipt"),
        pytest.param({"model": "not-offered"}, Chosen(), id="a model that was not offered"),
        pytest.param({"length": "999999"}, Chosen(), id="a length that was not offered"),
        pytest.param({"passages": 10_000}, Chosen(Preferences(passages=30)), id="too many passages"),
        pytest.param({"temperature": -3}, Chosen(Preferences(temperature=0)), id="too cold"),
        pytest.param({"passages": "many", "temperature": float("nan")}, Chosen(), id="nonsense"),
        pytest.param({}, Chosen(), id="nothing"),
    ],
)
def test_what_was_chosen(sent, expected):
    """Each choice reaches the answer; what was never offered counts as not chosen."""
    assert chosen(sent, settings=SETTINGS, models=MODELS) == expected


def test_a_conversation_remembers_its_panel():
    """Opened again, the panel shows what was chosen, and what is no longer offered as not chosen."""
    before = {"library": "handbook", "model": "gone", "passages": 3, "temperature": 1.0, "receipt": False}
    shown = values(panel(**before))
    assert shown == {
        "library": "handbook",
        "model": ANY,
        "length": ANY,
        "passages": 3,
        "temperature": 1.0,
        "receipt": False,
    }
