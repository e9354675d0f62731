"""A research table in a conversation begins when its reader agrees, stops, and goes on in the background."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from chainlit.user import User
from starlette.applications import Starlette

from docent.answering.prompt.personas import PLAIN
from docent.conversations import TABLE_KEY
from docent.errors import UnknownTable
from docent.settings import Settings
from docent.types import (
    Answer,
    Answered,
    AnswerRequest,
    Receipt,
    ResearchTable,
    TablePlanned,
    TableProgress,
)
from docent.web import page_routes
from docent.web.accounts.users import LOCAL
from docent.web.chat import table_runs
from docent.web.chat.history import History
from docent.web.chat.reply import reply
from docent.web.chat.saved_answer import load_answer
from docent.web.monitoring import Metrics
from docent.web.tables import table_routes
from tests.web.chat.open_page import OpenPage
from tests.web.chat.test_reply import history as history
from tests.web.test_table_view import CITATION, TABLE

QUESTION = "Which pays best?"


@dataclass
class StandIn:
    """Docent's part that fills tables: one table of two documents, of the reader who asked."""

    seconds: float = 1.0
    owner: str = LOCAL
    table_now: ResearchTable = replace(TABLE, state="stopped", read=0, rows=(), matching=0, documents=2)
    first_read: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    deleted: list[str] = field(default_factory=list)
    settings: Settings = field(default_factory=Settings)
    store: Any = field(
        default_factory=lambda: SimpleNamespace(libraries=lambda reader: [], documents=lambda scope: [])
    )

    def persona(self, key: str) -> Any:
        return PLAIN

    async def check_model(self) -> Any:
        return SimpleNamespace(ready=True)

    async def answer(self, request: AnswerRequest) -> AsyncIterator[Any]:
        assert request.scope.reader == self.owner
        yield TablePlanned(TABLE.id, TABLE.plan, 2, self.seconds, "2 documents will be read.")
        async for event in self.resume_table(TABLE.id, reader=self.owner):
            yield event
        yield Answered(self.table_answer(TABLE.id, reader=self.owner))

    async def resume_table(self, table_id: str, *, reader: str | None) -> AsyncIterator[Any]:
        self.table(table_id, reader=reader)
        try:
            for read in range(self.table_now.read + 1, 3):
                self.note(state="running", read=read)
                yield TableProgress(TABLE.id, read, 2, 1.0)
                self.first_read.set()
                await self.go_on.wait()
        except BaseException:
            self.note(state="cancelled")
            raise
        self.note(state="done", rows=TABLE.rows, matching=6)

    def table_answer(self, table_id: str, *, reader: str | None) -> Answer:
        table = self.table(table_id, reader=reader)
        receipt = Receipt(table.question, table.question)
        return Answer(f"{table.read} read [1]", (CITATION,), (), receipt, table=table)

    def table_row(self, table_id: str, document_id: str, *, reader: str | None) -> Any:
        rows = self.table(table_id, reader=reader).rows
        return next((row for row in rows if row.document_id == document_id), None)

    def note(self, **changed: Any) -> None:
        self.table_now = replace(self.table_now, **changed)

    def table(self, table_id: str, *, reader: str | None) -> ResearchTable:
        if (table_id, reader) != (TABLE.id, self.owner):
            raise UnknownTable("There is no such table.")
        return self.table_now

    def table_rows(self, table_id: str, *, reader: str | None, start: int = 0, limit: int = 200) -> Any:
        return self.table(table_id, reader=reader).rows[start : start + limit]

    def stop_table(self, table_id: str, *, reader: str | None) -> None:
        self.table(table_id, reader=reader)
        self.note(state="cancelled")

    def delete_table(self, table_id: str, *, reader: str | None) -> None:
        self.table(table_id, reader=reader)
        self.deleted.append(table_id)


def shown(page: OpenPage) -> list[dict[str, Any]]:
    """The states that the answer's message had on the page, once it was saved."""
    kinds = ("new_message", "update_message")
    return [data for event, data in page.events if event in kinds and data["type"] == "assistant_message"]


async def test_a_table_is_shown_from_its_beginning_and_saved_with_its_citations():
    """First what will be done, as a link to the table; then what it concludes, with the answer saved."""
    docent: Any = StandIn()
    docent.go_on.set()
    page = OpenPage()
    await reply(QUESTION, docent=docent, metrics=Metrics())
    first, last = shown(page)[0], shown(page)[-1]
    assert first["output"] == f"[2 documents will be read\\.](/tables/{TABLE.id})"
    assert first["metadata"] == {TABLE_KEY: TABLE.id}
    assert last["output"] == f"[Dock pays most in EUR\\.](/tables/{TABLE.id})"
    saved = load_answer(last["metadata"])
    assert (saved.text, saved.citations, last["metadata"][TABLE_KEY]) == (
        "2 read [1]",
        (CITATION,),
        TABLE.id,
    )
    assert not [event for event, _ in page.events if event == "element"]
    assert table_runs.run_of(TABLE.id) is None
    await page.session.delete()


async def test_a_long_table_waits_for_its_reader():
    """Nothing is read until its button is pressed; the message says how long it will take."""
    docent: Any = StandIn(seconds=table_runs.CONSENT_SECONDS + 1)
    page = OpenPage()
    await reply(QUESTION, docent=docent, metrics=Metrics())
    assert shown(page)[-1]["output"].startswith("[2 documents will be read")
    assert docent.table_now.read == 0
    assert not table_runs.is_filled_here(TABLE.id)
    await page.session.delete()


async def test_a_stop_leaves_the_table_to_go_on():
    """Stop ends the reading; the message still leads to the table, which says how far it is."""
    docent: Any = StandIn()
    page = OpenPage()
    replying = asyncio.create_task(reply(QUESTION, docent=docent, metrics=Metrics()))
    await asyncio.wait_for(docent.first_read.wait(), 20)
    assert table_runs.run_of(TABLE.id).progress.done == 1
    await table_runs.stop(TABLE.id)
    assert replying.cancelled()
    assert (docent.table_now.state, docent.table_now.read) == ("cancelled", 1)
    last = shown(page)[-1]
    assert f"(/tables/{TABLE.id})" in last["output"]
    assert last["metadata"][TABLE_KEY] == TABLE.id
    assert load_answer(last["metadata"]).text == "1 read [1]"
    await page.session.delete()


@pytest.mark.parametrize("shown_again", [False, True], ids=["alone", "shown again"])
async def test_an_edited_question_takes_its_table_along(shown_again, docent, history):
    """Its answer goes, and with it the table, unless another message shows that as well."""
    page = OpenPage()
    page.session.thread_id, page.session.has_first_interaction = THREAD, True
    any_docent: Any = docent
    history.on_step_deleted = lambda user, metadata: table_runs.delete_unshown(
        metadata, docent=any_docent, history=history, reader=user
    )
    if shown_again:
        await history.execute_sql(
            'INSERT INTO steps ("id", "threadId", "name", "type", "output", "metadata", "createdAt") '
            "VALUES ('s2', :thread, '', 'assistant_message', '', :metadata, '2026')",
            {"thread": THREAD, "metadata": {TABLE_KEY: TABLE.id}},
        )
    await history.delete_step("s")
    assert docent.deleted == ([] if shown_again else [TABLE.id])
    assert [step["id"] for step in (await history.get_thread(THREAD))["steps"]] == ["s2"] * shown_again
    await page.session.delete()


# --- its routes ------------------------------------------------------------------------------

THREAD = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"


@pytest.fixture
async def docent(history: History) -> StandIn:
    """Ann's table, which was stopped in a conversation of hers."""
    user = await history.create_user(User(identifier="ann"))
    await history.update_thread(THREAD, name="Pay", user_id=user.id)
    await history.execute_sql(
        'INSERT INTO steps ("id", "threadId", "name", "type", "output", "metadata", "createdAt") '
        "VALUES ('s', :thread, '', 'assistant_message', '[planned](/tables/t)', :metadata, '2026')",
        {"thread": THREAD, "metadata": {TABLE_KEY: TABLE.id}},
    )
    return StandIn(owner="ann")


@pytest.fixture
def client(docent: StandIn, history: History, monkeypatch: pytest.MonkeyPatch):
    """Send requests as the user that is named, from Docent's own page."""

    async def reader(request) -> str | None:
        return request.headers.get("x-reader")

    monkeypatch.setattr(page_routes, "reader_of", reader)
    app = Starlette(routes=[*table_routes.routes(), *page_routes.routes()])
    app.state.docent, app.state.history = docent, history
    app.state.authenticator = SimpleNamespace(is_admin=lambda name: False, required=True)
    return lambda name, site="same-origin": httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://docent.example",
        headers={"sec-fetch-site": site, **({"x-reader": name} if name else {})},
    )


async def test_a_stopped_table_is_filled_in_the_background(client, docent, history):
    """The button reads the other documents, though no page may be open; the message then has the answer."""
    async with client("ann") as ann:
        assert 'data-phase="planned"' in (await ann.get("/tables/t")).text
        started = await ann.post("/tables/t/start")
        assert 'data-phase="running"' in started.text
        await asyncio.wait_for(docent.first_read.wait(), 20)
        assert "1 of 2 documents, a few seconds left" in (await ann.get("/tables/t")).text
        docent.go_on.set()
        async with asyncio.timeout(20):
            while 'data-phase="done"' not in (page := (await ann.get("/tables/t?sort=-1")).text):
                await asyncio.sleep(0.01)
            while table_runs.run_of(TABLE.id) is not None:  # until the message is saved, too
                await asyncio.sleep(0.01)
        assert page.index("anvil.md") < page.index("Dock.md")
    (step,) = await history.table_messages("t", "ann")
    assert load_answer(step["metadata"]).text == "2 read [1]"
    assert step["metadata"][TABLE_KEY] == "t"


async def test_the_background_is_stopped_too(client, docent, history):
    """What was read stays, and is said to be incomplete."""
    async with client("ann") as ann:
        await ann.post("/tables/t/start")
        await asyncio.wait_for(docent.first_read.wait(), 20)
        stopped = (await ann.post("/tables/t/stop")).text
    assert 'data-phase="incomplete"' in stopped and "1 of 2 documents were read" in stopped
    (step,) = await history.table_messages("t", "ann")
    assert load_answer(step["metadata"]).text == "1 read [1]"


async def test_a_table_that_another_process_fills_can_be_stopped(client, docent):
    """Its page has the button, which asks that process to stop."""
    docent.note(state="running", read=1)
    async with client("ann") as ann:
        assert 'data-phase="elsewhere"' in (await ann.get("/tables/t")).text
        stopped = (await ann.post("/tables/t/stop")).text
    assert docent.table_now.state == "cancelled" and 'data-phase="incomplete"' in stopped


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("GET", "/tables/t"),
        ("POST", "/tables/t/start"),
        ("POST", "/tables/t/stop"),
        ("GET", "/tables/t/file/xlsx"),
        *(
            ("GET", f"/tables/t/cited/id-Mill/1{path}")
            for path in ("", "/quote", "/pages/1", "/search?words=a")
        ),
    ],
)
async def test_the_table_of_somebody_else_is_not_there(client, docent, method, address):
    """Another user's ids open nothing, as do made-up ones; nobody without a login gets as far."""
    docent.note(state="done", rows=TABLE.rows, matching=6, read=6)
    async with client("bob") as bob, client("") as nobody, client("ann") as ann:
        assert (await bob.request(method, address)).status_code == 404
        assert (await ann.request(method, address.replace("/t", "/other", 1))).status_code == 404
        assert (await nobody.request(method, address)).status_code == 401
    assert not docent.first_read.is_set()


async def test_only_docents_own_page_starts_and_stops_a_table(client, docent):
    """A form on another site does nothing."""
    async with client("ann", "cross-site") as elsewhere:
        assert (await elsewhere.post("/tables/t/start")).status_code == 403
        assert (await elsewhere.post("/tables/t/stop")).status_code == 403
    assert not docent.first_read.is_set()


async def test_the_address_of_a_table_leads_to_its_conversation(client, docent):
    """As a page of its own, for whoever opens the link in another tab."""
    async with client("ann") as ann:
        response = await ann.get("/tables/t", headers={"sec-fetch-dest": "document"})
    assert (response.status_code, response.headers["location"]) == (303, f"/thread/{THREAD}")


async def test_a_deleted_conversation_takes_its_table_along(client, docent):
    """The table is stopped and deleted."""
    async with client("ann") as ann:
        await ann.post("/tables/t/start")
        await asyncio.wait_for(docent.first_read.wait(), 20)
        assert (await ann.request("DELETE", "/project/thread", json={"threadId": THREAD})).status_code == 200
    assert docent.deleted == ["t"]
    assert docent.table_now.state == "cancelled"
