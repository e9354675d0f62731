"""Uploaded files are bounded, returned to their sender alone, and never opened by a browser."""

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
from docent.web.chat import page_session, upload_routes

NOBODY = str(uuid.uuid4())


@pytest.fixture
def session(tmp_path, monkeypatch):
    """A page that ada has open."""
    open_page = SimpleNamespace(user=User(identifier="ada"), files={}, files_dir=tmp_path / "files")
    key = str(uuid.uuid4())
    monkeypatch.setattr(
        page_session.WebsocketSession, "get_by_id", lambda other: open_page if other == key else None
    )
    open_page.id = key
    return open_page


@pytest.fixture
def client():
    """The two routes, called by the `reader` named in the address."""

    def called_by_reader(route):
        async def answer(request):
            return await route(request, request.query_params.get("reader", "ada"))

        return answer

    app = Starlette(
        routes=[
            Route("/project/file", called_by_reader(upload_routes.receive_file), methods=["POST"]),
            Route("/project/file/{file_id}", called_by_reader(upload_routes.return_file)),
        ]
    )
    app.state.settings = Settings(max_file_mb=1, max_files=2)
    app.state.docent = None
    return TestClient(app)


def send(client, session_id, data=b"words", name="a.txt", kind="text/plain", **more):
    files = {"file": (name, data, kind)}
    return client.post("/project/file", params={"session_id": session_id, **more}, files=files)


def test_a_file_is_returned_as_a_download(client, session):
    """It is stored under a random name, and returned as a type that no browser runs."""
    name = "été ⛴️ <b>.html"
    key = send(client, session.id, b"<script>", name, "text/html").json()["id"]
    assert session.files[key]["name"] == name
    assert session.files[key]["path"].name == key
    response = client.get(f"/project/file/{key}", params={"session_id": session.id})
    assert response.content == b"<script>"
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in response.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("data", "status", "part"),
    [
        pytest.param(b"", 400, "empty", id="empty"),
        pytest.param(b"x" * 1_000_001, 413, "larger than 1 MB", id="a little too large"),
        pytest.param(b"x" * 3_000_000, 413, "larger than 1 MB", id="declared too large"),
    ],
)
def test_an_empty_or_too_large_file_is_refused(client, session, data, status, part):
    """The refusal is a sentence, and nothing is stored."""
    response = send(client, session.id, data)
    assert response.status_code == status
    assert part in response.json()["detail"]
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
def test_unreadable_types_are_refused_by_their_ending(client, session, name, status):
    """The refusal comes as soon as the name has arrived."""
    assert send(client, session.id, name=name).status_code == status


def test_a_body_of_undeclared_length_is_bounded(client, session):
    """It is counted while it is received, and refused once it is too long."""
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
def test_a_body_without_a_file_is_a_bad_request(client, session, content):
    """A body that is not a form, or a form without a file, is answered with 400."""
    headers = {"content-type": "multipart/form-data; boundary=x"}
    response = client.post(
        "/project/file", params={"session_id": session.id}, content=content, headers=headers
    )
    assert response.status_code == 400


def test_nobody_else_sends_or_fetches_files(client, session):
    """Another user and an unknown session get the same refusal."""
    key = send(client, session.id).json()["id"]
    assert send(client, session.id, reader="bob").status_code == 404
    assert send(client, NOBODY).status_code == 404
    for session_id, reader in ((session.id, "bob"), (NOBODY, "ada")):
        answer = client.get(f"/project/file/{key}", params={"session_id": session_id, "reader": reader})
        assert answer.status_code == 404
        assert b"words" not in answer.content


def test_files_without_a_message_are_dropped(client, session):
    """Of files that were attached and removed again, the oldest are deleted."""
    keys = [send(client, session.id).json()["id"] for _ in range(9)]
    assert list(session.files) == keys[-4:]
    assert {path.name for path in session.files_dir.iterdir()} == set(keys[-4:])


def test_a_full_disk_is_reported(client, session, monkeypatch):
    """The refusal is a sentence, and no partial file remains."""

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(upload_routes.shutil, "copyfileobj", full)
    response = send(client, session.id)
    assert response.status_code == 507
    assert "disk is full" in response.json()["detail"]
    assert not list(session.files_dir.iterdir())
