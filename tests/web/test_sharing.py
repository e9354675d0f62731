"""A link to a conversation opens that conversation to be read, until it is revoked, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from chainlit.user import User
from starlette.applications import Starlette

from docent.app import Docent, open_docent
from docent.settings import Settings
from docent.types import Answer, Citation, Receipt, Scope
from docent.web.chat.history import History
from docent.web.chat.saved_answer import answer_metadata
from docent.web.documents import page_access
from docent.web.sharing import share_routes
from tests.loading import makers

OURS = {"sec-fetch-site": "same-origin"}
THREAD = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
OTHER = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
QUOTE = "The harbour opens at nine."


@pytest.fixture
def docent(tmp_path: Path) -> Iterator[Docent]:
    (tmp_path / "data" / "harbour").mkdir(parents=True)
    content = makers.pdf(lambda sheet, n: makers.write(sheet, [QUOTE]), pages=1)
    (tmp_path / "data" / "harbour" / "hours.pdf").write_bytes(content)
    settings = Settings(storage=tmp_path / "storage", data=tmp_path / "data", share_links=True)
    with open_docent(settings) as docent:
        docent.ingest([settings.data], retry_failed=False, password=None, on_progress=lambda _: None)
        yield docent


@pytest.fixture
async def history(tmp_path: Path, docent: Docent):
    """Two conversations of Ann's, each with a question and an answer that cites a page."""
    opened = History(tmp_path)
    (document,) = docent.store.documents(Scope())
    text = docent.store.page(document.id, 1, Scope()).text
    start = text.index(QUOTE)
    citation = Citation(
        n=1, chunk_id="c", document_id=document.id, file=document.name, library="harbour", page=1,
        page_label="", place="p. 1", start=start, end=start + len(QUOTE), quote=QUOTE,
    )  # fmt: skip
    user = await opened.create_user(User(identifier="ann"))
    for thread in (THREAD, OTHER):
        question = f"When does it open, <b>{thread[:4]}</b>?"
        answer = Answer(
            f"At nine, {thread[:4]} [1].", (citation,), (), Receipt(question=question, searched="")
        )
        await opened.update_thread(thread, name=f"Hours {thread[:4]}", user_id=user.id)
        for kind, output, metadata in (
            ("user_message", question, {}),
            ("assistant_message", answer.text, answer_metadata(question, answer)),
        ):
            await opened.execute_sql(
                'INSERT INTO steps ("id", "threadId", "name", "type", "output", "metadata", "createdAt") '
                "VALUES (:id, :thread, '', :kind, :output, :metadata, :at)",
                {
                    "id": thread[:-1] + ("1" if kind == "user_message" else "2"),
                    "thread": thread,
                    "kind": kind,
                    "output": output,
                    "metadata": metadata,
                    "at": "2026-11-30T10:00:00" + kind[0],
                },
            )
    yield opened
    await opened.close()


@pytest.fixture
def client(docent: Docent, history: History, monkeypatch: pytest.MonkeyPatch):
    """Send requests as the user that is named, or as nobody."""

    async def reader(request) -> str | None:
        return request.headers.get("x-reader")

    monkeypatch.setattr(page_access, "reader_of", reader)
    app = Starlette(routes=share_routes.routes())
    app.state.docent, app.state.history = docent, history
    app.state.authenticator = SimpleNamespace(is_admin=lambda name: name == "admin", required=True)
    return lambda name, **headers: httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://docent.example",
        headers={**OURS, **({"x-reader": name} if name else {}), **headers},
    )


async def made(client, thread: str = THREAD) -> str:
    """Make a link as Ann does, and return its path."""
    async with client("ann") as ann:
        page = (await ann.post(f"/link/{thread}", data={"action": "make"})).text
    return re.search(r'href="http://docent\.example(/shared/[\w-]{43})"', page)[1]


async def test_a_link_shows_the_conversation_with_citations_and_pages(client, history):
    """Without a login: question, answer, quote and a picture of the cited page; markup stays text."""
    path = await made(client)
    async with client("") as nobody:
        page = await nobody.get(path)
        assert "&lt;b&gt;aaaa&lt;/b&gt;" in page.text and "At nine, aaaa" in page.text
        assert f"<blockquote>{QUOTE}</blockquote>" in page.text
        assert page.headers["referrer-policy"] == "no-referrer"
        assert "unsafe" not in page.headers["content-security-policy"]
        picture = re.search(r'src="(/shared/[^"]+)"', page.text)[1]
        drawn = await nobody.get(picture)
    assert drawn.content[:8] == b"\x89PNG\r\n\x1a\n"
    assert "no-store" in drawn.headers["cache-control"]


MARKED = """**At nine** [1], <script>alert(1)</script>.

| Day | Opens |
| --- | --- |
| Monday | nine [1] |

![x](https://elsewhere.example/x.png) [here](https://elsewhere.example) [there](javascript:alert(1))
"""


async def test_an_answer_is_drawn_and_leads_nowhere_else(client, history):
    """Bold words and tables as in the chat; raw HTML, pictures and links of the model stay text."""
    step = THREAD[:-1] + "2"
    saved, _ = await history.step_and_author(step)
    metadata = {**saved["metadata"]}
    metadata["docent"] = {**metadata["docent"], "text": MARKED}
    await history.execute_sql(
        'UPDATE steps SET "metadata" = :metadata WHERE "id" = :id', {"id": step, "metadata": metadata}
    )
    path = await made(client)
    async with client("") as nobody:
        page = (await nobody.get(path)).text
    assert "<strong>At nine</strong>" in page and "<td>Monday</td>" in page
    assert page.count(f'href="#s-{step}-1"') == 2
    assert "<script>" not in page and 'elsewhere.example"' not in page and 'href="javascript' not in page
    assert "<img" not in page.split('class="said"', 2)[2].split("<h3>")[0]


async def test_a_link_opens_nothing_else(client, history):
    """Neither another conversation of the same person, nor its pages, nor numbers that were not cited."""
    path = await made(client)
    answer = OTHER[:-1] + "2"
    async with client("") as nobody:
        assert "bbbb" not in (await nobody.get(path)).text
        for other in (f"{path}/{answer}/1", f"{path}/{THREAD[:-1]}2/9", f"{path}/nothing/1", f"{path[:-1]}x"):
            response = await nobody.get(other)
            assert response.status_code == 404 and "bbbb" not in response.text, other


@pytest.mark.parametrize("reader", ["ben", "admin", ""])
async def test_only_its_author_shares_a_conversation(client, history, reader):
    """Nobody else makes, sees or revokes a link, not even an administrator."""
    path = await made(client)
    async with client(reader) as other:
        for response in (
            await other.get(f"/link/{THREAD}"),
            await other.post(f"/link/{THREAD}", data={"action": "make"}),
            await other.post(f"/link/{THREAD}", data={"action": "revoke"}),
        ):
            assert response.status_code in ((404,) if reader else (303, 401))
    async with client("ann", **{"sec-fetch-site": "cross-site"}) as ann:
        assert (await ann.post(f"/link/{THREAD}", data={"action": "make"})).status_code == 403
    async with client("") as nobody:
        assert (await nobody.get(path)).status_code == 200


@pytest.mark.parametrize("way", ["revoked", "replaced", "deleted", "author removed", "switched off"])
async def test_a_link_ends(client, docent, history, monkeypatch, way):
    """Page and pictures are gone at once, and the answer is that of a link that never was."""
    path = await made(client)
    picture = f"{path}/{THREAD[:-1]}2/1"
    async with client("") as nobody:
        assert (await nobody.get(picture)).status_code == 200
        if way == "revoked":
            async with client("ann") as ann:
                await ann.post(f"/link/{THREAD}", data={"action": "revoke"})
        elif way == "replaced":
            await made(client)
        elif way == "deleted":
            await history.delete_thread(THREAD)
        elif way == "author removed":
            await history.delete_user("ann")
        else:
            off = docent.settings.model_copy(update={"share_links": False})
            object.__setattr__(docent, "settings", off)
        never = await nobody.get("/shared/" + "x" * 43)
        for gone in (path, picture):
            response = await nobody.get(gone)
            assert (response.status_code, response.text) == (404, never.text)


async def test_links_are_off_by_default(client, docent, history):
    """Unless the settings allow them, no link can be made."""
    assert Settings().share_links is False
    object.__setattr__(docent, "settings", docent.settings.model_copy(update={"share_links": False}))
    async with client("ann") as ann:
        assert (await ann.get(f"/link/{THREAD}")).status_code == 404
        assert (await ann.post(f"/link/{THREAD}", data={"action": "make"})).status_code == 404
    assert await history.rows("SELECT * FROM share_links") == []


async def test_a_deleted_document_is_not_drawn(client, docent, history):
    """The quotes that a deletion blanked, and the page, are gone from a shared conversation, too."""
    path = await made(client)
    docent.store.delete(docent.store.documents(Scope())[0].id, Scope())
    async with client("") as nobody:
        assert "<img" not in (await nobody.get(path)).text.partition("<main>")[2]
        assert (await nobody.get(f"{path}/{THREAD[:-1]}2/1")).status_code == 404


async def test_no_token_is_stored(client, history, tmp_path):
    """A copy of the database opens no conversation."""
    token = (await made(client)).rpartition("/")[2]
    assert all(token.encode() not in file.read_bytes() for file in tmp_path.glob("history.db*"))
