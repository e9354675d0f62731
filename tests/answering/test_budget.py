"""A prompt fits the model's context, whatever the question."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docent.answering.prompt.templates import INSTRUCTIONS, messages
from docent.answering.prompt.token_budget import (
    Budget,
    EstimatedTokens,
    LearningCounter,
    counter_for,
    fit,
    recent,
)
from docent.types import Turn
from tests.answering.build import passage

MISTRAL = counter_for("mistral")
ESTIMATE = EstimatedTokens()
ROOT = Path(__file__).parents[2]

texts = st.text(max_size=2000) | st.text("ab 12.,\n", max_size=3000)
histories = st.lists(st.tuples(texts, texts), max_size=6).map(lambda turns: [Turn(*turn) for turn in turns])


def fitted(question, passages, history, *, count=ESTIMATE.count, context=4096, most=8) -> Budget:
    return fit(
        question, passages, history, count=count, instructions=INSTRUCTIONS, context_tokens=context,
        answer_tokens=256, most=most,
    )  # fmt: skip


@pytest.mark.parametrize("counter", [MISTRAL, ESTIMATE], ids=["exact", "estimate"])
@given(
    question=st.text(max_size=300),
    found=st.lists(texts, max_size=12),
    history=histories,
    context=st.integers(1024, 16_384),
)
def test_the_budget_is_never_exceeded(counter, question, found, history, context):
    """Everything sent, as it is sent, leaves room for the whole answer."""
    passages = [passage(text, n=n) for n, text in enumerate(found, 1)]
    budget = fitted(question, passages, history, count=counter.count, context=context)
    if budget.fits:
        sent = messages(question, budget.passages, budget.history)
        assert sum(counter.count(message["content"]) for message in sent) <= context - 256
        assert budget.tokens < context - 256
    else:
        assert not budget.passages and not budget.history
    assert len(budget.passages) + len(budget.dropped) == len(passages)
    assert len(budget.passages) <= 8


@given(history=histories)
def test_history_is_kept_by_whole_turns_newest_first(history):
    """The end of a conversation is sent, in whole turns."""
    budget = fitted("", [], history)
    assert list(budget.history) == history[len(history) - len(budget.history) :]


def test_the_beginning_of_the_prompt_stays_while_the_conversation_grows():
    """Turns are dropped many at a time, so that most turns begin with the same messages as the last."""
    history = [Turn(f"question {n} " * 5, f"answer {n} " * 20) for n in range(60)]
    starts = [recent(history[:n], count=MISTRAL.count, space=1000)[0] for n in range(1, 61)]
    changes = sum(before != after for before, after in zip(starts, starts[1:], strict=False))
    assert 2 <= changes <= 12


def test_a_dropped_passage_says_why():
    """No room and too many are different reasons."""
    passages = [passage("x " * 9000, n=1), *(passage("short", n=n) for n in range(2, 6))]
    budget = fitted("?", passages, [], context=2048, most=3)
    reasons = {dropped.chunk_id: dropped.why for dropped in budget.dropped}
    assert "room" in reasons["c1"]
    assert "best 3" in reasons["c5"]


def test_a_question_longer_than_the_context_is_caught():
    """It is known before anything is sent."""
    assert not fitted("why? " * 3000, [passage()], []).fits


def test_half_of_it_is_counted_anew():
    """The server's count is compared with the prompt that it answered, not with the one that it refused."""
    passages = [passage("word " * 50 * n, n=n) for n in range(1, 6)]
    half = fitted("When?", passages, [Turn("Who?", "Nobody.")]).halved()
    assert len(half.passages) == 2 and not half.history
    assert half.tokens == fitted("When?", passages[:2], []).tokens
    assert half.halved().tokens == fitted("When?", passages[:1], []).tokens


def test_mistral_is_counted_exactly():
    """The count is the one that Mistral's own package gives."""
    from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8") + "Größe: 1,5 m² 東京 🍕"
    theirs = MistralTokenizer.v3().instruct_tokenizer.tokenizer.encode(text, bos=False, eos=False)
    assert MISTRAL.count(text) == len(theirs)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("The employee is entitled to twenty-five days of paid leave each year.", id="English"),
        pytest.param("Die Kündigungsfristen richten sich nach der Betriebszugehörigkeit.", id="German"),
        pytest.param("Työntekijän irtisanomisaika määräytyy työsuhteen keston perusteella.", id="Finnish"),
        pytest.param("Работнику предоставляется ежегодный оплачиваемый отпуск.", id="Russian"),
        pytest.param("Ο εργαζόμενος δικαιούται ετήσια άδεια είκοσι πέντε ημερών.", id="Greek"),
        pytest.param("社員は毎年二十日の有給休暇を取得することができます。", id="Japanese"),
        pytest.param("직원은 매년 이십 일의 유급 휴가를 사용할 수 있습니다.", id="Korean"),
        pytest.param("يحق للموظف الحصول على إجازة سنوية مدفوعة الأجر.", id="Arabic"),
        pytest.param("Revenue | 31,657 | 32,765 | (3.4)% | $ 1,250.50", id="a table's row"),
        pytest.param("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c", id="digits and letters"),
        pytest.param("🎉🍕🥐 ✅", id="emoji"),
    ],
)
def test_the_estimate_is_on_the_safe_side(text):
    """A model of a vocabulary we do not have is never sent more than we believe."""
    assert ESTIMATE.count(text) >= counter_for("mistral-nemo").count(text)
    assert not counter_for("llama3.1").exact


def test_the_servers_counts_correct_ours():
    """More than we thought counts at once; fewer lower an estimate, never an exact count."""
    learning, exact = LearningCounter(ESTIMATE), LearningCounter(MISTRAL)
    before = learning.count("a" * 1000)
    learning.learn(budgeted=1000, counted=1300)
    assert learning.count("a" * 1000) >= before * 1.3
    for _ in range(8):
        budgeted = learning.count("word " * 500)
        learning.learn(budgeted=budgeted, counted=600)
        exact.learn(budgeted=600, counted=20)
    assert 600 <= learning.count("word " * 500) < 800
    assert exact.factor == 1.0
    factor = learning.factor
    learning.learn(budgeted=1000, counted=0)
    assert learning.factor == factor


def test_a_text_is_counted_once():
    """Instructions and earlier turns come again with every question, and are not read again for it."""

    class Slow(EstimatedTokens):
        read: list[str] = []

        def count(self, text: str) -> int:
            self.read.append(text)
            return super().count(text)

    learning = LearningCounter(Slow())
    assert len({learning.count("the same instructions") for _ in range(3)}) == 1
    assert Slow.read == ["the same instructions"]
