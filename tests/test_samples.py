"""The sample PDFs are what their texts say, wherever they are printed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pypdfium2
import pytest

ROOT = Path(__file__).resolve().parents[1]
PDFS = sorted((ROOT / "data").glob("*/*.pdf"))
DOCUMENTS = sorted(path for path in (ROOT / "data").glob("*/*") if path.suffix in {".pdf", ".md"})


def make_samples(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "tools" / "make_samples.py", *arguments], capture_output=True, text=True
    )


def test_samples_are_up_to_date():
    """Printing the samples again gives the bytes that are in data/."""
    done = make_samples("--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_check_names_what_differs(tmp_path: Path):
    """An altered, a missing and a foreign PDF are each named, and the exit code is 1."""
    made = make_samples("--data", tmp_path)
    assert made.returncode == 0, made.stderr
    altered, missing = sorted((tmp_path / "internships").glob("*.pdf"))[:2]
    altered.write_bytes(altered.read_bytes() + b"\n")
    missing.unlink()
    (tmp_path / "internships" / "foreign.pdf").write_bytes(b"%PDF-1.4")
    done = make_samples("--check", "--data", tmp_path)
    assert done.returncode == 1
    named = [line.split(" ")[0] for line in done.stdout.splitlines()]
    assert named == sorted(f"internships/{name}" for name in (altered.name, missing.name, "foreign.pdf"))


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in PDFS])
def test_samples_are_small_and_readable(path: Path):
    """A sample PDF is under 60 kB, and every page of it has text and no unreadable character."""
    assert path.stat().st_size < 60_000
    for page in pypdfium2.PdfDocument(path):
        text = page.get_textpage().get_text_bounded()
        assert len(text) > 100
        assert all(character.isprintable() or character in "\r\n" for character in text)


def test_one_opening_is_about_machine_learning():
    """The first question people ask has one right answer."""
    naming = [
        path.name
        for path in DOCUMENTS
        if path.parent.name == "internships" and "machine learning" in _text(path)
    ]
    assert naming == ["tidelight-machine-learning.pdf"]


def _text(path: Path) -> str:
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8").lower()
    pages = pypdfium2.PdfDocument(path)
    return " ".join(page.get_textpage().get_text_bounded() for page in pages).lower()
