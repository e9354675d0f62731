"""Keys, libraries, rates and limits are enforced, and each refusal is a sentence in OpenAI's shape."""

from __future__ import annotations

import json
import socket
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import openai
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from starlette.testclient import TestClient

from docent.errors import InputError
from docent.types import Scope
from docent.web.accounts.api_keys import ApiKey, ApiKeys
from docent.web.accounts.key_rates import RateLimiter
from docent.web.api.access import AccessControl
from docent.web.api.application import build
from docent.web.api.chat_completions import StopSequenceCutter
from tests.web.api.conftest import Api, Server

pytestmark = [
    pytest.mark.filterwarnings("ignore:legacy embedding function config:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

ASK = {"model": "docent", "messages": [{"role": "user", "content": "When does the ferry leave?"}]}


def refusal(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"].endswith((".", "NAME"))
    return dict(error)


# --- keys ----------------------------------------------------------------------------------


def test_a_key_is_shown_once_and_stored_as_a_hash(tmp_path):
    """Neither the list nor the file holds the key."""
    keys = ApiKeys(tmp_path)
    secret = keys.add("editor", libraries=["cats"], expires="2099-01-31", rate=5)
    assert keys.find(secret) == ApiKey("editor", ("cats",), "2099-01-31", 5, keys.all()[0].added)
    assert secret.encode() not in (tmp_path / "keys.db").read_bytes()
    assert (tmp_path / "keys.db").stat().st_mode & 0o077 == 0
    keys.remove("editor")
    assert keys.find(secret) is None


@pytest.mark.parametrize(
    ("name", "expires", "sentence"),
    [
        pytest.param("", "", "cannot be a name", id="no name"),
        pytest.param("a\nb", "", "cannot be a name", id="two lines"),
        pytest.param("twice", "", "already", id="twice"),
        pytest.param("late", "tomorrow", "not a day", id="no day"),
    ],
)
def test_a_wrong_key_is_refused(tmp_path, name, expires, sentence):
    """The refusal names what is wrong and what to do."""
    keys = ApiKeys(tmp_path)
    keys.add("twice", libraries=[], expires="", rate=0)
    with pytest.raises(InputError, match=sentence):
        keys.add(name, libraries=[], expires=expires, rate=0)


def test_a_negative_rate_is_refused(tmp_path):
    """A negative rate would be no limit at all."""
    with pytest.raises(InputError, match="no pace"):
        ApiKeys(tmp_path).add("hurried", libraries=[], expires="", rate=-5)


def test_rate_limit():
    """A key may use its whole rate at once, then waits until its bucket has filled again."""
    now = 0.0
    pace = RateLimiter(clock=lambda: now)
    key = ApiKey("k", (), "", 6, "")
    assert [pace.seconds_to_wait(key) for _ in range(7)] == [0] * 6 + [10]
    now = 10.0
    assert [pace.seconds_to_wait(key) > 0 for _ in range(2)] == [False, True]


# --- who may ask -----------------------------------------------------------------------------


def test_unknown_expired_and_limited_keys(api: Api):
    """An unknown or expired key gets 401; one over its rate gets 429 with the time to wait."""
    assert refusal(api.http("docent-wrong").get("/v1/models"), 401)["code"] == "invalid_key"
    old = api.key(expires="2001-01-01")
    assert refusal(api.http(old).get("/v1/models"), 401)["code"] == "expired_key"
    with api.http(api.key(rate=2)) as limited:
        assert [limited.get("/v1/models").status_code for _ in range(2)] == [200, 200]
        refused = limited.get("/v1/models")
    assert refusal(refused, 429)["code"] == "rate_limited"
    assert 1 <= int(refused.headers["retry-after"]) <= 30


def test_the_client_package_raises_its_own_errors(api: Api):
    """The openai package raises a refusal as the error that its users catch."""
    with pytest.raises(openai.AuthenticationError, match="not known here"):
        api.client("docent-wrong").models.list()
    with pytest.raises(openai.NotFoundError, match="no such model"):
        api.client().chat.completions.create(model="gpt-9", messages=ASK["messages"])
    with pytest.raises(openai.UnprocessableEntityError, match="temperature"):
        api.client().chat.completions.create(model="docent", messages=ASK["messages"], temperature=9)


def test_a_key_is_needed_where_people_log_in(api: Api, tmp_path):
    """With a login, requests without a key get 401, except /health and /ready."""
    access = AccessControl(ApiKeys(tmp_path), keyless=lambda: False)
    closed = build(
        docent=lambda: api.docent, access=access, metrics=api.metrics, largest_upload=1, footnotes=False
    )
    server = Server(closed)
    try:
        with api.http() as client:
            client.base_url = server.url
            assert refusal(client.get("/v1/models"), 401)["code"] == "missing_key"
            assert refusal(client.get("/metrics"), 401)["code"] == "missing_key"
            assert client.get("/health").json() == {"status": "ok"}
            assert client.get("/ready").status_code == 200
    finally:
        server.stop()


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Origin": "http://evil.example"}, id="another origin"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, id="another site"),
    ],
)
def test_foreign_pages_need_a_key(api: Api, headers):
    """A page of another origin, open in a browser on this machine, is refused without a key."""
    assert refusal(api.http().post("/v1/search", json={"query": "x"}, headers=headers), 403)


# --- a key for one library learns nothing of another -------------------------------------------


def test_isolation(api: Api):
    """On every route, documents and libraries that a key may not use look as if they did not exist."""
    with api.http(api.key("cats")) as cats:
        assert refusal(cats.get("/metrics"), 403)["code"] == "whole_installation"
        assert [one["id"] for one in cats.get("/v1/models").json()["data"]] == ["docent", "library/cats"]
        files = cats.get("/v1/files").json()["data"]
        assert [file["filename"] for file in files] == ["cats.md"]
        found = cats.post("/v1/search", json={"query": "When does the ferry Aurora leave?"}).json()["data"]
        assert {passage["library"] for passage in found} <= {"cats"}
        answer = cats.post("/v1/chat/completions", json=ASK).json()
        assert "ships" not in str(answer) and "Aurora" not in str(answer)
        ships = next(one.id for one in api.docent.store.documents(_all()) if one.library == "ships")
        for theirs, method, path, body in [
            ("ships", "GET", "/v1/models/library/{}", None),
            ("captain", "GET", "/v1/models/persona/{}", None),
            (ships, "GET", "/v1/files/file-{}", None),
            (ships, "DELETE", "/v1/files/file-{}", None),
            ("ships", "POST", "/v1/search", {"query": "ferry", "library": "{}"}),
            (ships, "POST", "/v1/search", {"query": "ferry", "file": "{}"}),
            ("ships", "POST", "/v1/chat/completions", {**ASK, "model": "library/{}"}),
        ]:
            texts = []
            for name in (theirs, "nothing-of-the-kind"):
                filled = json.loads(json.dumps(body).replace("{}", name))
                response = cats.request(method, path.format(name), json=filled)
                texts.append((response.status_code, response.text))
            assert texts[0] == texts[1] and texts[0][0] == 404, (path, texts)


def _all() -> Any:
    from docent.types import Scope

    return Scope()


def test_a_key_uploads_to_its_own_library_only(api: Api):
    """For another library the upload is answered with 404."""
    with api.http(api.key("cats")) as cats:
        there = {"file": ("x.md", b"# X\n\nA text of some words.\n")}
        assert refusal(cats.post("/v1/files", files=there, data={"library": "ships"}), 404)
        made = cats.post("/v1/files", files=there).json()
        assert made["docent"]["library"] == "cats"
        assert cats.delete(f"/v1/files/{made['id']}").json()["deleted"]


def test_a_read_only_key(api: Api):
    """It may ask and search; changes are refused alike whether or not the file exists."""
    with api.http(api.key("ships", read_only=True)) as kiosk:
        assert kiosk.post("/v1/search", json={"query": "ferry"}).json()["data"]
        assert kiosk.post("/v1/chat/completions", json=ASK).status_code == 200
        files = kiosk.get("/v1/files").json()["data"]
        there = {"file": ("x.md", b"# X\n\nA text of some words.\n")}
        texts = [kiosk.post("/v1/files", files=there)]
        texts += [kiosk.delete(f"/v1/files/{name}") for name in (files[0]["id"], "file-nothing")]
        assert [refusal(one, 403)["code"] for one in texts] == ["read_only_key"] * 3
        assert kiosk.get("/v1/files").json()["data"] == files


def test_keys_of_an_older_release_are_migrated(tmp_path):
    """A table without the newest column gets it, and its keys stay valid."""
    with closing(sqlite3.connect(tmp_path / "keys.db")) as database, database:
        columns = "name TEXT PRIMARY KEY, hash TEXT, libraries TEXT, expires TEXT, rate INTEGER, added TEXT"
        database.execute(f"CREATE TABLE keys ({columns}) WITHOUT ROWID")
        database.execute("INSERT INTO keys VALUES ('old', 'x', '[\"cats\"]', '', 0, '2026-01-01')")
    keys = ApiKeys(tmp_path)
    keys.add("new", libraries=[], expires="", rate=0, read_only=True)
    assert [(key.name, key.read_only) for key in keys.all()] == [("new", True), ("old", False)]


# --- bounds -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        pytest.param("/v1/chat/completions", b"{", 422, id="no JSON"),
        pytest.param("/v1/chat/completions", b'{"model": "docent"}', 422, id="no messages"),
        pytest.param("/v1/search", b'{"query": ""}', 422, id="no question"),
        pytest.param("/v1/search", b'{"query": "x", "limit": 100000}', 422, id="too many"),
        pytest.param("/v1/embeddings", b'{"input": [[1, 2]]}', 422, id="tokens instead of texts"),
        pytest.param("/v1/search", b'{"query": "' + b"x" * 5_000_000 + b'"}', 413, id="5 MB of question"),
        pytest.param("/v1/nothing", b"{}", 404, id="no such route"),
        pytest.param("/health", b"{}", 400, id="a route that takes nothing"),
    ],
)
def test_bad_requests(api: Api, path, body, status):
    """Each malformed request is refused in the shape that clients read."""
    response = api.http().post(path, content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == (405 if path == "/health" else status), response.text
    error = response.json()["error"]
    assert error["message"] and ("not JSON" in error["message"]) == (body == b"{")


def test_a_file_over_the_limit_is_refused(api: Api):
    """The status is 413, also if the size was not declared, and nothing is stored."""
    big = b"x" * 300_000
    assert refusal(api.http().post("/v1/files", files={"file": ("big.txt", big)}), 413)

    def pieces():
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="big.txt"\r\n\r\n'
        yield from (big[at : at + 10_000] for at in range(0, len(big), 10_000))
        yield b"\r\n--b--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert refusal(api.http().post("/v1/files", content=pieces(), headers=headers), 413)


def test_an_empty_file_is_refused(api: Api):
    """The refusal says that the file is empty."""
    assert "empty" in refusal(api.http().post("/v1/files", files={"file": ("e.txt", b"")}), 400)["message"]


def test_an_unfinished_request_times_out(api: Api, monkeypatch):
    """A request whose body stops is answered with 408."""
    monkeypatch.setattr("docent.web.api.middleware.SECONDS_PER_PART", 0.3)
    host, port = api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as slow:
        slow.sendall(
            b"POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100\r\n\r\n{"
        )
        slow.settimeout(5)
        began = time.monotonic()
        assert b"408" in slow.recv(1000).splitlines()[0]
        assert time.monotonic() - began < 3


# --- state -------------------------------------------------------------------------------------


def test_state(api: Api):
    """/health, /ready with what is missing, and /metrics without any text of documents or questions."""
    with api.http() as client:
        assert client.get("/health").json() == {"status": "ok"}
        assert client.get("/ready").json() == {"status": "ready", "missing": []}
        client.post("/v1/chat/completions", json=ASK)
        text = client.get("/metrics").text
        assert 'docent_questions_total{end="answered",way="api"}' in text
        assert 'docent_documents{state="ready"}' in text
        assert "ferry" not in text and "Aurora" not in text
        page = client.get("/api-docs").text
        assert "/v1/chat/completions" in page and "<script" not in page and "https:" not in page
        assert "/v1/files" in client.get("/openapi.json").json()["paths"]


def test_the_description_needs_a_key_where_the_api_does(api: Api, tmp_path):
    """With a login, /openapi.json and /api-docs need a key; without one, they need none."""
    keys = ApiKeys(tmp_path)
    app = build(
        docent=lambda: api.docent,
        access=AccessControl(keys, keyless=lambda: False),
        metrics=api.metrics,
        largest_upload=1000,
        footnotes=False,
    )
    key = {"Authorization": f"Bearer {keys.add('reader', libraries=['cats'], expires='', rate=0)}"}
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    with TestClient(app) as locked, api.http() as keyless:
        for path in ("/openapi.json", "/api-docs"):
            refused = locked.get(path)
            assert refused.status_code == 401 and "A key is needed" in refused.json()["error"]["message"]
            assert locked.get(path, headers=key).status_code == 200
            assert keyless.get(path, headers=elsewhere).status_code == 200


def test_request_ids(api: Api):
    """A well-formed request id is returned; any other is replaced."""
    with api.http() as client:
        assert client.get("/health", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"] == "abc-1"
        assert len(client.get("/health", headers={"X-Request-ID": "a b"}).headers["x-request-id"]) == 32


def test_logs_hold_no_text(api: Api, caplog):
    """Each request has one log line, with neither question nor key."""
    import logging

    logging.getLogger("docent.requests").propagate = True
    key = api.key()
    with caplog.at_level(logging.INFO, logger="docent.requests"), api.http(key) as client:
        client.post("/v1/search", json={"query": "the secret ferry"})
        client.post("/v1/chat/completions", json=ASK, headers={"X-Request-ID": "the-ferry"})
    fields = [record.fields for record in caplog.records]
    question = next(one for one in fields if one.get("way") == "api")
    assert question["id"] == fields[-1]["id"] == "the-ferry" and question["seconds"]["total"] > 0
    fields = [one for one in fields if one["id"] != "the-ferry"]
    assert fields[-1]["route"] == "/v1/search" and fields[-1]["status"] == 200 and fields[-1]["ms"] > 0
    assert "ferry" not in str(fields) and key not in str(fields)


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_stop_word_is_found_however_the_stream_is_cut(cut):
    """The text ends before the stop sequence, however it is split into pieces."""
    text, cutter = "one two STOP three", StopSequenceCutter(("STOP", "nothing"))
    shown = "".join(cutter.add(text[at : at + cut]) for at in range(0, len(text), cut)) + cutter.finish()
    assert shown == "one two "


def test_the_rate_limit_holds_for_many_threads():
    """A key of ten requests a minute gets ten, however many threads use it."""
    pace, key = RateLimiter(clock=lambda: 0.0), ApiKey("k", (), "", 10, "")
    with ThreadPoolExecutor(16) as crowd:
        waits = list(crowd.map(lambda _: pace.seconds_to_wait(key), range(400)))
    assert waits.count(0.0) == 10


@pytest.mark.parametrize(
    ("theirs", "method", "path", "body"),
    [
        pytest.param("an id", "GET", "/v1/files/file-{}", None, id="a file"),
        pytest.param("an id", "DELETE", "/v1/files/file-{}", None, id="a file to delete"),
        pytest.param("ships.md", "POST", "/v1/search", {"query": "ferry", "file": "{}"}, id="a file's name"),
        pytest.param("ships", "POST", "/v1/search", {"query": "ferry", "library": "{}"}, id="a library"),
        pytest.param("ships", "POST", "/v1/chat/completions", {**ASK, "model": "library/{}"}, id="a model"),
    ],
)
def test_response_times_do_not_reveal_what_exists(api: Api, theirs, method, path, body):
    """Requests for another's document and for none take equally long, in most of eighty pairs."""
    if theirs == "an id":
        theirs = next(one.id for one in api.docent.store.documents(_all()) if one.library == "ships")
    nothing = "0" * len(theirs)
    slower = 0
    with api.http(api.key("cats")) as cats:

        def seconds(name: str) -> float:
            filled = json.loads(json.dumps(body).replace("{}", name))
            began = time.perf_counter()
            assert cats.request(method, path.format(name), json=filled).status_code == 404
            return time.perf_counter() - began

        for turn in range(80):
            took = {name: seconds(name) for name in ((theirs, nothing) if turn % 2 else (nothing, theirs))}
            slower += took[theirs] > took[nothing]
    assert 15 <= slower <= 65, slower  # by chance alone beyond this in one run of 10⁷


@pytest.mark.parametrize(
    "question",
    [
        pytest.param("library:ships When does the ferry leave?", id="by its library"),
        pytest.param("file:ships.md When does the ferry leave?", id="by its file"),
        pytest.param("Summarise ships.md", id="read whole"),
        pytest.param("list every document that mentions the ferry", id="listed"),
        pytest.param("What do you know?", id="what there is"),
        pytest.param("library:nothing-of-the-kind ferry", id="what does not exist"),
    ],
)
def test_a_question_cannot_reach_beyond_the_key(api: Api, question: str):
    """Neither query conditions nor answers from whole documents or lists show other libraries."""
    with api.http(api.key("cats")) as cats:
        body = {"model": "docent", "messages": [{"role": "user", "content": question}]}
        texts = cats.post("/v1/chat/completions", json=body).text
        texts += cats.post("/v1/search", json={"query": question}).text
        texts = texts.replace(json.dumps(question)[1:-1], "").replace(question, "")
        assert "Aurora" not in texts and "half past seven" not in texts
        assert "ships" not in texts.replace("library:ships", "").replace("file:ships.md", "")


def test_unexpected_errors_have_the_same_shape(api: Api, monkeypatch, capsys):
    """A bug is answered with 500 as JSON; the console shows its place but no text of a document."""
    monkeypatch.setattr("docent.web.api.document_routes.search", lambda *_: 1 / len(""))
    with api.http() as client:
        error = refusal(client.post("/v1/search", json={"query": "the secret ferry"}), 500)
    assert error["code"] == "mistake"
    limit, texts = time.monotonic() + 30, ""
    while "ZeroDivisionError" not in texts:  # printed after the answer
        assert time.monotonic() < limit
        time.sleep(0.01)
        texts += capsys.readouterr().err
    assert "division by zero" not in texts


def test_a_replica_that_is_behind_its_database_is_not_ready(api: Api, monkeypatch: pytest.MonkeyPatch):
    """Beyond DOCENT_MAX_LAG its load balancer asks another one; without a database there is no other one."""
    for database, status in (("", 200), ("postgresql://docent@127.0.0.1/docent", 503)):
        changed = {"max_lag": 1e-9, "database_url": SecretStr(database)}
        monkeypatch.setattr(api.docent, "settings", api.docent.settings.model_copy(update=changed))
        with api.http() as client:
            answer = client.get("/ready")
        assert answer.status_code == status
    assert "seconds behind the database" in refusal(answer, 503)["message"]


def test_requests_before_the_start_are_refused(api: Api):
    """While Docent starts or stops, requests get 503 with a sentence."""
    shut = build(
        docent=lambda: None, access=api.access, metrics=api.metrics, largest_upload=1, footnotes=False
    )
    server = Server(shut)
    try:
        with api.http() as client:
            client.base_url = server.url
            assert refusal(client.get("/ready"), 503)["code"] == "not_open"
            assert refusal(client.post("/v1/chat/completions", json=ASK), 503)
            assert client.get("/health").status_code == 200
    finally:
        server.stop()


def test_a_prometheus_server_can_read_the_metrics(api: Api):
    """Prometheus' own parser reads every metric, each with a description."""
    with api.http() as client:
        client.post("/v1/chat/completions", json=ASK)
        families = {one.name: one for one in text_string_to_metric_families(client.get("/metrics").text)}
    wanted = {"questions", "answer_seconds", "tokens", "http_requests", "errors", "queue", "ingest_pages"}
    assert {f"docent_{name}" for name in wanted} <= set(families)
    assert all(family.documentation for family in families.values())
    assert families["docent_queue"].samples[0].value == 0
    assert families["docent_ingest_pages"].samples[0].value >= 2


def test_whatever_follows_v1_is_answered_by_the_api(api: Api):
    """Any path below /v1/, also one with a line break, is answered by the API and not by the chat."""
    assert refusal(api.http().get("/v1/files/file-%0Ax"), 404)


# --- libraries of groups ---------------------------------------------------------------------


def test_a_closed_library_needs_a_key_that_names_it(api):
    """To any other key it does not exist: not to ask, search, list, hand in or delete."""
    docent = api.docent
    docent.store.groups.add("crew")
    docent.store.groups.grant("crew", "ships", "read")
    try:
        (ferry,) = docent.store.documents(Scope(libraries=("ships",)))
        outside, named = api.http(api.key()), api.http(api.key("ships"))
        body = {"query": "ferry Aurora", "library": "ships"}
        assert outside.post("/v1/search", json=body).status_code == 404
        found = outside.post("/v1/search", json={"query": "ferry Aurora"}).json()["data"]
        assert {passage["library"] for passage in found} <= {"cats"}
        assert [file["filename"] for file in outside.get("/v1/files").json()["data"]] == ["cats.md"]
        assert "docent/ships" not in outside.get("/v1/models").text
        sent = {"file": ("x.md", b"# X")}
        assert outside.post("/v1/files", files=sent, data={"library": "ships"}).status_code == 404
        assert outside.delete(f"/v1/files/file-{ferry.id}").status_code == 404
        assert named.post("/v1/search", json=body).json()["data"]
    finally:
        docent.store.groups.open_to_all("ships")
        docent.store.groups.remove("crew")
