"""Small mistakes put into the pure core, one at a time: which of them do its own tests not notice?

    python -m bench.mutants [--every 1]

A comparison is turned, a number moved by one, `and` made `or`, `not` dropped, a statement left out. What is
printed survived; some change nothing that anybody could see.
"""

from __future__ import annotations

import argparse
import ast
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORE = {
    "docent/retrieving/fusing.py": ["tests/retrieving/test_fusing.py"],
    "docent/generating/budget.py": ["tests/generating/test_budget.py"],
    "docent/generating/citations.py": [
        "tests/generating/test_citations.py",
        "tests/generating/test_after_citing.py",
    ],
}
TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each N-th mutant")
    every = parser.parse_args().every
    with tempfile.TemporaryDirectory(prefix="docent-mutants-") as folder:
        copy = Path(folder)
        for name in ("docent", "tests"):
            shutil.copytree(ROOT / name, copy / name)
        shutil.copy(ROOT / "pyproject.toml", copy)
        for module, tests in CORE.items():
            _try(copy, module, tests, every)


def _try(copy: Path, module: str, tests: list[str], every: int) -> None:
    original = (ROOT / module).read_text(encoding="utf-8")
    tried = list(mutants(original))[::every]
    survived = 0
    for what, text in tried:
        (copy / module).write_text(text, encoding="utf-8")
        if _green(copy, tests):
            survived += 1
            print(f"{module}, {what}", flush=True)
    (copy / module).write_text(original, encoding="utf-8")
    print(f"{module}: {len(tried)} mutants, {survived} survived", flush=True)


def _green(copy: Path, tests: list[str]) -> bool:
    command = [sys.executable, "-m", "pytest", "-x", "-q", *tests]
    environ = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=copy, env=environ, capture_output=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return False  # a loop that does not end is noticed
    return done.returncode == 0


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """Each mistake in words, and the module with it."""
    tree = ast.parse(source)
    for at in range(len(list(ast.walk(tree)))):
        changed = deepcopy(tree)
        node = list(ast.walk(changed))[at]
        if what := _spoilt(node):
            yield (
                f"line {getattr(node, 'lineno', 0)}: {what}",
                ast.unparse(ast.fix_missing_locations(changed)),
            )


def _spoilt(node: ast.AST) -> str:
    match node:
        case ast.Compare(ops=[first, *_]) if type(first) in TURNED:
            before = ast.unparse(node)
            node.ops[0] = TURNED[type(first)]()
            return f"{before} -> {ast.unparse(node)}"
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            node.value = value + 1
            return f"{value} -> {node.value}"
        case ast.BoolOp(op=op):
            node.op = ast.Or() if isinstance(op, ast.And) else ast.And()
            return f"now: {ast.unparse(node)}"
        case ast.If(test=test) | ast.While(test=test):
            node.test = ast.UnaryOp(ast.Not(), test)
            return f"now: if not ({ast.unparse(test)})"
        case ast.FunctionDef(body=[*_, last]) if len(node.body) > 1 and not isinstance(last, ast.Return):
            node.body.pop()
            return f"left out: {ast.unparse(last)[:60]}"
    return ""


if __name__ == "__main__":
    main()
