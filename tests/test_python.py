"""`from docent import Docent`: the Python interface, sync and async, as docs/python.md describes it."""

from __future__ import annotations

import asyncio
import copy
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from docent import Docent, Scope, Settings
from docent.errors import InputError, StoreError, UnknownDocument, UnknownLibrary, UnreadableFile
from docent.types import Answered, AnswerRequest, State
from tests.ports import free_url

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / "data/internships/tidelight-machine-learning.pdf"
QUESTION = "Which internship is about machine learning?"
PAGE = (ROOT / "docs/python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.S)

pytestmark = pytest.mark.filterwarnings("ignore:legacy embedding function config:DeprecationWarning")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(storage=tmp_path / "storage", data=tmp_path / "data", model_url=free_url())


@pytest.fixture
def docent(settings) -> Iterator[Docent]:
    with Docent(settings=settings) as docent:
        yield docent


@pytest.fixture(scope="module")
def read(tmp_path_factory) -> Iterator[Docent]:
    """A Docent that has read one report."""
    folder = tmp_path_factory.mktemp("read")
    settings = Settings(storage=folder / "storage", data=folder / "data", model_url=free_url())
    with Docent(settings=settings) as docent:
        docent.add(REPORT, library="jobs")
        yield docent


def test_add_search_ask(read):
    """A file is searchable when `add` returns; an answer quotes its page, and draws it as a PNG."""
    [document] = read.documents("jobs")
    assert (document.name, document.state, document.pages) == (REPORT.name, State.READY, 2)
    passages = read.search(QUESTION, limit=3)
    assert 1 <= len(passages) <= 3
    assert all(each.page.text[each.start : each.end] == each.text for each in passages)
    answer = read.ask(QUESTION, use_model=False)
    citation = answer.citations[0]
    assert (citation.file, answer.receipt.model) == (REPORT.name, "")
    assert citation.page.text[citation.start : citation.end] == citation.quote
    assert citation.page.png().startswith(b"\x89PNG")
    assert citation.page.read().number == citation.page


async def test_async(read):
    """`asearch`, `aask` and `aadd` return the same as the plain ones, which also work inside a loop."""
    passages, answer = await read.asearch(QUESTION), await read.aask(QUESTION, use_model=False)
    assert [passage.chunk_id for passage in passages] == [each.chunk_id for each in read.search(QUESTION)]
    assert answer.text == read.ask(QUESTION, use_model=False).text
    assert (await read.aadd(REPORT, library="jobs")).id == read.add(REPORT, library="jobs").id


async def test_an_async_block_closes(settings):
    """After `async with`, the storage folder can be opened again by this process."""
    async with Docent(settings=settings) as docent:
        assert docent.documents() == []
    with Docent(settings=settings) as again:
        assert again.store.owned


def test_a_model_answers(settings, ollama):
    """With a model server the model writes the answer, and `answer` yields the same as it is written."""
    ollama.script("It is the machine learning internship [1].")
    with Docent(settings=settings.model_copy(update={"model_url": ollama.url})) as docent:
        docent.add(REPORT)
        answer = docent.ask(QUESTION)
        assert (answer.text, answer.receipt.model) == (
            "It is the machine learning internship [1].",
            "mistral",
        )
        ollama.script("It is the machine learning internship [1].")

        async def last() -> str:
            events = [event async for event in docent.answer(AnswerRequest(question=QUESTION, scope=Scope()))]
            assert isinstance(events[-1], Answered)
            return events[-1].answer.text

        assert asyncio.run(last()) == answer.text


def test_an_ingest_leaves_what_was_added(docent, settings):
    """A document that was added is not a file of the data folder, so its absence there removes nothing."""
    settings.data.mkdir()
    (settings.data / "tea.md").write_text("# Tea\n\nA pot holds 40 cl.")
    added = docent.add(REPORT)
    assert [report.outcome for report in docent.ingest([settings.data])] == ["added"]
    assert {document.id for document in docent.documents("default")} > {added.id}


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        pytest.param("empty.pdf", b"", UnreadableFile, id="empty"),
        pytest.param("damaged.pdf", b"%PDF-1.7 and nothing else", UnreadableFile, id="damaged"),
        pytest.param("missing.pdf", None, InputError, id="missing"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error(docent, tmp_path, name, content, error):
    """`add` raises the reason, which names the file."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=name):
        docent.add(tmp_path / name)


def test_an_unknown_library_is_an_error(read):
    """A library that is not there is named, with those that are."""
    for ask in (read.search, read.ask, read.documents):
        arguments = () if ask == read.documents else (QUESTION,)
        with pytest.raises(UnknownLibrary, match="no library 'menus'. There are: jobs"):
            ask(*arguments, library="menus")


def test_a_readers_own_document_is_theirs(docent):
    """Only their scope finds it and opens its pages."""
    ticket = docent.add_upload(REPORT, name=REPORT.name, owner="ann")

    async def read_whole() -> None:
        docent.ingest_pipeline.background.start()
        async for _ in docent.follow(ticket):
            pass

    asyncio.run(read_whole())
    assert docent.search(QUESTION) == docent.search(QUESTION, scope=Scope(reader="bob")) == []
    passage = docent.search(QUESTION, scope=Scope(reader="ann"))[0]
    assert passage.page.text
    request = AnswerRequest(question=QUESTION, scope=Scope(reader="ann"), use_model=False)
    assert docent.ask(request).citations[0].page.png()
    with pytest.raises(UnknownDocument):
        docent.store.page(passage.document_id, passage.page, Scope(reader="bob"))


def test_a_page_is_a_number(read):
    """It compares, prints and travels as a number; a copy holds no open Docent."""
    page = read.search(QUESTION)[0].page
    number = int(page)
    assert (f"{page}", page + 1, json.dumps([page])) == (str(number), number + 1, f"[{number}]")
    answer = read.ask(QUESTION, use_model=False)
    assert type(copy.deepcopy(page)) is int
    assert type(asdict(answer)["citations"][0]["page"]) is int


def test_a_closed_docent_opens_no_page(settings):
    """A page that is opened after the `with` block says so."""
    with Docent(settings=settings) as docent:
        docent.add(REPORT)
        page = docent.search(QUESTION)[0].page
    with pytest.raises(StoreError, match="is closed"):
        page.png()


def test_the_folder_named_is_the_one_opened(tmp_path, monkeypatch):
    """`Docent("here/")` takes the other settings from the environment, and makes the folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCENT_STORAGE", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("DOCENT_PASSAGES", "3")
    with Docent("here/") as docent:
        assert (docent.settings.storage, docent.settings.passages) == (Path("here"), 3)
    assert (tmp_path / "here/index").is_dir() and not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("code", ["import docent", "from docent import Docent, Settings"])
def test_the_import_is_quick(code):
    """It takes less than 0.3 s of processor time, and imports none of the libraries for documents."""
    probe = (
        f"import resource, sys\nbefore = resource.getrusage(resource.RUSAGE_SELF)\n{code}\n"
        "after = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)\n"
        "heavy = {'numpy', 'chromadb', 'tantivy', 'tokenizers', 'openvino', 'llama_index', 'chainlit'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    seconds, heavy = done.stdout.splitlines()
    assert float(seconds) < 0.3
    assert heavy == "[]"


def test_the_page_runs(tmp_path, ollama):
    """Every block of docs/python.md runs, in its order, in one folder."""
    shutil.copy(REPORT, tmp_path / "report.pdf")
    for block in BLOCKS:
        ollama.script("It begins in May [1].")
        ollama.script("Six months [1].")
        done = subprocess.run(
            [sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "DOCENT_MODEL_URL": ollama.url},
        )  # fmt: skip
        assert done.returncode == 0, f"{block}\n{done.stderr}"
    assert (tmp_path / "page-1.png").exists() or (tmp_path / "page-2.png").exists()
