"""A store whose originals are in a bucket: stored, opened, deleted and swept; and a server that is away."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from pyrage import DecryptError, decrypt, x25519

from docent import doctor
from docent.errors import DamagedStore, FilesRefused, FilesUnreachable, StoreError
from docent.settings import Settings
from docent.store import Store, back_up, mend_catalog, restore, sha256_of
from docent.store.catalog import bucket_objects
from docent.store.catalog.sqlite_catalog import open_catalog
from docent.store.file_keys import FileKeys
from docent.store.files import FileCache
from docent.store.s3_files import UNCLAIMED_SECONDS
from docent.types import document_id
from tests.fakes.s3_server import BUCKET, PAGE
from tests.store.databases import database_url, open_store
from tests.store.putting import EVERYTHING, found, put, put_several

IN_BOTH_DATABASES = True
HOURS = "The museum opens at nine."
BOOKS = "The library lends books for three weeks."
URL = f"s3://{BUCKET}/files"


@pytest.fixture
def store(s3_server, tmp_path):
    store = open_store(tmp_path / "storage", fingerprint="f", files_url=URL)
    yield store
    store.close()


def second(tmp_path: Path, name: str = "second") -> Store:
    """Another view of the same store: another machine's with PostgreSQL, else another process's."""
    folder = tmp_path / (name if database_url() else "storage")
    return open_store(folder, fingerprint="f", files_url=URL)


def catalog(store: Store):
    return closing(open_catalog(store.folder, database_url()))


def keys(server) -> list[str]:
    return sorted(key.split("/")[-2] for key in server.objects)


def stored(server, text: str) -> bool:
    return hashlib.sha256(text.encode()).hexdigest() in keys(server)


def test_an_original_comes_back_on_another_machine(store, s3_server, tmp_path):
    """As it was when it was read; nothing of it is in a folder of originals."""
    key = put(store, tmp_path, "a.txt", HOURS)
    assert not (store.folder / "originals").exists()
    with closing(second(tmp_path)) as other:
        assert other.original(key, EVERYTHING).read_text() == HOURS
    assert len(s3_server.objects) == 1


def test_it_is_stored_before_its_document(store, s3_server, tmp_path):
    """Where the server does not take it, no document comes to be, and it is added once the server does."""
    s3_server.stop()
    with pytest.raises(FilesUnreachable, match="cannot be used now \\(Connection refused\\)"):
        put(store, tmp_path, "a.txt", HOURS)
    assert store.documents(EVERYTHING) == []
    s3_server.start()
    key = put(store, tmp_path, "a.txt", HOURS)
    assert store.original(key, EVERYTHING).read_text() == HOURS


def test_a_deletion_reaches_the_bucket(store, s3_server, tmp_path):
    """The receipt counts the original, and no byte of it is left in the bucket or in this machine's cache."""
    key = put(store, tmp_path, "a.txt", HOURS)
    put(store, tmp_path, "b.txt", BOOKS)
    store.original(key, EVERYTHING)
    deletion = store.delete(key, EVERYTHING)
    assert deletion.found["originals"] == 1
    assert not any(deletion.left.values())
    assert not stored(s3_server, HOURS)
    assert stored(s3_server, BOOKS)
    assert {path.name for path in (store.folder / "fetched").iterdir()} == {
        sha256_of(tmp_path / "default/b.txt")
    }


def test_a_deletion_reaches_the_cache_of_another_machine(store, s3_server, tmp_path):
    """Another machine removes its copy of the original as soon as it follows the deletion."""
    key = put(store, tmp_path, "a.txt", HOURS)
    with closing(second(tmp_path)) as other:
        copy = other.original(key, EVERYTHING)
        assert copy.exists()
        store.delete(key, EVERYTHING)
        until = time.monotonic() + 60
        while copy.exists() and time.monotonic() < until:
            time.sleep(0.05)
        assert not copy.exists()


def test_a_deletion_while_the_server_is_away(store, s3_server, tmp_path):
    """The document is gone at once, the receipt says that its original is left, and it goes when it can."""
    key = put(store, tmp_path, "a.txt", HOURS)
    s3_server.stop()
    deletion = store.delete(key, EVERYTHING)
    assert deletion.left["originals"] == 1
    assert found(store, "museum") == set()
    s3_server.start()
    store.save()
    assert s3_server.objects == {}


def test_a_killed_deletion_is_finished(store, s3_server, tmp_path, monkeypatch):
    """What a process noted and did not delete, the next start deletes."""
    key = put(store, tmp_path, "a.txt", HOURS)
    s3_server.stop()
    store.delete(key, EVERYTHING)
    s3_server.start()
    with closing(second(tmp_path, "third")):
        pass
    if database_url():
        assert s3_server.objects == {}
    else:  # the second process of this storage/ owns nothing, so the owner does it
        store.save()
        assert s3_server.objects == {}


def test_a_late_deletion_takes_nothing_that_was_stored_since(store, s3_server, tmp_path):
    """A process that is held up in the middle of its deletion does not harm the same bytes, stored again."""
    key = put(store, tmp_path, "a.txt", HOURS)
    s3_server.hold("DELETE")
    deleting = threading.Thread(target=store.delete, args=(key, EVERYTHING))
    deleting.start()
    s3_server.wait_until_held()
    with closing(second(tmp_path)) as other:
        again = put(other, tmp_path, "again.txt", HOURS)
        s3_server.let_go()
        deleting.join()
        with closing(second(tmp_path, "third")) as third:
            assert third.original(again, EVERYTHING).read_text() == HOURS
    assert len(s3_server.objects) == 1


def test_two_documents_of_the_same_bytes_share_an_object(store, s3_server, tmp_path):
    """It stays until the last of them goes."""
    first = put(store, tmp_path, "a.txt", HOURS, library="one")
    last = put(store, tmp_path, "a.txt", HOURS, library="two")
    assert len(s3_server.objects) == 1
    assert not any(store.delete(first, EVERYTHING).left.values())
    assert store.original(last, EVERYTHING).read_text() == HOURS
    store.delete(last, EVERYTHING)
    assert s3_server.objects == {}


def test_several_small_files_at_once(store, s3_server, tmp_path):
    """Each is in the bucket, and one that changed meanwhile is not."""
    assert put_several(store, tmp_path, {"a.txt": HOURS, "b.txt": BOOKS}, change="b.txt") == [True, False]
    assert stored(s3_server, HOURS)
    assert not stored(s3_server, BOOKS)


def test_writers_do_not_wait_for_an_upload(store, s3_server, tmp_path):
    """While one file is being sent to the bucket, others are changed and deleted."""
    put(store, tmp_path, "a.txt", HOURS)
    s3_server.hold("PUT")
    sending = threading.Thread(target=put, args=(store, tmp_path, "b.txt", BOOKS))
    sending.start()
    s3_server.wait_until_held()
    store.forget("default", "a.txt")
    assert store.documents(EVERYTHING) == []
    s3_server.let_go()
    sending.join()
    assert [document.name for document in store.documents(EVERYTHING)] == ["b.txt"]


def test_what_no_row_names_is_swept(store, s3_server, tmp_path):
    """An object of a process that died before its commit goes once it is a day old; a younger one stays."""
    put(store, tmp_path, "a.txt", HOURS)
    [key] = s3_server.objects
    below = key.rsplit("/", 2)[0]
    old, young = f"{below}/{'0' * 64}/old", f"{below}/{'1' * 64}/young"
    s3_server.objects[old] = (b"x", time.time() - UNCLAIMED_SECONDS - 1)
    s3_server.objects[young] = (b"x", time.time())
    for number in range(PAGE):  # so that they are not on one page of the list
        s3_server.objects[f"files/other/{'2' * 64}/{number}"] = (b"of another catalog", 0.0)
    s3_server.objects[key] = (HOURS.encode(), 0.0)  # a document's is never too old
    store.save()
    assert old not in s3_server.objects
    assert young in s3_server.objects
    assert key in s3_server.objects
    assert len([key for key in s3_server.objects if key.startswith("files/other/")]) == PAGE


def test_a_large_file_goes_in_parts(store, s3_server, tmp_path):
    """What is larger than one request comes back whole on another machine."""
    text = "".join(f"Line {number} of a long file. " for number in range(800_000))
    path = tmp_path / "large.txt"
    path.write_text(text)
    store.expect(path, sha256_of(path), name="large.txt", library="default", owner=None)
    [document] = store.waiting.unread()
    with closing(second(tmp_path)) as other:
        for fetched in (other.folder / "fetched").iterdir():
            fetched.unlink()
        assert other.original(document.id, EVERYTHING).read_text() == text
    assert [method for method, _ in s3_server.requests].count("PUT") > 2


def test_a_damaged_object_is_never_shown(store, s3_server, tmp_path):
    """Bytes that are not those that were stored are refused in a sentence."""
    key = put(store, tmp_path, "a.txt", HOURS)
    [name] = s3_server.objects
    s3_server.objects[name] = (b"something else", time.time())
    for fetched in (store.folder / "fetched").iterdir():
        fetched.unlink()
    with pytest.raises(DamagedStore, match="not as it was stored"):
        store.original(key, EVERYTHING)
    assert list((store.folder / "fetched").iterdir()) == []


def test_an_object_that_is_lost_is_named(store, s3_server, tmp_path):
    """`doctor` names the document; its path does not exist."""
    key = put(store, tmp_path, "a.txt", HOURS)
    s3_server.objects.clear()
    for fetched in (store.folder / "fetched").iterdir():
        fetched.unlink()
    assert not store.original(key, EVERYTHING).exists()
    assert "originals missing: a.txt" in store.complaints()


def test_while_the_server_is_away_questions_are_answered(store, s3_server, tmp_path):
    """Search, text and pages go on; a file that is not on this machine is refused until it is back."""
    key = put(store, tmp_path, "a.txt", HOURS)
    for fetched in (store.folder / "fetched").iterdir():
        fetched.unlink()
    s3_server.stop()
    assert found(store, "museum") == {HOURS}
    assert store.page(key, 1, EVERYTHING).text == HOURS
    with pytest.raises(FilesUnreachable, match="Search and answers go on"):
        store.original(key, EVERYTHING)
    s3_server.start()
    assert store.original(key, EVERYTHING).read_text() == HOURS


def test_a_store_opens_while_the_server_is_away(store, s3_server, tmp_path):
    """A start does not need the bucket, also where something is left to delete."""
    key = put(store, tmp_path, "a.txt", HOURS)
    s3_server.stop()
    store.delete(key, EVERYTHING)
    store.close()
    again = second(tmp_path)
    again.close()
    s3_server.start()
    store.__init__(store.folder, fingerprint="f", database_url=database_url(), files_url=URL)
    assert s3_server.objects == {}


@pytest.mark.parametrize(
    ("variable", "url", "reason"),
    [
        pytest.param("AWS_ACCESS_KEY_ID", URL, "refuses Docent's keys", id="keys"),
        pytest.param("AWS_REGION", "s3://other/files", "There is no bucket", id="bucket"),
    ],
)
@pytest.mark.sqlite_only
def test_a_refusal_says_what_is_wrong(s3_server, tmp_path, monkeypatch, variable, url, reason):
    """Wrong keys and a bucket that does not exist are told from a server that is away."""
    monkeypatch.setenv(variable, "wrong")
    with closing(Store(tmp_path / "storage", fingerprint="f", files_url=url)) as store:
        with pytest.raises(FilesRefused, match=reason):
            put(store, tmp_path, "a.txt", HOURS)


@pytest.mark.sqlite_only
def test_threads_fetch_a_file_once(tmp_path):
    """All that ask for it at once get the one copy."""
    content = b"content"
    sha256 = hashlib.sha256(content).hexdigest()
    cache = FileCache(tmp_path)
    fetched = []
    everyone = threading.Barrier(4)

    def fetch(target: Path) -> bool:
        fetched.append(target)
        target.write_bytes(content)
        return True

    def ask() -> None:
        everyone.wait()
        assert cache.get(sha256, fetch).read_bytes() == content

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(fetched) == 1


@pytest.mark.sqlite_only
def test_the_cache_is_bounded(tmp_path):
    """The files used least recently go, but none that somebody was given a moment ago."""
    cache = FileCache(tmp_path, most=250, in_use=3600)
    names = []

    def get(content: bytes) -> Path:
        names.append(hashlib.sha256(content).hexdigest())
        return cache.get(names[-1], lambda target: bool(target.write_bytes(content)))

    for number in range(4):
        get(bytes([number]) * 100)
    assert cache.names() == set(names), "all are in use"
    for age, name in enumerate(reversed(names)):
        used = time.time() - 7200 - age
        os.utime(tmp_path / name, (used, used))
    get(b"new" * 10)
    assert cache.names() == {names[2], names[3], names[4]}


@pytest.mark.sqlite_only
def test_a_file_that_is_opened_again_has_not_changed(tmp_path):
    """Who reads a file is not told that it has changed because somebody else opens it."""
    cache = FileCache(tmp_path)
    sha256 = hashlib.sha256(b"content").hexdigest()

    def opened() -> Path:
        return cache.get(sha256, lambda target: bool(target.write_bytes(b"content")))

    os.utime(opened(), ns=(1, 1))
    assert opened().stat().st_mtime_ns == 1
    assert opened().stat().st_atime_ns > 1


def test_the_catalog_names_each_object(store, s3_server, tmp_path):
    """Where an original lies is a row, so a copy of the bucket and the catalog is a backup of both."""
    key = put(store, tmp_path, "a.txt", HOURS)
    sha256 = store.document(key, EVERYTHING).sha256
    with catalog(store) as opened, opened.read() as db:
        assert f"files/{bucket_objects.name_of(db, sha256)}" in s3_server.objects
    assert key == document_id("default", sha256)


@pytest.mark.sqlite_only
def test_a_restored_catalog_sweeps_nothing_that_it_does_not_know(s3_server, tmp_path):
    """Its originals are opened where they are, and what was stored after the backup stays, however old."""
    with closing(Store(tmp_path / "storage", fingerprint="f", files_url=URL)) as store:
        key = put(store, tmp_path, "a.txt", HOURS)
        back_up(store.folder, tmp_path / "backup.tar", originals=False)
        put(store, tmp_path, "b.txt", BOOKS)
    restore(tmp_path / "backup.tar", tmp_path / "restored", force=False)
    s3_server.objects = {name: (content, 0.0) for name, (content, _) in s3_server.objects.items()}
    with closing(Store(tmp_path / "restored", fingerprint="f", files_url=URL)) as store:
        store.save()
        assert store.complaints() == []
        assert store.original(key, EVERYTHING).read_text() == HOURS
        assert [document.name for document in store.documents(EVERYTHING)] == ["a.txt"]
        put(store, tmp_path, "c.txt", "Trams run at night.")
        assert not any(store.delete(key, EVERYTHING).left.values())
    assert stored(s3_server, BOOKS)
    assert not stored(s3_server, HOURS)


@pytest.mark.sqlite_only
def test_a_snapshot_that_is_put_back_sweeps_nothing_that_it_does_not_know(s3_server, tmp_path):
    """What was stored after the snapshot stays in the bucket."""
    folder = tmp_path / "storage"
    with closing(Store(folder, fingerprint="f", files_url=URL)) as store:
        key = put(store, tmp_path, "a.txt", HOURS)
    snapshot = (folder / "index/snapshots/catalog.db").read_bytes()
    with closing(Store(folder, fingerprint="f", files_url=URL)) as store:
        put(store, tmp_path, "b.txt", BOOKS)
    (folder / "index/snapshots/catalog.db").write_bytes(snapshot)
    (folder / "index/catalog.db").write_bytes(b"garbage" * 1000)
    assert "was put back" in mend_catalog(folder)
    s3_server.objects = {name: (content, 0.0) for name, (content, _) in s3_server.objects.items()}
    with closing(Store(folder, fingerprint="f", files_url=URL)) as store:
        store.save()
        assert store.original(key, EVERYTHING).read_text() == HOURS
    assert stored(s3_server, BOOKS)


def key() -> str:
    return str(x25519.Identity.generate())


def encrypted(folder: Path, secret: str) -> Store:
    return open_store(folder, fingerprint="f", files_url=URL, files_key=secret)


def forget_fetched(store: Store) -> None:
    for fetched in (store.folder / "fetched").iterdir():
        fetched.unlink()


def test_an_encrypted_original(s3_server, tmp_path):
    """The bucket holds none of its bytes; it opens with the key, and with no other."""
    secret = key()
    with closing(encrypted(tmp_path / "storage", secret)) as store:
        document = put(store, tmp_path, "a.txt", HOURS)
        [(content, _)] = s3_server.objects.values()
        assert HOURS.encode() not in content
        assert content.startswith(b"age-encryption.org/v1\n")
        forget_fetched(store)
        assert store.original(document, EVERYTHING).read_text() == HOURS
        forget_fetched(store)
    for wrong in (key(), ""):
        with closing(encrypted(tmp_path / "storage", wrong)) as store:
            with pytest.raises(StoreError, match="encrypted with another DOCENT_FILES_KEY"):
                store.original(document, EVERYTHING)
    with closing(encrypted(tmp_path / "storage", f"{key()},{secret}")) as store:
        assert store.original(document, EVERYTHING).read_text() == HOURS


def test_a_deleted_original_cannot_be_decrypted(s3_server, tmp_path):
    """What an old version of the bucket keeps of it opens neither with the key nor with another file's."""
    secret = key()
    with closing(encrypted(tmp_path / "storage", secret)) as store:
        document = put(store, tmp_path, "a.txt", HOURS, library="one")
        put(store, tmp_path, "b.txt", BOOKS, library="two")
        sha256 = store.document(document, EVERYTHING).sha256
        with catalog(store) as opened, opened.read() as db:
            name = bucket_objects.name_of(db, sha256)
        version = s3_server.objects[f"files/{name}"]
        assert not any(store.delete(document, EVERYTHING).left.values())
        s3_server.objects[f"files/{name}"] = version
        with catalog(store) as opened, opened.read() as db:
            keys = [wrapped for (wrapped,) in db.execute("SELECT key FROM objects").fetchall()]
    (tmp_path / "version").write_bytes(version[0])
    assert len(keys) == 1
    with pytest.raises(StoreError, match="cannot be decrypted"):
        FileKeys(secret).decrypt(tmp_path / "version", tmp_path / "plain", keys[0])
    with pytest.raises(DecryptError):
        decrypt(version[0], [x25519.Identity.from_str(secret)])


@pytest.mark.sqlite_only
def test_a_key_that_is_none_is_refused(s3_server, tmp_path):
    """And so is one where no bucket is named: a folder is not encrypted by Docent."""
    with pytest.raises(StoreError, match="age-keygen"):
        encrypted(tmp_path / "storage", "password")
    with pytest.raises(StoreError, match="DOCENT_FILES_URL names none"):
        Store(tmp_path / "storage", fingerprint="f", files_key=key())


@pytest.mark.sqlite_only
def test_doctor_names_a_bucket_that_cannot_be_used(store, s3_server):
    """Its finding is the sentence that says what to check; the rest of the examination goes on."""
    docent = SimpleNamespace(settings=Settings(files_url=URL), store=store)
    assert [(finding.ok, finding.found) for finding in doctor.files(docent)] == [(True, f"{URL} answers")]
    s3_server.stop()
    [finding] = doctor.files(docent)
    assert not finding.ok and "check it and DOCENT_FILES_URL" in finding.found
    assert store.complaints() == []
    s3_server.start()
    assert list(doctor.files(SimpleNamespace(settings=Settings(), store=store))) == []
