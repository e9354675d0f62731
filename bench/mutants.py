"""Mutation tests of the pure core: make one small mistake at a time, and list those that no test notices.

    python -m bench.mutants [--every 1]

A comparison is inverted, a number changed by one, `and` exchanged with `or`, a condition negated, a statement
left out. Survivors are printed; some of them are equivalent to the original.
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
    "docent/retrieving/scoring.py": ["tests/retrieving/test_scoring.py"],
    "docent/answering/prompt/token_budget.py": ["tests/answering/test_budget.py"],
    "docent/answering/citing/citations.py": [
        "tests/answering/test_citations.py",
        "tests/answering/test_after_citing.py",
    ],
}
INVERTED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth mutant")
    every = parser.parse_args().every
    with tempfile.TemporaryDirectory(prefix="docent-mutants-") as folder:
        copy = Path(folder)
        for name in ("docent", "tests"):
            shutil.copytree(ROOT / name, copy / name)
        shutil.copy(ROOT / "pyproject.toml", copy)
        for module, tests in CORE.items():
            _test_mutants(copy, module, tests, every)


def _test_mutants(copy: Path, module: str, tests: list[str], every: int) -> None:
    original = (ROOT / module).read_text(encoding="utf-8")
    tried = list(mutants(original))[::every]
    survived = 0
    for change, text in tried:
        (copy / module).write_text(text, encoding="utf-8")
        if _tests_pass(copy, tests):
            survived += 1
            print(f"{module}, {change}", flush=True)
    (copy / module).write_text(original, encoding="utf-8")
    print(f"{module}: {len(tried)} mutants, {survived} survived", flush=True)


def _tests_pass(copy: Path, tests: list[str]) -> bool:
    command = [sys.executable, "-m", "pytest", "-x", "-q", *tests]
    environ = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=copy, env=environ, capture_output=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return False  # an endless loop counts as noticed
    return done.returncode == 0


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """Yield each change as a description and the module with it."""
    tree = ast.parse(source)
    for at in range(len(list(ast.walk(tree)))):
        mutant = deepcopy(tree)
        node = list(ast.walk(mutant))[at]
        if change := _mutate(node):
            yield (
                f"line {getattr(node, 'lineno', 0)}: {change}",
                ast.unparse(ast.fix_missing_locations(mutant)),
            )


def _mutate(node: ast.AST) -> str:
    match node:
        case ast.Compare(ops=[first, *_]) if type(first) in INVERTED:
            before = ast.unparse(node)
            node.ops[0] = INVERTED[type(first)]()
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
