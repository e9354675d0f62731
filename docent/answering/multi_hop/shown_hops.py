"""Show the facts that were found on the way to an answer above it, each with its citation."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace

from docent.answering.answer_context import Draft
from docent.answering.citing.citations import CitedAnswer, renumber
from docent.answering.output_filter import display_name
from docent.messages import Message, joined
from docent.types import Citation, Event, Hop, Passage, Token

FIRST = Message("First: {looked_for} → {fact}, {place} [{n}]")
THEN = Message("Then: {looked_for} → {fact}, {place} [{n}]")


def numbered(
    cited: CitedAnswer, passages: Sequence[Passage], draft: Draft
) -> tuple[CitedAnswer, tuple[Passage, ...]]:
    """Number an answer's marks from 1 in order of appearance, with the facts found before it above it.

    Return it with the passages that it cites.
    """
    if not draft.hops:
        return renumber(cited, passages)
    position = {passage.chunk_id: n for n, passage in enumerate(passages, 1)}
    leading = [replace(hop.citation, n=position[hop.citation.chunk_id]) for hop in draft.hops]
    marks = "".join(f"[{citation.n}]" for citation in leading)
    answer, used = renumber(
        replace(cited, text=f"{marks}\n\n{cited.text}", citations=(*leading, *cited.citations)), passages
    )
    order = list(dict.fromkeys(citation.n for citation in leading))
    _give_numbers(draft, (order.index(citation.n) + 1 for citation in leading))
    text = joined((_lines(draft.hops), answer.text.partition("\n\n")[2]), "\n\n")
    return replace(answer, text=text), used


def with_hops(cited: CitedAnswer, draft: Draft) -> CitedAnswer:
    """Return a reply whose marks are numbered already, with the facts found before it above it."""
    if not draft.hops:
        return cited
    last = max((citation.n for citation in cited.citations), default=0)
    _give_numbers(draft, range(last + 1, last + 1 + len(draft.hops)))
    citations = (*cited.citations, *(hop.citation for hop in draft.hops))
    return replace(cited, text=joined((_lines(draft.hops), cited.text), "\n\n"), citations=citations)


async def hops_first(events: AsyncGenerator[Event, None], draft: Draft) -> AsyncGenerator[Event, None]:
    """Yield the same events, and before the first word of the model the facts found on the way."""
    shown = not draft.hops
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Token) and not shown:
                shown = True
                _give_numbers(draft, [_number_in_stream(hop.citation, draft) for hop in draft.hops])
                yield Token(joined((_lines(draft.hops), "\n\n"), ""))
            yield event


def bridging(passages: Sequence[Passage], draft: Draft) -> list[Passage]:
    """Return the passages that say the facts found on the way."""
    wanted = {hop.citation.chunk_id for hop in draft.hops}
    return [passage for passage in passages if passage.chunk_id in wanted]


def _number_in_stream(citation: Citation, draft: Draft) -> int:
    """Return the number under which a passage is shown while the model writes."""
    sent = citation.chunk_id in draft.sent
    return draft.number(str(draft.sent.index(citation.chunk_id) + 1) if sent else citation.chunk_id)


def _give_numbers(draft: Draft, numbers: Iterable[int]) -> None:
    draft.hops = [
        replace(hop, citation=replace(hop.citation, n=n)) for hop, n in zip(draft.hops, numbers, strict=True)
    ]


def _lines(hops: Sequence[Hop]) -> Message:
    return joined(
        (
            Message(
                THEN.template if at else FIRST.template,
                looked_for=display_name(hop.looked_for).rstrip(" ?"),
                fact=display_name(hop.fact),
                place=display_name(hop.citation.place),
                n=hop.citation.n,
            )
            for at, hop in enumerate(hops)
        ),
        "  \n",
    )
