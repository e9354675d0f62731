"""Everything that the pages name exists: links, settings, files, tests, decisions and package arrows."""

from __future__ import annotations

import ast
import re
import runpy
from pathlib import Path

import pytest

from docent.setting_files import PREFIX
from docent.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
DECISIONS_INDEX = ROOT / "docs/decisions/README.md"
DECISIONS = sorted(DECISIONS_INDEX.parent.glob("[0-9]*.md"))
WRITER = runpy.run_path(str(ROOT / "tools/write_docs.py"))
TESTS = frozenset(
    name
    for path in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^\s*(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.M)
)
REVIEWED = (
    *("MIT", "Apache", "BSD", "0BSD", "ISC", "PSF", "Python Software Foundation", "Zlib", "CC0", "BSL"),
    *("HPND", "CNRI-Python", "Unlicense", "LLVM-exception", "3-Clause BSD"),
)
COPYLEFT = {
    **dict.fromkeys(("bidict", "certifi", "orjson", "tqdm", "hypothesis", "pathspec"), "MPL"),
    "pycountry": "LGPL",
    "asyncssh": "EPL",
    **dict.fromkeys(("psycopg", "psycopg-binary"), "LGPL"),
}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page):
    """Every relative link leads to a file that exists, and its part after # to a heading in it."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, part = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        if part:
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.M)
            assert part in map(anchor, headings), link


def links(page: Path) -> set[Path]:
    """Return the files that a page links to."""
    found = re.findall(r"\]\(([^)\s#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    return {(page.parent / link).resolve() for link in found}


def test_every_page_is_a_click_from_the_readme():
    """Each page of docs/ is linked from the README, and each page of the handbook from the user guide."""
    assert set((ROOT / "docs").glob("*.md")) - links(ROOT / "README.md") == set()
    assert set((ROOT / "data/handbook").glob("*.md")) <= links(ROOT / "docs/user-guide.md")


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_settings_exist(page):
    """Every setting that a page names exists."""
    names = set(re.findall(rf"\b{PREFIX}([A-Z][A-Z_]*[A-Z])\b", page.read_text(encoding="utf-8")))
    elsewhere = set(
        re.findall(rf"{PREFIX}([A-Z_]+)", (ROOT / "docker-compose.yml").read_text())
    )  # compose has a few of its own
    assert {name for name in names if name.lower() not in Settings.model_fields} <= elsewhere


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_named_tests_and_files_exist(page):
    """Every test, file and folder of the code that a page names exists."""
    text = page.read_text(encoding="utf-8")
    assert {name for name in re.findall(r"`(test_\w+)`", text)} <= TESTS
    paths = re.findall(r"`((?:tests|docent|tools|bench)/[\w/.]+)`", text)
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_store_is_described_as_it_is():
    """Functions that docs/store.md names exist, and docs/architecture.md lists each module of the store."""
    names = set()
    files = [path for path in (ROOT / "docent/store").rglob("*.py") if path.stem != "__init__"]
    for path in files:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                names |= {node.name, f"{path.stem}.{node.name}"}
            elif isinstance(node, ast.ClassDef):
                methods = [part.name for part in node.body if isinstance(part, ast.FunctionDef)]
                names |= {f"{node.name}.{method}" for method in methods}
    named = set(re.findall(r"`([\w.]+)\(\)`", (ROOT / "docs/store.md").read_text(encoding="utf-8")))
    assert named - names == set()
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    table = page.split("| modules of `docent/store/` |")[1].split("\n\n")[0]
    listed = {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert listed == {path.stem for path in files}


def test_contributing_names_the_place_of_each_change():
    """In "Where would I change …?" each path exists, and each other name is in a file of its row."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = page.split("\n## Where would I change …?\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ") and "`" in line]
    assert len(rows) == 13
    for row in rows:
        code = re.findall(r"`([^`]+)`", row)
        paths = [ROOT / name for name in code if "/" in name]
        assert [path for path in paths if not path.exists()] == []
        files = [file for path in paths for file in (path.rglob("*.py") if path.is_dir() else [path])]
        text = "\n".join(file.read_text(encoding="utf-8") for file in files)
        names = [name for name in code if "/" not in name and not name.startswith("make ")]
        assert [name for name in names if not re.search(rf"\b{re.escape(name)}\b", text)] == [], row


@pytest.mark.parametrize("path", DECISIONS, ids=named)
def test_a_decision_has_its_parts(path):
    """Records are numbered without gaps, have the same parts, fit on a page and are in the index by title."""
    number = DECISIONS.index(path) + 1
    text = path.read_text(encoding="utf-8")
    title = text.splitlines()[0].removeprefix(f"# {number:04} ")
    assert text.startswith(f"# {number:04} {title}\n\nStatus: ")
    assert path.name.startswith(f"{number:04}-")
    assert re.findall(r"^## (.+)$", text, re.M) == ["Context", "Options", "Decision", "Consequences"]
    assert len(text.splitlines()) <= 60
    assert f"| [{number:04}]({path.name}) | {title} |" in DECISIONS_INDEX.read_text(encoding="utf-8")


def test_named_decisions_exist():
    """A decision that code, a test or a page names by its number is a record that exists."""
    files = [path for path in ROOT.glob("*.md") if path.name != "CHANGELOG.md"]
    for folder in ("docent", "tests", "bench", "tools", "docs"):
        files += [path for path in (ROOT / folder).rglob("*.*") if path.suffix in {".py", ".md"}]
    named_in = {
        (named(path), name)
        for path in files
        for name in re.findall(r"decisions/(\d{4}(?:-[\w-]+\.md)?)", path.read_text(encoding="utf-8"))
    }
    records = {path.name for path in DECISIONS} | {path.name[:4] for path in DECISIONS}
    assert {(path, name) for path, name in named_in if name not in records} == set()
    assert len(named_in) >= len(DECISIONS)


def test_the_drawing_is_the_table():
    """docs/architecture.md shows the arrows of tests/test_architecture.py; tools/write_docs.py writes it."""
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    assert WRITER["architecture"](text) == text


def test_licences_hold_no_surprise():
    """Each package that runs or tests Docent is listed, and its licence is one that was reviewed."""
    page = (ROOT / "docs/licences.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| ([\w.-]+) \| (.+) \|$", page, re.M))
    del listed["package"], listed["---"]
    assert set(listed) == WRITER["pinned"]("requirements-dev.txt").keys()
    used = page.partition("## For tests")[0]
    assert all(f"| {name} |" in used for name in WRITER["pinned"]("requirements.txt"))
    odd = {
        name: licence
        for name, licence in listed.items()
        if name not in COPYLEFT and (not licence.startswith(REVIEWED) or re.search("GPL|MPL", licence))
    }
    assert odd == {}
    assert all(kind in listed[name] for name, kind in COPYLEFT.items())


def test_ignored_vulnerabilities_are_explained():
    """docs/dependencies.md explains exactly the vulnerabilities that `make audit` leaves out."""
    ignored = re.findall(r"GHSA(?:-\w{4}){3}", (ROOT / "Makefile").read_text(encoding="utf-8"))
    page = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    assert set(ignored) == set(re.findall(r"GHSA(?:-\w{4}){3}", page))
