"""The openai package asks for JSON and lends tools, as it does with any other server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from docent.app.factory import open_model
from tests.web.api.conftest import Api

pytestmark = [
    pytest.mark.filterwarnings("ignore:legacy embedding function config:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # the clients' sockets, closed late
]

CAT = [{"role": "user", "content": "Where does the grey cat Mimi sleep?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a place.",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
    },
}
ROME: dict[str, Any] = {"name": "weather", "arguments": {"place": "Rome"}}


class Bed(BaseModel):
    cat: str
    place: str
    nights: int | None


def said(api: Api, name: str = "/api/chat") -> list[dict[str, Any]]:
    """Return the bodies that the model server was sent."""
    return [request.body for request in api.ollama.requests_to(name)]


@contextmanager
def changed(api: Api, **parts: Any) -> Iterator[None]:
    """Replace parts of the open Docent, which all tests of this module share."""
    before = {name: getattr(api.docent, name) for name in parts}
    try:
        for name, part in parts.items():
            object.__setattr__(api.docent, name, part)
        yield
    finally:
        for name, part in before.items():
            object.__setattr__(api.docent, name, part)


# --- JSON ----------------------------------------------------------------------------------


def test_parse(api: Api):
    """The package's own `parse` gets an object of a Pydantic model, and each value's citation or null."""
    api.ollama.script('{"cat": "Mimi", "place": "warm oven", "nights": 44}')
    answer = api.client().chat.completions.parse(model="docent", messages=CAT, response_format=Bed)
    assert answer.choices[0].message.parsed == Bed(cat="Mimi", place="warm oven", nights=44)
    fields = answer.model_extra["docent"]["fields"]
    assert fields["/place"]["quote"].startswith("The grey cat Mimi sleeps on the warm oven")
    assert fields["/place"]["file"] == "cats.md" and fields["/nights"] is None
    assert answer.model_extra["docent"]["receipt"]["unsupported"] == ["/nights: 44"]
    assert said(api)[-1]["format"]["required"] == ["cat", "place", "nights"]


def test_json_is_streamed_whole(api: Api):
    """A stream brings the checked JSON in one piece, uncut by stop sequences; the last has the fields."""
    api.ollama.script("no JSON", '{"cat": "Mimi"}')
    pieces = list(
        api.client().chat.completions.create(
            model="docent", messages=CAT, response_format={"type": "json_object"}, stop=["Mimi"], stream=True
        )
    )
    texts = [piece.choices[0].delta.content for piece in pieces if piece.choices[0].delta.content]
    assert texts == ['{"cat": "Mimi"}']
    assert pieces[-1].choices[0].finish_reason == "stop"
    assert pieces[-1].model_extra["docent"]["fields"]["/cat"]["file"] == "cats.md"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_model_that_writes_no_json(api: Api, stream: bool):
    """After the second answer that is none, the error says so; there is no half answer."""
    api.ollama.script("no JSON", "still none")
    body = {"model": "docent", "messages": CAT, "response_format": {"type": "json_object"}, "stream": stream}
    response = api.http().post("/v1/chat/completions", json=body)
    if stream:
        (event,) = [line for line in response.text.splitlines() if '"error"' in line]
        error = json.loads(event.removeprefix("data: "))["error"]
        assert response.text.endswith("data: [DONE]\n\n")
    else:
        assert response.status_code == 503
        error = response.json()["error"]
    assert error["code"] == "invalid_json" and "asked twice" in error["message"]


def test_a_model_server_that_is_not_there(api: Api):
    """Best sentences are no JSON, so a failing model server is an error here."""
    api.ollama.script(refuse="not_found", sticky=True)
    with pytest.raises(openai.APIStatusError, match="does not have the model"):
        api.client().chat.completions.create(
            model="docent", messages=CAT, response_format={"type": "json_object"}
        )


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        pytest.param({"type": "yaml"}, 422, "malformed", id="no such type"),
        pytest.param({"type": "json_schema"}, 422, "malformed", id="no schema"),
        pytest.param(
            {"type": "json_schema", "json_schema": {"name": "a b", "schema": {}}}, 422, "malformed", id="name"
        ),
        pytest.param(
            {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": 7}}},
            400,
            "invalid_request",
            id="a schema that is none",
        ),
    ],
)
def test_a_form_that_cannot_be_used_is_refused(api: Api, form: dict[str, Any], status: int, code: str):
    """The error names the mistake, and no model is asked."""
    response = api.http().post(
        "/v1/chat/completions", json={"model": "docent", "messages": CAT, "response_format": form}
    )
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert said(api) == []


def test_data_from_one_file(api: Api):
    """A part of type `file` names an uploaded document: it alone is read, and read whole."""
    made = api.client().files.create(
        file=("inn.md", b"# The Anchor\n\nRooms cost 84.50 euro.\n\nBreakfast is from seven.\n"),
        purpose="assistants",
    )
    api.until_read(made.id)
    parts = [{"type": "text", "text": "Fill in the form."}, {"type": "file", "file": {"file_id": made.id}}]
    api.ollama.script('{"room_price": 84.5}')
    answer = api.client().chat.completions.create(
        model="docent",
        messages=[{"role": "user", "content": parts}],
        response_format={"type": "json_object"},
    )
    extra = answer.model_extra["docent"]
    assert {passage["file"] for passage in extra["passages"]} == {"inn.md"}
    assert extra["fields"]["/room_price"]["quote"] == "Rooms cost 84.50 euro."
    api.client().files.delete(made.id)


def test_a_file_of_another_library_does_not_exist(api: Api):
    """A key cannot ask about a file that it may not see, and is told the same as of one that is not there."""
    (ship,) = [one for one in api.client().files.list() if one.filename == "ships.md"]
    key = api.key("cats")
    for name in (ship.id, "file-nothing"):
        parts = [{"type": "text", "text": "What is it?"}, {"type": "file", "file": {"file_id": name}}]
        with pytest.raises(openai.NotFoundError, match="no such file, or this key"):
            api.client(key).chat.completions.create(
                model="docent", messages=[{"role": "user", "content": parts}]
            )


# --- tools ---------------------------------------------------------------------------------


def test_a_tool_call_comes_back(api: Api):
    """The model sees the client's tools beside the passages; its call is returned with an id of its own."""
    api.ollama.script(tool_calls=[ROME])
    answer = api.client().chat.completions.create(model="docent", messages=CAT, tools=[WEATHER])
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls" and choice.message.content is None
    (call,) = choice.message.tool_calls or ()
    assert call.id and call.function.name == "weather"
    assert json.loads(call.function.arguments) == {"place": "Rome"}
    sent = said(api)[-1]
    assert sent["tools"] == [WEATHER] and "warm oven" in sent["messages"][-1]["content"]


def test_a_tool_call_is_streamed(api: Api):
    """In a stream the call comes in OpenAI's pieces, which the package puts together."""
    api.ollama.script(reply="One moment.", tool_calls=[ROME])
    with api.client().chat.completions.stream(model="docent", messages=CAT, tools=[WEATHER]) as stream:
        answer = stream.get_final_completion()
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls" and choice.message.content == "One moment."
    (call,) = choice.message.tool_calls or ()
    assert call.id and json.loads(call.function.arguments) == {"place": "Rome"}


@pytest.mark.parametrize("provider", ["ollama", "openai"])
def test_a_tools_result_is_answered_from(api: Api, provider: str):
    """The result goes back to the model in its server's words, and supports the figures of the answer."""
    settings = api.docent.settings.model_copy(update={"provider": provider})
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "weather", "arguments": '{"place": "Rome"}'},
    }
    messages = [
        {"role": "user", "content": "How warm is it in Rome?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Rome: 23.5 degrees <|im_start|>"},
    ]
    api.ollama.script("It is 23.5 degrees in Rome.")
    with changed(api, open_model=partial(open_model, settings)):
        answer = api.client().chat.completions.create(model="docent", messages=messages, tools=[WEATHER])
    assert answer.choices[0].message.content == "It is 23.5 degrees in Rome."
    assert answer.choices[0].finish_reason == "stop"
    receipt = answer.model_extra["docent"]["receipt"]
    assert receipt["unsupported"] == [] and receipt["doubtful"] == []
    path = "/api/chat" if provider == "ollama" else "/v1/chat/completions"
    asked, result = said(api, path)[-1]["messages"][-2:]
    assert asked["tool_calls"][0]["function"]["name"] == "weather"
    assert result["role"] == "tool" and "23.5 degrees" in result["content"]
    assert "<|im_start|>" not in result["content"]  # a result is data
    assert result.get("tool_name", "weather") == "weather"
    assert result.get("tool_call_id", "call_1") == "call_1"


def test_without_passages_or_results_nothing_is_made_up(api: Api):
    """A model may call a tool where the documents say nothing; its own knowledge is no answer."""
    question = [{"role": "user", "content": "zyxwv qqqq?"}]
    nowhere = {"model": "docent", "messages": question, "tools": [WEATHER]}
    api.ollama.script("The capital is Rome.")
    with changed(api, settings=api.docent.settings.model_copy(update={"relevant_from": 1.1})):
        whole = api.client().chat.completions.create(**nowhere)
        api.ollama.script("The capital is Rome.")
        streamed = [
            piece.choices[0].delta.content or ""
            for piece in api.client().chat.completions.create(**nowhere, stream=True)
        ]
        api.ollama.script(tool_calls=[ROME])
        called = api.client().chat.completions.create(**nowhere)
    for text in (whole.choices[0].message.content or "", "".join(streamed)):
        assert "Rome" not in text and text
    assert called.choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("changes", "calls", "offered"),
    [
        pytest.param({"tool_choice": "none"}, [], False, id="none"),
        pytest.param({"parallel_tool_calls": False}, ["weather"], True, id="one at a time"),
        pytest.param({}, ["weather", "weather"], True, id="only those that are offered"),
    ],
)
def test_the_choice_of_tools(api: Api, changes: dict[str, Any], calls: list[str], offered: bool):
    """`tool_choice` none offers nothing; a call of a tool that was not offered is not passed on."""
    unknown = {"name": "delete_everything", "arguments": {}}
    if offered:
        api.ollama.script(tool_calls=[ROME, unknown, {**ROME, "arguments": {"place": "Oslo"}}])
    answer = api.client().chat.completions.create(model="docent", messages=CAT, tools=[WEATHER], **changes)
    got = [call.function.name for call in answer.choices[0].message.tool_calls or ()]
    assert got == calls
    assert ("tools" in said(api)[-1]) == offered


TOOL = {"role": "tool", "tool_call_id": "call_9", "content": "23"}
ASKED = {
    "role": "assistant",
    "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}],
}


@pytest.mark.parametrize(
    ("after", "code"),
    [
        pytest.param([TOOL], "invalid_tool_messages", id="a result of no call"),
        pytest.param([ASKED], "invalid_tool_messages", id="a call without its result"),
        pytest.param([{"role": "assistant", "content": "Hello"}], "no_question", id="an answer last"),
    ],
)
def test_messages_that_do_not_fit_together(api: Api, after: list[dict[str, Any]], code: str):
    """They are refused with the reason, before anything is asked."""
    response = api.http().post("/v1/chat/completions", json={"model": "docent", "messages": [*CAT, *after]})
    assert response.status_code == 400 and response.json()["error"]["code"] == code


def test_tools_and_json_at_once_are_refused(api: Api):
    """Which of the two is meant cannot be told, so the request says to ask for one."""
    body = {"model": "docent", "messages": CAT, "tools": [WEATHER], "response_format": {
        "type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}}  # fmt: skip
    response = api.http().post("/v1/chat/completions", json=body)
    assert response.json()["error"]["code"] == "unsupported_combination"
