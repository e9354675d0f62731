"""Check a client's JSON schema before a model is held to it, and an answer against the schema."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match
from jsonschema.validators import extend

from docent.answering.models.client import whole_characters
from docent.errors import InputError

LONGEST_SCHEMA = 20_000
"""Characters; it is also a part of the prompt."""
DEEPEST_SCHEMA = 32
"""Levels of its own JSON; an object in an object takes two."""
MOST_PARTS = 2_000
"""Objects and lists of a schema whose references are filled in: few references can stand for millions."""
DEEPEST_ANSWER = 64
LONGEST_MISTAKE = 300

THOUGHTS = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
CODE_FENCE = re.compile(r"\A```(?:json)?\s*\n(?P<json>.*?)\n?```\Z", re.DOTALL)
REFERENCES = frozenset({"$dynamicRef", "$recursiveRef"})


class NoJson(ValueError):
    """An answer is not JSON, or not JSON of its schema; the text says why, for the model."""


def _unchecked(*_: Any) -> None:
    """A client's regular expression may take any time, so only the model server reads them."""


_AnswerValidator = extend(Draft202012Validator, {"pattern": _unchecked, "patternProperties": _unchecked})


def checked_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema with its references filled in. Raises InputError if it cannot be used."""
    if len(json.dumps(schema)) > LONGEST_SCHEMA:
        raise InputError(
            "The JSON schema is longer than {most:,} characters. Ask for fewer fields at once.",
            most=LONGEST_SCHEMA,
        )
    filled: dict[str, Any] = _Filler(schema).fill(schema, (), 0)
    try:
        Draft202012Validator.check_schema(filled)
    except SchemaError as error:
        raise InputError(
            "response_format has no valid JSON schema: {why} (at {place}). Correct it.",
            why=error.message[:LONGEST_MISTAKE],
            place=error.json_path,
        ) from error
    return filled


class _Filler:
    """Fills in the references of a schema, within its bounds."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self._parts = 0

    def fill(self, part: Any, inside: tuple[str, ...], depth: int) -> Any:
        """Return a part of the schema; `inside` are the references that led to it."""
        if not isinstance(part, Mapping | list):
            return part
        self._parts += 1
        if depth > DEEPEST_SCHEMA or self._parts > MOST_PARTS:
            raise InputError(
                "The JSON schema is nested too deeply, or is too large with its references filled in. "
                "Ask for fewer fields at once."
            )
        if isinstance(part, list):
            return [self.fill(each, inside, depth + 1) for each in part]
        if REFERENCES & part.keys():
            raise InputError("$dynamicRef and $recursiveRef are not supported in a JSON schema. Use $ref.")
        rest = {
            key: self.fill(value, inside, depth + 1)
            for key, value in part.items()
            if key not in ("$ref", "$defs", "definitions")
        }
        if not isinstance(reference := part.get("$ref"), str):
            return rest
        if reference in inside:
            raise InputError(
                "{reference} in the JSON schema leads to itself, which has no end. Write out the levels "
                "that you need.",
                reference=reference,
            )
        target = self.fill(self._target(reference), (*inside, reference), depth + 1)
        if not isinstance(target, dict):
            return target
        return {**target, **rest}

    def _target(self, reference: str) -> Any:
        part: Any = self._schema
        try:
            if not reference.startswith("#/"):
                raise LookupError(reference)
            for key in reference[2:].split("/"):
                key = key.replace("~1", "/").replace("~0", "~")
                part = part[int(key)] if isinstance(part, list) else part[key]
        except (LookupError, TypeError, ValueError) as error:
            raise InputError(
                "{reference} in the JSON schema leads nowhere. References lead to a part of the same schema, "
                "as #/$defs/NAME does.",
                reference=reference,
            ) from error
        return part


def read_json(written: str) -> Any:
    """Return the JSON that a model wrote. Raises NoJson."""
    text = THOUGHTS.sub("", written).strip()
    if fenced := CODE_FENCE.match(text):
        text = fenced["json"].strip()
    if not text:
        raise NoJson("nothing was written")
    try:
        value = json.loads(whole_characters(text), parse_constant=_refuse_constant)
        _check_depth(value, 0)
    except json.JSONDecodeError as error:
        raise NoJson(f"{error.msg} at character {error.pos}") from error
    except RecursionError as error:
        raise NoJson("it is nested too deeply") from error
    return value


def _refuse_constant(name: str) -> Any:
    raise NoJson(f"{name} is no JSON")


def _check_depth(value: Any, depth: int) -> None:
    if depth > DEEPEST_ANSWER:
        raise NoJson("it is nested too deeply")
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            _check_depth(each, depth + 1)


def check_answer(value: Any, schema: Mapping[str, Any] | None) -> None:
    """Compare an answer with its schema; without one it must be an object. Raises NoJson."""
    if schema is None:
        if not isinstance(value, dict):
            raise NoJson("it is no object")
        return
    mistake = best_match(_AnswerValidator(schema).iter_errors(value))
    if mistake is not None:
        raise NoJson(f"{mistake.message[:LONGEST_MISTAKE]} (at {mistake.json_path})")
