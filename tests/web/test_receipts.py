"""A receipt in plain words says what happened, and nothing that did not."""

from __future__ import annotations

from docent.types import Dropped, Receipt, StepProgress
from docent.web.chat.model_download import progress
from docent.web.chat.receipt_text import BAR, words

WHOLE = Receipt(
    question="And there?",
    searched="How much is *soup*?",
    model="mistral",
    found=20,
    sent=("a", "b"),
    dropped=(Dropped("c", "no room"), Dropped("d", "no room")),
    history_turns=1,
    tokens_budgeted=2000,
    tokens_counted=2048,
    tokens_answered=1024,
    unsupported=("It is blue.",),
    doubtful=("42",),
    removed=("[9]",),
    not_ready=("big.pdf (half read)",),
    seconds={"condense": 0.2, "retrieve": 0.3, "first_token": 1.0, "total": 4.0},
)


def test_everything_that_happened_is_said():
    """Search, passages, model, time, doubts and tokens, each in a line."""
    text = words(WHOLE, context_tokens=8192, language="en")
    for part in (
        "Searched for “How much is \\*soup\\*?”",
        "Found 20 passages, showed the model 2",
        "Left out 2: no room",
        "Written by mistral",
        "Earlier questions kept in mind: 1",
        "4.0 s in all: 0.5 s searching",
        "no passage supports: 1",
        "In none of the passages: 42",
        "Not wholly searchable yet: big\\.pdf",
        "2,048 tokens sent (█), 1,024 answered (▓), room for 8,192",
    ):
        assert part in text


def test_what_did_not_happen_is_not_said():
    """Without a model there are no tokens, no times of a model and no doubts."""
    text = words(Receipt("Hello", ""), context_tokens=8192, language="fr")
    assert text.startswith("- Aucun modèle")
    assert text.count("\n") == 0


def test_the_bar_is_drawn_to_scale():
    """A quarter sent, an eighth answered, the rest free."""
    text = words(WHOLE, context_tokens=8192, language="en")
    bar = text.split("`")[1]
    assert bar == "█" * (BAR // 4) + "▓" * (BAR // 8) + "░" * (BAR - BAR // 4 - BAR // 8)


def test_an_overfull_context_fits_the_bar():
    """However many tokens were used, the bar keeps its width."""
    bar = words(WHOLE, context_tokens=1024, language="en").split("`")[1]
    assert len(bar) <= BAR + 1


def test_fetching_shows_how_far_it_is():
    """Percent and gigabytes, also before the server has said how much there is."""
    assert "50 % (2.2 of 4.4 GB)" in progress(StepProgress("mistral", 2_200_000_000, 4_400_000_000), "en")
    assert "0 %" in progress(StepProgress("mistral", 0, 0), "en")
