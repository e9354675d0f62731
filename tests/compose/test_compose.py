"""`docker compose up` from nothing, tested from outside: answers, persistence, isolation and recovery."""

from __future__ import annotations

import contextlib
import json
import socket
import sqlite3
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from docent.store.catalog.schema import LATEST
from tests.compose.conftest import ROOT, Report, Stack, outside, run, stack
from tests.e2e.conftest import ask, picture
from tests.e2e.test_upload import FERRY, attach, opened, send, timetable
from tests.e2e.test_upload import QUESTION as OF_THE_FERRY

pytestmark = pytest.mark.compose

KEY = "sk-a-key-that-must-not-show"
QUESTION = "Which internship is about machine learning?"
ANSWER = "tidelight-machine-learning.pdf"
CHANGE = """
import sqlite3, sys
with sqlite3.connect("/app/storage/index/catalog.db") as database:
    database.executescript(sys.argv[1])
"""
REACH_OUT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 4)
    print("reached")
except OSError as error:
    print("blocked", error)
"""


@pytest.fixture(scope="module")
def up(images, report: Report, tmp_path_factory) -> Iterator[Stack]:
    """Start all services from nothing."""
    folder = tmp_path_factory.mktemp("compose")
    key = folder / "key"
    key.write_text(KEY)
    key.chmod(0o644)
    with stack("docent-test", folder) as project:
        began = time.monotonic()
        project.compose("up", "-d", "--no-build", DOCENT_MODEL_KEY_FILE=str(key))
        project.wait("/health")
        report.figures["seconds_to_page"] = round(time.monotonic() - began, 1)
        yield project


def found(stack: Stack, question: str = QUESTION) -> list[str]:
    answer = stack.docent("search", question, "--library", "internships")
    assert isinstance(answer, list)
    return [passage["file"] for passage in answer]


def test_the_documents_are_read_and_the_model_is_fetched(up: Stack, report: Report):
    """The one-shot services succeed, and then the model answers a question with its citation."""
    began = time.monotonic()
    assert up.ended("ingest") in (0, 1), up.compose("logs", "ingest").stdout
    assert up.ended("model") == 0, up.compose("logs", "model").stdout
    report.figures["seconds_to_answer"] = round(time.monotonic() - began, 1)
    up.wait("/ready")
    answer = up.docent("ask", QUESTION, "--library", "internships")
    assert answer["citations"][0]["file"] == ANSWER
    assert answer["receipt"]["model"] == "mistral"


def test_chat_in_the_browser(up: Stack, page):
    """The published port shows the chat; an answer streams, and its citation opens."""
    ask(page, up.url, QUESTION)
    citation = page.locator("a.element-link").first
    citation.click(timeout=60_000)
    expect(page.locator("#side-view-content")).to_contain_text(ANSWER)
    picture(page, "compose")


def test_a_file_is_dropped_in_the_browser(up: Stack, page, tmp_path):
    """It is asked in the very message that brings it, and the citation opens its page."""
    opened(page, up.url)
    attach(page, timetable(tmp_path / "ferry.pdf"))
    send(page, OF_THE_FERRY)
    citation = page.locator("a.element-link").first
    expect(citation).to_be_visible(timeout=90_000)
    citation.click()
    expect(page.locator("#side-view-content")).to_contain_text("p. 2")
    expect(page.locator("#side-view-content")).to_contain_text(FERRY)
    picture(page, "compose-upload")


def test_an_upload_persists(up: Stack):
    """A file uploaded through the published port is found at once, and later in recreated containers."""
    text = b"# Lighthouse\n\nThe keeper of the lighthouse is called Perpetua Quill.\n"
    with httpx.Client(base_url=up.url, timeout=30) as client:
        made = client.post("/v1/files", files={"file": ("lighthouse.md", text)}).json()
        limit = time.monotonic() + 60
        while client.get(f"/v1/files/{made['id']}").json()["status"] != "processed":
            assert time.monotonic() < limit
            time.sleep(0.2)
    assert keeper(up) == "lighthouse.md"


def keeper(stack: Stack) -> str:
    answer = stack.docent("search", "Who keeps the lighthouse?", "--library", "uploads")
    assert isinstance(answer, list)
    return str(answer[0]["file"])


def test_the_watch_profile_follows_the_folder(up: Stack):
    """With the profile `watch`, a new file in data/ on the host is found and a removed one is not."""
    up.compose("--profile", "watch", "up", "-d", "--no-build", "--no-deps", "watch")
    boat = up.folder / "data" / "internships" / "boat.txt"
    boat.write_text("The rowing boat Halcyon is varnished every April by the harbour master.")
    until(lambda: "boat.txt" in found(up, "Who varnishes the rowing boat Halcyon?"))
    boat.unlink()
    until(lambda: "boat.txt" not in found(up, "Who varnishes the rowing boat Halcyon?"))
    up.compose("--profile", "watch", "rm", "-sf", "watch")


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.5)


def test_pulling_a_model_that_is_there_does_nothing(up: Stack):
    """Starting the one-shot service again ends at once."""
    up.compose("up", "-d", "--no-build", "--no-deps", "model")
    assert up.ended("model", 60) == 0
    assert "mistral is there" in up.compose("logs", "model").stdout


@pytest.mark.parametrize("service", ["app", "chroma", "ollama"])
def test_no_outside_network(up: Stack, service: str):
    """No service but the one-shot pull reaches an outside address."""
    host, port = outside()
    tried = up.inside(service, "python3", "-c", REACH_OUT, host, port).stdout
    with contextlib.suppress(OSError):
        host = socket.gethostbyname(host)
    by_number = up.inside(service, "python3", "-c", REACH_OUT, host, port).stdout
    assert tried.startswith("blocked") and by_number.startswith("blocked"), (tried, by_number)


def test_the_pull_reaches_the_outside(up: Stack):
    """The network of the one-shot pull reaches the outside, so the test above can fail."""
    try:
        socket.create_connection(outside(), 4).close()
    except OSError:
        pytest.skip("this machine itself reaches nothing outside")
    tried = run(
        "docker", "run", "--rm", "--network", f"{up.name}_outside", "--entrypoint", "python3", "docent",
        "-c", REACH_OUT, *outside(),
    )  # fmt: skip
    assert tried.stdout.strip() == "reached"


def test_only_the_app_publishes_a_port_and_only_here(up: Stack):
    """One port of one service, bound to this machine's loopback address."""
    ports = {
        service: json.loads(
            run("docker", "inspect", "-f", "{{json .HostConfig.PortBindings}}", up.container(service)).stdout
        )
        for service in ("app", "chroma", "ollama")
    }
    assert ports.pop("app") == {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(up.port)}]}
    assert not any(ports.values())


def test_confined(up: Stack):
    """Not root, no capability, no new privileges, and a root file system that cannot be written."""
    status = dict(
        line.split(":\t", 1) for line in up.inside("app", "cat", "/proc/self/status").stdout.splitlines()
    )
    assert up.inside("app", "id", "-u").stdout.strip() == "1000"
    assert int(status["CapEff"], 16) == 0 and int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"].strip() == "1"
    assert up.inside("app", "touch", "/app/docent/x", check=False).returncode != 0
    assert up.inside("app", "touch", "/usr/x", check=False).returncode != 0
    limits = json.loads(run("docker", "inspect", "-f", "{{json .HostConfig}}", up.container("app")).stdout)
    assert limits["Memory"] > 0 and limits["PidsLimit"] > 0


def test_secrets_do_not_show(up: Stack):
    """A key is readable inside, but not in docker inspect, logs or history."""
    assert up.inside("app", "cat", "/run/secrets/model_key").stdout == KEY
    outputs = [
        run("docker", "inspect", up.container("app")).stdout,
        run("docker", "history", "--no-trunc", "docent").stdout,
        up.compose("logs").stdout,
    ]
    assert not any(KEY in text for text in outputs)
    secret = up.inside("app", "python", "-c", "print(open('/app/storage/secret','rb').read().hex())").stdout
    assert len(secret.strip()) >= 64 and not any(secret.strip() in text for text in outputs)


@pytest.mark.parametrize("service", ["ollama", "chroma"])
def test_a_service_dies_during_a_question(up: Stack, service: str):
    """The question ends with a message and does not hang; after a restart of the service, answers return."""
    answers: list[subprocess.CompletedProcess[str]] = []
    asking = threading.Thread(
        target=lambda: answers.append(
            up.inside("app", "python", "-m", "docent", "ask", QUESTION, "--json", check=False)
        )
    )
    asking.start()
    run("docker", "kill", up.container(service))
    asking.join(timeout=120)
    assert not asking.is_alive()
    down = up.inside("app", "python", "-m", "docent", "ask", QUESTION, "--json", check=False)
    assert "Traceback" not in down.stdout + down.stderr
    assert down.stdout or down.stderr
    up.compose("up", "-d", "--no-build", "--no-deps", service)
    limit = time.monotonic() + 60
    while (asked := up.docent("ask", QUESTION, "--library", "internships"))["receipt"]["model"] == "":
        assert time.monotonic() < limit, asked["receipt"]
        time.sleep(1)
    assert asked["citations"][0]["file"] == ANSWER


def test_the_app_is_killed(up: Stack):
    """It restarts by itself with all its documents."""
    up.inside("app", "sh", "-c", "kill -9 -1", check=False)
    time.sleep(1)
    up.wait("/ready")
    assert found(up)[0] == ANSWER


def test_stopping_is_quick(up: Stack, report: Report):
    """The app stops by itself within ten seconds."""
    began = time.monotonic()
    up.compose("stop", "app")
    report.figures["seconds_to_stop"] = round(time.monotonic() - began, 1)
    assert report.figures["seconds_to_stop"] < 10
    up.compose("up", "-d", "--no-build", "--no-deps", "app")
    up.wait("/ready")


def test_recreated_containers_keep_everything(up: Stack, report: Report):
    """After `down` and `up`, documents, vectors and the model remain; nothing is read again."""
    up.compose("down")
    began = time.monotonic()
    up.compose("up", "-d", "--no-build")
    up.wait("/ready")
    report.figures["seconds_to_ready_again"] = round(time.monotonic() - began, 1)
    assert found(up)[0] == ANSWER
    assert keeper(up) == "lighthouse.md"
    assert up.ended("ingest") in (0, 1)
    assert "unchanged" in up.compose("logs", "ingest").stdout


def change_catalog(stack: Stack, sql: str) -> None:
    """Change the catalog in the volume to that of another version of Docent."""
    stack.compose("stop", "app")
    stack.compose("run", "-T", "--rm", "--no-deps", "app", "python", "-c", CHANGE, sql)
    stack.compose("up", "-d", "--no-build", "--no-deps", "app")


def refused(stack: Stack, sentence: str) -> None:
    until(lambda: sentence in stack.compose("logs", "--tail", "20", "app").stdout)


OLDER = """
import pathlib, sqlite3, sys
catalog = pathlib.Path("/app/storage/index/catalog.db")
older = catalog.with_name("older.db")
with sqlite3.connect(older) as database:
    database.executescript(sys.argv[1])
    database.execute("ATTACH ? AS newer", (str(catalog),))
    database.executescript('''
        INSERT INTO meta SELECT 'fingerprint', fingerprint FROM newer.generations WHERE role = 'serving';
        INSERT INTO libraries SELECT n, name, owner, added FROM newer.libraries;
        INSERT INTO documents SELECT d.n, d.id, d.library, d.sha256, d.name, r.title, r.kind, r.language,
            r.date, d.added, d.bytes, r.state, r.reason, r.pages, r.unread_pages, r.chunks, r.embedded,
            d.visible, r.loader FROM newer.documents d JOIN newer.readings r ON r.document = d.n;
        INSERT INTO paths SELECT * FROM newer.paths WHERE document IN (SELECT n FROM documents);
        INSERT INTO pages SELECT r.document, number, text, layout, label, place, read_by, note, hidden,
            confidence, width, height FROM newer.pages g JOIN newer.readings r ON r.n = g.reading;
        INSERT INTO chunks SELECT c.n, c.id, r.document, page, start, "end", header, heading, tokens
            FROM newer.chunks c JOIN newer.readings r ON r.n = c.reading;
        INSERT INTO vectors SELECT * FROM newer.vectors;
        PRAGMA user_version = 3;
    ''')
for log in catalog.parent.glob("catalog.db-*"):
    log.unlink()
older.replace(catalog)
"""


def tables_of_version_0_1(folder: Path) -> str:
    """Return the statements that make its tables, from a catalog that it wrote."""
    catalog = "closed/index/catalog.db"
    with tarfile.open(ROOT / "tests/store/old_storage.tar.xz") as tar:
        tar.extract(catalog, folder, filter="data")
    with contextlib.closing(sqlite3.connect(folder / catalog)) as database:
        rows = database.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return ";\n".join(statement for (statement,) in rows) + ";"


def test_an_older_catalog_is_brought_up_to_date(up: Stack, tmp_path: Path):
    """The tables of version 0.1 are migrated at the start, and everything is found."""
    up.compose("stop", "app")
    up.compose(
        "run", "-T", "--rm", "--no-deps", "app", "python", "-c", OLDER, tables_of_version_0_1(tmp_path)
    )
    up.compose("up", "-d", "--no-build", "--no-deps", "app")
    up.wait("/ready")
    assert found(up)[0] == ANSWER
    assert keeper(up) == "lighthouse.md"


def test_a_newer_catalog_is_refused(up: Stack):
    """An image that is older than its storage refuses it with a message, and does not change it."""
    change_catalog(up, "PRAGMA user_version = 99;")
    refused(up, "was written by a newer Docent")
    change_catalog(up, f"PRAGMA user_version = {LATEST};")
    up.wait("/ready")
    assert keeper(up) == "lighthouse.md"


def test_an_index_of_another_model_is_rebuilt_as_documented(up: Stack):
    """The message names the command of docs/containers.md, which rebuilds the index; then the app starts."""
    change_catalog(up, "UPDATE generations SET fingerprint = 'another model' WHERE role = 'serving';")
    refused(up, "docent ingest --rebuild")
    documented = "docker compose run --rm --no-deps app python ingest.py --rebuild"
    assert documented in (ROOT / "docs" / "containers.md").read_text(encoding="utf-8")
    up.compose(*documented.split()[2:])
    up.wait("/ready")
    assert found(up)[0] == ANSWER
    assert keeper(up) == "lighthouse.md"


def test_down_with_volumes_leaves_nothing(up: Stack):
    """No container, volume or network remains."""
    up.compose("down", "-v")
    for kind in (["ps", "-aq"], ["volume", "ls", "-q"], ["network", "ls", "-q"]):
        label = f"label=com.docker.compose.project={up.name}"
        assert run("docker", *kind, "--filter", label).stdout == ""


def test_a_changed_line_of_code_builds_in_seconds(images, report: Report, tmp_path):
    """Only the last layers are built again."""
    context = tmp_path / "context"
    run("cp", "-a", f"{ROOT}/.", context)
    changed = context / "docent" / "__init__.py"
    changed.write_text(changed.read_text() + "# changed\n")
    began = time.monotonic()
    run("docker", "build", "-q", "--network", "host", "-t", "docent-changed", context)
    report.figures["rebuild_seconds"] = round(time.monotonic() - began, 1)
    run("docker", "rmi", "docent-changed")
    assert report.figures["rebuild_seconds"] < 60


def test_the_image_is_under_two_gigabytes(images, report: Report):
    """Unpacked, with torch and the embedding model inside."""
    assert report.figures["image_mb"] < 2000


def test_lite(images, tmp_path):
    """One container with embedded vectors uses a model server that runs elsewhere."""
    with stack("docent-lite", tmp_path, "docker-compose.lite.yml") as lite:
        lite.compose("up", "-d", "--no-build", DOCENT_MODEL_URL="http://server:11434")
        run(
            "docker", "run", "-d", "--rm", "--name", "docent-lite-server", "--network", "docent-lite_default",
            "--network-alias", "server", "-e", "MODELS=mistral", "docent-substitute-ollama",
        )  # fmt: skip
        try:
            lite.wait("/ready")
            answer = lite.docent("ask", QUESTION, "--library", "internships")
            assert answer["citations"][0]["file"] == ANSWER and answer["receipt"]["model"] == "mistral"
        finally:
            run("docker", "rm", "-f", "docent-lite-server", check=False)
