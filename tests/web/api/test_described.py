"""The API answers as /openapi.json describes, and never with a 5xx."""

from __future__ import annotations

import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from docent.types import Scope
from tests.web.api.conftest import Api

pytestmark = [
    pytest.mark.filterwarnings("ignore:legacy embedding function config:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

EXAMPLES = int(os.environ.get("DOCENT_TEST_EXAMPLES", "8"))
"""Of each operation and kind; hundreds find more, and take as many times longer."""
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.unsupported_method,
]
OPERATIONS = [
    ("GET", "/health"),
    ("GET", "/ready"),
    ("GET", "/metrics"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/{name}"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/search"),
    ("POST", "/v1/embeddings"),
    ("POST", "/v1/files"),
    ("GET", "/v1/files"),
    ("GET", "/v1/files/{file}"),
    ("DELETE", "/v1/files/{file}"),
]


def _asks_something(case: Any, served: Api) -> None:
    case.body["model"] = "docent"
    case.body["messages"].append({"role": "user", "content": "Where does the grey cat sleep?"})


def _asks_everywhere(case: Any, served: Api) -> None:
    case.body.pop("library", None)
    case.body.pop("file", None)


def _asks_briefly(case: Any, served: Api) -> None:
    case.body.pop("dimensions", None)


def _names_a_model(case: Any, served: Api) -> None:
    case.path_parameters["name"] = "library/cats"


def _names_a_file(case: Any, served: Api) -> None:
    case.path_parameters["file"] = "file-" + served.docent.store.documents(Scope())[0].id


def _hands_in(case: Any, served: Api) -> None:
    case.body.pop("library", None)


HITS = {
    ("POST", "/v1/chat/completions"): _asks_something,
    ("POST", "/v1/search"): _asks_everywhere,
    ("POST", "/v1/embeddings"): _asks_briefly,
    ("POST", "/v1/files"): _hands_in,
    ("GET", "/v1/models/{name}"): _names_a_model,
    ("GET", "/v1/files/{file}"): _names_a_file,
}
"""What no generator would guess, so that answers too are compared with their description."""


@pytest.fixture(scope="module")
def description(served: Api) -> Any:
    return schemathesis.openapi.from_url(f"{served.url}/openapi.json")


def test_every_operation_is_tried(description: Any):
    """This file has a request for every operation of the description."""
    described = {(one.ok().method.upper(), one.ok().path) for one in description.get_all_operations()}
    assert described == set(OPERATIONS)


def test_what_a_client_needs_is_described(api: Api):
    """The key, the shape of refusals and the fields of an answer are described."""
    description = api.http().get("/openapi.json").json()
    parts = description["components"]
    assert parts["securitySchemes"]["key"]["scheme"] == "bearer"
    chat = description["paths"]["/v1/chat/completions"]["post"]
    assert chat["security"] == [{"key": []}]
    assert set(chat["responses"]["200"]["content"]) == {"application/json", "text/event-stream"}
    for status in ("400", "401", "403", "404", "413", "422", "429", "503"):
        assert chat["responses"][status]["content"]["application/json"]["schema"]["$ref"].endswith(
            "/ErrorResponse"
        )
    assert "unsupported" in parts["schemas"]["Receipt"]["properties"]


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=[" ".join(one) for one in OPERATIONS])
def test_conforms(served: Api, description: Any, method: str, path: str, mode: GenerationMode):
    """Allowed and forbidden requests get the responses that the description names."""
    if mode is GenerationMode.NEGATIVE and path in ("/health", "/ready"):
        return  # nothing can be wrong about a request that says nothing
    operation = description[path][method]
    seen: set[int] = set()

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=EXAMPLES <= 8,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def tried(case: Any) -> None:
        if mode is GenerationMode.POSITIVE and (method, path) in HITS:
            HITS[method, path](case, served)
        response = case.call()
        seen.add(response.status_code)
        case.validate_response(response, checks=CHECKS)

    tried()
    if mode is GenerationMode.POSITIVE and method != "DELETE":
        assert 200 in seen
