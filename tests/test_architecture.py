"""Who may import whom, and where each outside library is imported, in two tables.

docs/architecture.md is drawn from the first. Change them only together with a record in docs/decisions/.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

CORRIDORS = {"ingesting", "answering", "evaluating"}
EVERYBODY_SPEAKS = {"glossary", "errors"}

MAY_IMPORT: dict[str, set[str]] = {
    "glossary": set(),
    "errors": set(),
    "contracts": {"glossary"},
    "regular_files": {"errors"},
    "memory": set(),
    "settings": {"errors"},
    "loading": EVERYBODY_SPEAKS | {"regular_files"},
    "indexing": EVERYBODY_SPEAKS,
    "store": EVERYBODY_SPEAKS | {"memory", "regular_files"},
    "retrieving": EVERYBODY_SPEAKS | {"store.protocols"},
    "generating": EVERYBODY_SPEAKS,
    "ingesting": EVERYBODY_SPEAKS | {"loading", "indexing", "regular_files", "store"},
    "answering": EVERYBODY_SPEAKS | {"retrieving", "generating", "store.protocols"},
    "evaluating": EVERYBODY_SPEAKS | {"retrieving", "generating", "store.protocols"},
    "assembly": EVERYBODY_SPEAKS
    | CORRIDORS
    | {"settings", "loading", "indexing", "store", "retrieving", "generating"},
    "doctor": EVERYBODY_SPEAKS | {"assembly", "settings"},
    "web": EVERYBODY_SPEAKS | CORRIDORS | {"assembly", "contracts", "settings", "store"},
    "commands": EVERYBODY_SPEAKS | CORRIDORS | {"assembly", "contracts", "settings"},
    "__main__": EVERYBODY_SPEAKS | {"assembly", "memory", "settings", "web", "doctor", "commands"},
    "app.py": EVERYBODY_SPEAKS | CORRIDORS | {"assembly", "settings", "web"},
    "ingest.py": EVERYBODY_SPEAKS | CORRIDORS | {"assembly", "settings"},
}

LIVES_IN: dict[str, set[str]] = {
    "chainlit": {"app.py", "docent/web/"},
    "llama_index": {"docent/indexing/", "docent/retrieving/", "docent/store/vectors.py"},
    "chromadb": {"docent/store/vectors.py"},
    "tantivy": {"docent/store/shelf.py", "docent/store/languages.py"},
    "watchfiles": {"docent/ingesting/watch.py"},
    "ollama": {"docent/answering/models/ollama_client.py"},
    "openai": {"docent/answering/models/openai_client.py"},
    "mistral_common": {"docent/answering/prompt/tokens.py"},
    "sentencepiece": {"docent/answering/prompt/tokens.py"},
    "pypdfium2": {"docent/loading/pdf/pdfium_"},
    "pypdf": {"docent/loading/pdf/pypdf_fallback.py"},
    "docx": {"docent/loading/formats/docx.py"},
    "pptx": {"docent/loading/formats/pptx.py"},
    "openpyxl": {"docent/loading/formats/xlsx.py"},
    "selectolax": {"docent/loading/formats/html.py"},
    "striprtf": {"docent/loading/formats/rtf.py"},
    "lxml": {"docent/loading/formats/zip_container.py"},
    "openvino": {"docent/indexing/openvino_bert.py"},
    "torch": {"docent/indexing/"},
    "sentence_transformers": {"docent/indexing/"},
}
"""Where each outside library may be imported: a file, or any file below a folder."""


def sources() -> list[Path]:
    return [*sorted((ROOT / "docent").rglob("*.py")), ROOT / "app.py", ROOT / "ingest.py"]


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    if len(parts) == 1:
        return parts[0]
    return parts[1].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every module a file imports, also inside functions and under TYPE_CHECKING."""
    package = path.relative_to(ROOT).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: -node.level]) + "." if node.level else ""
            module = (base + (node.module or "")).rstrip(".")
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}"


def allowed(module: str, room: str) -> bool:
    inside = module.removeprefix("docent").lstrip(".")
    if not inside or "." not in inside and inside == "__version__":
        return True
    if inside.split(".")[0] == room:
        return True
    return any(inside == name or inside.startswith(f"{name}.") for name in MAY_IMPORT[room])


def strays(path: Path) -> list[str]:
    room = room_of(path)
    return [
        f"{path.relative_to(ROOT)}:{line}: {room} may not import {module}"
        for line, module in imports(path)
        if module.split(".")[0] == "docent" and not allowed(module, room)
    ]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_rooms_import_only_what_the_table_says(path):
    """No room reaches into another; only corridors and assembly join them."""
    if path.name == "__init__.py" and path.parent.name == "docent":
        assert not [module for _, module in imports(path) if not module.startswith("__future__")]
        return
    assert room_of(path) in MAY_IMPORT, f"{path.name} has no room: say in the table where it belongs"
    assert strays(path) == []


@pytest.mark.parametrize("library", LIVES_IN)
def test_each_library_lives_where_it_is_said_to(library):
    """A reader can list what Docent depends on by listing a few files."""
    guests = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sources()
        for line, module in imports(path)
        if module.split(".")[0] == library
        and not any(str(path.relative_to(ROOT)).startswith(home) for home in LIVES_IN[library])
    ]
    assert guests == []


def test_app_holds_no_class_and_no_state():
    """app.py is hooks only: functions and imports, no class, no variable that changes."""
    tree = ast.parse((ROOT / "app.py").read_text(encoding="utf-8"))
    assert not [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Global)]


def test_breaking_the_table_is_noticed(tmp_path, monkeypatch):
    """The check itself works: an import across rooms is reported with its line."""
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    stray = tmp_path / "docent/loading/stray.py"
    stray.parent.mkdir(parents=True)
    stray.write_text("def f():\n    from docent.store import Store\n")
    assert strays(stray) == ["docent/loading/stray.py:2: loading may not import docent.store.Store"]
