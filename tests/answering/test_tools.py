"""Tools: where the settings allow them, the model may search again, open pages, list and calculate."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import replace

import pytest

from docent.answering.answer_context import passage_of
from docent.answering.prompt.token_budget import LearningCounter, counter_for
from docent.answering.tools.toolbox import calculate
from docent.errors import InputError
from docent.types import Scope, StepProgress, Token
from tests.answering.build import FOUND, LIMITS, answer_of, events, notices, passage, stored
from tests.answering.test_clients import mirror, native

pytestmark = pytest.mark.filterwarnings("ignore:legacy embedding function config:DeprecationWarning")
WITH_TOOLS = replace(LIMITS, tool_steps=3)
OTHER = "The archive is in the cellar.\fThe archive closes at noon and has 120 boxes."


@pytest.fixture
def store(tmp_path):
    store = stored(
        tmp_path / "storage", {"rules/archive.txt": OTHER, "private/pay.txt": "Ada earns 83250 euro."}
    )
    yield store
    store.close()


def call(name: str, **arguments: object) -> dict[str, object]:
    return {"tool_calls": [{"name": name, "arguments": arguments}], "reply": ""}


BOTH = pytest.mark.parametrize(
    "client", [pytest.param(native, id="ollama"), pytest.param(mirror, id="openai")]
)


@BOTH
async def test_a_page_is_opened_and_cited(client, store, ollama):
    """Passages of a tool are numbered on, quoted and cited from their page, and the step is shown."""
    ollama.script(call("open_page", document="archive.txt", page=2), "The archive has 120 boxes [3].")
    found = await events("How many boxes?", client(ollama.url), store=store, limits=WITH_TOOLS)
    result = answer_of(found)
    assert [(one.file, one.page, one.quote) for one in result.citations] == [
        ("archive.txt", 2, "The archive closes at noon and has 120 boxes.")
    ]
    assert result.citations[0].chunk_id in {one.chunk_id for one in result.passages}
    assert len(result.receipt.sent) == 3
    assert any(
        isinstance(event, StepProgress) and event.what == "Opened: archive.txt, p. 2" for event in found
    )


async def test_the_rest_of_a_page_is_read(tmp_path, ollama):
    """A page of which the first piece was shown already is opened all the same; that piece is left out."""
    text = " ".join(f"Shelf {n} holds {n} boxes of letters." for n in range(1, 40))
    with closing(stored(tmp_path / "storage", {"rules/archive.txt": text})) as store:
        [document] = store.documents(Scope())
        first = store.chunks_of(document.id, Scope())[0]
        ollama.script(
            call("open_page", document="archive.txt", page=1), "Shelf 39 holds 39 boxes of letters [2]."
        )
        found = await events("What does shelf 39 hold?", native(ollama.url), store=store, limits=WITH_TOOLS,
                             retrieve=lambda question, scope: [passage_of(document, first)])  # fmt: skip
    result = answer_of(found)
    assert [(one.n, one.quote) for one in result.citations] == [(1, "Shelf 39 holds 39 boxes of letters.")]
    assert len(set(result.receipt.sent)) == 2


async def test_searching_again(store, ollama):
    """A second search runs in the same scope as the first."""
    searched = []

    def retrieve(question, scope):
        searched.append((question, scope))
        return FOUND if len(searched) == 1 else [passage("The tower has 99 steps.", n=7, header="tower")]

    ollama.script(call("search", query="steps of the tower"), "It has 99 steps [3].")
    scope = Scope(libraries=("rules",))
    found = await events("How high is the tower?", native(ollama.url), store=store, limits=WITH_TOOLS,
                         retrieve=retrieve, scope=scope)  # fmt: skip
    assert searched[1] == ("steps of the tower", scope)
    assert answer_of(found).citations[0].quote == "The tower has 99 steps."


async def test_tools_see_no_other_library(store, ollama):
    """Another library's document can neither be opened nor listed."""
    ollama.script(call("open_page", document="pay.txt", page=1), call("list_documents"), "I cannot see it.")
    scope = Scope(libraries=("rules",))
    await events("What does Ada earn?", native(ollama.url), store=store, limits=WITH_TOOLS, scope=scope)
    told = [m["content"] for m in ollama.requests_to("/api/chat")[-1].body["messages"] if m["role"] == "tool"]
    assert told == ["Error: There is no document 'pay.txt'.", "rules/archive.txt, 2 pages"]


async def test_what_tools_brought_is_counted(tmp_path, ollama):
    """The server's count is held against everything that was sent: the next prompt is not cut for it."""
    text = " ".join(f"Shelf {n} holds {n} boxes of letters." for n in range(1, 120))
    counter = LearningCounter(counter_for("mistral"))
    with closing(stored(tmp_path / "storage", {"rules/archive.txt": text})) as store:
        ollama.script(
            call("open_page", document="archive.txt", page=1), "Shelf 9 holds 9 boxes of letters [3]."
        )
        found = await events("What does shelf 9 hold?", native(ollama.url), store=store, limits=WITH_TOOLS,
                             counter=counter)  # fmt: skip
    receipt = answer_of(found).receipt
    assert 1000 < receipt.tokens_counted <= receipt.tokens_budgeted
    assert counter.factor == 1.0


async def test_what_is_said_on_the_way_stands_apart(store, ollama):
    """What a model says before it uses a tool streams, no address comes of it and what follows, and it is
    no part of the answer."""
    looking = call("open_page", document="archive.txt", page=2) | {"reply": "See http:/"}
    ollama.script(looking, "/evil.example: the archive has 120 boxes [3].")
    found = await events("How many boxes?", native(ollama.url), store=store, limits=WITH_TOOLS)
    streamed = "".join(event.text for event in found if isinstance(event, Token))
    assert streamed == "See http:/\n\n/evil.example: the archive has 120 boxes [1]."
    assert answer_of(found).text.startswith("/evil.example: the archive")


async def test_a_loop_is_stopped(store, ollama):
    """The same call twice is told so; after the last step no tool is offered."""
    ollama.script(**call("calculate", expression="1 + 1"), sticky=True)
    found = await events("When?", native(ollama.url), store=store, limits=WITH_TOOLS)
    requests = ollama.requests_to("/api/chat")
    assert len(requests) == 4
    assert ["tools" in request.body for request in requests] == [True, True, True, False]
    told = [m["content"] for m in requests[-1].body["messages"] if m["role"] == "tool"]
    assert told[0] == "2"
    assert "already" in told[1]
    assert "no answer" in notices(found)


async def test_wrong_calls_are_told_to_the_model(store, ollama):
    """An unknown tool, wrong arguments and a page that is not there come back as sentences."""
    ollama.script(
        {"tool_calls": [
            {"name": "shell", "arguments": {"command": "ls"}},
            {"name": "open_page", "arguments": {"document": "archive.txt", "page": 9}},
            {"name": "calculate", "arguments": {"expression": "__import__('os')"}},
            {"name": "open_page", "arguments": {"document": "archive.txt", "page": math.inf}},
        ], "reply": ""},
        "Sorry.",
    )  # fmt: skip
    await events("When?", native(ollama.url), store=store, limits=WITH_TOOLS)
    told = [m["content"] for m in ollama.requests_to("/api/chat")[-1].body["messages"] if m["role"] == "tool"]
    assert "There is no tool 'shell'" in told[0]
    assert "no text on page 9" in told[1]
    assert "no arithmetic" in told[2]
    assert "'Infinity' is no page number" in told[3]


WINES = "Wine | Price\nBarolo | €42.50\nChablis | €28.00\nSoave ![x](http://evil.example/i) | €19.00"


@pytest.fixture
def cellar(tmp_path):
    store = stored(
        tmp_path / "storage", {"wine/cellar.csv": WINES, "wine/note.txt": OTHER, "private/pay.csv": WINES}
    )
    yield store
    store.close()


async def test_a_table_is_queried(cellar, ollama):
    """The model is told the columns, asks in SQL, and the reader sees the query and its rows."""
    sql = "SELECT count(*) AS wines, round(avg(price), 2) AS mean FROM cellar WHERE price < 40"
    ollama.script(
        call("query_table", document="cellar.csv", sql=""),
        call("query_table", document="cellar.csv", sql=sql),
        "There are 2 wines below 40 euro; they cost 23.5 euro on average.",
    )
    scope = Scope(libraries=("wine",))
    found = await events("What do cheap wines cost?", native(ollama.url), store=cellar, scope=scope,
                         limits=WITH_TOOLS)  # fmt: skip
    told = [m["content"] for m in ollama.requests_to("/api/chat")[-1].body["messages"] if m["role"] == "tool"]
    assert told[0] == "<rows>\nTables: cellar(wine TEXT, price REAL €), 3 rows\n</rows>"
    assert told[1] == "<rows>\nwines | mean\n2 | 23.5\n</rows>"
    result = answer_of(found)
    assert f"From the tables of cellar.csv:\n\n```sql\n{sql}\n```" in result.text
    assert result.text.endswith("| wines | mean |\n| --- | --- |\n| 2 | 23.5 |")
    assert result.receipt.steps[1] == f"Queried cellar.csv: {sql}"
    assert "23.5" not in result.receipt.doubtful
    assert result.receipt.unsupported == ()


async def test_a_table_is_data(cellar, ollama):
    """Neither what stands in its cells nor the query that a model writes is more than text on the page."""
    sql = "SELECT wine, '![q](http://evil.example/q) ```' AS x FROM cellar WHERE wine LIKE 'S%'"
    ollama.script(call("query_table", document="cellar.csv", sql=sql), "Soave.")
    found = await events("Which wine?", native(ollama.url), store=cellar, limits=WITH_TOOLS,
                         scope=Scope(libraries=("wine",)))  # fmt: skip
    text = answer_of(found).text
    for shown in (text, *(event.what for event in found if isinstance(event, StepProgress))):
        assert "](" not in shown
        assert "evil.example" not in shown.replace("/\u200aevil.example", "")
    assert text.count("```") == 2


async def test_another_librarys_table_is_not_there(cellar, ollama):
    """A table is opened through the reader's own store, and the tool is offered only where it can work."""
    ollama.script(call("query_table", document="pay.csv", sql="SELECT * FROM pay"), "I cannot see it.")
    scope = Scope(libraries=("wine",))
    await events("What?", native(ollama.url), store=cellar, limits=WITH_TOOLS, scope=scope)
    told = [m["content"] for m in ollama.requests_to("/api/chat")[-1].body["messages"] if m["role"] == "tool"]
    assert told == ["Error: There is no document 'pay.csv'."]
    ids = tuple(one.id for one in cellar.documents(scope) if one.name == "note.txt")
    await events("What?", native(ollama.url), store=cellar, limits=WITH_TOOLS, scope=Scope(documents=ids))
    offered = [tool["function"]["name"] for tool in ollama.requests_to("/api/chat")[-1].body["tools"]]
    assert "query_table" not in offered


async def test_what_was_calculated_is_not_doubted(store, ollama):
    """A figure that a tool worked out counts at the precision of the answer; another does not."""
    ollama.script(call("calculate", expression="120 / 7"), "That is 17.1 boxes a day, or 18.3 a night.")
    found = await events("How many a day?", native(ollama.url), store=store, limits=WITH_TOOLS)
    assert answer_of(found).receipt.steps == ("Calculated: 120 / 7 = 17.14285714",)
    assert answer_of(found).receipt.doubtful == ("18.3",)


async def test_an_overflow_before_any_tool_halves_the_passages(store, ollama):
    """A server that counts more than we did is asked again with less, and without tools."""
    ollama.script({"refuse": "overflow"}, "The museum opens at 9:30 [1].")
    found = await events("When does it open?", native(ollama.url), store=store, limits=WITH_TOOLS)
    receipt = answer_of(found).receipt
    assert receipt.sent == ("c1",)
    assert [(dropped.chunk_id, "too long" in dropped.why) for dropped in receipt.dropped] == [("c2", True)]
    assert ["tools" in request.body for request in ollama.requests_to("/api/chat")] == [True, False]


async def test_an_overflow_after_a_tool_leaves_out_what_it_found(store, ollama):
    """Tool results are left out first; the answer then comes from the passages as they were."""
    ollama.script(
        call("open_page", document="archive.txt", page=2), {"refuse": "overflow"}, "It opens at 9:30 [1]."
    )
    found = await events("When does it open?", native(ollama.url), store=store, limits=WITH_TOOLS)
    assert answer_of(found).receipt.sent == ("c1", "c2")
    assert answer_of(found).text == "It opens at 9:30 [1]."
    last = ollama.requests_to("/api/chat")[-1].body
    assert "tools" not in last
    assert [message["role"] for message in last["messages"]] == ["system", "user"]


async def test_an_overflow_that_stays_is_said(store, ollama):
    """After the last halving it is given up, with the reason."""
    ollama.script(refuse="overflow", sticky=True)
    found = await events("When does it open?", native(ollama.url), store=store, limits=WITH_TOOLS)
    assert "do not fit" in notices(found)
    assert len(ollama.requests_to("/api/chat")) == 2


async def test_off_by_default(store, ollama):
    """Without the setting, no tool is offered, and none is used."""
    ollama.script(call("list_documents"), "Never said.")
    await events("When?", native(ollama.url), store=store)
    assert ["tools" in request.body for request in ollama.requests_to("/api/chat")] == [False]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2 + 2 * 3", "8"),
        ("(1284.6 - 1196.1) / 1196.1 * 100", "7.399046902"),
        ("-3 ** 2", "-9"),
        ("2^10", "1024"),
        ("round(sum(1.5, 2, max(3, 4)), 1)", "7.5"),
        ("1e308 * 10", "not a finite number"),
    ],
)
def test_calculate(expression, value):
    """Arithmetic as it is written on paper."""
    assert calculate(expression) == value


@pytest.mark.parametrize(
    "expression",
    ["1/0", "9**9**9", "open('x')", "().__class__", "x", "True + 1", "[1]", "1 +", "1" * 400, "a.b()"],
)
def test_what_is_no_arithmetic_is_refused(expression):
    """Nothing is evaluated but numbers and operators, and nothing takes long."""
    with pytest.raises(InputError):
        calculate(expression)
