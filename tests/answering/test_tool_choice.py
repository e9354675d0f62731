"""Code chooses the tools of a question; models that cannot call them write them as text, or go without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from docent.answering.tools.tool_loop import action_of
from docent.store import Store
from docent.types import Scope, ToolCall
from tests.answering.build import FOUND, LIMITS, answer_of, events, notices
from tests.answering.sheet_store import sheet_store
from tests.answering.test_clients import mirror, native
from tests.answering.test_tools import call

pytestmark = pytest.mark.filterwarnings("ignore:legacy embedding function config:DeprecationWarning")
AUTO = replace(LIMITS, tools="auto", tool_steps=3)
BEYOND_CODE = "Which wine has the most bottles and the lowest price?"
SQL = "SELECT wine, bottles, price FROM wine_list ORDER BY bottles DESC, price LIMIT 1"
ACTION = f'Action: query_table\nAction Input: {{"document": "wine-list.csv", "sql": "{SQL}"}}'
CALL = 'Action: calculate\nAction Input: {"expression": "1+1"}'
ANSWER = "The wine with the most bottles is Rioja Reserva: 120 bottles at 19.5 euro."


@pytest.fixture(scope="module")
def sheets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = sheet_store(tmp_path_factory.mktemp("sheets") / "storage")
    yield store
    store.close()


@pytest.fixture
def ollama(start_ollama):
    return start_ollama(models=("mistral", "gemma2:2b"))


@pytest.fixture
def no_tools(ollama):
    """A model whose template has no place for tools, as /api/show says."""
    return native(ollama.url, name="gemma2:2b")


async def asked(question: str, store: Store, model, **changes):
    changes = {"limits": AUTO, "scope": Scope(), "retrieve": lambda words, scope: FOUND, **changes}
    return await events(question, model, store=store, **changes)


def chats(ollama) -> list[dict]:
    return [request.body for request in ollama.requests_to("/api/chat")]


async def test_a_question_that_needs_no_tool_is_offered_none(sheets, ollama):
    """An ordinary question is sent as it always was, also where there are spreadsheets."""
    ollama.script("The museum opens at 9:30 [1].")
    result = answer_of(await asked("When does the museum open?", sheets, native(ollama.url)))
    assert [body.get("tools") for body in chats(ollama)] == [None]
    assert result.citations[0].quote.startswith("The museum opens at 9:30")


@pytest.mark.parametrize("client", [pytest.param(native, id="ollama"), pytest.param(mirror, id="openai")])
async def test_a_table_question_beyond_code_is_given_to_the_model_with_the_table(client, sheets, ollama):
    """The model has the tools that fit, queries the table, and its figures are those of the rows shown."""
    ollama.script(call("query_table", document="wine-list.csv", sql=SQL), ANSWER)
    result = answer_of(await asked(BEYOND_CODE, sheets, client(ollama.url)))
    offered = {tool["function"]["name"] for tool in ollama.requests[-1].body["tools"]}
    assert offered == {"query_table", "calculate"}
    assert ANSWER in result.text
    assert "| Rioja Reserva | 120 | 19.5 |" in result.text
    assert (result.receipt.unsupported, result.receipt.doubtful) == ((), ())


async def test_a_model_without_tool_calls_writes_them_as_text(sheets, ollama, no_tools):
    """The same question, the same rows: the call is read from text, and nothing of it is shown."""
    ollama.script(f"Thought: I need the table.\n{ACTION}\nObservation: 999 bottles", "Answer", ANSWER)
    found = await asked(BEYOND_CODE, sheets, no_tools)
    result = answer_of(found)
    assert "| Rioja Reserva | 120 | 19.5 |" in result.text
    assert result.text.startswith(ANSWER)
    assert result.receipt.steps == (f"Queried wine-list.csv: {SQL}",)
    assert (result.receipt.unsupported, result.receipt.doubtful) == ((), ())
    assert [body.get("tools") for body in chats(ollama)] == [None, None, None]
    assert "query_table" in chats(ollama)[0]["messages"][0]["content"]
    last = chats(ollama)[-1]["messages"]
    assert "120" in last[-1]["content"] and "999" not in str(last)
    assert "Action Input" not in last[0]["content"]


async def test_a_server_that_refuses_tools_is_asked_in_text(sheets, ollama):
    """A protocol has tools and its server none: the call is read from text, and the refusal is not shown."""
    ollama.script("Refused before it is said.", ACTION, "Answer", ANSWER)
    found = await asked(BEYOND_CODE, sheets, mirror(ollama.url, name="gemma2:2b"))
    assert answer_of(found).text.startswith(ANSWER)
    assert answer_of(found).receipt.steps == (f"Queried wine-list.csv: {SQL}",)
    assert notices(found) == ""


async def test_garbage_ends_the_steps_with_the_ordinary_answer(sheets, ollama, no_tools):
    """What is no call to the letter uses no tool; the answer is written and cited as ever."""
    ollama.script("Action: query_table(wine) ???", "The museum opens at 9:30 [1].")
    result = answer_of(await asked(BEYOND_CODE, sheets, no_tools))
    assert result.text == "The museum opens at 9:30 [1]."
    assert result.receipt.steps == ()
    assert len(chats(ollama)) == 2


async def test_a_repeated_call_ends_the_steps(sheets, ollama, no_tools):
    """A model that asks the same thing again has to answer with what it has."""
    ollama.script(ACTION, ACTION, ANSWER)
    result = answer_of(await asked(BEYOND_CODE, sheets, no_tools))
    assert result.receipt.steps == (f"Queried wine-list.csv: {SQL}", "asked again")
    assert result.text.startswith(ANSWER)


async def test_the_steps_are_bounded(sheets, ollama, no_tools):
    """After as many steps as the settings allow, the model has to answer."""
    actions = [ACTION.replace("LIMIT 1", f"LIMIT {n}") for n in range(1, 9)]
    ollama.script(*actions[:3], ANSWER)
    result = answer_of(await asked(BEYOND_CODE, sheets, no_tools))
    assert len(result.receipt.steps) == 3
    assert len(chats(ollama)) == 4


async def test_a_forbidden_query_is_told_to_the_model(sheets, ollama, no_tools):
    """A query that would do more than read is refused, in text form as well."""
    ollama.script(ACTION.replace(SQL, "ATTACH 'x' AS y"), "Answer", "I cannot say.")
    found = await asked(BEYOND_CODE, sheets, no_tools)
    assert "Only reading is allowed" in str(chats(ollama)[1]["messages"][-1])
    assert "not authorized" not in notices(found)


async def test_tools_are_not_found_out_of_scope(sheets, ollama, no_tools):
    """A table in no library of the reader is neither offered nor named."""
    ollama.script("The museum opens at 9:30 [1].")
    await asked(BEYOND_CODE, sheets, no_tools, scope=Scope(libraries=("other",)))
    assert "wine-list" not in str(chats(ollama)) and "query_table" not in str(chats(ollama))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        pytest.param(CALL, True, id="a call"),
        pytest.param(f"Thought: hm\n{CALL}", True, id="a thought before"),
        pytest.param('Action: shell\nAction Input: {"command": "ls"}', False, id="an unknown tool"),
        pytest.param("Action: calculate\nAction Input: 1+1", False, id="no JSON"),
        pytest.param('Action: calculate\nAction Input: {"expression": }', False, id="broken JSON"),
        pytest.param('Action: calculate\nAction Input: ["1"]', False, id="a list"),
        pytest.param(f"Sure! {CALL}", False, id="chat before it"),
        pytest.param("Answer", False, id="ready to answer"),
        pytest.param("The museum opens at 9:30.", False, id="an answer"),
        pytest.param("", False, id="nothing"),
    ],
)  # fmt: skip
def test_a_call_as_text_is_read_to_the_letter(written, read):
    """A call has a known tool and one JSON object, and nothing else around it."""
    found = action_of(written, {"calculate"})
    assert (found is not None) == read
    assert found is None or found == ToolCall("calculate", found.arguments)
