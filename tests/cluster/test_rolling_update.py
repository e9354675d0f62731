"""Replicas are replaced by those of a newer version, whose migration runs while the old ones serve."""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from pathlib import Path

import httpx
import pytest

from docent.postgres.migrating import LATEST, REVISIONS
from tests.cluster.nginx import NO_NGINX, balanced
from tests.cluster.replicas import ROOT, Cluster, WebReplica, until
from tests.fakes.postgres_server import execute

pytestmark = [pytest.mark.cluster, pytest.mark.skipif(bool(NO_NGINX), reason=NO_NGINX)]

ASKING = 20
FILES = 100
SECONDS = 300.0
NEXT = max(REVISIONS) + 1
FACT = "The ferry to Ravensholm leaves from pier nine at noon."
QUESTION = "Where does the ferry to Ravensholm leave?"
REVISION = f'''"""Revision {NEXT:04}: columns and a table that the version before does not know."""

from alembic import op

revision = "{NEXT:04}"
down_revision = "{LATEST:04}"


def upgrade() -> None:
    op.execute("ALTER TABLE documents ADD COLUMN priority INTEGER NOT NULL DEFAULT 0")
    op.execute("ALTER TABLE accounts.keys ADD COLUMN note TEXT NOT NULL DEFAULT \'\'")
    op.execute("CREATE TABLE priorities (n INTEGER PRIMARY KEY)")
'''


def next_version(folder: Path) -> Path:
    """Return a checkout of the version after this one, whose tables have one revision more."""
    for name in ("docent", "public", ".chainlit"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("app.py", "chainlit.md", "personas.toml", "policy.toml"):
        shutil.copyfile(ROOT / file, folder / file)
    tables = folder / "docent" / "postgres"
    (tables / "migrations" / "versions" / "next_tables.py").write_text(REVISION)
    migrating = (tables / "migrating.py").read_text()
    known = f"REVISIONS = {REVISIONS}"
    assert known in migrating
    (tables / "migrating.py").write_text(migrating.replace(known, f"REVISIONS = {(*REVISIONS, NEXT)}"))
    return folder


class Asking:
    """Programs that ask through nginx, one question after the other, and what they were answered."""

    def __init__(self, url: str, key: str) -> None:
        self._url, self._key = url, key
        self.answers: Counter[str] = Counter()
        self._ends = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(ASKING)]

    def __enter__(self) -> Asking:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join()

    def until_more(self, count: int = 2 * ASKING) -> None:
        """Wait until so many more answers have come."""
        wanted = self.answers.total() + count
        until(lambda: self.answers.total() >= wanted, within=SECONDS)

    def _ask(self, number: int) -> None:
        headers = {"Authorization": f"Bearer {self._key}"}
        body = {"model": "docent", "messages": [{"role": "user", "content": QUESTION}]}
        search = {"query": QUESTION, "limit": 3}
        with httpx.Client(base_url=self._url, headers=headers, timeout=SECONDS, trust_env=False) as program:
            while not self._ends.wait(1.0):
                path, what = ("/v1/search", search) if number % 4 else ("/v1/chat/completions", body)
                try:
                    response = program.post(path, json=what)
                    found = response.is_success and "ferries.md" in response.text
                    self.answers["found" if found else f"{response.status_code} {response.text[:200]}"] += 1
                except httpx.HTTPError as error:
                    self.answers[repr(error)] += 1


def tables_of(url: str) -> int:
    ((found,),) = execute(url, "SELECT CAST(version_num AS INTEGER) FROM alembic_version")
    return int(str(found))


def is_asked(replica: WebReplica) -> bool:
    """Return True once nginx sends questions to a replica that was started."""
    return 'route="/v1/search"' in replica.request("GET", "/metrics").text


def test_replicas_are_updated_one_by_one(cluster: Cluster, tmp_path: Path):
    """While twenty ask and files are ingested, nothing fails: neither in the migration nor in an exchange."""
    first, second = cluster.start_web(2)
    file = first.upload("ferries.md", FACT)
    assert first.until_processed(file)["status"] == "processed"
    for replica in (first, second):
        replica.until_found(QUESTION, "ferries.md")
    for n in range(FILES):
        text = "\n\n".join(f"Boat {n} has {m * 7919} oars, and its mast is {m} feet tall." for m in range(60))
        (tmp_path / "data" / f"boat{n}.md").write_text(text)
    newer = next_version(tmp_path / "next")

    with balanced(first, second) as url, Asking(url, cluster.key()) as asking:
        ingest = cluster.start("ingest")
        asking.until_more()
        cluster.root = newer
        cluster.run("migrate")
        assert tables_of(cluster.database_url) == NEXT
        asking.until_more()
        cluster.root = ROOT  # what is started again before its own update works as well
        assert "ferries.md" in cluster.run("list")
        cluster.root = newer
        for replica in (first, second):
            started = cluster.replace(replica)
            until(lambda one=started: is_asked(one), within=SECONDS)  # else nginx has none left
        assert ingest.process.wait(timeout=SECONDS) == 0, ingest.output
        asking.until_more()
    assert set(asking.answers) == {"found"}, asking.answers
    stored = execute(cluster.database_url, "SELECT state, count(*) FROM readings GROUP BY state")
    assert stored == [("ready", FILES + 1)]
