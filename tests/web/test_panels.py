"""The side panel shows the document's own words, with what was quoted in bold."""

from __future__ import annotations

import pytest

from docent.web.panels import emphasised, escaped


@pytest.mark.parametrize(
    ("text", "spans", "expected"),
    [
        pytest.param("one two three", [(4, 7)], "one **two** three", id="one quote"),
        pytest.param("one two three", [(0, 3), (8, 13)], "**one** two **three**", id="two quotes"),
        pytest.param("one two three", [(0, 7), (4, 13)], "**one two** **three**", id="overlapping"),
        pytest.param("one", [(0, 99)], "**one**", id="beyond the passage"),
        pytest.param("one\ntwo", [(0, 7)], "**one**\n**two**", id="across lines"),
        pytest.param("a b ", [(0, 4)], "**a b** ", id="trailing space stays outside"),
        pytest.param("one", [], "one", id="no quote"),
    ],
)
def test_emphasised(text, spans, expected):
    """Quoted characters are bold, every other character is shown as it is."""
    assert emphasised(text, spans) == expected


@pytest.mark.parametrize(
    "text",
    [
        "# Not a heading",
        "![x](http://elsewhere/x.png)",
        "<img src=x>",
        "[click](http://x)",
        "*a* `b` | c",
        "1. one",
    ],
)
def test_documents_are_shown_never_obeyed(text):
    """Nothing a document says becomes a heading, a link, an image or markup."""
    shown = escaped(text)
    assert shown.replace("\\", "") == text
    for sign in "![]()<>#`|*":
        assert all(shown[i - 1] == "\\" for i, character in enumerate(shown) if character == sign)
