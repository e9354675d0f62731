"""What a model writes is shown without images, HTML or links that the passages do not name."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from docent.generating.output import Filter, addresses, clean

KNOWN = addresses(["Apply at https://jobs.example/apply?id=7 or see www.museum.example."])


def shown(text: str, *, passages: int = 3) -> str:
    return clean(text, passages=passages, known=KNOWN)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Plain words, 3 < 4 and a <b.", "Plain words, 3 < 4 and a < b.", id="plain"),
        pytest.param("A ![x](http://evil.example/?q=s) b", "A x b", id="image"),
        pytest.param("A ![x][y] b\n\n[y]: http://evil.example/", "A [x][y] b\n\n(y) : (link removed)",
                     id="image by reference"),
        pytest.param("[here](https://evil.example/a)", "here", id="link"),
        pytest.param("[here](/logout)", "here", id="link within this site"),
        pytest.param("[here](javascript:alert(1))", "here", id="script"),
        pytest.param("[a ![b](http://e.example/i)](http://e.example)", "a b", id="image in a link"),
        pytest.param("[apply](https://jobs.example/apply?id=7)", "apply (https://jobs.example/apply?id=7)",
                     id="link that a passage names"),
        pytest.param("[apply](https://jobs.example/apply?id=7&q=secret)", "apply", id="link made longer"),
        pytest.param("See https://jobs.example/apply?id=7.", "See https://jobs.example/apply?id=7.",
                     id="address that a passage names"),
        pytest.param("See https://evil.example/x, now", "See (link removed), now", id="address"),
        pytest.param("See //evil.example/x and www.evil.example", "See (link removed) and (link removed)",
                     id="address without its scheme"),
        pytest.param("WWW.museum.EXAMPLE", "WWW.museum.EXAMPLE", id="host in capitals"),
        pytest.param("<https://evil.example>", "(link removed)", id="autolink"),
        pytest.param("ht<b></b>tp://evil.example", "ht  (link removed)", id="address around a tag"),
        pytest.param("&#104;ttp://evil.example", "(link removed)", id="address in entities"),
        pytest.param(r"http:\//evil.example", "(link removed)", id="address with escapes"),
        pytest.param('<img src="http://evil.example/?q=s">', " ", id="image tag"),
        pytest.param("<script>alert(1)</script>", " alert(1) ", id="script tag"),
        pytest.param("<a\nhref='http://evil.example'>x</a>", " x ", id="tag over two lines"),
        pytest.param("one<br>two", "one\ntwo", id="line break"),
        pytest.param("a <!-- secret --> b", "a   b", id="comment"),
        pytest.param("<custom-tag onclick=x>", "< custom-tag onclick=x>", id="unknown tag"),
        pytest.param("True [1]. False [9]. Both [2, 9].", "True [1]. False . Both [2].", id="numbers"),
        pytest.param("Yes![1]", "Yes! [1]", id="number after an exclamation"),
        pytest.param("[1](http://evil.example)", "[1]", id="number as a link"),
        pytest.param("[1]: /logout", "[1] : /logout", id="number as a definition"),
        pytest.param("data:image/png;base64,AAAA", "(link removed)", id="data"),
        pytest.param("東京タワーは333mです。[1]", "東京タワーは333mです。[1]", id="no spaces"),
        pytest.param("<think>It says [1] <b></think>It is open [1].", "It is open [1].", id="thoughts"),
        pytest.param("a </think> b", "a < /think> b", id="end of no thought"),
        pytest.param("an array a[0] and [note", "an array a and [note", id="brackets"),
    ],
)  # fmt: skip
def test_what_is_shown(text, expected):
    """Text stays; what could call elsewhere, or run, does not."""
    assert shown(text) == expected


PIECES = st.sampled_from(
    [
        "!", "[", "]", "(", ")", "<", ">", "/", ":", "\\", "&", "#", ";", "-", "--", "!--", " ", "\n", "\n\n",
        "1", "9", "http", "https://", "//", "www.", "<think>", "</think>",
        "evil.example", "jobs.example/apply?id=7", "img src=", "br",
        "b", "a", "javascript:", "data:image/", "&#104;", "word", "é", "東", "京", ".", ",", '"', "'",
        "=", "x" * 150,
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=40).map("".join)


@given(text=TEXTS, cuts=st.lists(st.integers(0, 400), max_size=60))
@example(text="![x](http://evil.example/" + "y" * 990 + ")", cuts=list(range(0, 400, 3)))
@example(text="<" + "!-" * 200, cuts=list(range(400)))
def test_however_the_stream_is_cut_the_same_is_shown(text, cuts):
    """Tokens of any length give the text that the whole would have given."""
    edges = sorted({0, *(cut for cut in cuts if cut < len(text)), len(text)})
    stream = Filter(passages=3, known=KNOWN)
    pieces = [stream.push(text[a:b]) for a, b in zip(edges, edges[1:], strict=False)]
    whole = Filter(passages=3, known=KNOWN)
    assert "".join([*pieces, stream.close()]) == whole.push(text) + whole.close()
    assert stream.removed == whole.removed


@given(text=TEXTS)
def test_nothing_that_calls_elsewhere_is_left(text):
    """No image, no tag and no address but the known ones, whatever is written."""
    left = shown(text)
    assert not re.search(r"!\[[^\]]*\]\(", left)
    assert not re.search(r"<(?:img|br|b|a)\b[^<>]*>", left)
    hosts = re.findall(r"(?:https?://|www\.)([\w.-]*\.example[^\s]*)", left)
    assert [host for host in hosts if not host.startswith("jobs.example/apply?id=7")] == []


def test_words_are_let_go_as_they_end():
    """The reader does not wait: a word is shown with the space that ends it."""
    stream = Filter(passages=3, known=KNOWN)
    assert [stream.push(text) for text in ("Hel", "lo ", "you [", "1", "]", ".")] == [
        "", "Hello ", "you ", "", "", "[1]",
    ]  # fmt: skip
    assert stream.close() == "."
