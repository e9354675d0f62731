"""Files that the page sends are bounded, kept for their sender alone, and never opened by a browser."""

from __future__ import annotations

import errno
import uuid
from types import SimpleNamespace

import pytest
from chainlit.user import User
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from docent.settings import Settings
from docent.web.chat import upload_routes

NOBODY = str(uuid.uuid4())


@pytest.fixture
def session(tmp_path, monkeypatch):
    """A page that ada has open."""
    there = SimpleNamespace(user=User(identifier="ada"), files={}, files_dir=tmp_path / "files")
    key = str(uuid.uuid4())
    monkeypatch.setattr(
        upload_routes.WebsocketSession, "get_by_id", lambda other: there if other == key else None
    )
    there.id = key
    return there


@pytest.fixture
def client():
    """The two routes, as `reader` in the address asks them."""

    def asked(route):
        async def answer(request):
            return await route(request, request.query_params.get("reader", "ada"))

        return answer

    app = Starlette(
        routes=[
            Route("/project/file", asked(upload_routes.receive), methods=["POST"]),
            Route("/project/file/{file_id}", asked(upload_routes.hand_back)),
        ]
    )
    app.state.settings = Settings(max_file_mb=1, max_files=2)
    app.state.docent = None
    return TestClient(app)


def send(client, session_id, data=b"words", name="a.txt", kind="text/plain", **more):
    files = {"file": (name, data, kind)}
    return client.post("/project/file", params={"session_id": session_id, **more}, files=files)


def test_a_file_is_kept_and_handed_back_as_an_attachment(client, session):
    """Under a name that nobody chose, and of no type that a browser would run."""
    name = "été ⛴️ <b>.html"
    kept = send(client, session.id, b"<script>", name, "text/html").json()["id"]
    assert session.files[kept]["name"] == name
    assert session.files[kept]["path"].name == kept
    response = client.get(f"/project/file/{kept}", params={"session_id": session.id})
    assert response.content == b"<script>"
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in response.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        pytest.param(b"", 400, "empty", id="nothing in it"),
        pytest.param(b"x" * 1_000_001, 413, "larger than 1 MB", id="a little too large"),
        pytest.param(b"x" * 3_000_000, 413, "larger than 1 MB", id="declared too large"),
    ],
)
def test_what_is_refused(client, session, data, status, words):
    """With a sentence, and nothing is kept."""
    response = send(client, session.id, data)
    assert response.status_code == status
    assert words in response.json()["detail"]
    assert not session.files
    assert not session.files_dir.exists() or not list(session.files_dir.iterdir())


@pytest.mark.parametrize(
    ("name", "status"),
    [
        pytest.param("film.MP4", 415, id="a film"),
        pytest.param("all.zip", 415, id="an archive"),
        pytest.param("zip", 200, id="no ending"),
        pytest.param("Makefile", 200, id="text without an ending"),
        pytest.param("report.pdf.exe", 415, id="two endings"),
    ],
)
def test_kinds_that_nobody_reads(client, session, name, status):
    """By their names, as soon as these have arrived."""
    assert send(client, session.id, name=name).status_code == status


def test_a_body_that_does_not_say_how_long_it_is(client, session):
    """It is counted while it is read, and refused when it is too much."""
    sent = []

    def body():
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        for n in range(100):
            sent.append(n)
            yield b"x" * 100_000
        yield b"\r\n--x--\r\n"

    headers = {"content-type": "multipart/form-data; boundary=x"}
    response = client.post(
        "/project/file", params={"session_id": session.id}, content=body(), headers=headers
    )
    assert response.status_code == 413
    assert not session.files


@pytest.mark.parametrize(
    "content",
    [pytest.param(b"no form", id="no form"), pytest.param(b"--x\r\n\r\n--x--", id="no file")],
)
def test_what_is_no_file(client, session, content):
    """A body that is not a form with a file is a bad request, never an error of ours."""
    headers = {"content-type": "multipart/form-data; boundary=x"}
    response = client.post(
        "/project/file", params={"session_id": session.id}, content=content, headers=headers
    )
    assert response.status_code == 400


def test_nobody_else_sends_or_fetches(client, session):
    """Another user, and a session that is not there, are told the same."""
    kept = send(client, session.id).json()["id"]
    assert send(client, session.id, reader="bob").status_code == 404
    assert send(client, NOBODY).status_code == 404
    for session_id, reader in ((session.id, "bob"), (NOBODY, "ada")):
        answer = client.get(f"/project/file/{kept}", params={"session_id": session_id, "reader": reader})
        assert answer.status_code == 404
        assert b"words" not in answer.content


def test_files_that_are_never_sent_make_room(client, session):
    """Attached and taken off again, the oldest are forgotten."""
    keys = [send(client, session.id).json()["id"] for _ in range(9)]
    assert list(session.files) == keys[-4:]
    assert {path.name for path in session.files_dir.iterdir()} == set(keys[-4:])


def test_a_full_disk_is_said(client, session, monkeypatch):
    """In a sentence; nothing half written stays."""

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(upload_routes.shutil, "copyfileobj", full)
    response = send(client, session.id)
    assert response.status_code == 507
    assert "disk is full" in response.json()["detail"]
    assert not list(session.files_dir.iterdir())
