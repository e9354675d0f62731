"""The side panel shows the document's own words, with what was quoted in bold."""

from __future__ import annotations

import pytest

from docent.web.chat.side_panel import emphasised, escaped, tabled


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


WINE = "Wine: Barolo | Price: 48\nWine: Soave | Price: 21"


@pytest.mark.parametrize(
    ("text", "spans", "expected"),
    [
        pytest.param(
            WINE,
            [(6, 12)],
            "| Wine | Price |\n| --- | --- |\n| **Barolo** | 48 |\n| Soave | 21 |",
            id="a cell is marked",
        ),
        pytest.param(
            f"Our cellar\n{WINE}",
            [(36, 59)],
            "Our cellar\n\n| Wine | Price |\n| --- | --- |\n| Barolo | 48 |\n| **Soave** | **21** |",
            id="below a title, a row is marked",
        ),
        pytest.param(
            "A: 1 | B: 2\nA: 3 | C: 4",
            [],
            "| A | B | C |\n| --- | --- | --- |\n| 1 | 2 |  |\n| 3 |  | 4 |",
            id="empty cells keep their column",
        ),
        pytest.param("A: *1* | B: <b>", [], "| A | B |\n| --- | --- |\n| \\*1\\* | \\<b\\> |", id="escaped"),
        pytest.param("One. Two: three.", [], "", id="prose"),
        pytest.param(f"{WINE}\nProse stands below.", [], "", id="a table and prose"),
    ],
)
def test_tabled(text, spans, expected):
    """Rows that name their columns become a table; whatever else there is stays text."""
    assert tabled(text, spans) == expected
