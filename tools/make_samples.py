"""Print the sample PDFs into data/, from the texts in tools/samples/.

python tools/make_samples.py           write them
python tools/make_samples.py --check   write nothing; list the files that differ, and exit with 1 if any does
"""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from samples import menus, openings
from samples.markup import parse
from samples.paper import Look, Paper, printed

ROOT = Path(__file__).resolve().parent.parent
TEXTS = ROOT / "tools" / "samples"
OPENINGS = {"banner": openings.banner, "sidebar": openings.sidebar, "letter": openings.letter}
DATED = datetime(2026, 9, 1, tzinfo=UTC)
"""Creation date in the samples; by default reportlab writes the year 2000, or the current time."""
MENUS = {"card": menus.card, "columns": menus.columns, "book": menus.book}


def samples() -> dict[str, bytes]:
    """Return every sample PDF, by its path below data/."""
    return {
        text.relative_to(TEXTS).with_suffix(".pdf").as_posix(): printed(
            _paper(text.read_text(encoding="utf-8"))
        )
        for text in sorted(TEXTS.glob("*/*.txt"))
    }


def _paper(source: str) -> Paper:
    front, blocks = parse(source)
    look, layout, head = Look(**front.pop("look")), front.pop("layout"), front.pop("head")
    if layout in OPENINGS:
        laid = OPENINGS[layout](openings.Head(**head), blocks, look)
    else:
        laid = MENUS[layout](menus.Head(**head), blocks, look)
    return Paper(**front, laid=laid)


def differing(made: dict[str, bytes], data: Path) -> list[str]:
    """Return the files that are missing or altered, and PDFs in those folders that are not samples."""
    wrong = {name for name, content in made.items() if not _has_content(data / name, content)}
    folders = {(data / name).parent for name in made}
    found = {path.relative_to(data).as_posix() for folder in folders for path in folder.glob("*.pdf")}
    return sorted(wrong | (found - made.keys()))


def _has_content(path: Path, content: bytes) -> bool:
    return path.exists() and path.read_bytes() == content


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Print the sample PDFs into data/.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if data/ differs")
    parser.add_argument(
        "--data", type=Path, default=ROOT / "data", help="folder to write to (default: data/)"
    )
    options = parser.parse_args(arguments)
    os.environ["SOURCE_DATE_EPOCH"] = str(int(DATED.timestamp()))
    made = samples()
    if options.check:
        wrong = differing(made, options.data)
        for name in wrong:
            print(f"{name} is not what tools/make_samples.py prints. Run: python tools/make_samples.py")
        return 1 if wrong else 0
    for name, content in made.items():
        path = options.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        print(f"{name}  {len(content) / 1000:.1f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
