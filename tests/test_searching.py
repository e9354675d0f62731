"""`docent search` and its filters."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from docent.__main__ import main
from docent.assembly import open_house
from docent.settings import Settings

FILES = {
    "menus/spring/soup.md": ("# Soups\n\nNettle soup with an egg costs 7.50.\n", "2022-03-01"),
    "menus/autumn/soup.txt": ("Pumpkin soup with seeds costs 6.50.\n", "2022-10-15"),
    "recipes/stock.txt": ("A soup begins with a stock of roots.\n", "2023-07-31"),
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
    with open_house(Settings.read(environ=environ(folder), folder=folder)) as house:
        house.ingest([folder / "data"], retry_failed=False, password=None, on_progress=lambda step: None)
    return folder


def environ(folder: Path) -> dict[str, str]:
    return {"DOCENT_STORAGE": str(folder / "storage"), "DOCENT_DATA": str(folder / "data")}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        pytest.param([], set(FILES), id="none"),
        pytest.param(["--folder", "spring"], {"menus/spring/soup.md"}, id="folder"),
        pytest.param(["--type", "md"], {"menus/spring/soup.md"}, id="type, by its ending"),
        pytest.param(["--since", "2023"], {"recipes/stock.txt"}, id="since a year"),
        pytest.param(["--until", "2022-03"], {"menus/spring/soup.md"}, id="until a month"),
        pytest.param(
            ["--since", "2022-03-02", "--until", "2022"], {"menus/autumn/soup.txt"}, id="between two days"
        ),
        pytest.param(["--library", "menus", "--type", "txt"], {"menus/autumn/soup.txt"}, id="and a library"),
    ],
)
def test_search_keeps_to_its_filters(filters, expected, folder, monkeypatch, capsys):
    """Passages come from the documents that every filter lets through, and from no other."""
    for name, value in environ(folder).items():
        monkeypatch.setenv(name, value)
    assert main(["search", "What is in the soup?", "--json", *filters]) == 0
    found = {(row["library"], row["file"]) for row in json.loads(capsys.readouterr().out)}
    assert found == {(path.split("/")[0], path.rpartition("/")[2]) for path in expected}


def test_a_date_that_is_none_is_refused(folder, monkeypatch, capsys):
    """`--until yesterday` finds nothing wrong with the documents: it says what a date looks like."""
    for name, value in environ(folder).items():
        monkeypatch.setenv(name, value)
    assert main(["search", "soup", "--until", "yesterday"]) == 2
    assert "Write a year, 2023, a month, 2023-07, or a day" in capsys.readouterr().err
