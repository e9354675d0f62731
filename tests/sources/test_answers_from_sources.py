"""What a source brings is ingested, cited by its address, and gone when it is gone there."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from docent.__main__ import main
from docent.app import Docent, open_docent
from docent.app.source_schedule import SourceSchedule
from docent.errors import InputError, SourceError
from docent.settings import Settings
from docent.types import Answered, AnswerRequest, Scope, ask_json
from tests.fakes.web_servers import LocalServer, Site, serving

pytestmark = pytest.mark.filterwarnings("ignore:legacy embedding function config:DeprecationWarning")

PAGES = {
    "/": '<title>Harbour</title><p>Welcome to the harbour.</p><a href="ferry.html">f</a>',
    "/ferry.html": "<title>Ferry</title><p>The ferry Aurora leaves the harbour at half past seven.</p>",
}


def settings_of(folder: Path, server: LocalServer, **changes: Any) -> Settings:
    file = folder / "sources.toml"
    file.write_text(f'[site]\nkind = "web"\nlibrary = "web"\nurl = "{server.url}/"\npause = 0\n')
    (folder / "data").mkdir(exist_ok=True)
    values: dict[str, Any] = {
        "storage": folder / "storage", "data": folder / "data", "sources": file,
        "source_hosts": ("127.0.0.1",), "model_url": server.url,
    }  # fmt: skip
    return Settings(**values | changes)


async def answer(docent: Docent, question: str) -> Any:
    request = AnswerRequest(question=question, scope=Scope(), use_model=False)
    return [event async for event in docent.answer(request) if isinstance(event, Answered)][0].answer


async def test_an_answer_names_the_address(tmp_path):
    """Citations, passages and searches have the page's address; a file of the data folder has none."""
    with serving(Site(dict(PAGES))) as server:
        settings = settings_of(tmp_path, server)
        (tmp_path / "data" / "boats.md").write_text("# Boats\n\nThe tug Borealis rests on Sundays.\n")
        with open_docent(settings) as docent:
            docent.ingest([settings.data], retry_failed=False, password=None, on_progress=lambda _: None)
            reports, files = docent.sync_sources()
            assert [(each.source, each.added) for each in reports] == [("site", 2)]
            assert [file.outcome for file in files] == ["added", "added"]
            found = await answer(docent, "When does the ferry Aurora leave?")
            assert found.citations[0].origin == f"{server.url}/ferry.html"
            assert found.citations[0].where.startswith(f"{server.url}/ferry.html, ")
            assert ask_json(found)["citations"][0]["origin"] == f"{server.url}/ferry.html"
            assert docent.retrieve("the ferry Aurora", Scope())[0].origin == f"{server.url}/ferry.html"
            mine = await answer(docent, "When does the tug Borealis rest?")
            assert mine.citations[0].origin == "" and "origin" not in ask_json(mine)["citations"][0]


def test_a_page_that_is_gone_takes_its_document_along(tmp_path):
    """The next sync removes the document; an ingest of the whole data folder keeps the others."""
    pages = dict(PAGES)
    with serving(Site(pages)) as server:
        settings = settings_of(tmp_path, server)
        with open_docent(settings) as docent:
            docent.sync_sources()
            pages["/"] = "<title>Harbour</title><p>Closed for the winter.</p>"
            reports, files = docent.sync_sources(["site"])
            assert (reports[0].changed, reports[0].removed) == (1, 1)
            assert sorted(file.outcome for file in files) == ["changed", "removed"]
            docent.ingest([settings.data], retry_failed=False, password=None, on_progress=lambda _: None)
            assert [each.name for each in docent.store.documents(Scope())] == ["index.html"]
            found = docent.retrieve("the ferry Aurora", Scope())
            assert not any("Aurora" in passage.text for passage in found)


def test_without_a_file_of_sources_nothing_is_loaded(tmp_path):
    """Docent without sources imports nothing of them, and says what to do when they are asked for."""
    code = (
        "import sys, docent.web.api.application, docent.app.factory\n"
        "from docent.settings import Settings\n"
        "assert docent.app.factory.open_sources(Settings()) is None\n"
        "print([name for name in sys.modules if name.startswith('docent.sources')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "[]", done.stderr
    with open_docent(Settings(storage=tmp_path / "storage", data=tmp_path)) as docent:
        with pytest.raises(InputError, match=r"There is no file sources\.toml"):
            docent.sync_sources()


def test_the_command(tmp_path, monkeypatch, capsys):
    """`docent sources list` and `sync` print what there is and what came; a failure exits with 1."""
    monkeypatch.chdir(tmp_path)
    with serving(Site(dict(PAGES))) as server:
        settings_of(tmp_path, server)
        monkeypatch.setenv("DOCENT_MODEL_URL", server.url)
        assert main(["sources", "list"]) == 0
        assert capsys.readouterr().out == "site  web  data/web/site\n"
        assert main(["sources", "sync"]) == 1
        assert "DOCENT_SOURCE_HOSTS" in capsys.readouterr().err
        monkeypatch.setenv("DOCENT_SOURCE_HOSTS", '["127.0.0.1"]')
        assert main(["sources", "sync", "site"]) == 0
        assert "site: 2 added\nDocuments: 2 added" in capsys.readouterr().out
        assert main(["sources", "sync", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["sources"][0]["unchanged"] == 2
        assert main(["sources", "sync", "nothing"]) == 2
        assert "There is no source 'nothing'" in capsys.readouterr().err


def test_a_served_docent_syncs_by_itself(tmp_path):
    """With an interval, what a source has comes without a command, and nothing runs after closing."""
    with serving(Site(dict(PAGES))) as server:
        with open_docent(settings_of(tmp_path, server, sources_every=1)) as docent:
            docent.work()
            ends = time.monotonic() + 60
            while docent.store.libraries(None) != ["web"]:
                assert time.monotonic() < ends
                time.sleep(0.05)
        assert "/ferry.html" in server.paths


def test_a_schedule_goes_on_after_a_failure():
    """A sync that fails is logged, and the next one runs; without an interval none does."""
    runs, done = [], threading.Event()

    def sync() -> None:
        runs.append(1)
        if len(runs) == 3:
            done.set()
        raise SourceError("No.") if len(runs) == 1 else RuntimeError("a bug")

    schedule = SourceSchedule(0.01)
    schedule.start(sync)
    assert done.wait(30)
    schedule.stop()
    SourceSchedule(0).start(lambda: pytest.fail("it ran"))
