"""A receipt lists how an answer was made, and nothing that did not happen."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from docent.types import Citation, Dropped, Hop, Receipt
from docent.web.chat.context_chart import WIDTH, context_svg, routes
from docent.web.chat.receipt_view import receipt_text

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
        "2,048 tokens sent, 1,024 answered, of 8,192",
    ):
        assert part in text


def test_each_hop_has_a_line_before_the_search():
    """What was looked for first and where it was found stand above what was searched then."""
    citation = Citation(1, "c", "d", "jobs.pdf", "l", 2, "", "p. 2", 0, 9, "Tidelight")
    receipt = Receipt(
        "?", "What does it pay?", found=3, hops=(Hop("the *firm* in Aarhus", "Tidelight", citation),)
    )
    lines = receipt_text(receipt, context_tokens=8192, language="en").splitlines()
    assert lines[0] == "- Step 1: looked for “the \\*firm\\* in Aarhus” and found it in jobs\\.pdf, p\\. 2"
    assert lines[1].startswith("- Searched for “What does it pay?”")
    assert "Étape 1" in receipt_text(receipt, context_tokens=8192, language="fr")


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


def bars(svg: str) -> list[tuple[float, float]]:
    """Return where each share begins, and how wide it is."""
    rects = ElementTree.fromstring(svg).findall("{*}rect")
    return [(float(rect.get("x", 0)), float(rect.get("width"))) for rect in rects]


def test_the_chart_is_drawn_to_scale():
    """A quarter sent, an eighth answered, the rest free; the address has the numbers of the caption."""
    text = receipt_text(FULL, context_tokens=8192, language="en")
    assert "![](/charts/context.svg?sent=2048&answered=1024&context=8192)" in text
    assert bars(context_svg(2048, 1024, 8192)) == [(0, WIDTH), (0, WIDTH / 4), (WIDTH / 4, WIDTH / 8)]


@pytest.mark.parametrize(("sent", "answered"), [(9000, 1000), (10**9, 10**9), (8192, 0), (1, 1)])
def test_the_chart_keeps_its_width(sent, answered):
    """However many tokens were used, the shares stay within the chart, and a small one is seen."""
    _, first, second = bars(context_svg(sent, answered, 8192))
    assert second[0] + second[1] <= WIDTH
    assert first[1] >= 2 and first[1] == second[0]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        pytest.param("sent=1&answered=2&context=3", 200, id="as the receipt asks"),
        pytest.param("sent=1&answered=2&context=0", 200, id="no context"),
        pytest.param("sent=1&answered=2", 404, id="a number is missing"),
        pytest.param("sent=-1&answered=2&context=3", 404, id="negative"),
        pytest.param("sent=1%22/%3E&answered=2&context=3", 404, id="markup"),
        pytest.param(f"sent={'9' * 400}&answered=2&context=3", 404, id="beyond all bounds"),
    ],
)
def test_only_numbers_are_drawn(query, status):
    """Nothing else of the address gets into the picture."""
    response = TestClient(Starlette(routes=routes())).get(f"/charts/context.svg?{query}")
    assert response.status_code == status
    if status == 200:
        assert response.headers["content-type"] == "image/svg+xml"
