"""Conversations in PostgreSQL: processes on several machines save, open and delete them together."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from chainlit.context import init_http_context
from chainlit.types import Feedback
from chainlit.user import User

from docent.app import Docent, open_docent
from docent.conversations import TABLE_KEY
from docent.errors import StoreError
from docent.learning.rated_answers import read_answers
from docent.settings import Settings
from docent.types import Scope
from docent.web.accounts.users import Users
from docent.web.admin.admin_page import CONVERSATIONS, questions_by_day, ratings
from docent.web.chat.answer_stream import UNFINISHED, WRITER
from docent.web.chat.history import History
from docent.web.chat.history_transfer import left_in_storage
from docent.web.documents.library_uploads import origins
from docent.web.sharing.share_links import ShareLinks
from tests.cluster.replicas import until
from tests.fakes.postgres_server import NO_POSTGRES, execute
from tests.web.chat.test_deletion import OTHER, SECRET, answer, in_terminal, texts
from tests.web.chat.test_history import conversation, listed, locked, step, user

pytestmark = pytest.mark.skipif(bool(NO_POSTGRES), reason=NO_POSTGRES)


@pytest.fixture
async def machines(tmp_path: Path, postgres_url: str) -> AsyncIterator[list[History]]:
    """Two processes, each with a storage/ of its own, on one database."""
    opened = [History(tmp_path / name, database_url=postgres_url) for name in ("first", "second")]
    yield opened
    for history in opened:
        await history.close()


def rows_with(url: str, text: str) -> list[str]:
    """Return the tables of the conversations that have a text in any column."""
    tables = execute(
        url, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'conversations'"
    )
    return [
        str(table)
        for (table,) in tables
        if execute(url, f"SELECT 1 FROM conversations.{table} t WHERE strpos(lower(CAST(t AS text)), "
                        f"'{text.lower()}') > 0")
    ]  # fmt: skip


# --- several machines ------------------------------------------------------------------------


async def test_another_machine_goes_on_with_a_conversation(machines, tmp_path):
    """It opens what the first one saved, adds to it, and shares it; nothing is in either storage/."""
    here, there = machines
    ann = await user(here, "ann")
    thread = await conversation(here, ann, "one", "two")
    ann_there = await user(there, "ann")
    assert ann_there.id == ann.id
    assert await texts(there, thread) == ["one", "two"]
    init_http_context(thread_id=thread, user=ann_there)
    await there.create_step(step(thread, output="three", at="2026-01-02T00:00:00Z"))
    assert await texts(here, thread) == ["one", "two", "three"]
    assert (await listed(here, ann)).data == (await listed(there, ann_there)).data
    token = await ShareLinks(there).make(thread)
    shared = await ShareLinks(here).find(token)
    assert shared is not None
    assert (shared.thread, shared.author) == (thread, "ann")
    assert not list(tmp_path.glob("*/history.db*"))


async def test_the_last_state_of_a_message_is_kept_once(machines):
    """States of one message that come from two machines leave one row, which its own text finds."""
    ann = await user(machines[0], "ann")
    thread = await conversation(machines[0], ann, "question")
    one = step(thread, output="")
    await asyncio.gather(
        *(machines[n % 2].create_step({**one, "output": f"state {n}"}) for n in range(30)),
    )
    saved = [text for text in await texts(machines[0], thread) if text != "question"]
    assert len(saved) == 1
    found = [n for n in range(30) if (await listed(machines[1], ann, search=f"state {n}")).data]
    assert f"state {max(found)}" == saved[0]
    await machines[1].create_step({**one, "output": "the end"})
    assert await texts(machines[0], thread) == ["question", "the end"]


async def test_no_change_to_the_settings_of_a_conversation_is_lost(machines):
    """Each machine changes a key of its own at the same time; all are there, and what one removes is gone."""
    ann = await user(machines[0], "ann")
    thread = await conversation(machines[0], ann, "question")
    await machines[0].update_thread(thread, metadata={"old": 1})
    await asyncio.gather(
        *(machines[n % 2].update_thread(thread, metadata={f"key {n}": {"n": n}}) for n in range(20)),
        machines[1].update_thread(thread, metadata={"old": None}),
    )
    saved = await machines[1].get_thread(thread)
    assert saved["metadata"] == {f"key {n}": {"n": n} for n in range(20)}


async def test_a_deleted_conversation_is_gone_on_all_machines(machines):
    """Another machine that is writing an answer in it restores nothing, not even at the same moment."""
    here, there = machines
    ann = await user(here, "ann")
    threads = [await conversation(here, ann, f"question {n}") for n in range(10)]
    links = [await ShareLinks(here).make(thread) for thread in threads]
    init_http_context(thread_id=threads[0], user=ann)
    await asyncio.gather(
        *(here.delete_thread(thread) for thread in threads),
        *(there.create_step(step(thread, output="late")) for thread in threads for _ in range(5)),
    )
    for thread, token in zip(threads, links, strict=True):
        assert await there.get_thread(thread) is None
        assert await ShareLinks(there).find(token) is None
        await there.create_step(step(thread, output="later still"))
        await there.update_thread(thread, name="late", user_id=ann.id, metadata={"chat_settings": {}})
    for table in ("threads", "steps", "share_links"):
        assert await here.rows(f"SELECT * FROM {table}") == []


async def test_an_answer_that_another_machine_writes_is_not_called_ended(machines, postgres_url):
    """Whoever opens the conversation elsewhere can tell, until that machine ends; also after a restart."""
    here, there = machines
    ann = await user(here, "ann")
    thread = await conversation(here, ann, "question")
    growing = step(thread, output="begins", metadata={UNFINISHED: "Where?"})
    await here.create_step(growing)

    async def metadata(history: History) -> dict[str, Any]:
        return (await history.get_thread(thread))["steps"][-1]["metadata"]

    assert WRITER in await metadata(there)
    assert await metadata(here) == {UNFINISHED: "Where?"}  # it knows what it writes
    break_connections(postgres_url)
    await here.create_step({**growing, "output": "begins, and goes on"})
    assert WRITER in await metadata(there)
    await here.close()
    assert await metadata(there) == {UNFINISHED: "Where?"}


def break_connections(url: str) -> None:
    """End every connection to a database, as a restart does, and wait until they have ended."""
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    execute(url, f"SELECT pg_terminate_backend(pid) {others}")
    until(lambda: execute(url, f"SELECT count(*) {others}") == [(0,)], within=60)


async def test_a_connection_that_breaks_is_opened_again(machines, postgres_url):
    """What is saved after the database was restarted is saved."""
    ann = await user(machines[0], "ann")
    thread = await conversation(machines[0], ann, "question")
    break_connections(postgres_url)
    await machines[0].create_step(step(thread, output="answer"))
    assert await texts(machines[0], thread) == ["question", "answer"]


async def test_values_that_postgresql_does_not_hold_are_saved(machines):
    """NUL, half of a surrogate pair, and numbers where a text belongs do not stop a conversation."""
    ann = await user(machines[0], "ann")
    thread = await conversation(machines[0], ann, "question")
    odd = {
        "quote": "a\0b \ud800 \\u0000",
        "list": ["\0"],
        "docent": {"citations": [5], "receipt": {"sent": "x"}},
    }
    one = step(thread, output="a\0b", metadata=odd, language=5, streaming=True, isError=False, start=1.5)
    await machines[0].create_step(one)
    saved = (await machines[1].get_thread(thread))["steps"][-1]
    assert saved["output"] == "a\ufffdb"
    assert saved["metadata"] == {**odd, "quote": "a\ufffdb ? \\u0000", "list": ["\ufffd"]}
    assert (saved["language"], saved["start"], saved["streaming"]) == ("5", "1.5", 1)
    assert (await listed(machines[1], ann, search="a\ufffdb")).data


# --- the same answers from both databases ----------------------------------------------------


async def fill(history: History) -> None:
    """Save two users' conversations with a rated answer, a table and a file, always the same."""
    for name, n in (("ann", 1), ("ben", 2)):
        await history.execute_sql(
            'INSERT INTO users ("id", "identifier", "createdAt") VALUES (:id, :name, :at)',
            {"id": f"user {n}", "name": name, "at": "2026"},
        )
        owner = await history.get_user(name)
        thread = f"00000000-0000-4000-8000-00000000000{n}"
        init_http_context(thread_id=thread, user=owner)
        await history.update_thread(thread, name=f"Trip of {name}", user_id=owner.id)
        citation = {
            "n": 1, "chunk_id": "c", "document_id": f"d{n}", "file": "f", "library": "l", "page": 1,
            "page_label": "", "place": "p. 1", "start": 0, "end": 9, "quote": OTHER,
        }  # fmt: skip
        receipt = {
            "question": "Who?", "searched": "Who?", "model": "m", "sent": ["c"], "cut_short": False,
            "looped": False,
            "broken_off": "", "not_found": False, "unsupported": [], "doubtful": [],
        }  # fmt: skip
        saved = {
            "question": "Who?",
            "text": OTHER,
            "citations": [citation],
            "extracts": {},
            "receipt": receipt,
        }
        for at, kind, metadata in (
            (1, "run", {}),
            (2, "user_message", {}),
            (3, "assistant_message", {"docent": saved}),
            (4, "assistant_message", {TABLE_KEY: "table"}),
            (5, "system_message", {"file": {"document_id": "sent"}}),
        ):
            made = step(
                thread, output=f"{kind} of {name}", type=kind, metadata=metadata, id=f"step {n}{at}",
                at=f"2999-11-30T10:00:0{at}", parentId=None if kind == "run" else f"step {n}1",
            )  # fmt: skip
            await history.create_step(made)
        await history.upsert_feedback(Feedback(forId=f"step {n}1", value=n - 1, comment="why"))


async def opened(history: History, n: int) -> Any:
    """Return a conversation, without the moment in which it was saved."""
    saved = await history.get_thread(f"00000000-0000-4000-8000-00000000000{n}")
    return {**saved, "createdAt": ""} if saved else None


async def test_both_databases_give_the_same_answers(tmp_path, postgres_url):
    """Ratings, usage, origins of documents, tables, rated answers and searches are equal."""
    seen = []
    for url in ("", postgres_url):
        history = History(tmp_path, database_url=url)
        await fill(history)
        ann = await history.get_user("ann")
        seen.append(
            [
                await ratings(history, []),
                await questions_by_day(history),
                await history.rows(CONVERSATIONS),
                await origins(history, "ann", ["sent", "other"]),
                await history.table_messages("table", "ann"),
                await history.message_metadata("00000000-0000-4000-8000-000000000001"),
                [await history.step_and_author(f"step {n}") for n in (13, 23, 99)],
                await history.answers_and_authors("step 11"),
                await history.rated_step(
                    (await history.rows('SELECT "id" FROM feedbacks ORDER BY 1'))[0]["id"]
                ),
                [await opened(history, n) for n in (1, 2, 3)],
                [
                    await listed(history, ann, search=words)
                    for words in ("TRIP", "öf", "sage OF a", "ben", "")
                ],
                [await listed(history, ann, feedback=value) for value in (0, 1)],
                read_answers(tmp_path, database_url=url),
                read_answers(tmp_path, database_url=url, user="ben"),
            ]
        )
        await history.close()
    for in_file, in_postgres in zip(*seen, strict=True):
        assert in_postgres == in_file
    assert [n for n, answers in enumerate(seen[0]) if not answers] == []


# --- from a file to the database --------------------------------------------------------------


async def test_conversations_are_carried_over(tmp_path, postgres_url, monkeypatch, capsys):
    """All of them are as they were, once, also for who has logged in before; deleted ones stay deleted."""
    monkeypatch.setenv("DOCENT_STORAGE", str(tmp_path))
    monkeypatch.setenv("DOCENT_DATABASE_URL", postgres_url)
    assert left_in_storage(Settings.read()) is None
    file, shared = History(tmp_path), History(tmp_path, database_url=postgres_url)
    await fill(file)
    first, second = (f"00000000-0000-4000-8000-00000000000{n}" for n in (1, 2))
    token = await ShareLinks(file).make(first)
    as_saved = await opened(file, 1)
    await file.close()
    assert "migrate --conversations" in str(left_in_storage(Settings.read()))
    ann = await user(shared, "ann")
    for found in (2, 0):
        assert in_terminal("migrate", "--conversations", "--json") == 0
        assert json.loads(capsys.readouterr().out)["conversations"] == found
    assert await opened(shared, 1) == {**as_saved, "userId": ann.id}
    assert [row["id"] for row in (await listed(shared, ann, search="TRIP")).data] == [first]
    assert await ShareLinks(shared).find(token) is not None
    assert len(await shared.rows("SELECT * FROM feedbacks")) == 2
    await shared.delete_thread(second)
    assert in_terminal("migrate", "--conversations") == 0
    assert await shared.get_thread(second) is None
    await shared.close()


# --- deletions -------------------------------------------------------------------------------


@pytest.fixture
def docent(tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch):
    """Docent on the database with two documents; the commands find the same."""
    data = tmp_path / "data" / "attic"
    data.mkdir(parents=True)
    (data / "secret.md").write_text(f"# Findings\n\n{SECRET}\n")
    (data / "other.md").write_text(f"# Tower\n\n{OTHER}\n")
    monkeypatch.setenv("DOCENT_STORAGE", str(tmp_path / "storage"))
    monkeypatch.setenv("DOCENT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DOCENT_DATABASE_URL", postgres_url)
    with open_docent(Settings.read()) as docent:
        docent.ingest([tmp_path / "data"], retry_failed=False, password=None, on_progress=lambda _: None)
        yield docent


async def test_a_conversation_that_could_not_be_deleted_stays(machines, postgres_url, monkeypatch):
    """While somebody else has locked the tables, a deletion fails with a sentence, and deletes nothing."""
    thread = await conversation(machines[0], await user(machines[0], "ann"), "one", "two")
    monkeypatch.setattr("docent.postgres.conversation_server.WAIT", "SET LOCAL lock_timeout = '50ms'")
    with (
        locked(Path(), postgres_url),
        pytest.raises(StoreError, match="Nothing of this was stored"),
    ):
        await machines[0].delete_thread(thread)
    assert await texts(machines[1], thread) == ["one", "two"]
    await machines[0].delete_thread(thread)
    assert await machines[1].get_thread(thread) is None


@pytest.mark.parametrize("quotes", ["blank", "delete"])
async def test_no_row_quotes_a_deleted_document(quotes, docent: Docent, postgres_url, capsys):
    """Nor does what a search reads. The receipt counts the answers; what cites another document stays."""
    history = History(docent.settings.storage, database_url=postgres_url)
    ann = await user(history, "ann")
    thread = await conversation(history, ann, "Where is it?")
    quoting = await answer(history, thread, docent, "secret.md", SECRET)
    other = await answer(history, thread, docent, "other.md", OTHER)
    unfinished = step(thread, output=SECRET, metadata={"docent_unfinished": "Where?"})
    await history.create_step(unfinished)
    await history.create_step(step(thread, output="odd", metadata={"docent": [1]}))
    assert (await listed(history, ann, search=SECRET[:20])).data
    assert rows_with(postgres_url, SECRET) == ["steps"]
    assert in_terminal("delete", "secret.md", "--json", "--quotes", quotes) == 0
    receipt = json.loads(capsys.readouterr().out)
    assert (receipt["found"]["answers"], receipt["left"]["answers"]) == (3, 0)
    assert rows_with(postgres_url, SECRET) == []
    outputs = {row["id"]: row["output"] for row in await history.rows("SELECT * FROM steps")}
    assert outputs[other] == f"{OTHER} [1]"
    assert outputs.get(quoting) == (None if quotes == "delete" else "[…]. [1]")
    assert outputs.get(unfinished["id"]) == (None if quotes == "delete" else "[…].")
    assert (await listed(history, ann, search=SECRET[:20])).data == []
    assert (await listed(history, ann, search=OTHER[:20])).data
    await history.close()


async def test_a_removed_user_is_in_no_row(docent: Docent, postgres_url, capsys):
    """The command deletes their conversations on all machines; late writes of their page restore nothing."""
    storage = docent.settings.storage
    accounts = Users(storage, cost=4, database_url=postgres_url)
    accounts.add("evelyne", role="member", password="a long password")
    history = History(storage, database_url=postgres_url)
    history.user_exists = lambda name: accounts.find(name) is not None
    evelyne = await user(history, "evelyne")
    thread = await conversation(history, evelyne, SECRET)
    assert in_terminal("user", "remove", "evelyne") == 0
    assert "1 conversation and 0 documents" in capsys.readouterr().out
    init_http_context(thread_id=thread, user=evelyne)
    for late in (thread, str(uuid.uuid4())):
        await history.create_step(step(late, output=SECRET))
        await history.update_thread(late, name="late", user_id=evelyne.id)
    assert await history.create_user(User(identifier="evelyne")) is None
    assert rows_with(postgres_url, "evelyne") == rows_with(postgres_url, SECRET) == []
    assert [document.name for document in docent.store.documents(Scope())] != []
    await history.close()
