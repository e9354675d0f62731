"""Documents are read whole, in order, each character once; those that could not be are named."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from docent.answering.answer_context import answering, not_ready, whole
from docent.types import Chunk, State
from tests.answering.build import document

TEXT = "".join(f"Sentence {n} of the page. " for n in range(400))


@given(cuts=st.lists(st.tuples(st.integers(0, len(TEXT)), st.integers(1, 900)), max_size=30))
def test_each_character_is_read_once(cuts):
    """However chunks overlap, the passages do not, and each is the page's text at its place."""
    spans = sorted((start, min(start + length, len(TEXT))) for start, length in cuts if start < len(TEXT))
    chunks = [
        Chunk(f"c{n}", "d", 1, start, end, TEXT[start:end], "header") for n, (start, end) in enumerate(spans)
    ]
    passages = list(whole(document("a.pdf"), chunks))
    read = [place for passage in passages for place in range(passage.start, passage.end)]
    assert len(read) == len(set(read))
    assert set(read) == {place for start, end in spans for place in range(start, end)}
    assert all(TEXT[passage.start : passage.end] == passage.text for passage in passages)
    assert all(passage.text for passage in passages)
    assert len({passage.chunk_id for passage in passages}) == len(passages)


def test_what_is_not_ready_is_named_with_its_reason():
    """A document that answers only in part, or not at all, is named; one that is ready is not."""
    failed = replace(document("broken.pdf"), state=State.FAILED, reason="it is no PDF")
    some = [document("a.pdf"), replace(document("b.pdf"), state=State.SEARCHABLE), failed]
    assert not_ready(some) == ("b.pdf: searchable", "broken.pdf: failed (it is no PDF)")
    assert [one.name for one in answering(some)] == ["a.pdf", "b.pdf"]
