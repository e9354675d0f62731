"""The folder in which Chainlit finds its settings and the page's files, chosen before it is imported."""

from __future__ import annotations

import os
from pathlib import Path

from docent.resources import FILES, INSTALLED
from docent.web.storage_files import opening

SETTING = "CHAINLIT_APP_ROOT"
COPIED = (".chainlit/**/*", "public/**/*", "chainlit*.md")


def choose_folder(storage: Path) -> None:
    """Name the checkout, or for an installed package a folder of storage/ with copies of its files.

    Chainlit writes uploads and translations there, and an installed package may be read-only.
    """
    if SETTING in os.environ:
        return
    folder = FILES
    if FILES == INSTALLED:
        folder = storage / "chat"
        with opening(folder):
            for pattern in COPIED:
                for source in filter(Path.is_file, FILES.glob(pattern)):
                    _copy(source, folder / source.relative_to(FILES))
    os.environ[SETTING] = str(folder.absolute())


def _copy(source: Path, target: Path) -> None:
    """Copy a file that is new or has changed, in one step: another server may be sending it."""
    content = source.read_bytes()
    if target.is_file() and target.read_bytes() == content:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    beside.write_bytes(content)
    beside.replace(target)
