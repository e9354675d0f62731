"""How an answer came about, in plain words."""

from __future__ import annotations

import textwrap
from collections import Counter

from docent.types import Receipt
from docent.web.chat.side_panel import escaped
from docent.web.i18n.french import spoken
from docent.web.i18n.texts import say

BAR = 24
"""Characters of the bar that shows how full the model's context was."""
LONGEST_SHOWN = 300
"""Characters of what was searched."""


def words(receipt: Receipt, *, context_tokens: int, language: str | None) -> str:
    """The receipt as a list, the interesting lines only, with a bar of the tokens used."""
    lines = [*_searching(receipt, language), *_writing(receipt, language), *_checking(receipt, language)]
    text = "\n".join(f"- {line}" for line in lines)
    bar = _bar(receipt, context_tokens, language)
    return f"{text}\n\n{bar}" if bar else text


def shortened(searched: str) -> str:
    """Of a long question that was searched, the beginning."""
    return textwrap.shorten(searched, LONGEST_SHOWN, placeholder=" …")


def _searching(receipt: Receipt, language: str | None) -> list[str]:
    lines = []
    if receipt.searched:
        lines.append(say("receipt_searched", language, searched=escaped(shortened(receipt.searched))))
    if receipt.found:
        lines.append(say("receipt_found", language, found=receipt.found, sent=len(receipt.sent)))
    for why, count in Counter(dropped.why for dropped in receipt.dropped).most_common(3):
        lines.append(say("receipt_dropped", language, count=count, why=escaped(spoken(why, language))))
    if receipt.not_ready:
        files = "; ".join(escaped(spoken(one, language)) for one in receipt.not_ready[:5])
        lines.append(say("receipt_not_ready", language, files=files))
    return lines


def _writing(receipt: Receipt, language: str | None) -> list[str]:
    if not receipt.model:
        return [say("receipt_no_model", language)]
    lines = [say("receipt_model", language, model=escaped(receipt.model))]
    if receipt.history_turns:
        lines.append(say("receipt_turns", language, turns=receipt.history_turns))
    seconds = receipt.seconds
    if "total" in seconds:
        searching = seconds.get("condense", 0.0) + seconds.get("retrieve", 0.0)
        lines.append(
            say(
                "receipt_seconds",
                language,
                total=f"{seconds['total']:.1f}",
                searching=f"{searching:.1f}",
                first=f"{seconds.get('first_token', 0.0):.1f}",
            )
        )
    return lines


def _checking(receipt: Receipt, language: str | None) -> list[str]:
    lines = []
    if receipt.unsupported:
        lines.append(say("receipt_unsupported", language, count=len(receipt.unsupported)))
    if receipt.doubtful:
        lines.append(say("receipt_doubtful", language, what=escaped(", ".join(receipt.doubtful[:10]))))
    if receipt.removed:
        lines.append(say("receipt_removed", language, what=escaped(", ".join(receipt.removed[:5]))))
    return lines


def _bar(receipt: Receipt, context_tokens: int, language: str | None) -> str:
    """Sent, answered and free, as shares of the context; readable aloud, in either theme."""
    sent = receipt.tokens_counted or receipt.tokens_budgeted
    if not receipt.model or not sent:
        return ""
    answered = receipt.tokens_answered
    first, second = (min(BAR, round(BAR * n / context_tokens)) for n in (sent, sent + answered))
    first, second = max(first, 1), max(second, first + (1 if answered else 0), 1)
    picture = "█" * first + "▓" * (second - first) + "░" * max(BAR - second, 0)
    return f"`{picture}`\n\n" + say(
        "receipt_tokens", language, sent=sent, answered=answered, context=context_tokens
    )
