"""What is deleted is gone from every byte of storage/, and a deletion that failed is never called done."""

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
from docent.web.i18n.french import french
from starlette.applications import Starlette

from docent.__main__ import main
from docent.app import Docent, open_docent
from docent.settings import Settings
from docent.store import UPLOADED, back_up, conversations, restore
from docent.types import Scope
from docent.web import routes
from docent.web.accounts.keys import Keys
from docent.web.accounts.users import Users
from docent.web.api import application
from docent.web.api.access import Gate
from docent.web.chat.history import History
from docent.web.chat.history_schema import MIGRATIONS
from docent.web.documents import routes as documents
from docent.web.metrics import Metrics
from tests.store.test_full_disk import fill
from tests.store.test_full_disk import small_disk as small_disk
from tests.web.test_conversation import Tab
from tests.web.test_history import conversation, step, user

OURS = {"sec-fetch-site": "same-origin"}
SECRET = "The heirloom violoncello slumbers beneath the creaking staircase."
OTHER = "The lighthouse keeper polishes his brass telescope on Sundays."


@pytest.fixture
def quickly(monkeypatch) -> None:
    """Nobody waits long for a lock."""
    monkeypatch.setattr(conversations, "BUSY_SECONDS", 0.05)


@contextmanager
def locked(storage: Path) -> Iterator[None]:
    """Another program is writing to the conversations."""
    with closing(sqlite3.connect(storage / "history.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.rollback()


@contextmanager
def full(storage: Path) -> Iterator[None]:
    """Nothing can be written any more."""
    fill(storage.parent, leaving=0)
    yield
    (storage.parent / "filler").unlink()


def holding(storage: Path, text: str) -> list[str]:
    """The files of storage/ that hold a text."""
    files = (path for path in storage.rglob("*") if path.is_file() and path.name != "lock")
    return [str(path) for path in files if text.casefold().encode() in path.read_bytes().lower()]


def client(monkeypatch, **state: object) -> httpx.AsyncClient:
    """Ann's browser, on the routes as they are served."""

    async def reader(request) -> str:
        return "ann"

    monkeypatch.setattr(documents, "reader_of", reader)
    monkeypatch.setattr(routes, "reader_of", reader)
    app = Starlette(routes=[*routes.routes(), *documents.routes()])
    app.state.door = SimpleNamespace(is_admin=lambda name: True, required=True)
    for name, value in state.items():
        setattr(app.state, name, value)
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="http://docent.example", headers=OURS)


async def said(history: History, thread: str) -> list[str]:
    return [one["output"] for one in (await history.get_thread(thread))["steps"]]


# --- deletions that fail -------------------------------------------------------------------


@pytest.mark.parametrize("hindered", [locked, full])
async def test_a_conversation_that_could_not_be_deleted_stays(hindered, small_disk, quickly, monkeypatch):
    """The answer is an error with a sentence in the reader's language, and every message is still there."""
    history = History(small_disk / "storage")
    thread = await conversation(history, await user(history, "ann"), "one", "two")
    body = {"threadId": thread}
    async with client(monkeypatch, history=history, docent=None) as ann:
        with hindered(small_disk / "storage"):
            response = await ann.request("DELETE", "/project/thread", json=body)
            inFrench = await ann.request(
                "DELETE", "/project/thread", json=body, headers={"accept-language": "fr"}
            )
        assert response.status_code == inFrench.status_code == 503
        sentence = response.json()["detail"]
        assert sentence.startswith("The conversations (history.db)")
        assert "Nothing of this was stored or deleted." in sentence
        assert inFrench.json()["detail"] == french(sentence) != sentence
        assert await said(history, thread) == ["one", "two"]
        assert (await ann.request("DELETE", "/project/thread", json=body)).json() == {"success": True}
    assert await history.get_thread(thread) is None
    await history.close()


async def test_a_page_is_told_once_that_nothing_is_stored(tmp_path, quickly):
    """Two answers that could not be stored: one sentence; another when it fails anew."""
    history = History(tmp_path)
    tab = Tab()
    tab.session.user = await user(history, "ann")
    tab.session.has_first_interaction = True
    thread = tab.session.thread_id
    await history.update_thread(thread, name="Question", user_id=tab.session.user.id)

    def told() -> list[str]:
        return [data["output"] for event, data in tab.told if event == "new_message"]

    with locked(tmp_path):
        await history.create_step(step(thread, output="first answer"))
        await history.create_step(step(thread, output="second answer"))
    (sentence,) = told()
    assert sentence.startswith("⚠️ What is said here could not be stored")
    assert "locked by another program" in sentence
    await history.create_step(step(thread, output="question", type="user_message"))
    with locked(tmp_path):
        await history.create_step(step(thread, output="third answer"))
    assert len(told()) == 2
    assert await said(history, thread) == ["question"]
    await tab.session.delete()
    await history.close()


async def test_a_list_that_cannot_be_read_is_an_error(tmp_path):
    """No empty list is shown where the conversations cannot be read."""
    history = History(tmp_path)
    with closing(sqlite3.connect(tmp_path / "history.db")) as other:
        other.execute("DROP TABLE threads")
    with pytest.raises(conversations.StoreError, match="could not be read or changed"):
        await history.rows("SELECT * FROM threads")
    await history.close()


# --- a removed user ------------------------------------------------------------------------


@pytest.fixture
def eve(tmp_path, monkeypatch):
    """Storage with one user who said something, and shared one of two documents."""
    storage = tmp_path / "storage"
    monkeypatch.setenv("DOCENT_STORAGE", str(storage))
    monkeypatch.setenv("DOCENT_DATA", str(tmp_path / "data"))
    Users(storage, cost=4).add("evelyne", role="member", password="a long password")
    with open_docent(Settings.read()) as docent:
        for name, text in (("own.md", SECRET), ("shared.md", OTHER)):
            (tmp_path / name).write_text(text)
            ticket = docent.take_in(tmp_path / name, name=name, owner="evelyne")
            while not docent.standing(ticket).over:
                time.sleep(0.02)
            if name == "shared.md":
                docent.share(ticket.document_id, reader="evelyne", library="uploads")
    return storage


async def test_a_removal_that_failed_is_not_called_done(eve, quickly, monkeypatch, capsys):
    """Exit code 2 and a sentence while the conversations are locked; the same command then does the rest."""
    history = History(eve)
    thread = await conversation(history, await user(history, "evelyne"), "mine")

    with locked(eve):
        assert in_terminal("user", "remove", "evelyne") == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "evelyne can no longer log in, but what they had is not all deleted." in shown.err
    assert await said(history, thread) == ["mine"]
    assert in_terminal("user", "remove", "evelyne") == 0
    assert capsys.readouterr().out == "Removed evelyne, 1 conversation and 1 document of their own.\n"
    assert await history.get_thread(thread) is None
    await history.close()


async def test_a_removed_user_leaves_no_row_and_no_name(eve, monkeypatch, capsys):
    """Also with her page open: what it saves afterwards brings nothing back, and no file names her."""
    history = History(eve)
    history.knows = lambda name: Users(eve).find(name) is not None
    evelyne = await user(history, "evelyne")
    thread = await conversation(history, evelyne, SECRET)
    assert holding(eve, "evelyne")
    assert in_terminal("user", "remove", "evelyne") == 0
    assert holding(eve, "evelyne") == holding(eve, SECRET) == []
    tab = Tab()
    tab.session.user, tab.session.has_first_interaction = evelyne, True
    init_ws_context(tab.session)
    for late in (thread, str(uuid.uuid4())):
        await history.create_step(step(late, output=SECRET))
        await history.update_thread(late, name="late", user_id=evelyne.id)
        await history.update_thread(late, metadata={"chat_settings": {}})
    assert await history.create_user(User(identifier="evelyne")) is None
    for table in ("users", "threads", "steps"):
        assert await history.rows(f"SELECT * FROM {table}") == []
    assert holding(eve, "evelyne") == []
    with open_docent(Settings.read()) as docent:  # what she shared is everybody's
        assert [one.paths for one in docent.store.documents(Scope())] == [(f"{UPLOADED}shared.md",)]
    await tab.session.delete()
    await history.close()


def in_terminal(*words: str) -> int:
    """A command, which runs a loop of its own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(main, words).result()


# --- text that stays on the disk -----------------------------------------------------------


async def test_a_deleted_conversation_is_in_no_file(tmp_path):
    """Neither in history.db nor in its log, while the history goes on being open."""
    history = History(tmp_path)
    ann = await user(history, "ann")
    thread = await conversation(history, ann, SECRET, SECRET * 200)
    stays = await conversation(history, ann, OTHER)
    assert holding(tmp_path, SECRET)
    await history.delete_thread(thread)
    assert holding(tmp_path, SECRET) == []
    assert await said(history, stays) == [OTHER]
    await history.close()


async def test_what_was_deleted_before_goes_with_the_update(tmp_path):
    """A file of an older Docent is written anew without it, and without conversations of nobody."""
    path = tmp_path / "history.db"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(f"{MIGRATIONS[0]} PRAGMA user_version = 1;")
        old.execute("PRAGMA secure_delete = OFF")
        old.execute("INSERT INTO threads (id, name) VALUES ('a', ?), ('b', ?)", (SECRET, OTHER))
        old.execute("DELETE FROM threads WHERE id = 'a'")
        old.commit()
    assert holding(tmp_path, SECRET)
    history = History(tmp_path)
    assert holding(tmp_path, SECRET) == holding(tmp_path, OTHER) == []
    await history.close()


@pytest.fixture
def docent(tmp_path) -> Iterator[Docent]:
    """Two documents, in storage that is open as while serving."""
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
    """An answer that cites a document and says its sentence; the id of its message."""
    document = next(one for one in docent.store.documents(Scope()) if one.name == name)
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
    run, kept = step(thread, output="", type="run"), str(uuid.uuid4())
    await history.create_step(run)
    more = {"parentId": run["id"], "metadata": metadata}
    await history.create_step(step(thread, output=f"{text} [1]", id=kept, **more))
    await history.create_step(step(thread, output=f"Read: {text}", type="tool", parentId=run["id"]))
    return kept


@pytest.mark.parametrize("way", ["page", "command", "api"])
@pytest.mark.parametrize("quotes", ["blank", "delete"])
async def test_a_deleted_document_is_in_no_file(way, quotes, docent, tmp_path, monkeypatch, capsys):
    """Whichever way it is deleted and whatever becomes of the answers: no byte of storage/ has its sentence.

    The receipt counts the answers; what cites another document stays as it was.
    """
    storage = docent.settings.storage
    history = History(storage)
    ann = await user(history, "ann")
    thread = await conversation(history, ann, "Where is it?")
    gone = await answer(history, thread, docent, "secret.md", SECRET)
    stays = await answer(history, thread, docent, "other.md", OTHER)
    broken_off = step(thread, output=SECRET, metadata={"docent_unfinished": "Where?"})
    await history.create_step(broken_off)
    document = next(one for one in docent.store.documents(Scope()) if one.name == "secret.md")
    assert holding(storage, SECRET)
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
        gate = Gate(Keys(storage), keyless=lambda: True)
        api = application.build(
            docent=lambda: docent, gate=gate, metrics=Metrics(), largest_upload=1000, footnotes=False
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
    assert holding(storage, SECRET) == holding(storage, "Findings") == []
    there = {row["id"]: row["output"] for row in await history.rows("SELECT * FROM steps")}
    assert there[stays] == f"{OTHER} [1]"
    assert there.get(gone) == (None if quotes == "delete" else "[…]. [1]")
    assert there.get(broken_off["id"]) == (None if quotes == "delete" else "[…].")
    await history.close()


async def test_a_document_stays_while_its_quotes_cannot_be_erased(docent, quickly, monkeypatch):
    """Where the conversations are locked nothing is deleted, and the page says why."""
    history = History(docent.settings.storage)
    thread = await conversation(history, await user(history, "ann"), "Where is it?")
    await answer(history, thread, docent, "secret.md", SECRET)
    document = next(one for one in docent.store.documents(Scope()) if one.name == "secret.md")
    async with client(monkeypatch, history=history, docent=docent) as browser:
        with locked(docent.settings.storage):
            response = await browser.post(f"/documents/{document.id}/delete")
        assert response.status_code == 409
        assert "locked by another program" in response.text
        assert docent.store.document(document.id, Scope()).name == "secret.md"
        assert "Nothing of it is left." in (await browser.post(f"/documents/{document.id}/delete")).text
    await history.close()


async def test_an_answer_from_before_a_document_was_shared_loses_its_quotes(docent, tmp_path):
    """It knows the document by the id of its owner's library; the copy that is deleted has another."""
    history = History(docent.settings.storage)
    thread = await conversation(history, await user(history, "ann"), "What?")
    (tmp_path / "mine.md").write_text("# Mine\n\nThe gardener hides his pocket watch among tulips.\n")
    ticket = docent.take_in(tmp_path / "mine.md", name="mine.md", owner="ann")
    while not docent.standing(ticket).over:
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
    assert holding(docent.settings.storage, quote) == []
    await history.close()


async def test_what_a_restored_backup_set_aside_forgets_too(tmp_path):
    """A copy of the storage of before stands in storage/; a deletion goes through it as well."""
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
    assert len([name for name in holding(storage, SECRET) if "before-restore" in name]) >= 2
    with open_docent(docent.settings) as again:
        document = next(one for one in again.store.documents(Scope()) if one.name == "secret.md")
        deletion = again.store.delete(document.id, Scope())
    assert set(deletion.left.values()) == {0}
    assert holding(storage, SECRET) == []
