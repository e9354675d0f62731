"""The golden questions name real pages, and their answers stand on them."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "data"
SETS = sorted(Path(__file__).parent.glob("*.jsonl"))
KEYS = {"question", "library", "file", "pages", "answer", "answerable"}


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


LINES = [pytest.param(row, id=f"{path.stem}-{at}") for path in SETS for at, row in enumerate(rows(path), 1)]
ANSWERABLE = [line for line in LINES if line.values[0]["answerable"]]


@cache
def pages(library: str, file: str) -> tuple[str, ...]:
    """The text of each page, with every run of white space as one space."""
    path = DATA / library / file
    if path.suffix == ".pdf":
        texts = [page.get_textpage().get_text_bounded() for page in pypdfium2.PdfDocument(path)]
    else:
        texts = [path.read_text(encoding="utf-8")]
    return tuple(" ".join(text.split()) for text in texts)


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in SETS])
def test_size(path: Path):
    """A golden set asks at least thirty questions that have an answer and six that have none, each once."""
    questions = rows(path)
    assert sum(row["answerable"] for row in questions) >= 30
    assert sum(not row["answerable"] for row in questions) >= 6
    assert len({row["question"] for row in questions}) == len(questions)


def test_every_sample_is_asked_about():
    """No sample document is without a question."""
    asked = {(row["library"], row["file"]) for path in SETS for row in rows(path)}
    samples = {(file.parent.name, file.name) for path in SETS for file in (DATA / path.stem).iterdir()}
    assert samples - asked == set()


@pytest.mark.parametrize("row", LINES)
def test_well_formed(row: dict[str, Any]):
    """A line has every key; a question without an answer names no file and no page."""
    assert KEYS <= row.keys() <= KEYS | {"evidence"}
    assert row["question"] == row["question"].strip() != ""
    if row["answerable"]:
        assert row["answer"] and row["evidence"] and row["pages"]
    else:
        assert (row["file"], row["pages"]) == ("", [])


@pytest.mark.parametrize("row", ANSWERABLE)
def test_page_holds_the_answer(row: dict[str, Any]):
    """The pages named exist; the evidence stands on the first of them, the answer's figures on any."""
    texts = pages(row["library"], row["file"])
    assert all(1 <= number <= len(texts) for number in row["pages"])
    assert " ".join(row["evidence"].split()) in texts[row["pages"][0] - 1]
    named = " ".join(texts[number - 1] for number in row["pages"])
    for figure in re.findall(r"\d+(?:[.,:]\d+)*", row["answer"]):
        assert figure in named, f"{figure} stands on no page that is named"
