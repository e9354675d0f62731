"""A receipt lists how an answer was made, and nothing that did not happen."""

from __future__ import annotations

from docent.types import Dropped, Receipt
from docent.web.chat.answer_view import BAR_WIDTH, receipt_text

FULL = Receipt(
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


def test_each_step_has_a_line():
    """Search, passages, model, time, doubts and tokens are listed."""
    text = receipt_text(FULL, context_tokens=8192, language="en")
    for part in (
        "Searched for “How much is \\*soup\\*?”",
        "Found 20 passages, showed the model 2",
        "Left out 2: no room",
        "Written by mistral",
        "Earlier questions taken into account: 1",
        "4.0 s in all: 0.5 s searching",
        "no passage supports: 1",
        "In none of the passages: 42",
        "Not fully searchable yet: big\\.pdf",
        "2,048 tokens sent (█), 1,024 answered (▓), room for 8,192",
    ):
        assert part in text


def test_numbers_are_written_as_in_the_language():
    """A French receipt has French separators in times and token counts."""
    text = receipt_text(FULL, context_tokens=8192, language="fr")
    assert "4,0 s en tout : 0,5 s" in text
    assert "2\u202f048" in text and "8\u202f192" in text and "2,048" not in text


def test_a_step_that_did_not_happen_has_no_line():
    """Without a model there are no tokens, no times and no doubts."""
    text = receipt_text(Receipt("Hello", ""), context_tokens=8192, language="fr")
    assert text.startswith("- Aucun modèle")
    assert text.count("\n") == 0


def test_the_bar_is_drawn_to_scale():
    """A quarter sent, an eighth answered, the rest free."""
    text = receipt_text(FULL, context_tokens=8192, language="en")
    bar = text.split("`")[1]
    assert bar == "█" * 6 + "▓" * 3 + "░" * (BAR_WIDTH - 9)


def test_an_overfull_context_fits_the_bar():
    """However many tokens were used, the bar keeps its width."""
    bar = receipt_text(FULL, context_tokens=1024, language="en").split("`")[1]
    assert len(bar) <= BAR_WIDTH + 1
