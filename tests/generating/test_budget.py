"""What is sent fits the model's context, whatever is asked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from docent.generating.budget import estimate, fit
from docent.generating.prompt import INSTRUCTIONS, messages
from docent.glossary import Turn
from tests.generating.build import passage

texts = st.text(max_size=3000)


@given(
    question=st.text(max_size=300),
    found=st.lists(texts, max_size=12),
    turns=st.lists(st.tuples(texts, texts), max_size=6),
    context=st.integers(1024, 16_384),
)
def test_the_budget_is_never_exceeded(question, found, turns, context):
    """Everything sent, as it is sent, leaves room for the whole answer."""
    passages = [passage(text, n=n) for n, text in enumerate(found, 1)]
    history = [Turn(*turn) for turn in turns]
    budget = fit(
        passages, history, fixed=INSTRUCTIONS + question, context_tokens=context, answer_tokens=256, most=8
    )
    if budget.passages or budget.history:
        sent = messages(question, budget.passages, budget.history)
        assert sum(estimate(message["content"]) for message in sent) <= context - 256
        assert budget.tokens <= context - 256
    assert len(budget.passages) + len(budget.dropped) == len(passages)
    assert len(budget.passages) <= 8


@given(turns=st.lists(st.tuples(texts, texts), max_size=8))
def test_history_is_kept_by_whole_turns_newest_first(turns):
    """What is kept of a conversation is its end, uncut."""
    history = tuple(Turn(*turn) for turn in turns)
    budget = fit([], history, fixed="", context_tokens=4096, answer_tokens=256, most=8)
    assert budget.history == history[len(history) - len(budget.history) :]


def test_a_dropped_passage_says_why():
    """No room and too many are different reasons."""
    passages = [passage("x" * 9000, n=1), *(passage("short", n=n) for n in range(2, 6))]
    budget = fit(passages, [], fixed="", context_tokens=2048, answer_tokens=256, most=3)
    reasons = {dropped.chunk_id: dropped.why for dropped in budget.dropped}
    assert "room" in reasons["c1"]
    assert "best 3" in reasons["c5"]
