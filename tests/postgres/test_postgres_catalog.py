"""The catalog in PostgreSQL: a second wall between people, a log that skips nothing, its tables."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from docent.errors import IndexMismatch, StoreError
from docent.postgres import migrations
from docent.postgres.connections import place
from docent.postgres.migrating import LATEST, REVISIONS, migrate
from docent.retrieving import retrieve
from docent.store import Store
from docent.store.catalog import changes, contents, documents
from docent.store.catalog.postgres_catalog import PostgresCatalog
from docent.store.catalog.sqlite_catalog import SqliteCatalog
from docent.types import Scope
from tests.fakes.postgres_server import NO_POSTGRES, PostgresServer, execute, named
from tests.store.contracts.library import Library, text_of
from tests.store.putting import EMBEDDER, arrival, finish, found, put

pytestmark = pytest.mark.skipif(bool(NO_POSTGRES), reason=NO_POSTGRES)
psycopg = pytest.importorskip("psycopg", reason="the extra `cluster` is not installed")

BUSY = 60.0  # seconds that a busy machine may take
DIARY = "The diary of Bob says that the heron nests in May."
NOTICE = "The notice of the park says that the heron nests in April."
PLAN = "The plan of the guides says that the heron nests in June."
ADA = Scope(reader="ada")
BOB = Scope(reader="bob")


@pytest.fixture
def catalog(postgres_url):
    with closing(PostgresCatalog(postgres_url)) as catalog:
        yield catalog


def open_store(folder: Path, url: str) -> Store:
    return Store(folder, fingerprint="f", database_url=url)


def hand_in(store: Store, folder: Path, name: str, text: str, *, owner: str) -> str:
    """Store a private document of a reader with its vectors."""
    library = f"~{owner}"
    one = arrival(folder, name, text, library=library)
    store.expect(one.file.full, one.document.sha256, name=name, library=library, owner=owner)
    store.put_words(one.file, one.document, one.chunks)
    finish(store)
    return one.chunks[0].document_id


# --- isolation -------------------------------------------------------------------------------


def everything_read(store: Store, scope: Scope, theirs: str, chunk_ids: list[str]) -> str:
    """Return all that the store shows a reader who knows the ids of another one's document and chunks."""
    vector = EMBEDDER.embed_query("heron")
    hits = [*store.nearest(vector, 10, scope), *store.matching("diary heron", 10, scope)]
    naming = Scope(reader=scope.reader, documents=(theirs,))
    seen = [
        found(store, "diary heron nests", scope),
        store.documents(scope),
        store.documents(naming),
        store.nearest(vector, 10, naming),
        store.chunks([*chunk_ids, *(hit.id for hit in hits)], scope),
        store.chunks_of(theirs, scope),
        store.places(chunk_ids, scope),
        store.similarity(vector, chunk_ids, scope),
        store.plain_pages({(theirs, 1)}, scope),
        store.pages(theirs, scope),
        store.libraries(scope.reader),
        store.organiser.listing(scope),
        store.organiser.libraries(scope.reader),
        store.organiser.known_tags(scope),
    ]
    return repr(seen)


def test_the_database_alone_keeps_people_apart(postgres_url, tmp_path, monkeypatch):
    """Where every statement forgets its scope, readers are still shown nothing of others."""
    with closing(open_store(tmp_path / "storage", postgres_url)) as store:
        put(store, tmp_path, "notice.txt", NOTICE)
        theirs = hand_in(store, tmp_path, "diary.txt", DIARY, owner="bob")
        chunk_ids = [chunk.id for chunk in store.chunks_of(theirs, BOB)]
        store.organiser.tag([theirs], "secretly")
        assert "says that the heron nests in May" in everything_read(store, BOB, theirs, chunk_ids)
        put(store, tmp_path, "plan.txt", PLAN, library="plans")
        store.groups.add("guides")
        store.groups.join("guides", "bob")
        store.groups.grant("guides", "plans", "read")
        assert "nests in June" in everything_read(store, BOB, theirs, chunk_ids)
        for module in ("store", "searching", "organising"):
            monkeypatch.setattr(f"docent.store.{module}.in_scope", lambda scope: ("1 = 1", []))
        for module in ("organising", "catalog.documents"):
            monkeypatch.setattr(f"docent.store.{module}.visible_to", lambda reader: ("1 = 1", []))
        for scope in (ADA, Scope(reader=""), Scope()):
            put(store, tmp_path, f"{scope.reader}.txt", NOTICE * 2)  # so that nothing is remembered
            shown = everything_read(store, scope, theirs, chunk_ids)
            assert "heron nests in April" in shown
            for secret in ("diary.txt", "nests in May", "~bob", "secretly"):
                assert secret not in shown
            # The installation itself, which has no name, sees every shared library.
            assert ("nests in June" in shown) == ("plans" in shown) == (scope.reader is None)
            with pytest.raises(StoreError):
                store.document(theirs, scope)
        # Without the wall the same statements show it, so it is the wall that was tried.
        with closing(PostgresCatalog(postgres_url)) as catalog, catalog.read() as db:
            assert [one.id for one in documents.documents_where(db, 1, "d.name = 'diary.txt'")] == [theirs]


def test_a_reader_writes_nothing_and_sees_no_table_of_others(catalog):
    """Under a scope each table has only the reader's rows, and none can be changed."""
    library = Library(catalog)
    library.add("shared.txt", text_of(1))
    library.add("ada.txt", text_of(2), library="~ada", owner="ada")
    library.add("bob.txt", text_of(3), library="~bob", owner="bob")
    counts = {}
    for reader in ("ada", None):
        with catalog.read(Scope(reader=reader)) as db:
            for table in ("libraries", "documents", "paths", "readings", "pages"):
                counts[reader, table] = db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("chunks", "vectors"):
                assert db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] > 0
    assert {count for (reader, _), count in counts.items() if reader} == {2}
    assert {count for (reader, _), count in counts.items() if not reader} == {1}
    for statement in (
        "DELETE FROM documents",
        "UPDATE libraries SET owner = NULL",
        "SELECT kind FROM changes",
    ):
        with pytest.raises(Exception, match="denied|refused|read-only"), catalog.read(ADA) as db:
            db.execute(statement)


# --- the log ---------------------------------------------------------------------------------


def test_a_change_that_commits_late_is_not_skipped(catalog, postgres_url):
    """A transaction that began before a hundred others and commits after them is followed like them."""
    generation = Library(catalog).generation
    seen: list[str] = []
    position = 0
    insert = (
        "INSERT INTO changes (generation, kind, document_id, library, chunks) "
        f"VALUES ({generation}, 'library', '', 'late', '')"
    )
    with psycopg.connect(postgres_url) as late:
        late.execute(insert)
        for number in range(100):
            with catalog.write() as db:
                changes.append(db, generation, "library", library=str(number))
            if number % 10 == 0:
                with catalog.read() as db:
                    some = changes.after(db, generation, position)
                    position = some[-1].position if some else position
                    seen += [change.library for change in some]
        version = catalog.version
        late.commit()
    assert catalog.version != version  # so that who looks at it follows again
    with catalog.read() as db:
        while some := changes.after(db, generation, position):
            position = some[-1].position
            seen += [change.library for change in some]
    assert sorted(seen) == sorted(["late", *map(str, range(100))])


def test_a_change_is_told_at_its_commit(catalog, postgres_url):
    """Who waits for changes wakes up when another process commits one, and at once when told to stop."""
    with closing(PostgresCatalog(postgres_url)) as other:
        for _ in range(20):  # a busy machine may need longer than a wait takes
            catalog.wait_for_change()  # listens from here on
            began = time.perf_counter()
            other.set_value("colour", str(began))
            catalog.wait_for_change()
            if time.perf_counter() - began < 0.4:
                break
        else:
            pytest.fail("no wait ended before its time")
    catalog.stop_waiting()
    began = time.perf_counter()
    catalog.wait_for_change()
    assert time.perf_counter() - began < 0.4


def test_a_lost_listener_is_replaced(catalog, postgres_url):
    """After an administrator has ended every connection, reads and waits go on."""
    catalog.wait_for_change()
    execute(
        postgres_url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
        "AND datname = current_database()",
    )
    seen = catalog.version
    catalog.wait_for_change()
    catalog.wait_for_change()
    catalog.set_value("colour", "green")
    assert catalog.version != seen
    assert catalog.value("colour") == "green"


def test_no_transaction_is_left_open(postgres_url, tmp_path):
    """Between calls no connection is in a transaction, which would hold up all who follow the log."""
    with closing(open_store(tmp_path / "storage", postgres_url)) as store:
        put(store, tmp_path, "notice.txt", NOTICE)
        assert found(store, "heron") == {NOTICE}
        until = time.monotonic() + BUSY
        while open_transactions := execute(
            postgres_url, "SELECT query FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
        ):
            assert time.monotonic() < until, open_transactions  # the follower's own are short


# --- one answer on both ----------------------------------------------------------------------


def passages_of(store: Store, folder: Path) -> list[object]:
    for number in range(25):
        put(store, folder, f"{number}.txt", text_of(number) + f"\n\nThe heron of pond {number} eats fish.")
    put(store, folder, "notice.txt", NOTICE, library="park")
    asked = ["When does the heron nest?", "What does the heron of pond 7 eat?", "Note 3, revision 0, part 1"]
    scopes = [Scope(), Scope(libraries=("park",)), Scope(reader="ada", kinds=("text",))]
    return [
        retrieve(question, scope=scope, store=store, embedder=EMBEDDER, limit=10)
        for question in asked
        for scope in scopes
    ]


def test_the_same_passages_from_both(postgres_url, tmp_path):
    """A question finds the same chunks in the same order, with the same relevance."""
    with (
        closing(Store(tmp_path / "file", fingerprint="f")) as file,
        closing(open_store(tmp_path / "server", postgres_url)) as server,
    ):
        of_file = passages_of(file, tmp_path)
        of_server = passages_of(server, tmp_path)
        assert any(of_file)
        for one, two in zip(of_file, of_server, strict=True):
            assert [passage.chunk_id for passage in two] == [passage.chunk_id for passage in one]
            # The last digits depend on the place of a vector among those that it is compared with.
            relevance = [passage.relevance for passage in one]
            assert [passage.relevance for passage in two] == pytest.approx(relevance, abs=1e-6)
        for one, two in zip(file.documents(Scope()), server.documents(Scope()), strict=True):
            assert replace(one, added="") == replace(two, added="")


def test_text_that_the_database_cannot_hold(catalog):
    """NUL and half of a pair of surrogates become replacement characters; others stay as they are."""
    with catalog.write() as db:
        documents.library_row(db, "a\0b")
        documents.library_row(db, "a\ud800b")
        documents.library_row(db, "Größe 🦉 %_!'\"\\")
    with catalog.read() as db:
        assert sorted(documents.every_library(db)) == sorted(["a\ufffdb", "a?b", "Größe 🦉 %_!'\"\\"])
    with catalog.read(Scope(reader="o'neill \\ 🦉")) as db:
        assert documents.libraries_of(db, "o'neill \\ 🦉")


# --- its tables ------------------------------------------------------------------------------


@pytest.fixture
def empty(postgres_server, postgres_url):
    """The URL of a database without tables."""
    name = postgres_url.rpartition("/")[2] + "_empty"
    execute(postgres_server.url, f"CREATE DATABASE {name}")
    yield named(postgres_server.url, name)
    execute(postgres_server.url, f"DROP DATABASE {name} WITH (FORCE)")


def test_tables_are_made_by_migrate_alone(empty):
    """Opening an empty database names the command; two that run it at once make the tables once."""
    with pytest.raises(IndexMismatch, match="docent migrate"):
        PostgresCatalog(empty)
    done: list[int] = []
    threads = [threading.Thread(target=lambda: done.append(migrate(empty))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BUSY)
    assert done == [LATEST] * 3
    with closing(PostgresCatalog(empty)) as catalog:
        assert catalog.complaints() == []


def test_the_tables_are_those_of_a_file(catalog, postgres_url, tmp_path):
    """A column that one catalog has is in the other as well, but for what only one of them needs."""
    columns = (
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
        "AND table_name NOT IN "
        "('alembic_version', 'schema_support', 'catalog_version', 'change_log', 'jobs', 'replicas') "
        "AND column_name <> 'in_library'"
    )
    server = {(str(table), str(column)) for table, column in execute(postgres_url, columns)}
    with closing(SqliteCatalog(tmp_path / "catalog.db")) as file, file.read() as db:
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        tables = [name for name in names if not name.startswith("sqlite_")]
        known = {
            (table, column)
            for table in tables
            for _, column, *_ in db.execute(f"PRAGMA table_info({table})").fetchall()
        }
    assert server == known


def test_the_revisions_are_one_line():
    """Each revision follows the one before it, in the order that `docent migrate` and its checks go by."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    scripts = ScriptDirectory.from_config(config)
    assert [int(one.revision) for one in scripts.walk_revisions()][::-1] == list(REVISIONS)
    assert scripts.get_heads() == [f"{LATEST:04}"]


def test_other_tables_are_refused_in_a_sentence(catalog, postgres_url):
    """Older ones name the command; newer ones are fine until one of them takes away what is used here."""
    newer = max(REVISIONS) + 1
    for revision, works_from, refusal in (
        (REVISIONS[-2], 1, "older than this Docent"),
        (newer, LATEST, ""),
        (newer, newer, "newer Docent"),
    ):
        execute(postgres_url, f"UPDATE alembic_version SET version_num = '{revision:04}'")
        execute(postgres_url, f"UPDATE schema_support SET works_from = {works_from}")
        if refusal:
            with pytest.raises(IndexMismatch, match=refusal):
                PostgresCatalog(postgres_url)
        else:
            PostgresCatalog(postgres_url).close()
    assert migrate(postgres_url) == newer  # which another Docent's migration made


def test_a_migration_does_not_hold_up_those_who_read(postgres_url, monkeypatch):
    """It steps back from a table that a transaction holds, goes on once that ended, or says what to do."""
    monkeypatch.setattr("docent.postgres.migrating.LOCK_SECONDS", 0.2)
    monkeypatch.setattr("docent.postgres.migrating.PAUSE_SECONDS", 0.1)
    change = text("ALTER TABLE documents ADD COLUMN more integer")
    monkeypatch.setattr(
        "alembic.command.upgrade", lambda config, _: config.attributes["connection"].execute(change)
    )
    with closing(psycopg.connect(postgres_url)) as long, ThreadPoolExecutor(1) as threads:
        long.execute("SELECT count(*) FROM documents")
        migrated = threads.submit(migrate, postgres_url)
        for _ in range(5):
            began = time.monotonic()
            execute(postgres_url, "SELECT count(*) FROM documents")
            assert time.monotonic() - began < 2
            time.sleep(0.1)
        assert not migrated.done()
        long.commit()
        assert migrated.result(BUSY) == LATEST
        execute(postgres_url, "ALTER TABLE documents DROP COLUMN more")
        long.execute("SELECT count(*) FROM documents")
        with pytest.raises(StoreError, match="pg_stat_activity"):
            migrate(postgres_url)


def test_a_user_who_may_not_is_told_what_to_grant(postgres_server, empty):
    """A migration that is refused changes nothing, and the sentence names the role."""
    execute(empty, "CREATE ROLE nobody_special LOGIN")
    try:
        url = empty.replace("docent@", "nobody_special@")
        with pytest.raises(StoreError, match="docent_reader"):
            migrate(url)
        with pytest.raises(IndexMismatch, match="no tables"):
            PostgresCatalog(url)
    finally:
        execute(empty, "DROP ROLE nobody_special")


def test_the_owner_of_a_database_needs_no_other_right(postgres_server, empty):
    """A user who owns the database and belongs to docent_reader makes the tables and works with them."""
    execute(empty, "CREATE ROLE landlord LOGIN")
    execute(empty, "GRANT docent_reader TO landlord")
    database = empty.rpartition("/")[2]
    execute(empty, f"ALTER DATABASE {database} OWNER TO landlord")
    try:
        url = empty.replace("docent@", "landlord@")
        migrate(url)
        with closing(PostgresCatalog(url)) as catalog:
            Library(catalog).add("ada.txt", text_of(2), library="~ada", owner="ada")
            with catalog.read(BOB) as db:
                assert documents.every_library(db) == []
            with catalog.read(ADA) as db:
                assert documents.every_library(db) == ["~ada"]
    finally:
        execute(empty, f"ALTER DATABASE {database} OWNER TO docent")
        execute(empty, "REASSIGN OWNED BY landlord TO docent")
        execute(empty, "DROP OWNED BY landlord")
        execute(empty, "DROP ROLE landlord")


# --- a server that goes ----------------------------------------------------------------------


def test_a_server_that_is_killed_and_comes_back():
    """Meanwhile each call says so, without the password; afterwards all that was committed is there."""
    with TemporaryDirectory(prefix="docent-postgres-") as folder:
        server = PostgresServer(Path(folder), options="fsync=on shared_buffers=16MB max_connections=30")
        url = server.url.replace("docent@", "docent:secretword@")
        try:
            migrate(url)
            with closing(PostgresCatalog(url)) as catalog:
                library = Library(catalog)
                key = library.add("a.txt", text_of(1))
                with catalog.read(), catalog.read():  # so that several connections are idle
                    pass
                server.stop()
                with pytest.raises(StoreError, match="Start it") as refused, catalog.write():
                    pytest.fail("there is no server")
                assert "secretword" not in str(refused.value)
                with pytest.raises(StoreError, match="Start it"):
                    catalog.version  # noqa: B018
                server.start()
                with catalog.read() as db:
                    assert [one for one, _ in contents.read_documents(db, library.generation)] == [key]
                assert catalog.version > 0
                library.add("b.txt", text_of(2))
        finally:
            server.stop()


def test_without_its_packages_a_sentence_names_them(tmp_path, monkeypatch):
    """A URL in an installation without the extra is refused before anything is opened."""
    monkeypatch.setattr("docent.postgres.find_spec", lambda name: None)
    with pytest.raises(StoreError, match=r"docent-rag\[cluster\]"):
        open_store(tmp_path / "storage", "postgresql://127.0.0.1/docent")


def test_the_place_of_a_database_has_no_password():
    """An error names each server and the database, and neither user nor password."""
    assert place("postgresql://me:pw@db1:5433,db2/name?target_session_attrs=any") == "db1:5433,db2:5432/name"
    assert place("postgresql:///name") == "localhost:5432/name"
