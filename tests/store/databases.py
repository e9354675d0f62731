"""The database in which a test of the store keeps its catalog: a file, or PostgreSQL."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from docent.store import Store

DATABASE = "TEST_STORE_DATABASE"
"""The variable that names this test's database, also to the processes that it starts; a file without it."""


def database_url() -> str:
    return os.environ.get(DATABASE, "")


def open_store(folder: Path, **options: Any) -> Store:
    return Store(folder, database_url=database_url(), **options)
