"""Reading a whole document in as many parts as the model's window asks for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from docent.answering.generation import grouped

SPACE = 40


@given(st.lists(st.text(alphabet="ab \n", max_size=200), max_size=6))
def test_a_part_longer_than_the_window_is_cut_and_nothing_is_lost(parts):
    """Every group fits, however long a page is, and together they say every character in its order."""
    groups = list(grouped(parts, count=len, space=SPACE))
    assert all(len(group) <= SPACE for group in groups)
    assert "".join(groups).replace("\n", "") == "".join(parts).replace("\n", "")
