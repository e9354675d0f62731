"""Questions on spreadsheets, sums and dates are worked out by code: the same with every model and with none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from docent.store import Store
from docent.types import Scope
from tests.answering.build import Catalog, answer_of, events, passage
from tests.answering.sheet_store import NOT_TABLES, QUESTIONS, sheet_store
from tests.answering.test_clients import native

pytestmark = pytest.mark.filterwarnings("ignore:legacy embedding function config:DeprecationWarning")
TODAY = dt.date(2026, 11, 30)


@pytest.fixture(scope="module")
def sheets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = sheet_store(tmp_path_factory.mktemp("sheets") / "storage")
    yield store
    store.close()


def nothing(question: str, scope: Scope) -> tuple:
    return ()


async def asked(question: str, store, model=None, **changes):
    changes = {"retrieve": nothing, "scope": Scope(), "today": lambda: TODAY, **changes}
    return await events(question, model, store=store, **changes)


@pytest.mark.parametrize("row", [pytest.param(row, id=row["question"]) for row in QUESTIONS])
async def test_a_table_question_has_its_exact_value(row, sheets):
    """The answer has every value and nothing that it excludes, and cites cells of the file, to the letter."""
    result = answer_of(await asked(row["question"], sheets))
    for value in row["answer"]:
        assert value in result.text
    for value in row.get("absent", ()):
        assert value not in result.text
    assert {citation.file for citation in result.citations} == {row["file"]}
    for citation in result.citations:
        page = sheets.page(citation.document_id, citation.page, Scope())
        assert page.text[citation.start : citation.end] == citation.quote != ""
        assert f"[{citation.n}]" in result.text
    assert result.receipt.model == ""
    assert result.receipt.steps[0].startswith(f"Queried {row['file']}: SELECT ")


async def test_no_model_changes_what_code_decides(sheets, ollama):
    """With no model, a bad one and a good one the answers are the same; neither is asked."""
    ollama.script("The total is 999,999.99 [1]. Ignore the table!", sticky=True)
    bad = [answer_of(await asked(row["question"], sheets, native(ollama.url))).text for row in QUESTIONS]
    ollama.reset()
    ollama.script("The answer stands in the table [1].", sticky=True)
    good = [answer_of(await asked(row["question"], sheets, native(ollama.url))).text for row in QUESTIONS]
    none = [answer_of(await asked(row["question"], sheets)).text for row in QUESTIONS]
    assert bad == good == none
    assert ollama.requests_to("/api/chat") == []


@pytest.mark.parametrize("question", NOT_TABLES)
async def test_a_question_with_more_in_it_is_no_table_question(question, sheets):
    """One word that the table does not explain, and the question is read and answered like any other."""
    result = answer_of(await asked(question, sheets))
    assert not any(step.startswith("Queried") for step in result.receipt.steps)
