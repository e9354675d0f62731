"""Write the diagram of docs/architecture.md from the import table, and docs/licences.md from metadata.

python tools/write_docs.py            write both
python tools/write_docs.py --check    exit 1 if either is out of date
"""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Iterator, Mapping, Set
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = runpy.run_path(str(ROOT / "tests/test_architecture.py"))
MAY_IMPORT: dict[str, set[str]] = TABLE["MAY_IMPORT"]
BEGIN, END = "<!-- drawn by tools/write_docs.py -->", "<!-- end of the drawing -->"
LEFT_OUT: set[str] = TABLE["SHARED"] | {"settings"}
"""Values and settings: nearly every package imports them, and their arrows would hide the others."""
NORMALIZED = {
    "mit license": "MIT",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache 2.0 license": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "isc license (iscl)": "ISC",
    "python software foundation license": "PSF-2.0",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "bsd": "BSD License",
}

FROM_LICENSE_FILE = {"axe-playwright-python": "MIT", "pyrage": "MIT"}
"""Packages without a licence in their metadata, from their file LICENSE."""


def diagram(may_import: Mapping[str, Set[str]]) -> str:
    return "\n".join(_diagram_lines(may_import))


def _diagram_lines(may_import: Mapping[str, Set[str]]) -> Iterator[str]:
    yield "```mermaid"
    yield "flowchart TD"
    packages = [name for name in may_import if name not in LEFT_OUT]
    for name in packages:
        yield f'    {_key(name)}["{name}"]'
    for name in packages:
        for target in sorted({other.split(".")[0] for other in may_import[name]} - LEFT_OUT):
            yield f"    {_key(name)} --> {_key(target)}"
    yield "```"


def _key(name: str) -> str:
    return name.strip("_").replace(".", "_")


def architecture(text: str) -> str:
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{diagram(MAY_IMPORT)}\n{END}{rest.split(END)[1]}"


def pinned(file: str) -> dict[str, str]:
    """Return every package of a compiled list, by its lower-case name."""
    text = (ROOT / file).read_text(encoding="utf-8")
    names = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==", text, re.M)
    return {name.lower(): name for name in sorted(names, key=str.lower)}


def licences(file: str) -> dict[str, str]:
    """Return the licence of each package of a list."""
    return {key: _licence(name) for key, name in pinned(file).items()}


def _licence(name: str) -> str:
    try:
        package = metadata(name)
    except PackageNotFoundError:
        return "not installed on the machine that wrote this list"
    kinds = [
        line.split(" :: ")[-1]
        for line in package.get_all("Classifier") or []
        if line.startswith("License ::")
    ]
    licence = _field(package, "License-Expression") or "; ".join(
        kind for kind in kinds if kind != "OSI Approved"
    )
    licence = licence or FROM_LICENSE_FILE.get(name.lower(), "")
    licence = licence or (_field(package, "License") or "not stated").strip().splitlines()[0]
    return NORMALIZED.get(licence.lower(), licence)


def _field(package: PackageMetadata, name: str) -> str:
    return package[name] if name in package else ""


def licences_page(used: Mapping[str, str], tested: Mapping[str, str]) -> str:
    """Return the page; `tested` contains the packages of `used` and those for tests and checks."""
    development = {name: licence for name, licence in tested.items() if name not in used}
    return f"""# Licences

The {len(used)} packages of `requirements.txt`, with the licence that each states in its own metadata.
`python tools/write_docs.py` writes this page; `tests/test_docs.py` refuses a licence that was not reviewed.
MPL-2.0 and LGPL-2.1 are the only ones that ask for something in return, and only for changes
to those packages themselves; Docent uses them unchanged. None is under the GPL or AGPL.
Docent's own wheel is MIT; the embedding model in it, all-MiniLM-L6-v2 of the sentence-transformers
project, is under [Apache-2.0](licences/Apache-2.0.txt), and unchanged.

{_rows(used)}

## For tests and checks only

{len(development)} more of `requirements-dev.txt`; none of them runs where Docent is used,
except xllamacpp where a model file answers, psycopg, alembic and mako where the catalog is in PostgreSQL,
obstore and pyrage where originals are in a bucket, and accelerate and datasets, with what they bring,
where the embedding model is fine-tuned. psycopg is under the LGPL-3.0, asyncssh under the EPL-2.0:
both are used unchanged, and ask for no more than the MPL-2.0 above.

{_rows(development)}
"""


def _rows(licences: Mapping[str, str]) -> str:
    rows = (f"| {name} | {licence} |" for name, licence in licences.items())
    return "\n".join(["| package | licence |", "| --- | --- |", *rows])


def main() -> int:
    page = ROOT / "docs/architecture.md"
    licences_text = licences_page(licences("requirements.txt"), licences("requirements-dev.txt"))
    wanted = {page: architecture(page.read_text()), ROOT / "docs/licences.md": licences_text}
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        if "--check" in sys.argv[1:]:
            print(f"{path.name} is out of date. Run: python tools/write_docs.py", file=sys.stderr)
        else:
            path.write_text(wanted[path])
            print(f"wrote {path.relative_to(ROOT)}")
    return 1 if stale and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
