"""The audit log keeps who did what for some days, and administrators search it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from docent.postgres.server_schema import ServerSchema
from docent.settings import Settings
from docent.web.accounts.account_database import AccountFile
from docent.web.accounts.login import Authenticator, log_in
from docent.web.accounts.users import Users
from docent.web.admin import people_routes
from docent.web.audit import audit_log, audit_routes
from docent.web.audit.audit_log import AuditLog, AuditQuery
from docent.web.audit.audited_requests import AuditedRequests, recorded_action
from docent.web.documents import page_access
from docent.web.monitoring import Metrics
from tests.fakes.postgres_server import execute

OURS = {"sec-fetch-site": "same-origin"}


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def url(request):
    """Where the log is: in a file, for which the URL is empty, or in a database."""
    return "" if request.param == "SQLite" else request.getfixturevalue("postgres_url")


@pytest.fixture
def audit(tmp_path, url):
    return AuditLog(tmp_path, days=30, database_url=url)


@pytest.fixture
def database(tmp_path, url):
    """Run a statement as whoever keeps the log's tables would."""

    def run(statement: str) -> None:
        if url:
            execute(url, f"SET search_path = audit; {statement}")
        else:
            with closing(sqlite3.connect(tmp_path / "audit.db")) as connection, connection:
                connection.execute(statement)

    return run


@pytest.fixture
def client(audit, tmp_path, monkeypatch):
    """Send requests as the user that is named."""

    async def reader(request) -> str | None:
        return request.headers.get("x-reader")

    async def show(request: Request, reader: str):
        request.state.about = "ferry.md"
        return PlainTextResponse("text", 404 if request.path_params["id"].startswith("f") else 200)

    monkeypatch.setattr(page_access, "reader_of", reader)
    monkeypatch.setenv("CHAINLIT_AUTH_SECRET", "a" * 64)
    users = Users(tmp_path, cost=4)
    for name, role in (("root", "admin"), ("ben", "member")):
        users.add(name, role=role, password="a long password")
    routes = [
        Route("/documents/{id}", page_access.checked(show)),
        Route("/login", log_in, methods=["POST"]),
        *people_routes.routes(),
        *audit_routes.routes(),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(AuditedRequests, audit=audit)])
    settings = Settings(storage=tmp_path, login="on")
    app.state.authenticator = Authenticator(settings, secret=b"", users=users)
    app.state.docent, app.state.metrics = SimpleNamespace(settings=settings), Metrics(audit)
    return lambda name="": httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://docent.example",
        headers={**OURS, **({"x-reader": name} if name else {})},
    )


def entries(audit: AuditLog, **query: str) -> list[tuple[str, str, str]]:
    audit.flush()
    found, _ = audit.search(AuditQuery(**query))
    return [(entry.actor, entry.action, entry.about) for entry in found]


def test_entries_are_found_by_each_field(audit):
    """The latest come first; a part of a name is enough, days count whole."""
    today = str(datetime.now(UTC).date())
    audit.record("ben", "page", "read", "Ferry.md")
    audit.record("eve", "api", "delete", "ships.md")
    assert entries(audit) == [("eve", "delete", "ships.md"), ("ben", "read", "Ferry.md")]
    assert entries(audit, text="ferry") == [("ben", "read", "Ferry.md")]
    assert entries(audit, actor="EVE") == entries(audit, action="delete") == [("eve", "delete", "ships.md")]
    assert len(entries(audit, since=today, until=today)) == 2
    assert entries(audit, until="2020-01-01") == entries(audit, since="2999-01-01") == []
    assert entries(audit, text="%") == []


def test_nobody_is_recorded_who_is_the_only_person(audit, tmp_path):
    """Without a login and without keys there is one person; with 0 days there is not even a file."""
    audit.record("local", "chat", "ask")
    assert entries(audit) == []
    off = AuditLog(tmp_path / "other", days=0)
    off.record("ben", "page", "read", "ferry.md")
    off.flush()
    assert not off.is_on
    assert not (tmp_path / "other").exists()


def test_old_entries_go(audit, tmp_path, url, database):
    """An entry older than the days that are kept is gone, also from the bytes of the file."""
    audit.record("ben", "page", "read", "old-secret-name.pdf")
    audit.flush()
    database(f"UPDATE entries SET at = '{datetime.now(UTC) - timedelta(days=31)}'")
    later = AuditLog(tmp_path, days=30, database_url=url)
    later.record("ben", "page", "read", "new.pdf")
    assert entries(later) == [("ben", "read", "new.pdf")]
    if not url:  # PostgreSQL overwrites nothing: docs/security.md
        assert b"old-secret-name" not in (tmp_path / "audit.db").read_bytes()


def test_a_log_that_cannot_be_written_says_so(audit, database, caplog):
    """The work goes on, the failure is logged once and kept for the page; later it is all written."""
    database("ALTER TABLE entries RENAME TO gone")
    audit.record("ben", "page", "read", "a.md")
    audit.record("ben", "page", "read", "b.md")
    audit.flush()
    assert "no such table" in audit.failure or "does not exist" in audit.failure
    assert len(caplog.records) == 1
    database("ALTER TABLE gone RENAME TO entries")
    audit.record("ben", "page", "read", "c.md")
    assert entries(audit) == [("ben", "read", name) for name in ("c.md", "b.md", "a.md")]
    assert audit.failure == ""


def test_a_log_that_cannot_be_written_is_not_tried_for_each_entry(audit, url, database, monkeypatch):
    """A database that does not answer holds up one entry, not every one until Docent has stopped."""
    monkeypatch.setattr(audit_log, "RETRY_SECONDS", 1_000.0)
    database("ALTER TABLE entries RENAME TO gone")
    kind, tries = (ServerSchema if url else AccountFile), []
    write = kind.write
    monkeypatch.setattr(kind, "write", lambda self: tries.append(1) or write(self))
    for n in range(20):
        audit.record("ben", "page", "read", f"{n}.md")
    audit.flush()
    assert len(tries) == 2  # of the first entry, and of the wait for all of them
    database("ALTER TABLE gone RENAME TO entries")
    audit.flush()
    assert len(entries(audit)) == 20


def test_all_machines_write_to_one_log(postgres_url, tmp_path):
    """What one records another finds, also when both write at once; each has a storage folder of its own."""
    machines = [AuditLog(tmp_path / name, days=30, database_url=postgres_url) for name in ("a", "b")]
    for n in range(20):
        machines[n % 2].record("ben", "page", "read", f"{n}.md")
    for machine in machines:
        machine.flush()
    for machine in machines:
        assert {about for _, _, about in entries(machine)} == {f"{n}.md" for n in range(20)}
        assert len(list(machine.each(AuditQuery()))) == 20
    other = machines[0].forget("ben")
    assert {actor for actor, _, _ in entries(machines[1])} == {other}
    assert not list(tmp_path.glob("*/audit.db"))


def test_a_reader_of_the_catalog_sees_nothing_of_the_log(postgres_url, tmp_path):
    """The role under which questions are read may not even name the log's tables."""
    audit = AuditLog(tmp_path, days=30, database_url=postgres_url)
    audit.record("ben", "page", "read", "ferry.md")
    audit.flush()
    for statement in ("SELECT * FROM audit.entries", "DELETE FROM audit.entries"):
        with pytest.raises(Exception, match="permission denied for schema audit"):
            execute(postgres_url, f"SET ROLE docent_reader; {statement}")
    assert entries(audit) == [("ben", "read", "ferry.md")]


def test_a_removed_person_leaves_no_name(audit, tmp_path, url):
    """What they did stays together under another name; others with a similar one keep theirs."""
    audit.record("ann", "page", "login", "ann")
    audit.record("ann", "page", "read", "ann.pdf")
    audit.record("root", "page", "people", "role of ann: admin")
    audit.record("joann", "page", "login", "joann")
    other = audit.forget("ann")
    assert entries(audit) == [
        ("joann", "login", "joann"),
        ("root", "people", f"role of {other}: admin"),
        (other, "read", "ann.pdf"),
        (other, "login", other),
    ]
    if not url:
        assert (tmp_path / "audit.db").read_bytes().count(b"ann") == 3  # joann twice, and the file


async def test_requests_are_recorded_by_who_sent_them(client, audit):
    """What was answered is recorded with its reader; what was refused, or not found, is not."""
    async with client("ben") as ben, client() as visitor:
        assert (await ben.get(f"/documents/{'a' * 32}")).status_code == 200
        assert (await ben.get(f"/documents/{'f' * 32}")).status_code == 404
        assert (await visitor.get(f"/documents/{'a' * 32}")).status_code == 303
        assert (await ben.post("/admin/users/root/remove")).status_code == 404
    assert entries(audit) == [("ben", "read", "ferry.md")]


async def test_logins_are_recorded_also_those_that_failed(client, audit):
    """A wrong password is an entry with the name that was tried, and never the password."""
    async with client() as visitor:
        for password in ("wrong password", "a long password"):
            await visitor.post("/login", data={"username": "Ben", "password": password})
    assert entries(audit) == [("ben", "login", "ben"), ("ben", "login_refused", "ben")]


async def test_changes_of_people_are_recorded(client, audit):
    async with client("root") as root:
        await root.post("/admin/users", data={"name": "Eve", "role": "member", "password": "a long password"})
        await root.post("/admin/users/eve/role", data={"role": "admin"})
    assert entries(audit) == [
        ("root", "people", "role of eve: admin"),
        ("root", "people", "add eve (member)"),
    ]


async def test_only_administrators_read_it(client, audit):
    """For members there is no such page and no such file; a visitor is led to the login."""
    audit.record("ben", "page", "read", "ferry.md")
    audit.flush()
    for path in ("/admin/audit", "/admin/audit.csv"):
        async with client("ben") as ben, client() as visitor:
            refused, sent_away = await ben.get(path), await visitor.get(path)
        assert (refused.status_code, sent_away.status_code) == (404, 303)
        assert "ferry.md" not in refused.text


async def test_the_page_shows_what_is_searched_for(client, audit):
    """Fifty entries at once, with links to the others; names are text, not markup."""
    for n in range(60):
        audit.record("ben", "page", "read", f"<b>{n}</b>.md")
    audit.flush()
    async with client("root") as root:
        first = await root.get("/admin/audit", params={"actor": "ben"})
        second = await root.get("/admin/audit", params={"actor": "ben", "page": "2"})
        wrong = await root.get("/admin/audit", params={"since": "yesterday"})
    assert "&lt;b&gt;59&lt;/b&gt;.md" in first.text
    assert "&lt;b&gt;9&lt;/b&gt;.md" not in first.text
    assert "/admin/audit?actor=ben&amp;page=2" in first.text
    assert "&lt;b&gt;9&lt;/b&gt;.md" in second.text
    assert wrong.status_code == 409
    assert "2027-01-31" in wrong.text


async def test_the_exported_file_holds_no_formula(client, audit):
    """A file's name that a spreadsheet would run is kept as text; the export itself is recorded."""
    audit.record("ben", "page", "read", "=HYPERLINK(1).md")
    audit.flush()
    async with client("root") as root:
        exported = await root.get("/admin/audit.csv")
    assert exported.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    assert exported.text.splitlines()[0] == "at,who,way,action,about"
    assert exported.text.splitlines()[1].endswith(",ben,page,read,'=HYPERLINK(1).md")
    assert entries(audit)[0][:2] == ("root", "export")


NOT_RECORDED = {
    ("POST", "/documents/several"),  # names its action itself
    ("GET", "/documents"),
    ("GET", "/documents/work"),
    ("GET", "/documents/{id}/pages/{n:int}/picture"),
}


def test_a_long_log_is_exported_whole(audit):
    """The entries come a thousand at a time, each once and in order, also those of one moment."""
    for n in range(2_100):
        audit.record("ben", "page", "read", f"{n:04}.md")
    audit.flush()
    assert [entry.about for entry in audit.each(AuditQuery())] == [f"{n:04}.md" for n in range(2_100)]


def test_every_route_that_changes_something_is_recorded():
    """A new route with a POST, PUT or DELETE is added to the table, or here with its reason."""
    from docent.web import first_run, page_routes
    from docent.web.admin import admin_routes, group_routes
    from docent.web.chat import model_panel
    from docent.web.documents import routes as documents
    from docent.web.sharing import share_routes
    from docent.web.tables import table_routes

    not_about_documents = {"/set-session-cookie", "/project/action", "/feedback", "/tables/{table}/stop"}
    modules = (
        first_run,
        page_routes,
        admin_routes,
        people_routes,
        group_routes,
        documents,
        share_routes,
        model_panel,
        table_routes,
    )
    missing = []
    for route in (route for module in modules for route in module.routes()):
        path = route.path.replace("{id}", "a" * 32).replace("{n:int}", "1").replace("{target}", "source")
        for method in route.methods - {"GET", "HEAD", "PUT"}:
            known = (method, route.path) in NOT_RECORDED or route.path in not_about_documents
            if not known and not recorded_action(method, path):
                missing.append((method, route.path))
    assert missing == []
