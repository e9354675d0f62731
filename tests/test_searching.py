"""`docent search` and its filters, and the other commands on the same documents."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

import ingest
from docent.__main__ import main
from docent.app import open_docent
from docent.settings import Settings

FILES = {
    "menus/spring/soup.md": ("# Soups\n\nNettle soup with an egg costs 7.50.\n", "2022-03-01"),
    "menus/autumn/soup.txt": ("Pumpkin soup with seeds costs 6.50.\n", "2022-10-15"),
    "recipes/stock.txt": ("A soup begins with a stock of roots.\n", "2023-07-31"),
    "prices/stock.txt": ("The stock of the company fell into the soup.\n", "2023-08-01"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose documents were ingested."""
    folder = tmp_path_factory.mktemp("searching")
    for path, (text, day) in FILES.items():
        file = folder / "data" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        noon = datetime.fromisoformat(day).replace(hour=12, tzinfo=UTC).timestamp()
        os.utime(file, (noon, noon))
    with open_docent(Settings.read(environ=environ(folder), folder=folder)) as docent:
        docent.ingest([folder / "data"], retry_failed=False, password=None, on_progress=lambda step: None)
    return folder


def environ(folder: Path) -> dict[str, str]:
    return {"DOCENT_STORAGE": str(folder / "storage"), "DOCENT_DATA": str(folder / "data")}


@pytest.fixture
def at_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings name that project."""
    for name, value in environ(folder).items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        pytest.param([], set(FILES), id="none"),
        pytest.param(["--folder", "spring"], {"menus/spring/soup.md"}, id="folder"),
        pytest.param(["--type", "md"], {"menus/spring/soup.md"}, id="type, by its ending"),
        pytest.param(["--since", "2023"], {"recipes/stock.txt", "prices/stock.txt"}, id="since a year"),
        pytest.param(["--until", "2022-03"], {"menus/spring/soup.md"}, id="until a month"),
        pytest.param(
            ["--since", "2022-03-02", "--until", "2022"], {"menus/autumn/soup.txt"}, id="between two days"
        ),
        pytest.param(["--library", "menus", "--type", "txt"], {"menus/autumn/soup.txt"}, id="and a library"),
    ],
)
def test_search_keeps_to_its_filters(filters, expected, at_home, capsys):
    """Passages come from the documents that every filter lets through, and from no other."""
    assert main(["search", "What is in the soup?", "--json", *filters]) == 0
    found = {(row["library"], row["file"]) for row in json.loads(capsys.readouterr().out)}
    assert found == {(path.split("/")[0], path.rpartition("/")[2]) for path in expected}


def test_a_date_that_is_none_is_refused(at_home, capsys):
    """`--until yesterday` is refused with an example of a date."""
    assert main(["search", "soup", "--until", "yesterday"]) == 2
    assert "Write a year, 2023, a month, 2023-07, or a day" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        pytest.param(main, ["search", "soup"], id="search"),
        pytest.param(ingest.main, [], id="ingest, a table"),
        pytest.param(ingest.main, ["--json"], id="ingest, JSON"),
    ],
)
def test_whoever_reads_may_stop(command, arguments, at_home, monkeypatch):
    """`… | head -1` ends silently, as a closed pipe ends any program, also when Python flushes at exit."""
    ours, theirs = os.pipe()
    os.close(ours)
    with os.fdopen(theirs, "w") as out:
        monkeypatch.setattr("sys.stdout", out)
        assert command(arguments) == 141


@pytest.mark.parametrize(("library", "warned"), [("menus", False), ("menu", True)])
def test_a_key_for_a_library_that_is_not_there(library, warned, at_home, capsys):
    """It is created, since its first file may come with it, with a warning in case of a typing error."""
    assert main(["key", "add", f"for {library}", "--library", library]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("docent-")
    assert (f"There is no library {library!r} yet" in said.err) is warned


def test_coverage_for_machines_is_of_one_document(at_home, capsys):
    """Two of one name are shown one after the other to people; JSON is one value, so they are named."""
    assert main(["list", "--coverage", "stock.txt"]) == 0
    assert capsys.readouterr().out.count("stock.txt") == 2
    assert main(["list", "--coverage", "stock.txt", "--json"]) == 2
    assert "is more than one document" in capsys.readouterr().err
    assert main(["list", "--coverage", "stock.txt", "--library", "recipes", "--json"]) == 0
    assert [page["page"] for page in json.loads(capsys.readouterr().out)] == [1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["", "--file", "soup.md", "--page", "1"], "Which question?", id="no question"),
        pytest.param([" ", "--file", "soup.md", "--page", "1"], "Which question?", id="blanks"),
        pytest.param(
            ["Soup?", "--file", "soup.md", "--page", "1", "--library", "soups"],
            "There is no library 'soups'",
            id="no such library",
        ),
    ],
)
def test_a_golden_question_that_is_none(arguments, said, at_home, capsys):
    """It is refused before it is stored, with the reason."""
    assert main(["golden", "add", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_figures_are_shown_before_they_are_kept(at_home, tmp_path, capsys):
    """A run that cannot be saved still prints its figures."""
    questions = tmp_path / "questions.jsonl"
    questions.write_text(json.dumps({"question": "What does a soup begin with?", "file": "a", "page": 1}))
    assert main(["eval", str(questions), "--save", str(tmp_path / "nowhere/run.json")]) == 2
    told = capsys.readouterr()
    assert "page_hit_5" in told.out
    assert "run.json cannot be written" in told.err
