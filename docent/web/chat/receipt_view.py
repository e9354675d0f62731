"""The receipt of an answer, below it: searched, found and sent passages, and the tools that were used."""

from __future__ import annotations

import textwrap
from collections import Counter

from docent.messages import Message
from docent.types import Answer, Receipt
from docent.web.chat.context_chart import context_chart
from docent.web.chat.page_session import escape_markdown
from docent.web.i18n import say, say_number

MAX_PASSAGES_SHOWN = 10
"""Rows of the table of passages in the receipt."""
USES = {"cited": Message("cited"), "sent": Message("shown to the model")}
MAX_SEARCH_SHOWN = 300
"""Characters that are shown of a search."""


def steps_text(receipt: Receipt, language: str | None) -> str:
    """Return the tools that were used, with what, as a list."""
    return "\n".join(f"1. {escape_markdown(say(step, language))}" for step in receipt.steps)


def passages_table(answer: Answer, language: str | None) -> str:
    """Return the passages that were found, best first: where they stand, how well they match, their use."""
    scored = [passage for passage in answer.passages if passage.score]
    if not scored:
        return ""
    cited = {citation.chunk_id for citation in answer.citations}
    sent = set(answer.receipt.sent)
    rows = [[say("Passage", language), say("Match", language), say("Use", language)], ["---"] * 3]
    for passage in scored[:MAX_PASSAGES_SHOWN]:
        use = "cited" if passage.chunk_id in cited else "sent" if passage.chunk_id in sent else ""
        match = say_number(round(100 * passage.relevance), language)
        rows.append([_cell(passage.where), f"{match} %", say(USES[use], language) if use else ""])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(text: str) -> str:
    return escape_markdown(" ".join(text.split()))


def shorten_search(searched: str) -> str:
    """Return the beginning of a long search."""
    return textwrap.shorten(searched, MAX_SEARCH_SHOWN, placeholder=" …")


def shown_notices(receipt: Receipt) -> int:
    """Return how many notices are shown below an answer; its receipt has the others.

    Of the model's own words, one notice may be how they ended, and must not hide that nothing supports them.
    """
    return 2 if receipt.unsupported or receipt.doubtful else 1


def receipt_text(receipt: Receipt, *, context_tokens: int, language: str | None) -> str:
    """Return how an answer was made as a list, with a chart of the tokens used."""

    def escaped(text: str) -> str:
        return escape_markdown(say(text, language))

    lines = [
        say(
            "Step {number}: looked for “{looked_for}” and found it in {where}",
            language,
            number=number,
            looked_for=escape_markdown(shorten_search(hop.looked_for)),
            where=escape_markdown(hop.citation.where),
        )
        for number, hop in enumerate(receipt.hops, 1)
    ]
    if receipt.searched:
        searched = escape_markdown(shorten_search(receipt.searched))
        lines.append(say("Searched for “{searched}”", language, searched=searched))
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
        lines.append(say("Left out {count}: {why}", language, count=count, why=escaped(why)))
    if receipt.not_ready:
        files = "; ".join(map(escaped, receipt.not_ready[:5]))
        lines.append(say("Not fully searchable yet: {files}", language, files=files))
    lines += _model_lines(receipt, language)
    others = receipt.notices[shown_notices(receipt) :]
    lines += [say("Note: {text}", language, text=escaped(notice)) for notice in others]
    if receipt.unsupported:
        count = len(receipt.unsupported)
        lines.append(say("Sentences that no passage supports: {count}", language, count=count))
    if receipt.doubtful:
        doubtful = escape_markdown(", ".join(receipt.doubtful[:10]))
        lines.append(say("In none of the passages: {what}", language, what=doubtful))
    if receipt.removed:
        removed = escape_markdown(", ".join(receipt.removed[:5]))
        lines.append(say("Removed from the answer: {what}", language, what=removed))
    text = "\n".join(f"- {line}" for line in lines)
    chart = context_chart(receipt, context_tokens=context_tokens, language=language)
    return f"{text}\n\n{chart}" if chart else text


def _model_lines(receipt: Receipt, language: str | None) -> list[str]:
    if not receipt.model:
        return [
            say(
                "No language model wrote this: the text comes unchanged from the documents or from "
                "Docent itself",
                language,
            )
        ]
    lines = [say("Written by {model}", language, model=escape_markdown(receipt.model))]
    if receipt.history_turns:
        turns = receipt.history_turns
        lines.append(say("Earlier questions taken into account: {turns}", language, turns=turns))
    seconds = receipt.seconds
    if "total" in seconds:
        searching = seconds.get("condense", 0.0) + seconds.get("retrieve", 0.0)
        lines.append(
            say(
                "{total:.1f} s in all: {searching:.1f} s searching, {first:.1f} s until the first word",
                language,
                total=seconds["total"],
                searching=searching,
                first=seconds.get("first_token", 0.0),
            )
        )
    return lines
