"""Two replicas whose originals are in one bucket, whose server stops and comes back."""

from __future__ import annotations

import shutil
from pathlib import Path

from docent.web.api.document_routes import ID_PREFIX
from tests.cluster.replicas import Cluster, WebReplica, until
from tests.fakes.plugin import Ollama
from tests.fakes.s3_server import BUCKET, S3Server, environ_of
from tests.loading.makers import pdf, write

FACT = "The ferry to Ravensholm leaves from pier nine at noon."
QUESTION = "Where does the ferry to Ravensholm leave?"


def picture(replica: WebReplica, file: str) -> tuple[int, str]:
    """Return the status and the type of a picture of the first page, as a person asks for it."""
    with replica.log_in("ann") as browser:
        reply = browser.get(f"/documents/{file.removeprefix(ID_PREFIX)}/pages/1/picture")
        if not reply.is_success:
            assert "cannot be used now" in reply.text
        return reply.status_code, reply.headers["content-type"].partition(";")[0]


def test_the_bucket_goes_away_and_comes_back(
    s3_server: S3Server, postgres_url: str, ollama: Ollama, tmp_path: Path
):
    """Answers go on at both replicas, pictures and uploads are refused in a sentence, and all comes back."""
    settings = {
        "DOCENT_FILES_URL": f"s3://{BUCKET}/files",
        "DOCENT_LOGIN": "on",
        **environ_of(s3_server.endpoint),
    }
    with Cluster(tmp_path, database_url=postgres_url, model_url=ollama.url, **settings) as cluster:
        cluster.add_user("ann")
        first, second = cluster.start_web(2)
        file = first.upload("ferries.pdf", pdf(lambda sheet, _: write(sheet, [FACT])))
        assert first.until_processed(file)["status"] == "processed"
        assert picture(second, file) == (200, "image/png")  # what the first one stored

        for copies in ("copies", "fetched"):
            shutil.rmtree(second.storage / copies / "", ignore_errors=True)
        (second.storage / "fetched").mkdir()
        s3_server.stop()
        assert second.search(QUESTION) == ["ferries.pdf"]
        assert second.ask(QUESTION)["citations"][0]["file"] == "ferries.pdf"
        assert picture(second, file) == (503, "text/plain")
        assert picture(first, file)[0] == 200, "the first one has the file in its cache"
        refused = second.request("POST", "/v1/files", files={"file": ("trams.md", "Trams run at night.")})
        assert refused.status_code == 503
        assert "files can be opened and added again" in refused.json()["error"]["message"]
        left = second.delete(file)["left"]
        assert left["originals"] == 1
        assert second.search(QUESTION) == []

        s3_server.start()
        trams = second.upload("trams.md", "Trams run at night.")
        assert first.until_processed(trams)["status"] == "processed"
        second.delete(trams)
        until(lambda: not s3_server.objects, within=60)  # with the one that could not be deleted before
