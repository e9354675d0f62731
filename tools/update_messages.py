"""Bring every catalogue of docent/web/i18n up to date with the messages in the code; name those to translate.

A new language begins as an empty file: docent/web/i18n/de.po, then `make messages`.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO

import polib
from babel.messages.extract import extract_from_dir

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from docent import errors  # noqa: E402  (after the path is set)

CATALOGUES = ROOT / "docent" / "web" / "i18n"
KEYWORDS = dict.fromkeys(("Message", "say", "_"))
KEYWORDS |= {name: None for name, value in vars(errors).items() if isinstance(value, type)}
"""Calls whose first argument is a message."""


def from_python(
    file: IO[bytes], keywords: Collection[str], comment_tags: object, options: object
) -> Iterator[tuple[int, str, str, list[str]]]:
    """Yield the messages of a Python file, as Babel's own extractor of that name does.

    That one reads tokens and misses calls inside f-strings, parentheses and other calls: 5 of 560.
    """
    for node in ast.walk(ast.parse(file.read())):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        match name in keywords and node.args[0]:
            case ast.Constant(str(message)) if message:
                yield node.lineno, name, message, []
            case ast.JoinedStr():
                raise ValueError(f"{file.name}:{node.lineno}: a message names its parameters; no f-string")


SOURCES = [("**.py", "tools.update_messages:from_python"), ("**.html", "jinja2")]


def extracted() -> set[str]:
    """Return every message of the code, the templates and the personas that come with Docent."""
    return {message for message in (*_of_the_code(), *_of_the_personas()) if message}


def _of_the_code() -> Iterator[str]:
    found = extract_from_dir(
        ROOT / "docent",
        SOURCES,
        keywords=KEYWORDS,
        options_map={"**.html": {"trimmed": "yes", "silent": "no"}},
    )
    for _, _, message, _, _ in found:
        yield message if isinstance(message, str) else message[0]


def _of_the_personas() -> Iterator[str]:
    for persona in tomllib.loads((ROOT / "personas.toml").read_text(encoding="utf-8")).values():
        yield from (persona[field] for field in ("name", "description", "greeting"))
        yield from (starter["label"] for starter in persona["starters"])


def update(path: Path, messages: set[str]) -> list[str]:
    """Add new messages to a catalogue, remove those that are gone, and return the untranslated ones."""
    catalogue = polib.pofile(str(path)) if path.exists() and path.stat().st_size else polib.POFile()
    catalogue.metadata = {
        "Language": path.stem,
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        **catalogue.metadata,
    }
    translations = {entry.msgid: entry.msgstr for entry in catalogue}
    catalogue[:] = [
        polib.POEntry(msgid=message, msgstr=translations.get(message, ""))
        for message in sorted(messages, key=lambda message: (message.casefold(), message))
    ]
    catalogue.save(str(path))
    return [entry.msgid for entry in catalogue.untranslated_entries()]


def main() -> int:
    messages = extracted()
    missing = {path: update(path, messages) for path in sorted(CATALOGUES.glob("*.po"))}
    for path, untranslated in missing.items():
        print(f"{path.relative_to(ROOT)}: {len(messages)} messages, {len(untranslated)} to translate")
        for message in untranslated:
            print(f"  {message!r}")
    return 1 if any(missing.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
