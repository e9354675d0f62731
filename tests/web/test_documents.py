"""The documents page shows shared and own documents, and lets people change only what they may."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from starlette.applications import Starlette

from docent.app import Docent, open_docent
from docent.settings import Settings
from docent.types import Scope, StoredDocument
from docent.web.accounts.login import Authenticator
from docent.web.documents import page_access, routes
from docent.web.templates import file_size
from tests.loading import makers
from tests.store.damage import catalog

OURS = {"sec-fetch-site": "same-origin"}


@pytest.fixture(scope="module")
def docent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docent]:
    folder = tmp_path_factory.mktemp("documents")
    for name in ("kitchen", "cellar"):
        data = folder / "data" / name
        data.mkdir(parents=True)
        for number in range(3):
            (data / f"{name}-{number}.md").write_text(f"# {name}\n\nShelf {number} holds jars and bottles.\n")
    (folder / "data" / "cellar" / "broken.pdf").write_bytes(b"%PDF-1.7 and no more")
    with open_docent(Settings(storage=folder / "storage", data=folder / "data")) as docent:
        docent.ingest([folder / "data"], retry_failed=False, password=None, on_progress=lambda _: None)
        yield docent


@pytest.fixture
def client(docent: Docent, monkeypatch: pytest.MonkeyPatch):
    """Send requests as the user that a header names."""
    return asking(docent, monkeypatch)


def asking(docent: Docent, monkeypatch: pytest.MonkeyPatch):

    async def reader(request) -> str | None:
        return request.headers.get("x-reader")

    monkeypatch.setattr(page_access, "reader_of", reader)
    app = Starlette(routes=routes.routes())
    app.state.docent = docent
    app.state.authenticator = SimpleNamespace(is_admin=lambda name: name == "admin", required=True)
    transport = httpx.ASGITransport(app)
    return lambda reader, **headers: httpx.AsyncClient(
        transport=transport,
        base_url="http://docent.example",
        headers={**({"x-reader": reader} if reader else {}), **headers},
    )


@pytest.fixture
def diary(docent: Docent, tmp_path: Path) -> Iterator[StoredDocument]:
    """A private document of Ann's."""
    path = tmp_path / "diary.md"
    path.write_text(f"# Diary\n\nIt rained on day {time.monotonic_ns()}.\n")
    ticket = docent.add_upload(path, name="diary.md", owner="ann")
    ready(docent, ticket)
    yield docent.store.document(ticket.document_id, Scope(reader="ann"))


def ready(docent: Docent, ticket) -> None:
    while not docent.upload_status(ticket).over:
        time.sleep(0.02)


def shared(docent: Docent, name: str) -> StoredDocument:
    return next(one for one in docent.store.documents(Scope()) if one.name == name)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        pytest.param("", 6, id="all"),
        pytest.param("?search=CELLAR", 3, id="by name"),
        pytest.param("?search=cellar+2", 1, id="by two words"),
        pytest.param("?search=%25", 0, id="a sign that means something to SQL"),
        pytest.param("?library=kitchen", 3, id="by library"),
        pytest.param("?state=failed", 0, id="by state"),
        pytest.param("?state=nonsense&start=-3", 6, id="nonsense is left out"),
    ],
)
async def test_the_list(client, query, names):
    """Search and filters show the matching documents."""
    async with client("ben") as ben:
        response = await ben.get(f"/documents{query}")
    assert response.status_code == 200
    assert len(re.findall(r'<a href="/documents/\w{32}">', response.text)) == names


async def test_a_document_without_text_is_not_called_ready(client, docent, tmp_path):
    """The list and its own page say that nothing can be searched, and why, in both languages."""
    path = tmp_path / "void.md"
    path.write_text("\n \n")
    ticket = docent.add_upload(path, name="void.md", owner="ann")
    ready(docent, ticket)
    async with client("ann") as ann:
        for page in ("/documents", f"/documents/{ticket.document_id}"):
            shown = (await ann.get(page)).text
            assert '<span class="state nothing">nothing to search</span>' in shown
            assert "<small>Nothing to search: no text was found. There is no text in it.</small>" in shown
        shown = (await ann.get("/documents", headers={"accept-language": "fr"})).text
    assert "rien à chercher</span>" in shown
    assert "aucun texte n&#39;a été trouvé. Il n&#39;y a pas de texte." in shown
    docent.store.delete(ticket.document_id, Scope(reader="ann"))


async def test_unreadable_files_are_listed(client):
    """A file that failed is listed below the documents with its reason, unless it is filtered out."""
    async with client("ben") as ben:
        for query in ("", "?state=failed", "?library=cellar"):
            assert (
                "<strong>broken.pdf</strong> (cellar): broken.pdf"
                in (await ben.get(f"/documents{query}")).text
            )
        for query in ("?library=kitchen", "?state=ready", "?search=jars"):
            assert "broken.pdf" not in (await ben.get(f"/documents{query}")).text
        french = (await ben.get("/documents", headers={"accept-language": "fr"})).text
    assert "broken.pdf est trop abîmé" in french


async def test_a_reason_is_translated_after_a_restart(tmp_path, monkeypatch):
    """The reason of a failed file is stored with its parameters, and shown in French to a French reader."""
    (tmp_path / "data" / "menus").mkdir(parents=True)
    (tmp_path / "data" / "menus" / "{n} à 9 h.txt").touch()
    settings = Settings(storage=tmp_path / "storage", data=tmp_path / "data")
    with open_docent(settings) as docent:
        docent.ingest([settings.data], retry_failed=False, password=None, on_progress=lambda _: None)
    with open_docent(settings) as docent:
        async with asking(docent, monkeypatch)("ben") as ben:
            shown = (await ben.get("/documents", headers={"accept-language": "fr"})).text
    assert "{n} à 9 h.txt est vide (0 octet) : il n&#39;y a rien à lire." in shown


async def test_a_locked_pdf_links_to_its_password_page(client, docent, tmp_path):
    """The list links to the page that unlocks it, also after a restart."""
    path = tmp_path / "locked.pdf"
    path.write_bytes(makers.pdf(lambda sheet, n: makers.write(sheet, ["Closed."]), encrypt="opens sesame"))
    ticket = docent.add_upload(path, name="locked.pdf", owner="cleo")
    ready(docent, ticket)
    async with client("cleo") as cleo:
        text = (await cleo.get("/documents")).text
        assert f'<a href="/unlock/{ticket.document_id}">locked: enter its password</a>' in text
        assert "docent ingest" not in text
        await cleo.post(f"/documents/{ticket.document_id}/delete", headers=OURS)


async def test_the_list_can_be_the_first_page(docent, monkeypatch):
    """Without a login, a new browser can open it directly; with one, it is sent to log in."""
    app = Starlette(routes=routes.routes())
    app.state.docent, app.state.authenticator = (
        docent,
        Authenticator(Settings(storage=docent.store.folder), secret=b""),
    )
    monkeypatch.setattr("docent.web.accounts.login.get_data_layer", lambda: None)
    monkeypatch.setenv("CHAINLIT_AUTH_SECRET", "a secret of thirty-two characters")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as nobody:
        response = await nobody.get("/documents")
        assert response.status_code == 200
        assert nobody.cookies
        app.state.authenticator.required = True
        nobody.cookies.clear()
        assert (await nobody.get("/documents")).headers["location"] == "/"


async def test_one_document_shows_how_each_page_was_read(client, docent):
    """State, size and a row for each page are shown; names are escaped."""
    async with client("ben") as ben:
        response = await ben.get(f"/documents/{shared(docent, 'kitchen-0.md').id}")
    assert "How each page was read" in response.text
    assert "<td>text</td>" in response.text
    async with client("ben", **{"accept-language": "fr-CA"}) as ben:
        assert (
            "Comment chaque page" in (await ben.get(f"/documents/{shared(docent, 'kitchen-0.md').id}")).text
        )


async def test_the_page_has_no_inline_or_foreign_code(client):
    """Scripts and styles come from our own files, and none is inline."""
    async with client("ben") as ben:
        response = await ben.get("/documents?search=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    policy = response.headers["content-security-policy"]
    assert "unsafe" not in policy and policy.startswith("default-src 'none'")
    assert "<script>alert" not in response.text
    assert response.headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize("way", ["", "/file", "/delete", "/again", "/share", "/unshare"])
@pytest.mark.parametrize("reader", ["ben", "admin", None])
async def test_the_document_of_another_user_is_not_found(client, docent, diary, way, reader):
    """On every route, members and administrators get 404, and visitors have to log in."""
    method = "GET" if way in ("", "/file") else "POST"
    async with client(reader, **OURS) as other:
        response = await other.request(method, f"/documents/{diary.id}{way}", data={"library": "uploads"})
        listed = await other.get("/documents?search=diary")
    assert response.status_code in ((303, 401) if reader is None else (404,))
    assert "diary" not in response.text
    assert "diary.md" not in listed.text
    assert docent.store.document(diary.id, Scope(reader="ann")) == diary


@pytest.mark.parametrize("way", ["delete", "again"])
async def test_a_member_cannot_change_shared_documents(client, docent, way):
    """Only administrators can; a member sees no buttons and is refused."""
    document = shared(docent, "cellar-1.md")
    async with client("ben", **OURS) as ben:
        page = (await ben.get(f"/documents/{document.id}")).text
        response = await ben.post(f"/documents/{document.id}/{way}")
    assert "<form" not in page and "administrator" in page
    assert response.status_code == 409
    assert shared(docent, "cellar-1.md") == document


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="says nothing"),
        pytest.param({"sec-fetch-site": "cross-site"}, id="another site"),
        pytest.param({"sec-fetch-site": "same-site"}, id="a neighbour"),
        pytest.param({"origin": "http://elsewhere.example"}, id="another origin"),
        pytest.param({"origin": "null"}, id="a hidden origin"),
    ],
)
async def test_changes_come_from_our_own_page_only(client, docent, diary, headers):
    """A form of another site changes nothing, even with a logged-in user."""
    async with client("ann", **headers) as ann:
        response = await ann.post(f"/documents/{diary.id}/delete")
    assert response.status_code == 403
    assert docent.store.document(diary.id, Scope(reader="ann")) == diary


async def test_the_origin_is_checked_without_fetch_metadata(client, diary):
    """Over plain HTTP browsers send only the origin, and our own is accepted."""
    async with client("ann", origin="http://docent.example") as ann:
        assert (await ann.post(f"/documents/{diary.id}/delete")).status_code == 200


async def test_a_change_needs_a_post(client, diary):
    """A GET of a change's address changes nothing."""
    async with client("ann", **OURS) as ann:
        assert (await ann.get(f"/documents/{diary.id}/delete")).status_code == 405


async def test_the_owner_deletes_and_sees_the_receipt(client, docent, diary):
    """The receipt counts what was deleted and shows that nothing is left."""
    async with client("ann", **OURS) as ann:
        response = await ann.post(f"/documents/{diary.id}/delete")
        assert "Nothing of it is left." in response.text
        assert re.search(r"<td>pieces of text</td><td>1</td><td>0</td>", response.text)
        assert (await ann.get(f"/documents/{diary.id}")).status_code == 404
    assert (
        not docent.store.original(shared(docent, "cellar-0.md").id, Scope()).with_name(diary.sha256).exists()
    )


async def test_the_owner_downloads_the_original(client, docent, diary):
    """The file is sent unchanged, as an attachment."""
    async with client("ann") as ann:
        response = await ann.get(f"/documents/{diary.id}/file")
    assert response.headers["content-disposition"].startswith("attachment")
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.content == docent.store.original(diary.id, Scope(reader="ann")).read_bytes()


async def test_a_shared_document_moves_to_the_library(client, docent, diary):
    """Everybody finds it in the chosen library, and only administrators can change it."""
    async with client("ann", **OURS) as ann:
        wrong = await ann.post(f"/documents/{diary.id}/share", data={"library": "~ben/uploads"})
        assert wrong.status_code == 409
        response = await ann.post(f"/documents/{diary.id}/share", data={"library": "kitchen"})
        assert response.status_code == 303
        assert (await ann.post(f"{response.headers['location']}/delete")).status_code == 409
        assert "for me alone" in (await ann.get(response.headers["location"])).text
    async with client("ben", **OURS) as ben:
        assert "for me alone" not in (await ben.get(response.headers["location"])).text
        assert (await ben.post(f"{response.headers['location']}/unshare")).status_code == 404
    async with client("admin", **OURS) as admin:
        assert "diary.md" in (await admin.get(response.headers["location"])).text
        assert (await admin.post(f"{response.headers['location']}/delete")).status_code == 200


async def test_sharing_can_be_undone(client, docent, diary):
    """The document belongs to its owner alone again, can be shared again, and others do not find it."""
    async with client("ann", **OURS) as ann:
        there = (await ann.post(f"/documents/{diary.id}/share", data={"library": "kitchen"})).headers[
            "location"
        ]
        back = (await ann.post(f"{there}/unshare")).headers["location"]
        assert "~ann" not in (await ann.get(back)).text
        assert (await ann.post(f"{back}/share", data={"library": "kitchen"})).headers["location"] == there
        assert (await ann.post(f"{there}/unshare")).headers["location"] == back
    async with client("ben") as ben:
        assert (await ben.get(there)).status_code == (await ben.get(back)).status_code == 404
    mine = docent.store.document(back.rpartition("/")[2], Scope(reader="ann"))
    assert (mine.owner, mine.state, mine.embedded) == ("ann", diary.state, diary.embedded)
    assert docent.store.original(mine.id, Scope(reader="ann")).exists()


async def test_a_document_is_read_again(client, docent, tmp_path):
    """The same document gets new pages and vectors from the present reader."""
    path = tmp_path / "hours.pdf"
    path.write_bytes(makers.pdf(lambda sheet, n: makers.write(sheet, ["The museum opens at nine."]), pages=2))
    ticket = docent.add_upload(path, name="hours.pdf", owner="ann")
    ready(docent, ticket)
    scope = Scope(reader="ann")
    before = docent.store.document(ticket.document_id, scope)
    with catalog(docent.store.folder) as db:  # as if an older reader had read nothing
        db.execute(
            "UPDATE pages SET note = 'an older reader' WHERE reading IN (SELECT r.n FROM readings r "
            "JOIN documents d ON d.n = r.document WHERE d.id = ?)",
            (before.id,),
        )
    async with client("ann", **OURS) as ann:
        assert (await ann.post(f"/documents/{before.id}/again")).status_code == 303
        while docent.rereader.pages(before.id) is not None or not docent.upload_status(ticket).over:
            time.sleep(0.02)
        assert "an older reader" not in (await ann.get(f"/documents/{before.id}")).text
    after = docent.store.document(before.id, scope)
    assert (after.pages, after.chunks, after.embedded, after.state, after.date) == (
        before.pages, before.chunks, before.chunks, before.state, before.date,
    )  # fmt: skip
    assert docent.retrieve("when does the museum open", Scope(reader="ann", documents=(after.id,)))
    docent.store.delete(after.id, scope)


async def test_a_failed_rereading_changes_nothing(client, docent, diary):
    """If the original is damaged, the document stays and the page shows the reason."""
    scope = Scope(reader="ann")
    docent.store.original(diary.id, scope).unlink()
    async with client("ann", **OURS) as ann:
        await ann.post(f"/documents/{diary.id}/again")
        while docent.rereader.pages(diary.id) is not None:
            time.sleep(0.02)
        assert "Reading it again changed nothing" in (await ann.get(f"/documents/{diary.id}")).text
    assert docent.store.document(diary.id, scope) == diary
    assert docent.store.pages(diary.id, scope)


@pytest.mark.parametrize(
    ("count", "language", "size"),
    [
        (0, "en", "0 B"),
        (999, "en", "999 B"),
        (1_500, "en", "1.5 kB"),
        (48_000, "en", "48 kB"),
        (3_200_000_000, "en", "3.2 GB"),
        (1_500_000_000_000, "en", "1,500 GB"),
        (1_500_000, "fr", "1,5 Mo"),
    ],
)
def test_file_size(count, language, size):
    """A size has a unit that keeps its number short, and the language's decimal separator."""
    assert file_size(count, language) == size


async def test_five_thousand_documents(client, docent, tmp_path):
    """Any page of the list, filtered or not, takes less than 300 milliseconds of processor time."""
    rows = [(f"{n:032x}", f"report {n:05}.pdf", f"{n:064x}") for n in range(5_000)]
    with catalog(docent.store.folder) as db:
        (library,) = db.execute("SELECT n FROM libraries WHERE name = 'kitchen'").fetchone()
        for key, name, sha256 in rows:
            n = db.execute(
                "INSERT INTO documents (id, library, sha256, name, added, bytes, state, visible) "
                "VALUES (?, ?, ?, ?, '2026-01-01', 1000, 'queued', 1)",
                (key, library, sha256, name),
            ).lastrowid
            db.execute(
                "INSERT INTO readings (document, generation, title, kind, language, date, state, reason, "
                "pages, unread_pages, chunks, embedded, loader) "
                "SELECT ?, n, '', '', '', '', 'ready', '', 9, 0, 0, 0, 0 FROM generations",
                (n,),
            )
            db.execute("INSERT INTO paths VALUES (?, ?, ?, 1000, 1, NULL)", (library, f"many/{name}", n))
    seconds = []
    async with client("ben") as ben:
        for query in ("", "?start=4950", "?search=report+049", "?state=ready&library=kitchen&start=2500"):
            began = time.process_time()
            response = await ben.get(f"/documents{query}")
            seconds.append(time.process_time() - began)
            assert 40 <= len(re.findall(r'<a href="/documents/\w{32}">', response.text)) <= 50
        assert "5,006" in (await ben.get("/documents")).text
    with catalog(docent.store.folder) as db:
        db.execute("DELETE FROM paths WHERE path LIKE 'many/%'")
        several = "IN (SELECT n FROM documents WHERE name LIKE 'report %')"
        db.execute(f"DELETE FROM readings WHERE document {several}")
        db.execute(f"DELETE FROM documents WHERE n {several}")
    assert sorted(seconds)[1] < 0.3
