"""Words that only SQLite knows stand in the modules that are SQLite's."""

from __future__ import annotations

import re

import pytest

from docent.store import deleting, searching, writing
from docent.store.catalog import changes, contents, documents, scoping
from docent.store.index import generations

SQLITE_ONLY = re.compile(
    "json_each|json_extract|json_array|json_group|INSERT OR|REPLACE INTO|rowid|PRAGMA|GLOB|ifnull|LIMIT -1"
)


@pytest.mark.parametrize(
    "module",
    [changes, contents, deleting, documents, generations, scoping, searching, writing],
    ids=lambda module: module.__name__,
)
def test_statements_are_portable(module):
    """A statement on documents is the text that another database takes as well."""
    with open(module.__file__) as source:
        assert SQLITE_ONLY.findall(source.read()) == []
