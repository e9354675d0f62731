"""The shared values name themselves as a reader would."""

from __future__ import annotations

import pytest

from docent.types import Page


@pytest.mark.parametrize(
    ("place", "start", "end", "said"),
    [
        pytest.param("lines 41–44", 0, 3, "line 41", id="the first line"),
        pytest.param("lines 41–44", 4, 11, "lines 42–43", id="some lines"),
        pytest.param("lines 41–44", 4, 8, "line 42", id="a line with its end"),
        pytest.param("lines 41–90", 4, 11, "lines 41–90", id="a page that left some of its lines out"),
        pytest.param("slide 3", 4, 11, "slide 3", id="no lines"),
        pytest.param("", 4, 11, "p. 7", id="paper"),
    ],
)
def test_a_span_of_a_file_of_lines_is_named_by_its_own_lines(place, start, end, said):
    """A citation from a page of lines names just its lines; any other place stays what it is."""
    assert Page(7, "one\ntwo\nthree\nfour\n", place=place).at(start, end) == said
