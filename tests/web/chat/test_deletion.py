"""Deleted text is gone from every byte of storage/, and a deletion that failed is reported."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from chainlit.context import init_http_context, init_ws_context
from chainlit.user import User
from starlette.applications import Starlette

from docent import conversations
from docent.__main__ import main
from docent.app import Docent, open_docent
from docent.settings import Settings
from docent.store import UPLOADED, back_up, restore
from docent.types import Scope
from docent.web import page_routes
from docent.web.accounts.api_keys import ApiKeys
from docent.web.accounts.users import Users
from docent.web.api import application
from docent.web.api.access import AccessControl
from docent.web.chat.history import History
from docent.web.chat.history_database import MIGRATIONS
from docent.web.documents import page_access
from docent.web.documents import routes as documents
from docent.web.monitoring import Metrics
from tests.store.test_full_disk import fill
from tests.store.test_full_disk import small_disk as small_disk
from tests.web.chat.open_page import OpenPage
from tests.web.chat.test_history import conversation, step, user

OURS = {"sec-fetch-site": "same-origin"}
SECRET = "The heirloom violoncello slumbers beneath the creaking staircase."
OTHER = "The lighthouse keeper polishes his brass telescope on Sundays."


@pytest.fixture
def short_wait(monkeypatch) -> None:
    """Wait for a locked database for a moment only."""
    monkeypatch.setattr(conversations, "BUSY_SECONDS", 0.05)


@contextmanager
def locked(storage: Path) -> Iterator[None]:
    """Lock the conversations, as another program that writes to them does."""
    with closing(sqlite3.connect(storage / "history.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.rollback()


@contextmanager
def full(storage: Path) -> Iterator[None]:
    """Fill the disk."""
    fill(storage.parent, leaving=0)
    yield
    (storage.parent / "filler").unlink()


def files_with(storage: Path, text: str) -> list[str]:
    """Return the files of storage/ that contain a text."""
    files = (path for path in storage.rglob("*") if path.is_file() and path.name != "lock")
    return [str(path) for path in files if text.casefold().encode() in path.read_bytes().lower()]


def client(monkeypatch, **state: object) -> httpx.AsyncClient:
    """Return Ann's browser, on the routes as they are served."""

    async def reader(request) -> str:
        return "ann"

    monkeypatch.setattr(page_access, "reader_of", reader)
    monkeypatch.setattr(page_routes, "reader_of", reader)
    app = Starlette(routes=[*page_routes.routes(), *documents.routes()])
    app.state.authenticator = SimpleNamespace(is_admin=lambda name: True, required=True)
    for name, value in state.items():
        setattr(app.state, name, value)
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="http://docent.example", headers=OURS)


async def texts(history: History, thread: str) -> list[str]:
    return [row["output"] for row in (await history.get_thread(thread))["steps"]]


# --- deletions that fail -------------------------------------------------------------------


@pytest.mark.parametrize("obstacle", [locked, full])
async def test_a_conversation_that_could_not_be_deleted_stays(obstacle, small_disk, short_wait, monkeypatch):
    """The answer is an error with a sentence in the reader's language, and every message is still there."""
    history = History(small_disk / "storage")
    thread = await conversation(history, await user(history, "ann"), "one", "two")
    body = {"threadId": thread}
    async with client(monkeypatch, history=history, docent=None) as ann:
        with obstacle(small_disk / "storage"):
            response = await ann.request("DELETE", "/project/thread", json=body)
            in_french = await ann.request(
                "DELETE", "/project/thread", json=body, headers={"accept-language": "fr"}
            )
        assert response.status_code == in_french.status_code == 503
        sentence = response.json()["detail"]
        assert sentence.startswith("The conversations (history.db)")
        assert "Nothing of this was stored or deleted." in sentence
        assert in_french.json()["detail"].startswith("Les conversations (history.db)")
        assert await texts(history, thread) == ["one", "two"]
        assert (await ann.request("DELETE", "/project/thread", json=body)).json() == {"success": True}
    assert await history.get_thread(thread) is None
    await history.close()


async def test_a_page_is_warned_once_that_nothing_is_saved(tmp_path, short_wait):
    """Two answers that cannot be saved cause one warning; a later failure causes another."""
    history = History(tmp_path)
    page = OpenPage()
    page.session.user = await user(history, "ann")
    page.session.has_first_interaction = True
    thread = page.session.thread_id
    await history.update_thread(thread, name="Question", user_id=page.session.user.id)

    with locked(tmp_path):
        await history.create_step(step(thread, output="first answer"))
        await history.create_step(step(thread, output="second answer"))
    (warning,) = page.messages
    assert warning["output"].startswith("⚠️ This conversation cannot be saved")
    assert "locked by another program" in warning["output"]
    await history.create_step(step(thread, output="question", type="user_message"))
    with locked(tmp_path):
        await history.create_step(step(thread, output="third answer"))
    assert len(page.messages) == 2
    assert await texts(history, thread) == ["question"]
    await page.session.delete()
    await history.close()


async def test_a_list_that_cannot_be_read_is_an_error(tmp_path):
    """Conversations that cannot be read are not shown as an empty list."""
    history = History(tmp_path)
    with closing(sqlite3.connect(tmp_path / "history.db")) as other:
        other.execute("DROP TABLE threads")
    with pytest.raises(conversations.StoreError, match="could not be read or changed"):
        await history.rows("SELECT * FROM threads")
    await history.close()


# --- a removed user ------------------------------------------------------------------------


@pytest.fixture
def eve(tmp_path, monkeypatch):
    """Return storage with a user who has a conversation, a document and a shared document."""
    storage = tmp_path / "storage"
    monkeypatch.setenv("DOCENT_STORAGE", str(storage))
    monkeypatch.setenv("DOCENT_DATA", str(tmp_path / "data"))
    Users(storage, cost=4).add("evelyne", role="member", password="a long password")
    with open_docent(Settings.read()) as docent:
        for name, text in (("own.md", SECRET), ("shared.md", OTHER)):
            (tmp_path / name).write_text(text)
            ticket = docent.add_upload(tmp_path / name, name=name, owner="evelyne")
            while not docent.upload_status(ticket).over:
                time.sleep(0.02)
            if name == "shared.md":
                docent.share(ticket.document_id, reader="evelyne", library="uploads")
    return storage


async def test_a_removal_that_failed_is_reported(eve, short_wait, monkeypatch, capsys):
    """The command exits with 2 while the conversations are locked; run again, it does the rest."""
    history = History(eve)
    thread = await conversation(history, await user(history, "evelyne"), "mine")

    with locked(eve):
        assert in_terminal("user", "remove", "evelyne") == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "evelyne can no longer log in, but what they had is not all deleted." in shown.err
    assert await texts(history, thread) == ["mine"]
    assert in_terminal("user", "remove", "evelyne") == 0
    assert capsys.readouterr().out == "Removed evelyne, 1 conversation and 1 document of their own.\n"
    assert await history.get_thread(thread) is None
    await history.close()


async def test_a_removed_user_leaves_no_row_and_no_name(eve, monkeypatch, capsys):
    """Late writes of her open page restore nothing, and no file contains her name."""
    history = History(eve)
    history.user_exists = lambda name: Users(eve).find(name) is not None
    evelyne = await user(history, "evelyne")
    thread = await conversation(history, evelyne, SECRET)
    assert files_with(eve, "evelyne")
    assert in_terminal("user", "remove", "evelyne") == 0
    assert files_with(eve, "evelyne") == files_with(eve, SECRET) == []
    page = OpenPage()
    page.session.user, page.session.has_first_interaction = evelyne, True
    init_ws_context(page.session)
    for late in (thread, str(uuid.uuid4())):
        await history.create_step(step(late, output=SECRET))
        await history.update_thread(late, name="late", user_id=evelyne.id)
        await history.update_thread(late, metadata={"chat_settings": {}})
    assert await history.create_user(User(identifier="evelyne")) is None
    for table in ("users", "threads", "steps"):
        assert await history.rows(f"SELECT * FROM {table}") == []
    assert files_with(eve, "evelyne") == []
    with open_docent(Settings.read()) as docent:  # the shared document stays
        assert [document.paths for document in docent.store.documents(Scope())] == [(f"{UPLOADED}shared.md",)]
    await page.session.delete()
    await history.close()


def in_terminal(*words: str) -> int:
    """Run a command in a thread, because it runs an event loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(main, words).result()


# --- deleted text on the disk --------------------------------------------------------------


async def test_a_deleted_conversation_is_in_no_file(tmp_path):
    """Its text is gone from history.db and its log while the history stays open."""
    history = History(tmp_path)
    ann = await user(history, "ann")
    thread = await conversation(history, ann, SECRET, SECRET * 200)
    stays = await conversation(history, ann, OTHER)
    assert files_with(tmp_path, SECRET)
    await history.delete_thread(thread)
    assert files_with(tmp_path, SECRET) == []
    assert await texts(history, stays) == [OTHER]
    await history.close()


async def test_a_migration_erases_text_that_was_deleted_before(tmp_path):
    """A database of an older Docent is rewritten without it, and without conversations that have no user."""
    path = tmp_path / "history.db"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(f"{MIGRATIONS[0]} PRAGMA user_version = 1;")
        old.execute("PRAGMA secure_delete = OFF")
        old.execute("INSERT INTO threads (id, name) VALUES ('a', ?), ('b', ?)", (SECRET, OTHER))
        old.execute("DELETE FROM threads WHERE id = 'a'")
        old.commit()
    assert files_with(tmp_path, SECRET)
    history = History(tmp_path)
    assert files_with(tmp_path, SECRET) == files_with(tmp_path, OTHER) == []
    await history.close()


@pytest.fixture
def docent(tmp_path) -> Iterator[Docent]:
    """Open storage with two documents, as while serving."""
    with opened(tmp_path) as docent:
        yield docent


def opened(tmp_path: Path) -> Docent:
    data = tmp_path / "data" / "attic"
    data.mkdir(parents=True)
    (data / "secret.md").write_text(f"# Findings\n\n{SECRET}\n")
    (data / "other.md").write_text(f"# Tower\n\n{OTHER}\n")
    docent = open_docent(Settings(storage=tmp_path / "storage", data=tmp_path / "data"))
    docent.ingest([tmp_path / "data"], retry_failed=False, password=None, on_progress=lambda _: None)
    return docent


async def answer(history: History, thread: str, docent: Docent, name: str, text: str) -> str:
    """Save an answer that cites a document, and return the id of its message."""
    document = next(row for row in docent.store.documents(Scope()) if row.name == name)
    (chunk,) = docent.store.chunks_of(document.id, Scope())
    metadata = {
        "docent": {
            "question": "What is there?",
            "text": f"{text} [1]",
            "citations": [
                {
                    "n": 1, "chunk_id": chunk.id, "document_id": document.id, "file": name,
                    "library": "attic", "page": 1, "page_label": "", "place": "p. 1", "start": 0, "end": 9,
                    "quote": text,
                }
            ],
            "extracts": {chunk.id: [0, 99, chunk.heading]},
            "receipt": {"sent": [chunk.id], "unsupported": [text]},
        }
    }  # fmt: skip
    run, message_id = step(thread, output="", type="run"), str(uuid.uuid4())
    await history.create_step(run)
    more = {"parentId": run["id"], "metadata": metadata}
    await history.create_step(step(thread, output=f"{text} [1]", id=message_id, **more))
    await history.create_step(step(thread, output=f"Read: {text}", type="tool", parentId=run["id"]))
    return message_id


@pytest.mark.parametrize("way", ["page", "command", "api"])
@pytest.mark.parametrize("quotes", ["blank", "delete"])
async def test_a_deleted_document_is_in_no_file(way, quotes, docent, tmp_path, monkeypatch, capsys):
    """No byte of storage/ has its sentence, whichever way it is deleted and whatever its answers become.

    The receipt counts the answers; what cites another document stays as it was.
    """
    storage = docent.settings.storage
    history = History(storage)
    ann = await user(history, "ann")
    thread = await conversation(history, ann, "Where is it?")
    quoting = await answer(history, thread, docent, "secret.md", SECRET)
    other = await answer(history, thread, docent, "other.md", OTHER)
    unfinished = step(thread, output=SECRET, metadata={"docent_unfinished": "Where?"})
    await history.create_step(unfinished)
    document = next(row for row in docent.store.documents(Scope()) if row.name == "secret.md")
    assert files_with(storage, SECRET)
    monkeypatch.setenv("DOCENT_STORAGE", str(storage))
    monkeypatch.setenv("DOCENT_DATA", str(docent.settings.data))
    if way == "page":
        async with client(monkeypatch, history=history, docent=docent) as browser:
            shown = (await browser.get(f"/documents/{document.id}")).text
            assert 'name="quotes" value="blank" checked' in shown
            response = await browser.post(f"/documents/{document.id}/delete", data={"quotes": quotes})
        assert "Nothing of it is left." in response.text
        assert "<td>answers that quote it</td><td>3</td><td>0</td>" in response.text
    elif way == "api":
        access = AccessControl(ApiKeys(storage), keyless=lambda: True)
        api = application.build(
            docent=lambda: docent, access=access, metrics=Metrics(), largest_upload=1000, footnotes=False
        )
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(api), base_url="http://localhost"
        ) as program:
            reply = await program.delete(f"/v1/files/file-{document.id}", params={"quotes": quotes})
        receipt = reply.json()["docent"]
        assert (receipt["found"]["answers"], receipt["left"]["answers"]) == (3, 0)
    else:
        assert main(["delete", "secret.md", "--json", "--quotes", quotes]) == 0
        receipt = json.loads(capsys.readouterr().out)
        assert (receipt["found"]["answers"], receipt["left"]["answers"]) == (3, 0)
    assert files_with(storage, SECRET) == files_with(storage, "Findings") == []
    outputs = {row["id"]: row["output"] for row in await history.rows("SELECT * FROM steps")}
    assert outputs[other] == f"{OTHER} [1]"
    assert outputs.get(quoting) == (None if quotes == "delete" else "[…]. [1]")
    assert outputs.get(unfinished["id"]) == (None if quotes == "delete" else "[…].")
    await history.close()


async def test_a_document_stays_while_its_quotes_cannot_be_erased(docent, short_wait, monkeypatch):
    """While the conversations are locked nothing is deleted, and the page says why."""
    history = History(docent.settings.storage)
    thread = await conversation(history, await user(history, "ann"), "Where is it?")
    await answer(history, thread, docent, "secret.md", SECRET)
    document = next(row for row in docent.store.documents(Scope()) if row.name == "secret.md")
    async with client(monkeypatch, history=history, docent=docent) as browser:
        with locked(docent.settings.storage):
            response = await browser.post(f"/documents/{document.id}/delete")
        assert response.status_code == 409
        assert "locked by another program" in response.text
        assert docent.store.document(document.id, Scope()).name == "secret.md"
        assert "Nothing of it is left." in (await browser.post(f"/documents/{document.id}/delete")).text
    await history.close()


async def test_an_answer_from_before_a_document_was_shared_loses_its_quotes(docent, tmp_path):
    """Its quotes are found although sharing gave the document another id."""
    history = History(docent.settings.storage)
    thread = await conversation(history, await user(history, "ann"), "What?")
    (tmp_path / "mine.md").write_text("# Mine\n\nThe gardener hides his pocket watch among tulips.\n")
    ticket = docent.add_upload(tmp_path / "mine.md", name="mine.md", owner="ann")
    while not docent.upload_status(ticket).over:
        time.sleep(0.02)
    quote = "The gardener hides his pocket watch among tulips."
    metadata = {
        "docent": {
            "citations": [{"document_id": ticket.document_id, "chunk_id": "c", "quote": quote}],
            "extracts": {},
            "receipt": {"sent": ["c"]},
        }
    }
    init_http_context(thread_id=thread, user=await user(history, "ann"))
    await history.create_step(step(thread, output=quote, metadata=metadata))
    new = docent.share(ticket.document_id, reader="ann", library="uploads")
    deletion = docent.store.delete(new, Scope())
    assert (deletion.found["answers"], deletion.left["answers"]) == (1, 0)
    assert files_with(docent.settings.storage, quote) == []
    await history.close()


async def test_a_deletion_reaches_the_storage_set_aside_by_a_restore(tmp_path):
    """A restore leaves a copy of the storage before it; deleted text is erased from it, too."""
    docent = opened(tmp_path)
    storage = docent.settings.storage
    history = History(storage)
    thread = await conversation(history, await user(history, "ann"), "Where is it?")
    await answer(history, thread, docent, "secret.md", SECRET)
    await history.close()
    docent.store.save()
    back_up(storage, tmp_path / "backup.tar")
    docent.close()
    restore(tmp_path / "backup.tar", storage, force=True)
    assert len([name for name in files_with(storage, SECRET) if "before-restore" in name]) >= 2
    with open_docent(docent.settings) as again:
        document = next(row for row in again.store.documents(Scope()) if row.name == "secret.md")
        deletion = again.store.delete(document.id, Scope())
    assert set(deletion.left.values()) == {0}
    assert files_with(storage, SECRET) == []
