"""Questions are read as people write them."""

from __future__ import annotations

import json

import pytest

from docent.errors import InputError
from docent.evaluating import Question, read_questions


@pytest.mark.parametrize(
    ("row", "pages"),
    [
        pytest.param({"pages": [3]}, (3,), id="a list"),
        pytest.param({"pages": [3, 4, 3]}, (3, 4), id="a page twice"),
        pytest.param({"page": 3}, (3,), id="one page"),
        pytest.param({"page": "3"}, (3,), id="as text"),
        pytest.param({"pages": "3, 5-7"}, (3, 5, 6, 7), id="ranges"),
        pytest.param({"pages": ["p. 3", "4"]}, (3, 4), id="with a p."),
    ],
)
def test_shapes_of_pages(row, pages, tmp_path):
    """However a page is written, it is the page counted from 1."""
    assert read(tmp_path, {"question": "Q?", "file": "a.pdf", **row}) == [Question("Q?", "a.pdf", pages)]


@pytest.mark.parametrize("key", ["file", "document", "doc", "filename", "doc_name"])
def test_names_of_the_file(key, tmp_path):
    """The file is found under the names that people give it."""
    assert read(tmp_path, {"question": "Q?", key: "a.pdf", "page": 1})[0].file == "a.pdf"


@pytest.mark.parametrize(
    "row", [{"answerable": False}, {"is_impossible": True}, {"answerable": False, "file": ""}]
)
def test_unanswerable(row, tmp_path):
    """A question that nothing answers needs no file and no page."""
    assert read(tmp_path, {"question": "Q?", **row}) == [Question("Q?", "", (), answerable=False)]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        pytest.param("{", "Expecting", id="no JSON"),
        pytest.param("[1]", "not a JSON object", id="no object"),
        pytest.param('{"file": "a", "page": 1}', "question is missing", id="no question"),
        pytest.param('{"question": "Q?", "page": 1}', "file is missing", id="no file"),
        pytest.param('{"question": "Q?", "file": "a"}', "pages is missing", id="no page"),
        pytest.param('{"question": "Q?", "file": "a", "pages": []}', "at least one page", id="empty pages"),
        pytest.param('{"question": "Q?", "file": "a", "page": 0}', "counted from 1", id="page 0"),
        pytest.param('{"question": "Q?", "file": "a", "page": "iv"}', "'iv' is not a page", id="a label"),
    ],
)
def test_refusals(line, why, tmp_path):
    """A line that is no question is named, with what is wrong and what a line looks like."""
    path = tmp_path / "q.jsonl"
    path.write_text('{"question": "Q?", "file": "a", "page": 1}\n' + line + "\n")
    with pytest.raises(InputError, match=r"q\.jsonl, line 2: not a question") as caught:
        read_questions(path)
    assert why in str(caught.value)


def read(folder, *rows):
    path = folder / "questions.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n", encoding="utf-8-sig")
    return read_questions(path)


def test_a_file_that_is_no_list_of_questions(tmp_path):
    """A file that is missing, or is no text, is refused by its name."""
    with pytest.raises(InputError, match="nowhere.jsonl cannot be read"):
        read_questions(tmp_path / "nowhere.jsonl")
    path = tmp_path / "picture.jsonl"
    path.write_bytes(b"\x89PNG\xff")
    with pytest.raises(InputError, match="picture.jsonl is not text in UTF-8"):
        read_questions(path)
