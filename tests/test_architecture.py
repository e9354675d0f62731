"""Packages import as drawn, outside libraries stay where they belong, and names are used once.

The two tables below are the drawing in docs/architecture.md. Change them only together with a
decision record in docs/decisions/.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

PIPELINES = {"ingesting", "answering", "evaluating", "questions", "research"}
SHARED = {"types", "errors", "messages"}

MAY_IMPORT: dict[str, set[str]] = {
    "messages": set(),
    "types": {"messages"},
    "errors": {"messages"},
    "lazy": set(),
    "memory": set(),
    "resources": set(),
    "write_ahead": set(),
    "regular_files": {"errors", "messages"},
    "text_language": set(),
    "plugins": {"errors", "messages"},
    "setting_files": {"errors", "messages"},
    "settings": {"errors", "messages", "setting_files"},
    "conversations": SHARED | {"postgres", "write_ahead"},
    "json_lines": SHARED | {"postgres"},
    "tracing": {"otlp_tracing"},
    "otlp_tracing": {"tracing"},
    "question_pairs": SHARED | {"json_lines"},
    "saved_tables": SHARED | {"postgres", "write_ahead"},
    "loading": SHARED | {"plugins", "regular_files", "text_language"},
    "indexing": SHARED | {"plugins", "resources"},
    "postgres": {"errors", "messages"},
    "store": SHARED
    | {"conversations", "memory", "postgres", "question_pairs", "regular_files", "saved_tables"}
    | {"write_ahead"},
    "retrieving": SHARED | {"json_lines", "store.protocols", "text_language"},
    "answering": SHARED | {"plugins", "retrieving", "store.protocols", "text_language"},
    "ingesting": SHARED | {"loading", "indexing", "postgres", "regular_files", "store", "tracing"},
    "sources": SHARED | {"loading.file_types"},
    "evaluating": SHARED | {"answering", "json_lines", "retrieving", "store.protocols"},
    "questions": SHARED | {"answering", "evaluating", "question_pairs", "store.protocols", "text_language"},
    "research": SHARED | {"answering", "saved_tables", "store.protocols"},
    "app": SHARED
    | PIPELINES
    | {"settings", "lazy", "plugins", "json_lines", "question_pairs", "resources", "saved_tables"}
    | {"loading", "indexing", "store", "retrieving", "sources", "tracing"},
    "learning": SHARED
    | {"answering.prompt", "app", "conversations", "evaluating", "indexing", "retrieving", "settings"}
    | {"store.protocols"},
    "doctor": SHARED | {"app", "resources", "settings"},
    "web": SHARED
    | PIPELINES
    | {"app", "conversations", "postgres", "resources", "retrieving.query", "settings", "store"}
    | {"tracing", "write_ahead"},
    "cli": SHARED
    | PIPELINES
    | {"app", "resources", "retrieving.query", "settings", "web.accounts", "web.audit"}
    | {"indexing.adapted_embedder", "learning", "retrieving.learned_weights"}
    | {"web.chat.history", "web.mcp"},
    "__main__": SHARED | {"app", "memory", "postgres", "settings", "web", "doctor", "cli"},
    "app.py": SHARED | PIPELINES | {"app", "settings", "web"},
    "ingest.py": {"cli"},
}

LIVES_IN: dict[str, set[str]] = {
    "chainlit": {"app.py", "docent/web/"},
    "llama_index": {
        "docent/indexing/llama_index_adapters.py",
        "docent/indexing/torch_models.py",
        "docent/retrieving/llama_index_retriever.py",
        "docent/store/index/vectors.py",
    },
    "psycopg": {"docent/postgres/", "docent/store/catalog/postgres_catalog.py"},
    "alembic": {"docent/postgres/"},
    "sqlalchemy": {"docent/postgres/"},
    "obstore": {"docent/store/s3_files.py"},
    "pyrage": {"docent/store/s3_files.py"},
    "opentelemetry": {"docent/otlp_tracing.py"},
    "chromadb": {"docent/store/index/vectors.py"},
    "tantivy": {"docent/store/index/word_index.py", "docent/store/index/languages.py"},
    "watchfiles": {"docent/ingesting/folders.py"},
    "markdown_it": {"docent/web/sharing/share_routes.py"},
    "ollama": {"docent/answering/models/ollama_client.py"},
    "openai": {"docent/answering/models/openai_client.py"},
    "xllamacpp": {"docent/answering/models/llamacpp_process.py"},
    "mistral_common": {"docent/answering/prompt/token_budget.py"},
    "sentencepiece": {"docent/answering/prompt/token_budget.py"},
    "pypdfium2": {"docent/loading/pdf/pdfium_"},
    "pypdf": {"docent/loading/formats/pdf.py"},
    "docx": {"docent/loading/formats/docx.py", "docent/research/table_files.py"},
    "pptx": {"docent/loading/formats/pptx.py"},
    "openpyxl": {"docent/loading/formats/xlsx.py", "docent/research/table_files.py"},
    "selectolax": {"docent/loading/formats/html.py"},
    "striprtf": {"docent/loading/formats/rtf.py"},
    "lxml": {"docent/loading/formats/zip_container.py"},
    "openvino": {"docent/indexing/openvino_bert.py"},
    "torch": {"docent/indexing/", "docent/learning/embedder_training.py"},
    "sentence_transformers": {"docent/indexing/", "docent/learning/embedder_training.py"},
    "datasets": {"docent/learning/embedder_training.py"},
    "jsonschema": {"docent/answering/answer_schema.py"},
    "mcp": {"docent/web/mcp/", "docent/answering/tools/"},
    "polib": {"docent/web/i18n/"},
    "jinja2": {"docent/web/templates/", "docent/evaluating/answer_report.py"},
}
"""Where each outside library may be imported: a file, or any file below a folder."""

SAME_NAME_ON_PURPOSE: set[str] = set()
"""Modules that a format or a protocol names, so that their name stands more than once."""


def sources() -> list[Path]:
    return [*sorted((ROOT / "docent").rglob("*.py")), ROOT / "app.py", ROOT / "ingest.py"]


def package_of(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    if len(parts) == 1:
        return parts[0]
    return parts[1].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield every module a file imports, also inside functions and under TYPE_CHECKING."""
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


def allowed(module: str, package: str) -> bool:
    inside = module.removeprefix("docent").lstrip(".")
    if not inside or inside == "__version__":
        return True
    if inside.split(".")[0] == package:
        return True
    return any(inside == name or inside.startswith(f"{name}.") for name in MAY_IMPORT[package])


def forbidden_imports(path: Path) -> list[str]:
    package = package_of(path)
    return [
        f"{path.relative_to(ROOT)}:{line}: {package} may not import {module}"
        for line, module in imports(path)
        if module.split(".")[0] == "docent" and not allowed(module, package)
    ]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_packages_import_only_what_the_table_says(path):
    """No package reaches into another that the table does not name for it."""
    if path.name == "__init__.py" and path.parent.name == "docent":
        return  # it names what `from docent import …` offers; test_python.py holds that it imports none of it
    assert package_of(path) in MAY_IMPORT, f"{path.name} is not in the table: add it there"
    assert forbidden_imports(path) == []


@pytest.mark.parametrize("library", LIVES_IN)
def test_each_library_lives_where_it_is_said_to(library):
    """A reader can list what Docent depends on by listing a few files."""
    elsewhere = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sources()
        for line, module in imports(path)
        if module.split(".")[0] == library
        and not any(str(path.relative_to(ROOT)).startswith(home) for home in LIVES_IN[library])
    ]
    assert elsewhere == []


IN_THE_STORE = {
    "catalog": {"catalog", "protocols", "files", "locks"},
    "index": {"index", "catalog", "protocols", "locks"},
}
"""Modules and packages of docent.store that its two packages may import."""


@pytest.mark.parametrize("package", IN_THE_STORE)
def test_the_packages_of_the_store_do_not_know_what_lies_around_them(package):
    """The catalog imports nothing of the index, and neither of them what is built over both."""
    imported = {
        module.split(".")[2]
        for path in (ROOT / "docent/store" / package).glob("*.py")
        for _, module in imports(path)
        if module.startswith("docent.store.")
    }
    assert imported <= IN_THE_STORE[package]


def test_app_holds_no_class_and_no_state():
    """app.py is hooks only: functions and imports, no class, no variable that changes."""
    tree = ast.parse((ROOT / "app.py").read_text(encoding="utf-8"))
    assert not [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Global)]


def test_breaking_the_table_is_noticed(tmp_path, monkeypatch):
    """The check itself works: a forbidden import is reported with its line."""
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    path = tmp_path / "docent/loading/wrong.py"
    path.parent.mkdir(parents=True)
    path.write_text("def f():\n    from docent.store import Store\n")
    assert forbidden_imports(path) == ["docent/loading/wrong.py:2: loading may not import docent.store.Store"]


def test_no_public_class_name_is_used_twice():
    """A class is known by its name alone."""
    places = defaultdict(list)
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_no_module_name_is_used_twice():
    """A module is known by its name alone, but for those that a format or a protocol names."""
    places = defaultdict(list)
    for path in (ROOT / "docent").rglob("*.py"):
        if path.stem not in {"__init__", *SAME_NAME_ON_PURPOSE}:
            places[path.stem].append(str(path.relative_to(ROOT)))
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_docstrings_are_imperative():
    """A docstring says what a thing does or is, and does not begin with a question word."""
    found = [
        f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}: {said.splitlines()[0]}"
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and re.match(r"(What|Whether|Who|Whose|Where|How|Which|Why)\b", said := ast.get_docstring(node) or "")
    ]
    assert found == []


def test_modules_stay_readable_in_one_go():
    """No module is longer than about 400 lines."""
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources()}
    assert {name: length for name, length in lengths.items() if length > 410} == {}


PRIVATE = re.compile(r"_[a-z]\w*")


def private_names() -> set[str]:
    """Return every private name that docent/ defines: functions, classes, attributes, module variables."""
    names = set()
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    names.add(name)
                case ast.Attribute(attr=name, ctx=ast.Store()) | ast.Name(id=name, ctx=ast.Store()):
                    names.add(name)
    return {name for name in names if PRIVATE.fullmatch(name)}


def private_uses(path: Path, names: set[str]) -> Iterator[int]:
    """Yield the lines of a test that use a private name of docent, and give no reason beside it.

    A use of a private name of the test's own, as in `self._x`, is none.
    """
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls")):
                continue
            case ast.Attribute(attr=name):
                private = name in names
            case ast.ImportFrom(module=str(module), names=imported):
                private = module.split(".")[0] == "docent" and any(
                    PRIVATE.fullmatch(alias.name) for alias in imported
                )
            case ast.Call(func=ast.Attribute(attr="setattr"), args=[ast.Constant(value=str(name)), *_]):
                private = name.startswith("docent.") and bool(PRIVATE.fullmatch(name.rpartition(".")[2]))
            case ast.Call(func=ast.Attribute(attr="setattr"), args=[_, ast.Constant(value=str(name)), *_]):
                private = name in names
            case _:
                continue
        if private and "# private: " not in lines[node.lineno - 1]:
            yield node.lineno


def test_tests_use_public_names():
    """A test that reaches into Docent says why on that line: `# private: reason`."""
    names = private_names()
    uses = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for line in private_uses(path, names)
    ]
    assert uses == []


def test_private_uses_are_noticed(tmp_path):
    """Attributes, imports and patched names are found; a reason, and a test's own attribute, are let pass."""
    path = tmp_path / "test_wrong.py"
    path.write_text(
        "from docent.store.searching import _highest\n"
        "store._catalog.write()\n"
        "monkeypatch.setattr(store, '_catalog', None)\n"
        "monkeypatch.setattr('docent.store.searching._highest', None)\n"
        "store._catalog  # private: nothing else shows it\n"
        "self._catalog = 1\n"
        "store._unknown\n"
    )
    assert sorted(private_uses(path, {"_catalog"})) == [1, 2, 3, 4]
