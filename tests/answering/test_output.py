"""A model's words are shown without images, HTML or links that the passages do not name."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from docent.answering.citing.citations import cite
from docent.answering.output_filter import (
    ADDRESS,
    HAIR_SPACE,
    OutputFilter,
    addresses,
    break_links,
    clean,
    display_name,
    relink,
    unlink,
)
from tests.answering.build import passage

KNOWN = addresses(["Apply at https://jobs.example/apply?id=7 or see www.museum.example."])


LONG = "a" * 320


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
        pytest.param("[apply](https://jobs.example/apply?id=7)", "apply (https://\u200ajobs.example/apply?id=7)",
                     id="link that a passage names"),
        pytest.param("[apply](https://jobs.example/apply?id=7&q=secret)", "apply", id="link made longer"),
        pytest.param("See https://jobs.example/apply?id=7.", "See https://\u200ajobs.example/apply?id=7.",
                     id="address that a passage names"),
        pytest.param("See https://evil.example/x, now", "See (link removed), now", id="address"),
        pytest.param("See //evil.example/x and www.evil.example", "See (link removed) and (link removed)",
                     id="address without its scheme"),
        pytest.param("WWW.museum.EXAMPLE", "WWW\u200a.museum.EXAMPLE", id="host in capitals"),
        pytest.param("<https://evil.example>", "(link removed)", id="autolink"),
        pytest.param("ht<b></b>tp://evil.example", "ht  (link removed)", id="address around a tag"),
        pytest.param("&#104;ttp://evil.example", "(link removed)", id="address in entities"),
        pytest.param(r"http:\//evil.example", "(link removed)", id="address with escapes"),
        pytest.param('<img src="http://evil.example/?q=s">', " ", id="image tag"),
        pytest.param("<script>alert(1)</script>", " alert(1) ", id="script tag"),
        pytest.param("<a\nhref='http://evil.example'>x</a>", " x ", id="tag over two lines"),
        pytest.param("one<br>two", "one\ntwo", id="line break"),
        pytest.param("a <!-- secret --> b", "a < !-- secret --> b", id="comment"),
        pytest.param("<custom-tag onclick=x>", "< custom-tag onclick=x>", id="unknown tag"),
        pytest.param("True [1]. False [9]. Both [2, 9].", "True [1]. False . Both [2].", id="numbers"),
        pytest.param("Yes![1]", "Yes! [1]", id="number after an exclamation"),
        pytest.param("[1](http://evil.example)", "[1]", id="number as a link"),
        pytest.param("[1]: /logout", "[1] : /logout", id="number as a definition"),
        pytest.param("data:image/png;base64,AAAA", "(link removed)", id="data"),
        pytest.param("東京タワーは333mです。[1]", "東京タワーは333mです。[1]", id="no spaces"),
        pytest.param("](x)東", "] (x)東", id="no spaces behind a target"),
        pytest.param("<think>It says [1] <b></think>It is open [1].", "It is open [1].", id="thoughts"),
        pytest.param("a </think> b", "a < /think> b", id="end of no thought"),
        pytest.param("an array a[0] and [note", "an array a and [note", id="brackets"),
        pytest.param(f"[{LONG}](/logout)", f"[{LONG}] (/logout)", id="link with a long label"),
        pytest.param(f"[{LONG}]: /logout", f"[{LONG}] : /logout", id="long definition"),
        pytest.param("Write to thief@evil.example.", "Write to (link removed).", id="address of a mailbox"),
        pytest.param("thief&#64;evil.example", "(link removed)", id="mailbox in entities"),
        pytest.param("[x][^1]\n\n[^1]: //evil.example", "[x][^1]\n\n(^1) : (link removed)", id="footnote"),
        pytest.param("[x]: <//evil.example> 'a title'", "(x) : < (link removed)> 'a title'", id="definition"),
        pytest.param("> [x\n> ]: //e.example", "> (x\n> ) : (link removed)", id="quoted definition"),
        pytest.param("［x］（http://evil.example）", "［x］（(link removed)", id="wide brackets"),
        pytest.param("http：／／evil.example", "http：／／evil.example", id="wide signs lead nowhere"),
        pytest.param("[x]\u200b(http://e.example)", "[x]\u200b((link removed))", id="gap in a link"),
        pytest.param("h\u200bttp://evil.example", "h\u200b(link removed)", id="nothing inside a scheme"),
        pytest.param("http&colon;&sol;&sol;evil.example", "(link removed)", id="named entities"),
        pytest.param("&#104ttp://evil.example", "(link removed)", id="entity without its end"),
        pytest.param("| ![x](//evil.example/i) | <img src=//evil.example> |", "| x |   |", id="table"),
        pytest.param("```\n![x](http://evil.example)\n```", "```\nx\n```", id="code fence"),
        pytest.param("````\n```\n````\n![x](//e.example)", "````\n```\n````\nx", id="fence in a fence"),
        pytest.param("$\\href{//evil.example}{x}$", "$\\href{(link removed)", id="formula"),
        pytest.param("[a](b(c)(//evil.example))", "a", id="brackets in a target"),
        pytest.param("<svg/onload=alert(1)>", " ", id="tag with a slash"),
        pytest.param("<math><mi href='//e.example'>", " < mi href='(link removed)'>", id="tag in a tag"),
        pytest.param("<?php x ?> <![CDATA[x]]>", "< ?php x ?> < [CDATA[x]]>", id="other markup"),
        pytest.param("data:text/html,<b>x", "(link removed), x", id="page as data"),
        pytest.param("[<](x)img src=y onerror=z>", "< img src=y onerror=z>", id="tag out of a link's name"),
        pytest.param("[<](x)!-- hidden -->", "< !-- hidden -->", id="comment out of a link's name"),
        pytest.param("[!](x)[[[a]](x)](y)(/i.png)", "! [a] (/i.png)", id="image out of names of links"),
        pytest.param("[[1]](x)(/logout)", "[1] (/logout)", id="link out of a link's name"),
        pytest.param("[[x]](y): /logout", "[x] : /logout", id="definition out of a link's name"),
        pytest.param("[http:/](x)/evil.example", "http:/ /evil.example", id="address out of a link's name"),
        pytest.param("[http:/](x)[&](x)#47;evil.example", "http:/& #47;evil.example", id="and of an entity"),
        pytest.param("http:/[](x)/evil.example", "http:/ /evil.example", id="address around a link"),
        pytest.param("http:/[9]/evil.example", "http:/ /evil.example", id="address around a number"),
        pytest.param("a[](x)@evil.example", "a @evil.example", id="mailbox around a link"),
        pytest.param("www<think></think>.evil.example", "www .evil.example", id="address around a thought"),
    ],
)  # fmt: skip
def test_texts_are_shown_without_links_images_and_tags(text, expected):
    """Text stays; what could call elsewhere, or run, does not."""
    assert shown(text) == expected


PIECES = st.sampled_from(
    [
        "!", "[", "]", "(", ")", "<", ">", "/", ":", "\\", "&", "#", ";", "-", "--", "!--", " ", "\n", "\n\n",
        "1", "9", "http", "https://", "//", "www.", "<think>", "</think>",
        "evil.example", "jobs.example/apply?id=7", "@", "\u200a", "y" * 310, "img src=", "br",
        "b", "a", "javascript:", "data:image/", "&#104;", "word", "é", "東", "京", ".", ",", '"', "'",
        "=", "x" * 150,
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=40).map("".join)
HARMFUL = (
    "<img src=x>", "![a](http://evil.example/i)", "http://evil.example", "[1](/logout)", "www.evil.example",
    "ada@evil.example", "http:&#47;&#47;evil.example",
)  # fmt: skip
HIDING = ("{}", "[{}](x)", "[{}]", "[[{}](x)](y)", "{}[](x)", "{}[9]", "{}<think></think>", "{}!")
TORN = st.tuples(
    st.sampled_from(HARMFUL), st.lists(st.tuples(st.integers(1, 9), st.sampled_from(HIDING)), max_size=8)
).map(lambda drawn: torn(*drawn))


def torn(text: str, cuts: list[tuple[int, str]]) -> str:
    """A text in pieces, each of which stands in something of which the filter leaves only the piece."""
    pieces = []
    for length, hiding in cuts:
        pieces.append(hiding.format(text[:length]))
        text = text[length:]
    return "".join([*pieces, text])


@given(text=TEXTS, cuts=st.lists(st.integers(0, 400), max_size=60))
@example(text="![x](http://evil.example/" + "y" * 990 + ")", cuts=list(range(0, 400, 3)))
@example(text="<" + "!-" * 200, cuts=list(range(400)))
def test_however_the_stream_is_cut_the_same_is_shown(text, cuts):
    """Tokens of any length give the text that the whole would have given."""
    edges = sorted({0, *(cut for cut in cuts if cut < len(text)), len(text)})
    stream = OutputFilter(passages=3, known=KNOWN)
    pieces = [stream.push(text[a:b]) for a, b in zip(edges, edges[1:], strict=False)]
    whole = OutputFilter(passages=3, known=KNOWN)
    assert "".join([*pieces, stream.close()]) == whole.push(text) + whole.close()
    assert stream.removed == whole.removed


@given(text=TEXTS)
@example(text="JavaScript:x mailto:a WWW.a.example a@b.example")
def test_every_address_is_looked_for(text):
    """The quick look whether a text names an address at all misses none."""
    assert bool(addresses([text])) == bool(ADDRESS.search(text))


@given(text=TEXTS | TORN)
def test_nothing_that_calls_elsewhere_is_left(text):
    """No image, no tag and no address but the known ones, whatever is written."""
    left = shown(text)
    assert not re.search(r"\][(:]", left)
    assert not re.search(r"!\[", left)
    assert not re.search(r"<(?:img|br|b|a)\b[^<>]*>", left)
    assert not re.search(r"(?:https?://|www\.)[\w.-]*\.example|[a-z0-9]@[\w-]+\.\w", left)
    whole = relink(left, KNOWN)
    hosts = re.findall(r"(?:https?://|www\.)([\w.-]*\.example[^\s]*)", whole)
    assert [host for host in hosts if not host.startswith("jobs.example/apply?id=7")] == []
    assert HAIR_SPACE not in relink(left.replace(HAIR_SPACE, ""), KNOWN)


@pytest.mark.parametrize(
    "address",
    [
        "https://jobs.example/apply?id=7",
        "www.museum.example",
        "https://ada@jobs.example/x",
        "ada@museum.example",
    ],
)
def test_an_address_is_no_link_until_the_answer_cites_it(address):
    """Unlinked, it is shown in full and is no address; linked again, it is what it was to the letter."""
    text = f"Apply at {unlink(address)}, soon."
    assert not addresses([text])
    assert text.replace(HAIR_SPACE, "") == f"Apply at {address}, soon."
    assert relink(text, addresses([address])) == f"Apply at {address}, soon."
    assert relink(text, frozenset()) == text
    assert (
        relink(f"https:/{HAIR_SPACE}/evil.example", addresses([address]))
        == f"https:/{HAIR_SPACE}/evil.example"
    )


def test_a_name_leads_nowhere():
    """A file's name is shown in full, without images, tags or links."""
    assert display_name("report (final) [2].pdf") == "report (final) [2].pdf"
    assert display_name("![x](http://e.example/i).pdf") == "x.pdf"
    assert display_name("see https://e.example/now.pdf") == f"see https://{HAIR_SPACE}e.example/now.pdf"
    assert display_name("<img src=//e.example>\n# a.pdf") == "# a.pdf"
    assert display_name("data:image/png,(www.e.example") == f"data:image/png,(www{HAIR_SPACE}.e.example"


def test_no_bracket_is_left_that_leads_anywhere():
    """Round brackets after a number are no link target of it."""
    assert break_links("True [1](/logout), [2]: /x") == "True [1] (/logout), [2] : /x"
    assert "](" not in shown(f"[x](/{LONG * 4})")


@given(
    text=st.lists(PIECES | st.sampled_from(["(source 1)", "【1】", "(/logout)", "It is open. "]), max_size=30)
)
def test_citing_opens_nothing_again(text):
    """Numbers are moved and added after the filter has read; no link comes of it."""
    cited = cite(clean("".join(text), passages=1, known=KNOWN), [passage()])
    assert not re.search(r"\][(:]", cited.text)
    assert not re.search(r"(?:https?://|www\.)[\w.-]*\.example|[a-z0-9]@[\w-]+\.\w", cited.text)
    assert clean(cited.text, passages=1, known=frozenset()) == cited.text


@pytest.mark.parametrize("mark", ["[1]", "(source 1)", "【1】", "[7]", "[1, 7]", "[^1]"])
@pytest.mark.parametrize(
    "text", ["http:/{}/evil.example/x", "http{}://evil.example", "a{}@evil.example", "www{}.evil.example"]
)
def test_a_number_inside_an_address_hides_nothing(text, mark):
    """Taking the number out may not put the address together."""
    answer = clean(f"Go to {text.format(mark)} today.", passages=1, known=frozenset())
    assert not ADDRESS.search(cite(answer, [passage()]).text)


def test_words_are_shown_as_they_end():
    """The reader does not wait: a word is shown with the space that ends it."""
    stream = OutputFilter(passages=3, known=KNOWN)
    assert [stream.push(text) for text in ("Hel", "lo ", "you [", "1", "]", ".")] == [
        "", "Hello ", "you ", "", "", "[1]",
    ]  # fmt: skip
    assert stream.close() == "."
