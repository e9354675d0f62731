"""Measurements run on the sample documents without a download, and their results are written down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bench import __main__ as run
from bench import charts, embedding, findings, open_webui, roofline
from bench import performance_page as page
from bench.measurements import (
    QUESTIONS,
    SAMPLES,
    SIZES,
    Material,
    Measurement,
    measurements,
    prepare_material,
)
from bench.tables import figure, tables
from docent.evaluating import Question, read_questions
from tests.fakes.embedder import WordHashEmbedder
from tests.fakes.open_webui import KEY, OpenWebUI

ROOT = Path(__file__).resolve().parent.parent
TESTED_ELSEWHERE = {"embedding", "quality", "crashes", "clients", "conversations", "workers"}
"""Measurements with a test of their own, and those that would take a minute each to load torch."""
PRINTED = """
2 questions

| chunks | p50, ms | p95, ms | processor p50, ms |
|---|---|---|---|
| 1,000 | 10.0 | 20.0 | 5.0 |
| 10,000 | 30.0 (29–31) | 60.0 | 25.0 |

| what | share |
|---|---|
| all | 50% |
"""


@pytest.fixture
def server() -> Iterator[OpenWebUI]:
    server = OpenWebUI()
    yield server
    server.close()


def test_the_store_is_timed():
    """Every step of the store has a figure, however small it is filled."""
    command = [sys.executable, "-m", "bench.store", "--documents", "5", "--chunks", "2", "--rounds", "2"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    timed = [line for line in ended.stdout.splitlines() if line.startswith("| ")][1:]
    assert len(timed) == 13
    assert all(figure(line.split("|")[2]) > 0 for line in timed)


@pytest.mark.slow
def test_every_measurement_runs(server, tmp_path):
    """The smallest form of each ends well and prints a table; Open WebUI is left as it was."""
    material = prepare_material(None, tmp_path, SIZES["smallest"])
    planned = measurements(SIZES["smallest"], material, cache=tmp_path, open_webui=server.url)
    names = [measurement.name for measurement in planned if measurement.name not in TESTED_ELSEWHERE]
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--size", "smallest", "--open-webui", server.url, "--only", *names],
        cwd=ROOT,
        env={**os.environ, "OPEN_WEBUI_KEY": KEY},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sections = done.stdout.split("\n## ")[1:]
    assert len(sections) == len(names) + 1  # and the summary
    assert all(list(tables(section)) for section in sections)
    assert server.files == {}
    assert server.bases == {}


def test_what_is_written(tmp_path):
    """Summary, figures, command, date, machine and chart are between the marks; other text stays."""
    path = tmp_path / "performance.md"
    path.write_text(f"# Mine\n\n{page.BEGIN}\nNot run yet.\n{page.END}\n\nMine too.\n")
    found = [
        page.Measured(_one("latency"), PRINTED),
        page.Measured(_one("open-webui"), failed="Name one."),
    ]
    under = page.conditions(size="quick", own_documents=False)
    for _ in range(2):
        page.write(path, found, under=under)
    text = path.read_text()
    assert text.startswith(
        f"# Mine\n\n{page.BEGIN}\n\n| measure | compared with | its figure | Docent | ratio |\n"
    )
    assert text.endswith(f"{page.END}\n\nMine too.\n")
    assert "Not run yet." not in text
    assert text.count("| 10,000 | 30.0 (29–31) | 60.0 | 25.0 |") == 1
    assert "| retrieval in 1,000 chunks, p95, ms | aim | 60 | 20 | 0.33 |" in text
    assert page.machine().split(", load")[0] in text
    assert "`python -m bench.latency --cache FOLDER --questions 50 --chunks 1000 10000`" in text
    assert "### Beside Open WebUI\n\nNot measured yet. Name one.\n" in text
    assert "![Retrieval, by the size of the store](charts/latency.svg)" in text
    ET.fromstring((tmp_path / "charts/latency.svg").read_text())


def test_what_was_measured_before_is_kept(tmp_path):
    """A run without a measurement, or in which it fails, keeps its earlier figures and their date."""
    path = tmp_path / "performance.md"
    path.write_text(f"{page.BEGIN}\n{page.END}\n")
    latency, start = _one("latency"), _one("start")
    page.write(path, [page.Measured(latency, PRINTED)], under="the first day")
    page.write(
        path,
        [page.Measured(start, failed="It fell."), page.Measured(latency)],
        under="the second",
    )
    text = path.read_text()
    assert "(the first day)" in text
    assert text.count("| 1,000 | 10.0 |") == 1
    assert "aim | 60 | 60 | 1 |" in text
    assert "Not measured yet. It fell." in text
    page.write(
        path,
        [page.Measured(start, failed="Again."), page.Measured(latency, PRINTED)],
        under="the third day",
    )
    assert "(the first day)" not in path.read_text()
    assert "Not measured yet. Again." in path.read_text()


@pytest.mark.parametrize(
    ("command", "time_limit", "reason"),
    [
        pytest.param(("bench.no_such_module",), 60, "exit code 1", id="fails"),
        pytest.param(("timeit", "-n1", "import time; time.sleep(60)"), 1, "stopped after 1 s", id="hangs"),
        pytest.param(("timeit", "-n1", "pass"), 60, "not understood", id="prints no table"),
    ],
)
def test_a_failed_measurement(command, time_limit, reason):
    """A measurement that fails or hangs is stopped with a reason; the run continues."""
    measurement = Measurement("mine", "Mine", command, lambda tables: tables[0].head[0])
    assert reason in run.measure(measurement, time_limit).failed


def test_what_cannot_be_measured_here():
    """It is skipped, with the command that would run it."""
    result = run.measure(_one("open-webui"), 60)
    assert not result.output
    assert "`make bench BENCH_OPEN_WEBUI=" in result.failed


def test_the_page_has_a_place_for_figures():
    """docs/performance.md has both marks, once each, and every chart that it shows."""
    text = (ROOT / "docs/performance.md").read_text(encoding="utf-8")
    assert text.count(page.BEGIN) == text.count(page.END) == 1
    shown = {part.split(")")[0] for part in text.split("](charts/")[1:]}
    assert shown == {path.name for path in (ROOT / "docs/charts").glob("*.svg")}


def test_a_command_names_no_place_of_this_machine():
    """Paths are replaced by FILE and FOLDER."""
    command = page.shown_command(_one("embedding"))
    assert command == "bench.embedding --pdfs FOLDER --questions FILE --sample 160 --files 4"


def test_each_size_has_its_own_aim():
    """A question over a million chunks may take 200 ms, over fewer 60."""
    text = "| chunks | p95, ms |\n|---|---|\n| 100,000 | 30.0 |\n| 1,000,000 | 100.0 |\n"
    assert [line.theirs for line in findings.latency_summary(list(tables(text)))] == [60, 200]


def test_a_ratio_is_the_one_that_was_measured():
    """The summary shows the ratio of the table, not one of the rounded figures."""
    text = "| | tutorial | docent | ratio |\n|---|---|---|---|\n| pages/s | 4.0 | 26.8 | 6.65 |\n"
    (table,) = tables(text)
    line = findings.compared(table, "pages/s", "ingest: pages/s", "tutorial", "docent")
    assert str(line) == "| ingest: pages/s | the tutorial's pipeline | 4 | 26.8 | 6.65 |"


def test_engines_are_measured_on_given_questions(tmp_path, capsys):
    """Questions without an answer are skipped; a file may lack its suffix, and a page may be one number."""
    rows = [
        {"question": "When does the ferry leave?", "file": "ferry", "page": 2},
        {"question": "Is there a swimming pool?", "answerable": False},
    ]
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    texts = [embedding.Text("ferry.pdf", 2, "The ferry leaves at noon.", 6)]
    embedding.retrieval({"fp32": WordHashEmbedder()}, texts, path, None)
    (found,) = tables(capsys.readouterr().out)
    assert found.column("value") == [1.0]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1,234.5", 1234.5),
        ("0.778 (0.67–0.89)", 0.778),
        ("53%", 0.53),
        ("-3", -3.0),
        ("7 ms", 7.0),
        ("–", 0.0),
    ],
)
def test_a_figure(cell, value):
    """The number of a cell is read without its thousands separator, unit and interval."""
    assert figure(cell) == value


def test_the_tables_of_a_text():
    """Each table has its head and rows; a column is read as numbers."""
    first, second = tables(PRINTED)
    assert first.names == ["1,000", "10,000"]
    assert first.column("p50, ms") == [10.0, 30.0]
    assert second.column("share") == [0.5]


def test_a_bar_is_as_long_as_its_value():
    """The longest reaches across, half of it is half as long, and a name cannot break the drawing."""
    drawn = ET.fromstring(charts.bars("<Speed> & more", {"a & b": 10.0, "<half>": 5.0}, unit="/s"))
    whole, half = (float(bar.get("width", 0)) for bar in drawn.iter("{http://www.w3.org/2000/svg}rect"))
    assert half == pytest.approx(whole / 2, abs=0.1)


def test_a_line_rises_with_its_values():
    """Sizes stand at even steps of their logarithm; twice the value is twice as high."""
    drawn = ET.fromstring(charts.lines("t", [1, 10, 100], {"s": [0.0, 1.0, 2.0]}, unit="ms"))
    (line,) = drawn.iter("{http://www.w3.org/2000/svg}polyline")
    points = [tuple(map(float, point.split(","))) for point in line.get("points", "").split()]
    (x0, y0), (x1, y1), (x2, y2) = points
    assert x1 - x0 == pytest.approx(x2 - x1)
    assert y0 - y2 == pytest.approx(2 * (y0 - y1))


def test_the_work_of_a_text():
    """Two for each weight and token, and four times the width for each pair of tokens and layer."""
    weights = 6 * (4 * 384 * 384 + 2 * 384 * 1536)
    assert roofline.flops(1) == 2 * weights + 6 * 4 * 384
    assert roofline.flops(200) == 200 * 2 * weights + 6 * 4 * 384 * 200**2


def test_padded_tokens():
    """Texts of a batch are padded to the length of the longest, in steps of eight."""
    assert roofline.padded_tokens([3, 9]) == 2 * 16
    assert roofline.padded_tokens([200] * 5) == 5 * 200
    assert roofline.padded_tokens([201] * 6) == 6 * 208


def test_open_webui_is_asked(server):
    """Every file is uploaded into one knowledge base, pages count from one, and all is deleted at the end."""
    questions = [one for one in read_questions(QUESTIONS) if one.answerable][:8]
    files = sorted(SAMPLES.glob("*.pdf"))
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {KEY}"}) as client:
        client_of_server = open_webui.OpenWebUI(client)
        found = open_webui.compared(client_of_server, files, questions)
        assert len(server.files) == len(server.bases["base"]) == len(files)
        client_of_server.clean_up()
    assert server.files == server.bases == {}
    assert found.page_hit >= 0.5
    assert 0 < found.p50 <= found.p95


def test_open_webui_refuses_without_a_key(server):
    """The error names the status and the server's message."""
    with (
        httpx.Client(base_url=server.url) as client,
        pytest.raises(SystemExit, match="401.*Not authenticated"),
    ):
        open_webui.OpenWebUI(client)


@pytest.mark.parametrize(
    ("place", "hit"),
    [
        pytest.param(("menu.pdf", 2), True, id="the page"),
        pytest.param(("menu.pdf", 3), False, id="another page"),
        pytest.param(("menu.pdf", None), True, id="no page named"),
        pytest.param(("wine.pdf", 2), False, id="another file"),
    ],
)
@pytest.mark.parametrize("named", ["menu.pdf", "menu", "restaurants/menu.pdf"])
def test_a_hit(place, hit, named):
    """A hit is the right file, and the right page if the server names one."""
    assert open_webui.is_hit(place, Question("?", named, (2,))) is hit


def _one(name: str) -> Measurement:
    material = Material(ROOT, QUESTIONS, ROOT, are_samples=False)
    return next(found for found in measurements(SIZES["quick"], material, cache=ROOT) if found.name == name)


def test_some_of_a_persons_documents_are_asked_about(tmp_path):
    """Only as many documents as the size says are linked, of those that have questions, with these alone."""
    mine = tmp_path / "mine"
    (mine / "pdfs").mkdir(parents=True)
    for name in ("a.pdf", "b.pdf", "c.pdf", "d.pdf"):
        (mine / "pdfs" / name).write_bytes(b"%PDF-1.4")
    rows = [{"question": f"{name}?", "file": f"{name}.pdf", "pages": [1]} for name in "dcbd"]
    rows[1]["question"] = "c, as it was pasted\u2028from a page?"
    (mine / "questions.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    given = prepare_material(mine, tmp_path / "cache", SIZES["smallest"])
    assert sorted(path.name for path in (given.reports / "pdfs").iterdir()) == ["b.pdf", "c.pdf"]
    asked = read_questions(given.reports / "questions.jsonl")
    assert [one.file for one in asked] == ["c.pdf", "b.pdf"]
    assert len(list(given.pdfs.iterdir())) == 4
