"""Arithmetic for a model that is bad at it: numbers and operators, and nothing that is code."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable

from docent.errors import InputError

LONGEST = 300
LARGEST_POWER = 64
TWO: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
ONE: dict[type[ast.AST], Callable[[float], float]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
NAMED: dict[str, Callable[..., float]] = {
    "abs": abs, "max": max, "min": min, "round": round, "sqrt": math.sqrt, "sum": lambda *all_: sum(all_),
}  # fmt: skip


def calculate(expression: str) -> str:
    """The value of an expression such as `(1196.1 - 980) / 980 * 100`. Raises InputError with the reason."""
    if len(expression) > LONGEST:
        raise InputError(
            "The expression is longer than {longest} characters; calculate it in parts.", longest=LONGEST
        )
    try:
        value = _value(ast.parse(expression.strip().replace("^", "**"), mode="eval").body)
        return f"{value:.10g}" if math.isfinite(value) else "not a finite number"
    except ZeroDivisionError as error:
        raise InputError("{expression} divides by zero.", expression=expression) from error
    except (SyntaxError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InputError(
            "{expression!r} is no arithmetic that can be calculated: {error}.",
            expression=expression,
            error=error,
        ) from error


def _value(node: ast.AST) -> float:
    match node:
        case ast.Constant(value=bool()):
            raise ValueError("a truth value is no number")
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.UnaryOp(op=op, operand=operand) if type(op) in ONE:
            return ONE[type(op)](_value(operand))
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            base, power = _value(left), _value(right)
            if abs(power) > LARGEST_POWER or abs(base) > 1e12:
                raise ValueError("the power is too large")
            return float(base**power)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in TWO:
            return TWO[type(op)](_value(left), _value(right))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in NAMED:
            return float(NAMED[name](*(_value(argument) for argument in arguments)))
        case _:
            raise ValueError("only numbers, + - * / // % **, brackets and " + ", ".join(sorted(NAMED)))
