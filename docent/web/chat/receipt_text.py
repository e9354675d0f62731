"""How an answer came about, in plain words."""

from __future__ import annotations

import textwrap
from collections import Counter

from docent.types import Receipt
from docent.web.chat.side_panel import escaped
from docent.web.i18n import say

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
        lines.append(
            say("Searched for “{searched}”", language, searched=escaped(shortened(receipt.searched)))
        )
    if receipt.found:
        lines.append(
            say(
                "Found {found} passages, showed the model {sent}",
                language,
                found=receipt.found,
                sent=len(receipt.sent),
            )
        )
    for why, count in Counter(dropped.why for dropped in receipt.dropped).most_common(3):
        lines.append(say("Left out {count}: {why}", language, count=count, why=escaped(say(why, language))))
    if receipt.not_ready:
        files = "; ".join(escaped(say(one, language)) for one in receipt.not_ready[:5])
        lines.append(say("Not wholly searchable yet: {files}", language, files=files))
    return lines


def _writing(receipt: Receipt, language: str | None) -> list[str]:
    if not receipt.model:
        return [
            say(
                "No language model wrote this: it is taken from the documents as it stands, or from "
                "Docent itself",
                language,
            )
        ]
    lines = [say("Written by {model}", language, model=escaped(receipt.model))]
    if receipt.history_turns:
        lines.append(say("Earlier questions kept in mind: {turns}", language, turns=receipt.history_turns))
    seconds = receipt.seconds
    if "total" in seconds:
        searching = seconds.get("condense", 0.0) + seconds.get("retrieve", 0.0)
        lines.append(
            say(
                "{total} s in all: {searching} s searching, {first} s until the first word",
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
        lines.append(
            say("Sentences that no passage supports: {count}", language, count=len(receipt.unsupported))
        )
    if receipt.doubtful:
        lines.append(
            say("In none of the passages: {what}", language, what=escaped(", ".join(receipt.doubtful[:10])))
        )
    if receipt.removed:
        lines.append(
            say("Taken out of the answer: {what}", language, what=escaped(", ".join(receipt.removed[:5])))
        )
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
        "The model's context: {sent:,} tokens sent (█), {answered:,} answered (▓), room for {context:,}",
        language,
        sent=sent,
        answered=answered,
        context=context_tokens,
    )
