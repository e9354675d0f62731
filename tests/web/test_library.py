"""The documents page: upload, libraries, changes to many documents, progress, and a look into a page."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from chainlit.user import User
from starlette.applications import Starlette

from docent.app import Docent, open_docent
from docent.app.document_aids import saved_overview
from docent.errors import UnknownDocument
from docent.settings import Settings
from docent.types import Scope, State, private_library
from docent.web.chat.history import History
from docent.web.documents import page_access, routes
from tests.loading import makers

OURS = {"sec-fetch-site": "same-origin"}
TEXT = "The ferry leaves at nine.\n\nA second ferry leaves at noon.\n"


@pytest.fixture(scope="module")
def docent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docent]:
    folder = tmp_path_factory.mktemp("library")
    (folder / "data" / "kitchen").mkdir(parents=True)
    (folder / "data" / "kitchen" / "soup.md").write_text("# Soup\n\nBoil water.\n")
    settings = Settings(storage=folder / "storage", data=folder / "data", max_file_mb=1)
    with open_docent(settings) as docent:
        docent.ingest([folder / "data"], retry_failed=False, password=None, on_progress=lambda _: None)
        yield docent


@pytest.fixture
def client(docent: Docent, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Send requests as the user that is named."""

    async def reader(request) -> str | None:
        return request.headers.get("x-reader")

    monkeypatch.setattr(page_access, "reader_of", reader)
    app = Starlette(routes=routes.routes())
    app.state.docent, app.state.history = docent, History(tmp_path)
    app.state.authenticator = SimpleNamespace(is_admin=lambda name: name in ("admin", "local"), required=True)
    return lambda name, **headers: httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://docent.example",
        headers={**OURS, **({"x-reader": name} if name else {}), **headers},
    )


def names(docent: Docent, reader: str, **query) -> list[str]:
    return [one.name for one in docent.store.organiser.listing(Scope(reader=reader), **query).documents]


async def send(
    client: httpx.AsyncClient, name: str, content: bytes | str, library: str = ""
) -> httpx.Response:
    return await client.post(
        "/documents/upload",
        data={"library": library},
        files={"file": (name, content)},
        headers={"accept": "application/json"},
    )


async def read(docent: Docent, response: httpx.Response, reader: str) -> str:
    """Wait until an upload is read, and return its id."""
    key = response.json()["id"]
    while docent.store.document(key, Scope(reader=reader)).state not in (State.READY, State.FAILED):
        await asyncio.sleep(0.02)
    return key


@pytest.fixture
async def three(client, docent) -> list[str]:
    """Three private documents of Ann's."""
    async with client("ann") as ann:
        sent = [await send(ann, f"{n}.txt", f"Page {n} {time.monotonic_ns()}: {TEXT}") for n in range(3)]
        return [await read(docent, response, "ann") for response in sent]


# --- upload ---------------------------------------------------------------------------------


async def test_a_dropped_file_is_read_in_its_library(client, docent):
    """It belongs to its sender alone, in the library chosen, and is found by its words."""
    library = docent.store.organiser.create_library("Ferries", "ann")
    async with client("ann") as ann:
        response = await send(ann, "ferry.txt", TEXT, library)
    assert response.status_code == 201
    key = await read(docent, response, "ann")
    document = docent.store.document(key, Scope(reader="ann"))
    assert (document.library, document.owner, document.name) == (library, "ann", "ferry.txt")
    assert "ferry.txt" not in names(docent, "ben")
    docent.delete_library(library, reader="ann")


@pytest.mark.parametrize(
    ("reader", "library"),
    [
        pytest.param("ben", private_library("ann", "uploads"), id="a library of another user"),
        pytest.param("ben", "kitchen", id="a shared one, by a member"),
        pytest.param("admin", private_library("ann", "uploads"), id="a private one, by an administrator"),
        pytest.param("ben", "nothing", id="none"),
        pytest.param("ben", private_library("ben", "../ann/uploads"), id="a path"),
    ],
)
async def test_a_library_that_one_may_not_add_to_is_refused(client, docent, three, reader, library):
    """Nothing is stored, and the refusal says nothing about the library."""
    before = names(docent, "ann")
    async with client(reader) as other:
        response = await send(other, "spam.txt", "spam", library)
    assert response.status_code == 409
    assert "ann" not in response.text
    assert names(docent, "ann") == before and "spam.txt" not in names(docent, reader)


async def test_an_administrator_adds_to_a_shared_library(client, docent):
    """Everybody finds it."""
    async with client("admin") as admin:
        key = await read(docent, await send(admin, "stew.txt", "Stew the beans.", "kitchen"), "admin")
    assert "stew.txt" in names(docent, "ben")
    docent.store.delete(key, Scope())


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [
        pytest.param("empty.txt", b"", 400, id="empty"),
        pytest.param("large.txt", b"x" * 1_100_000, 413, id="too large"),
        pytest.param("film.mp4", b"x" * 100, 415, id="no document"),
        pytest.param("..", b"text", 409, id="no name"),
    ],
)
async def test_a_file_that_cannot_be_taken_is_refused_in_a_sentence(client, docent, name, content, status):
    """The page shows the sentence beside the file's name."""
    before = names(docent, "ann")
    async with client("ann") as ann:
        response = await send(ann, name, content)
    assert response.status_code == status
    assert response.json()["detail"].endswith(".")
    assert names(docent, "ann") == before


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        pytest.param("../../etc/passwd.txt", "passwd.txt", id="a path"),
        pytest.param("..\\..\\windows\\win.txt", "win.txt", id="a Windows path"),
        pytest.param("a\u202etxt.exe.txt", "atxt.exe.txt", id="a mark that turns the text"),
        pytest.param(".hidden.txt", "hidden.txt", id="a hidden file"),
        pytest.param("x" * 250 + ".txt", "x" * 196 + ".txt", id="a long name"),
    ],
)
async def test_a_name_becomes_plain(client, docent, sent, stored):
    """A name is no path, hides nothing, and fits every file system."""
    async with client("ann") as ann:
        response = await send(ann, sent, f"{sent} {TEXT}")
        assert response.json()["name"] == stored
        key = await read(docent, response, "ann")
        assert stored in (await ann.get("/documents")).text
    docent.store.delete(key, Scope(reader="ann"))


@pytest.mark.filterwarnings("ignore:Exception ignored in.*SpooledTemporaryFile")  # Starlette drops its own
async def test_an_upload_that_breaks_off_leaves_nothing(client, docent):
    """Half of a form is refused, and no document is left."""
    before = names(docent, "ann")

    async def half():
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="half.txt"\r\n\r\nThe first'

    async with client("ann") as ann:
        headers = {"content-type": "multipart/form-data; boundary=x", "accept": "application/json"}
        response = await ann.post("/documents/upload", content=half(), headers=headers)
    assert response.status_code == 400
    assert names(docent, "ann") == before


async def test_a_form_without_a_script_leads_back_to_the_list(client, docent):
    """The page works without JavaScript: the answer to a form is the library with the file in it."""
    async with client("ann", accept="text/html") as ann:
        response = await ann.post("/documents/upload", files={"file": ("plain.txt", f"{TEXT} plain")})
        assert response.status_code == 303
        listed = (await ann.get(response.headers["location"])).text
    assert "plain.txt" in listed
    assert "<noscript><button>Add</button></noscript>" in listed


# --- many documents -------------------------------------------------------------------------


async def test_several_are_deleted_with_one_receipt(client, docent, three):
    """One request deletes what is selected, and its receipt counts everything of it."""
    async with client("ann") as ann:
        form = {"action": "delete", "id": three}
        response = await ann.post("/documents/several", data=form)
    assert "3 documents were deleted" in response.text
    assert "Nothing of it is left." in response.text
    assert re.search(r"<td>pages</td><td>3</td><td>0</td>", response.text)
    for key in three:
        with pytest.raises(UnknownDocument):
            docent.store.document(key, Scope(reader="ann"))


async def test_documents_of_others_stay(client, docent, three):
    """Neither a member nor an administrator changes private documents; shared ones stay for a member."""
    soup = docent.store.organiser.listing(Scope(), search="soup").documents[0]
    for reader in ("ben", "admin"):
        async with client(reader) as other:
            for action in ("delete", "tag", "untag", "share", "unshare", "again"):
                form = {"action": action, "id": three, "tag": "x", "library": "uploads"}
                response = await other.post("/documents/several", data=form)
                assert response.status_code == 409, action
    async with client("ben") as ben:
        response = await ben.post("/documents/several", data={"action": "delete", "id": [soup.id]})
        assert response.status_code == 409 and "administrator" in response.text
    assert {docent.store.document(key, Scope(reader="ann")).id for key in three} == set(three)
    assert docent.store.document(soup.id, Scope())
    assert docent.store.organiser.tags(three) == {}


async def test_what_may_not_be_changed_is_left_and_counted(client, docent, three):
    """A selection with a shared document deletes the own ones, and says how many were left."""
    soup = docent.store.organiser.listing(Scope(), search="soup").documents[0]
    async with client("ann") as ann:
        form = {"action": "delete", "id": [*three, soup.id]}
        response = await ann.post("/documents/several", data=form)
    assert "3 documents were deleted" in response.text
    assert "Left as they are, because you may not change them in this way: 1." in response.text
    assert docent.store.document(soup.id, Scope())


async def test_many_are_deleted_only_after_one_more_question(client, docent):
    """From 26 documents on the page asks again, and everything that a filter finds can be chosen."""
    library = docent.store.organiser.create_library("Many", "ann")
    async with client("ann") as ann:
        for n in range(26):
            await read(docent, await send(ann, f"many {n}.txt", f"Number {n}.", library), "ann")
        chosen = {"action": "delete", "every": "yes", "query": f"library={library}"}
        asked = await ann.post("/documents/several", data=chosen)
        assert "Delete 26 documents?" in asked.text
        assert len(names(docent, "ann", search="many")) == 26
        fields = re.findall(r'name="(\w+)" value="([^"]*)"', asked.text)
        sure = {name: [value for other, value in fields if other == name] for name, _ in fields}
        receipt = await ann.post("/documents/several", data=sure)
    assert "26 documents were deleted" in receipt.text
    assert names(docent, "ann", search="many") == []
    docent.delete_library(library, reader="ann")


async def test_tags_are_added_filtered_and_removed(client, docent, three):
    """A tag stands at its documents, is a filter of the list, and is not shown to others."""
    async with client("ann") as ann:
        await ann.post("/documents/several", data={"action": "tag", "id": three[:2], "tag": "To Read"})
        tagged = (await ann.get("/documents?tag=to+read")).text
        assert len(re.findall(r'<tr data-id="', tagged)) == 2
        assert ">to read</a>" in tagged
        await ann.post("/documents/several", data={"action": "untag", "id": three, "tag": "to read"})
        assert "to read" not in (await ann.get("/documents")).text
    async with client("ben") as ben:
        assert "to read" not in (await ben.get("/documents")).text


async def test_nothing_selected_is_a_sentence(client):
    """A button pressed without a selection changes nothing and says what to do."""
    async with client("ann") as ann:
        for form in ({"action": "delete"}, {"action": "explode", "id": "x"}, {}):
            response = await ann.post("/documents/several", data=form)
            assert response.status_code == 409
            assert "Go back" in response.text


async def test_several_are_shared_and_taken_back(client, docent, three):
    """What was private answers for everybody, and for its owner alone again."""
    async with client("ann") as ann:
        response = await ann.post(
            "/documents/several", data={"action": "share", "id": three, "library": "kitchen"}
        )
        assert response.status_code == 303
        shared = [d.id for d in docent.store.organiser.listing(Scope(), search=".txt").documents]
        assert len(shared) == 3
        await ann.post("/documents/several", data={"action": "unshare", "id": shared})
    assert names(docent, "ben", search=".txt") == []


# --- libraries ------------------------------------------------------------------------------


async def test_a_library_is_made_renamed_shared_and_deleted(client, docent):
    """Each step is one form, and the documents go with it."""
    async with client("ann") as ann:
        made = await ann.post("/documents/libraries", data={"title": "Trips"})
        library = private_library("ann", "Trips")
        assert made.headers["location"].endswith("library=~ann%2FTrips")
        await ann.post("/documents/libraries/rename", data={"library": library, "title": "Journeys"})
        await read(docent, await send(ann, "trip.txt", f"{TEXT} trip", library), "ann")
        page = (await ann.get(made.headers["location"])).text
        assert "<h2>Journeys</h2>" in page and "trip.txt" in page
        await ann.post("/documents/libraries/share", data={"library": library, "into": "kitchen"})
        assert "trip.txt" in names(docent, "ben")
        asked = await ann.post("/documents/libraries/delete", data={"library": library})
        assert "Delete the library “Journeys”?" in asked.text
        receipt = await ann.post("/documents/libraries/delete", data={"library": library, "sure": "yes"})
        assert "Nothing of it is left." in receipt.text
    assert library not in docent.store.libraries("ann")


async def test_libraries_of_others_and_shared_ones_are_not_changed(client, docent):
    """Members change their own libraries only, administrators shared ones, too."""
    library = docent.store.organiser.create_library("Diaries", "ann")
    for reader, name in (("ben", library), ("admin", library), ("ben", "kitchen")):
        async with client(reader) as other:
            for way in ("rename", "share", "delete"):
                form = {"library": name, "title": "Mine", "into": "kitchen", "sure": "yes"}
                response = await other.post(f"/documents/libraries/{way}", data=form)
                assert response.status_code == 409, (reader, name, way)
    assert {entry.title for entry in docent.store.organiser.libraries("ann")} >= {"Diaries", "kitchen"}
    async with client("ben") as ben:
        refused = await ben.post("/documents/libraries", data={"title": "All", "for": "everybody"})
        assert refused.status_code == 409
        assert "Diaries" not in (await ben.get("/documents")).text
    async with client("admin") as admin:
        await admin.post("/documents/libraries", data={"title": "All", "for": "everybody"})
        await admin.post("/documents/libraries/rename", data={"library": "All", "title": "Everything"})
        await admin.post("/documents/libraries/delete", data={"library": "All", "sure": "yes"})
    assert "All" not in docent.store.libraries(None)
    docent.delete_library(library, reader="ann")


@pytest.mark.parametrize(
    "path",
    [
        *("upload", "several", "libraries", "libraries/rename", "libraries/share", "libraries/delete"),
    ],
)
async def test_changes_come_from_our_own_page_and_a_login(client, path):
    """A form of another site, and somebody who is not logged in, change nothing."""
    async with client("ann", **{"sec-fetch-site": "cross-site"}) as ann:
        assert (await ann.post(f"/documents/{path}", data={"title": "x"})).status_code == 403
    async with client("") as nobody:
        assert (await nobody.post(f"/documents/{path}", data={"title": "x"})).status_code == 401


# --- progress, origin, a look inside --------------------------------------------------------


async def test_the_work_that_is_left_is_reported(client, docent, three):
    """State and progress of the named documents are returned, and nothing of those of others."""
    async with client("ann") as ann:
        work = (await ann.get("/documents/work", params={"id": three})).json()
    assert set(work["rows"]) == set(three)
    assert all('class="state ready"' in row for row in work["rows"].values())
    assert (work["unfinished"], work["busy"], work["sentence"]) == (0, [], "")
    async with client("ben") as ben:
        assert (await ben.get("/documents/work", params={"id": three})).json()["rows"] == {}


async def test_questions_about_a_new_document_are_made_once_it_is_read(client, docent, three):
    """The page that watches the reading has them made, so that the start page has them at once."""
    async with client("ann") as ann:
        await ann.get("/documents/work", params={"id": three})
    made = threading.Event()

    async def last() -> None:
        made.set()

    docent.summary_writer.add("last", last)
    assert await asyncio.to_thread(made.wait, 60)
    for document in docent.store.documents(Scope(reader="ann", documents=tuple(three))):
        assert saved_overview(docent, document) is not None


async def test_a_document_names_the_conversation_it_was_sent_in(client, docent, three, tmp_path):
    """A link leads from the list to the sender's own conversation, not to one that names the same id."""
    history = History(tmp_path)
    for user, thread in (("ann", "a" * 32), ("ben", "b" * 32)):
        saved = await history.create_user(User(identifier=user))
        await history.update_thread(thread, name=f"Trip of {user}", user_id=saved.id)
        await history.execute_sql(
            'INSERT INTO steps ("id", "threadId", "name", "type", "metadata", "createdAt") '
            "VALUES (:id, :thread, '', 'system_message', :metadata, '2026')",
            {"id": thread, "thread": thread, "metadata": {"file": {"document_id": three[0]}}},
        )
    await history.close()
    async with client("ann") as ann:
        shown = (await ann.get("/documents")).text
    assert f'<a class="origin" href="/thread/{"a" * 32}">Trip of ann</a>' in shown
    assert "Trip of ben" not in shown


async def test_a_page_is_shown_with_the_words_marked(client, docent):
    """A look inside shows the text with the phrase marked, how often it is found, and on which pages."""
    async with client("ann") as ann:
        key = await read(docent, await send(ann, "ferries.txt", f"{TEXT} <b>&"), "ann")
        shown = (await ann.get(f"/documents/{key}/pages/1", params={"find": "ferry leaves"})).text
        assert shown.count("<mark>ferry leaves</mark>") == 2
        assert "Found 2 times on 1 pages." in shown
        assert "&lt;b&gt;&amp;" in shown
        other = (await ann.get(f"/documents/{key}/pages/1", params={"find": "noon zebra"})).text
        assert "<mark>noon</mark>" in other
        none = (await ann.get(f"/documents/{key}/pages/1", params={"find": "zebra"})).text
        assert "These words are not in this document." in none
        assert (await ann.get(f"/documents/{key}/pages/9")).status_code == 404
    for reader in ("ben", "admin"):
        async with client(reader) as other:
            for path in ("", "/picture"):
                assert (await other.get(f"/documents/{key}/pages/1{path}")).status_code == 404
    docent.store.delete(key, Scope(reader="ann"))


async def test_a_page_of_a_pdf_is_a_picture(client, docent):
    """The picture is drawn with and without words to mark, and is a PNG."""
    content = makers.pdf(lambda sheet, n: makers.write(sheet, [f"Sheet {n} of the harbour."]), pages=2)
    async with client("ann") as ann:
        key = await read(docent, await send(ann, "sheets.pdf", content), "ann")
        page = (await ann.get(f"/documents/{key}/pages/2?find=harbour")).text
        assert f'src="/documents/{key}/pages/2/picture?find=harbour"' in page
        plain = await ann.get(f"/documents/{key}/pages/2/picture")
        marked = await ann.get(f"/documents/{key}/pages/2/picture?find=harbour")
    assert plain.content[:8] == marked.content[:8] == b"\x89PNG\r\n\x1a\n"
    assert plain.content != marked.content
    docent.store.delete(key, Scope(reader="ann"))


# --- libraries of groups ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "adds", "changes"),
    [
        pytest.param("", False, False, id="in no group"),
        pytest.param("read", False, False, id="may read"),
        pytest.param("write", True, False, id="may add"),
        pytest.param("manage", True, True, id="may manage"),
    ],
)
async def test_a_closed_library_is_used_as_its_groups_say(client, docent, level, adds, changes):
    """Nobody else sees it, and the page offers no more than the group may do, which is all that it can."""
    groups = docent.store.groups
    library = docent.store.organiser.create_library(f"Plans {level}", None)
    for name in ("hosts", f"of ann {level}"):
        groups.add(name.strip())
    groups.join("hosts", "eve")
    groups.grant("hosts", library, "write")
    if level:
        groups.join(f"of ann {level}", "ann")
        groups.grant(f"of ann {level}", library, level)
    async with client("eve") as eve:
        key = await read(docent, await send(eve, "plan.txt", f"{level} {TEXT}", library), None)
    async with client("ann") as ann, client("admin") as admin:
        page = await ann.get("/documents", params={"library": library})
        assert ("plan.txt" in page.text) == bool(level)
        assert (await ann.get(f"/documents/{key}")).status_code == (200 if level else 404)
        assert (await admin.get(f"/documents/{key}")).status_code == 404
        assert ((await send(ann, "more.txt", f"{level} more {TEXT}", library)).status_code == 201) == adds
        renamed = await ann.post("/documents/libraries/rename", data={"library": library, "title": "Mine"})
        assert (renamed.status_code == 303) == changes
        deleted = await ann.post(f"/documents/{key}/delete")
        assert (deleted.status_code == 200) == changes
    for name in ("hosts", f"of ann {level}"):
        groups.remove(name.strip())


async def test_a_file_is_not_shared_where_one_may_only_read(client, docent, three):
    """A closed library takes documents from those who may add them; from others it is as if not there."""
    library = docent.store.organiser.create_library("Archive", None)
    docent.store.groups.add("readers")
    docent.store.groups.join("readers", "ann")
    docent.store.groups.grant("readers", library, "read")
    async with client("ann") as ann:
        refused = await ann.post(f"/documents/{three[0]}/share", data={"library": library})
        assert refused.status_code == 409
        docent.store.groups.grant("readers", library, "write")
        assert (await ann.post(f"/documents/{three[0]}/share", data={"library": library})).status_code == 303
    assert [one.library for one in docent.store.documents(Scope(libraries=(library,)))] == [library]
    assert library not in {one.library for one in docent.store.documents(Scope(reader=""))}
