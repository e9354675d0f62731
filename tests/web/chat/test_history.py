"""Conversations are saved, listed and searched, and each belongs to one user; in a file or in PostgreSQL."""

from __future__ import annotations

import asyncio
import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from chainlit.context import init_http_context
from chainlit.types import Pagination, ThreadFilter
from chainlit.user import User

from docent.errors import IndexMismatch
from docent.web.chat.history import History
from docent.web.chat.history_database import MIGRATIONS, prepare


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def database_url(request) -> str:
    """The URL of this test's database; empty for a file."""
    return request.getfixturevalue("postgres_url") if request.param == "PostgreSQL" else ""


@pytest.fixture
async def history(tmp_path, database_url):
    history = History(tmp_path, database_url=database_url)
    yield history
    await history.close()


@contextmanager
def locked(storage: Path, database_url: str = "") -> Iterator[None]:
    """Lock the conversations, as another program that writes to them does."""
    if database_url:
        with psycopg.connect(database_url) as other:
            other.execute("LOCK TABLE conversations.threads, conversations.steps IN EXCLUSIVE MODE")
            yield
            other.rollback()
        return
    with closing(sqlite3.connect(storage / "history.db")) as other_file:
        other_file.execute("BEGIN IMMEDIATE")
        yield
        other_file.rollback()


async def user(history: History, name: str):
    return await history.create_user(User(identifier=name))


def step(thread: str, *, output: str, at: str = "2026-01-01T00:00:00Z", **more: object):
    return {
        "id": str(uuid.uuid4()),
        "threadId": thread,
        "name": "Docent",
        "type": "assistant_message",
        "output": output,
        "createdAt": at,
        "metadata": {"docent": {"n": [1, 2]}},
        "tags": ["guide"],
        **more,
    }


async def conversation(history: History, owner, *outputs: str, at: str = "2026-01-01T00:00:00Z") -> str:
    thread = str(uuid.uuid4())
    init_http_context(thread_id=thread, user=owner)
    await history.update_thread(thread, name=outputs[0], user_id=owner.id, tags=["Guide"])
    for output in outputs:
        await history.create_step(step(thread, output=output, at=at))
    return thread


async def listed(history: History, owner, *, first: int = 50, cursor: str | None = None, **filters: object):
    return await history.list_threads(
        Pagination(first=first, cursor=cursor), ThreadFilter(userId=owner.id, **filters)
    )


async def test_a_conversation_is_loaded_as_it_was_saved(history):
    """Text, metadata and tags are the same, lists and mappings included."""
    ann = await user(history, "ann")
    thread = await conversation(history, ann, "one", "two")
    saved = await history.get_thread(thread)
    assert saved["name"] == "one"
    assert saved["tags"] == ["Guide"]
    assert [s["output"] for s in saved["steps"]] == ["one", "two"]
    assert saved["steps"][0]["metadata"] == {"docent": {"n": [1, 2]}}


async def test_the_latest_conversation_comes_first_page_by_page(history):
    """Every conversation is listed exactly once, whatever the size of the page."""
    ann = await user(history, "ann")
    made = [await conversation(history, ann, f"t{n}", at=f"2026-01-{n:02}T00:00:00Z") for n in range(1, 8)]
    seen: list[str] = []
    cursor = None
    while True:
        page = await listed(history, ann, first=3, cursor=cursor)
        seen += [thread["id"] for thread in page.data]
        cursor = page.pageInfo.endCursor
        if not page.pageInfo.hasNextPage:
            break
    assert seen == made[::-1]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        pytest.param("soup", {"a", "b"}, id="a word"),
        pytest.param("SOUP", {"a", "b"}, id="in capitals"),
        pytest.param("ete", {"b"}, id="without its accents"),
        pytest.param("100%", {"c"}, id="a sign that means something to SQL"),
        pytest.param("' OR 1=1 --", set(), id="a query"),
    ],
)
async def test_conversations_are_found_by_their_text(history, search, found):
    """Search looks into names and messages, whatever the case and the accents."""
    ann = await user(history, "ann")
    threads = {
        await conversation(history, ann, "first", "The soup of the day"): "a",
        await conversation(history, ann, "Soup in summer", "Soupe d'été"): "b",
        await conversation(history, ann, "third", "It is 100% rye."): "c",
    }
    page = await listed(history, ann, search=search)
    assert {threads[thread["id"]] for thread in page.data} == found


async def test_a_list_holds_ones_own_conversations_only(history):
    """Another user's conversations are not listed."""
    ann, ben = await user(history, "ann"), await user(history, "ben")
    await conversation(history, ann, "mine")
    assert (await listed(history, ben)).data == []


async def test_a_step_stays_in_its_conversation(history):
    """A request with the id of another user's message neither changes, moves nor deletes it."""
    ann, ben = await user(history, "ann"), await user(history, "ben")
    thread = await conversation(history, ann, "mine")
    original = (await history.get_thread(thread))["steps"][0]
    theirs = await conversation(history, ben, "theirs")
    await history.create_step({**step(theirs, output="overwritten"), "id": original["id"]})
    await history.delete_step(original["id"])
    assert [s["output"] for s in (await history.get_thread(thread))["steps"]] == ["mine"]


async def test_deleting_a_conversation_leaves_nothing(history):
    """Steps, elements and ratings are deleted with their conversation."""
    ann = await user(history, "ann")
    thread = await conversation(history, ann, "mine")
    await history.delete_thread(thread)
    for table in ("threads", "steps", "elements", "feedbacks"):
        assert await history.rows(f"SELECT * FROM {table}") == []


async def test_an_unknown_conversation_has_no_author(history):
    """Chainlit then answers "not found" rather than failing."""
    assert await history.get_thread_author(str(uuid.uuid4())) == ""


async def test_a_long_question_gives_a_short_name(history):
    """The list in the sidebar stays readable."""
    ann = await user(history, "ann")
    thread = await conversation(history, ann, "why\n" * 100)
    name = (await history.get_thread(thread))["name"]
    assert len(name) <= 80
    assert name.endswith("…")


async def test_a_history_of_five_hundred_conversations_is_listed_quickly(history):
    """A page takes less than half a second of processor time, searched or not."""
    ann = await user(history, "ann")
    for n in range(500):
        thread = f"00000000-0000-4000-8000-{n:012}"
        init_http_context(thread_id=thread, user=ann)
        await history.execute_sql(
            'INSERT INTO threads ("id", "createdAt", "name", "userId", "userIdentifier") '
            "VALUES (:id, '2026', 'n', :user, 'ann')",
            {"id": thread, "user": ann.id},
        )
    await history.execute_sql(
        """WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 19)
        INSERT INTO steps ("id", "threadId", "name", "type", "output", "createdAt")
        SELECT t."id" || i, t."id", 'Docent', 'assistant_message', 'A sentence or two of an answer.', '2026'
        FROM threads t, n""",
        {},
    )
    for filters in ({}, {"search": "answer"}, {"search": "nowhere"}):
        start = time.process_time()
        await listed(history, ann, first=20, **filters)
        assert time.process_time() - start < 0.5


def test_a_second_start_changes_nothing(tmp_path):
    """The tables are created once, in a file that only its owner can read."""
    prepare(tmp_path / "history.db")
    prepare(tmp_path / "history.db")
    assert (tmp_path / "history.db").stat().st_mode & 0o777 == 0o600


def test_a_newer_database_is_refused(tmp_path, monkeypatch):
    """A history of a newer version is reported, not damaged."""
    prepare(tmp_path / "history.db")
    monkeypatch.setattr("docent.web.chat.history_database.MIGRATIONS", MIGRATIONS[:0])
    with pytest.raises(IndexMismatch, match="newer Docent"):
        prepare(tmp_path / "history.db")


async def test_conversations_are_dated_by_their_latest_message(history):
    """The page sorts the list once more by that date."""
    ann = await user(history, "ann")
    older = await conversation(history, ann, "Older", at="2026-01-01T00:00:00Z")
    newer = await conversation(history, ann, "Newer", at="2026-01-02T00:00:00Z")
    init_http_context(thread_id=older, user=ann)
    await history.create_step(step(older, output="Goes on", at="2026-01-03T00:00:00Z"))
    threads = (await listed(history, ann)).data
    assert [(thread["id"], thread["createdAt"]) for thread in threads] == [
        (older, "2026-01-03T00:00:00Z"),
        (newer, "2026-01-02T00:00:00Z"),
    ]


async def test_the_answers_of_a_run_are_returned(history):
    """A rating is for a run: its answers are returned with their user, and nothing else."""
    ann = await user(history, "ann")
    thread = await conversation(history, ann, "Question")
    run = step(thread, output="", type="run")
    await history.create_step(run)
    answer = step(thread, output="Answer", parentId=run["id"])
    await history.create_step(answer)
    rated = [(row["id"], author) for row, author in await history.answers_and_authors(run["id"])]
    assert rated == [(answer["id"], "ann")]
    assert [row["id"] for row, _ in await history.answers_and_authors(answer["id"])] == [answer["id"]]
    assert await history.answers_and_authors(str(uuid.uuid4())) == []


async def test_a_list_does_not_wait_for_writes(history, tmp_path, database_url):
    """Conversations are listed while fifty writes wait; the writes then happen in order."""
    ann = await user(history, "ann")
    thread = await conversation(history, ann, "before")
    with locked(tmp_path, database_url):
        states = [step(thread, output=str(n), id="00000000-0000-4000-8000-000000000001") for n in range(50)]
        writes = [asyncio.create_task(history.create_step(state)) for state in states]
        page = await asyncio.wait_for(listed(history, ann), timeout=5)
        assert [row["id"] for row in page.data] == [thread]
    await asyncio.gather(*writes)
    assert [s["output"] for s in (await history.get_thread(thread))["steps"]] == ["before", "49"]


async def test_late_writes_do_not_restore_a_deleted_conversation(history):
    """Neither the rest of an answer nor the settings that its page saves at the end are stored."""
    ann = await user(history, "ann")
    thread = await conversation(history, ann, "mine")
    await history.delete_thread(thread)
    await history.create_step(step(thread, output="the rest of the answer"))
    await history.update_thread(thread, metadata={"chat_settings": {"library": "cellar"}})
    assert await history.rows("SELECT * FROM threads") == []
