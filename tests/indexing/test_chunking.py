from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docent.indexing.chunking import CHARACTERS_PER_TOKEN, chunk, counts, embedded_text
from docent.types import Document, Heading, Line, Page

LIMIT = 256
BOX = (0.0, 0.0, 1.0, 1.0)


def document(*texts, name="AMCOR_2023Q4_EARNINGS.pdf", **of_page):
    pages = tuple(Page(number=number, text=text, **of_page) for number, text in enumerate(texts, 1))
    return Document(sha256="0" * 64, name=name, kind="pdf", pages=pages)


def chunks_of(doc, tokenizer, size=200, overlap=25, limit=LIMIT):
    return chunk(doc, document_id="d", tokenizer=tokenizer, size=size, overlap=overlap, limit=limit)


def with_margins(text, rows):
    """A page whose lines number `rows` are running headers or footers."""
    lines, at = [], 0
    for number, line in enumerate(text.split("\n")):
        lines.append(Line(at, at + len(line), BOX, "margin" if number in rows else "body"))
        at += len(line) + 1
    return Page(number=1, text=text, lines=tuple(lines))


WORDS = st.sampled_from(
    [
        "revenue",
        "1,577.00",
        "x[MASK],2",
        "[SEP",
        "a\x7f,b",
        "(4.2)%",
        "antidisestablishmentarianism",
        "naïve",
        "日本語",
        "....",
        "x" * 300,
    ]
    + ["\u200b", "🙂", "don't", "Item 7. Management's Discussion", "A", "§ 4 Recht", "\t", "  ", "\ufb01le"]
)
ANYTHING = st.text(max_size=400) | st.lists(WORDS, max_size=300).map(" ".join)
LINES = st.lists(ANYTHING, max_size=30).map("\n".join)
PAGES = st.lists(LINES, min_size=1, max_size=4)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(texts=PAGES, name=st.text(min_size=1, max_size=300), size=st.integers(32, 300))
def test_chunks_fit_the_model(texts, name, size, tokenizer):
    """Header, text and special tokens of every chunk fit what the model reads, for any page."""
    for piece in chunks_of(document(*texts, name=name), tokenizer, size=size, overlap=size // 8):
        assert len(tokenizer.encode(embedded_text(piece)).ids) == piece.tokens <= LIMIT


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(texts=PAGES, size=st.integers(32, 200))
def test_no_character_is_lost(texts, size, tokenizer):
    """Every character that is not white space is in a chunk of its own page, and chunks quote it."""
    doc = document(*texts)
    chunks = chunks_of(doc, tokenizer, size=size, overlap=size // 8)
    for page in doc.pages:
        covered = set()
        for piece in (one for one in chunks if one.page == page.number):
            assert piece.text == page.text[piece.start : piece.end] != ""
            covered.update(range(piece.start, piece.end))
        lost = [at for at, character in enumerate(page.text) if not character.isspace() and at not in covered]
        assert lost == []


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(text=LINES, rows=st.sets(st.integers(0, 30), max_size=8))
def test_margins_are_left_out_and_nothing_else(text, rows, tokenizer):
    """A running header or footer is in no chunk; every other character is."""
    page = with_margins(text, rows)
    doc = Document(sha256="0" * 64, name="a.pdf", kind="pdf", pages=(page,))
    covered = {at for piece in chunks_of(doc, tokenizer) for at in range(piece.start, piece.end)}
    margins = {at for line in page.lines if line.role == "margin" for at in range(line.start, line.end)}
    assert not covered & margins
    assert {at for at, character in enumerate(text) if not character.isspace()} <= covered | margins


def test_rows_of_a_table_stay_whole(tokenizer):
    """A line that fits in a chunk is never cut."""
    rows = [f"Net sales of segment {n}   {n * 1111:,}   {n * 2222:,}   {n}.{n}%" for n in range(1, 80)]
    chunks = chunks_of(document("\n".join(rows)), tokenizer)
    assert len(chunks) > 5
    for piece in chunks:
        assert set(piece.text.split("\n")) <= set(rows)


def test_neighbouring_chunks_overlap(tokenizer):
    """A chunk begins with the last lines of the one before, up to the overlap."""
    text = "\n".join(f"Sentence number {n} says something else." for n in range(200))
    chunks = chunks_of(document(text), tokenizer)
    for before, after in zip(chunks, chunks[1:], strict=False):
        shared = text[after.start : before.end]
        assert 0 < len(tokenizer.encode(shared, add_special_tokens=False).ids) <= 25


def test_a_long_line_is_cut_at_its_sentences(tokenizer):
    """A paragraph on one line breaks where a sentence ends."""
    text = " ".join(f"This is the sentence with the number {n} of a long paragraph." for n in range(60))
    chunks = chunks_of(document(text), tokenizer)
    assert len(chunks) > 3
    assert all(piece.text.startswith("This is") and piece.text.endswith("paragraph.") for piece in chunks)


@pytest.mark.parametrize(
    "unit",
    [
        pytest.param("word1 ", id="words without a full stop"),
        pytest.param("x", id="one endless word"),
        pytest.param("日", id="no spaces at all"),
        pytest.param("\u200b", id="characters the model does not see"),
        pytest.param("One. ", id="very short sentences"),
    ],
)
def test_a_long_line_is_cut_in_linear_time(unit, tokenizer):
    """Ten times the text takes about ten times as long, and no chunk exceeds the limit."""
    took = []
    for length in (100_000, 1_000_000):
        doc = document(unit * (length // len(unit)))
        began = time.process_time()
        chunks = chunks_of(doc, tokenizer)
        took.append(time.process_time() - began)
        assert max(len(piece.text) for piece in chunks) <= 200 * CHARACTERS_PER_TOKEN + 200
    assert took[1] < 40 * took[0] + 1  # quadratic would be 100


def test_a_wide_gap_separates_chunks(tokenizer):
    """Two words a megabyte of white space apart are two chunks."""
    doc = document("first" + "\n" * 1_000_000 + "second")
    assert [piece.text for piece in chunks_of(doc, tokenizer)] == ["first", "second"]


@pytest.mark.parametrize("text", ["", " \n\t ", "\x0c"])
def test_an_empty_page_has_no_chunks(text, tokenizer):
    """A page of white space has no chunks."""
    assert chunks_of(document(text), tokenizer) == []


def test_the_same_document_has_the_same_chunks(tokenizer):
    """Chunk ids depend only on the document and on the position in it."""
    doc = document("One line.\nAnother.", "A second page.")
    assert chunks_of(doc, tokenizer) == chunks_of(doc, tokenizer)
    assert len({piece.id for piece in chunks_of(doc, tokenizer)}) == 2


@settings(max_examples=150, deadline=None)
@given(
    texts=st.lists(
        ANYTHING | st.text(st.sampled_from("a1,É́\u200b \t\n\r\x0b\x0c\x1c\x85\u2028\ufffd\0")), max_size=4
    )
)
def test_token_counts_equal_the_tokenizers(texts, tokenizer):
    """The count by words equals the tokenizer's count, for white space of every kind."""
    whole = tokenizer.encode_batch(texts, add_special_tokens=False)
    assert counts(texts, tokenizer) == [len(one.ids) for one in whole]


def test_a_truncating_tokenizer_is_refused(tokenizer):
    """A tokenizer that truncates would count every text as short enough."""
    import copy

    cutting = copy.deepcopy(tokenizer)
    cutting.enable_truncation(128)
    with pytest.raises(ValueError, match="no_truncation"):
        chunks_of(document("text"), cutting)


def test_header_names_file_section_and_page(tokenizer):
    """The header of a chunk names the company and the statement."""
    page = Page(
        number=7, text="Balance sheet\nCash 5\nLeases\nTotal 9", headings=(Heading(0, "Balance sheet"),)
    )
    doc = Document(sha256="0" * 64, name="3M_2018_10K.pdf", kind="pdf", pages=(page,))
    (piece,) = chunks_of(doc, tokenizer)
    assert piece.header.startswith("3M 2018 10K | Balance sheet")
    assert piece.header.endswith("page 7")
    assert piece.heading == "Balance sheet"
