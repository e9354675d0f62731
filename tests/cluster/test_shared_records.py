"""What two web replicas record besides documents is the same on both: the audit log, questions, traces."""

from __future__ import annotations

import pytest

from tests.cluster.replicas import Cluster, until
from tests.fakes.trace_receiver import receiving

pytestmark = pytest.mark.cluster

BUSY = 60.0


def test_two_replicas_have_one_audit_log_and_one_trace_receiver(tmp_path, postgres_url, ollama):
    """An administrator of one sees what was done at the other; a test question is there for both.

    Their traces name routes and steps of both processes, and neither a file, a person nor a word.
    """
    ollama.script("Mimi is a cat [1].")
    with (
        receiving() as receiver,
        Cluster(
            tmp_path,
            database_url=postgres_url,
            model_url=ollama.url,
            DOCENT_TRACES_URL=receiver.url,
            DOCENT_LOGIN="on",
            DOCENT_SMALL_MODEL="off",
        ) as cluster,
    ):
        cluster.add_user("ottilie", role="admin")
        here, there = cluster.start_web(2)
        file = here.upload("siamese.md", "Mimi is a cat.", library="cats")
        here.until_processed(file)
        document = file.removeprefix("file-")
        assert here.ask("Who is Mimi?")["citations"]
        with here.log_in("ottilie") as browser:
            assert browser.get(f"/documents/{document}").status_code == 200
        with there.log_in("ottilie") as browser:
            seen = ""

            def both_are_seen() -> bool:
                nonlocal seen
                seen = browser.get("/admin/audit.csv").text
                return "page,read,siamese.md" in seen and "api,ask" in seen

            until(both_are_seen, within=BUSY)
            assert seen.count("ottilie,page,login,ottilie") == 2
        told = ("--file", "siamese.md", "--page", "1", "--library", "cats")
        cluster.run("golden", "add", "Who is Mimi?", *told, DOCENT_TRACES_URL="")
        assert "Who is Mimi?" in cluster.run("golden", "list", DOCENT_TRACES_URL="")
        for replica in (here, there):
            replica.terminate()
            replica.process.wait(BUSY)
    names = {span.name for span in receiver.spans}
    assert {"POST /v1/files", "POST /v1/chat/completions", "question", "question retrieve"} <= names
    assert {"GET /documents/{id}", "POST /login", "GET /admin/audit.csv", "ingest read"} <= names
    assert len({one["service.instance.id"] for one in receiver.resources}) == 2
    asked = receiver.named("POST /v1/chat/completions")[0]
    assert receiver.named("question")[0].trace == asked.trace
    sent = b"".join(receiver.bodies)
    assert [word for word in (b"siamese", b"Mimi", b"ottilie", document.encode()) if word in sent] == []
