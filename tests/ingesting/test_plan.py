from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docent.ingesting.discovery import plan_sync
from docent.types import SourceFile


@dataclass(frozen=True)
class Known:
    path: str
    bytes: int
    modified_ns: int
    sha256: str
    reason: str = ""


def here(path, content="a", time=1):
    return SourceFile("default", path, Path(content), len(content), time)


def known(path, content="a", time=1):
    return Known(path, len(content), time, content)


def failed(path, content="a", time=1):
    return Known(path, len(content), time, "", "it is damaged")


class Hasher:
    """Returns a file's content as its hash, and counts every reading."""

    def __init__(self):
        self.read = []

    def __call__(self, file):
        self.read.append(file.path)
        return str(file.full)


def outcome(found, before, *, retry_failed=False):
    hasher = Hasher()
    made = plan_sync(found, before, sha256=hasher, retry_failed=retry_failed)
    parts = {
        name: [file.path for file in getattr(made, name)]
        for name in ("added", "changed", "unchanged", "failed_before")
    }
    parts["same"] = [(one.was, one.file.path) for one in made.same_bytes]
    parts["removed"] = list(made.removed)
    return {name: paths for name, paths in parts.items() if paths}, hasher.read


@pytest.mark.parametrize(
    ("found", "before", "expected", "read"),
    [
        pytest.param([here("x")], [], {"added": ["x"]}, [], id="new"),
        pytest.param([here("x")], [known("x")], {"unchanged": ["x"]}, [], id="the same stat costs nothing"),
        pytest.param([here("x", time=2)], [known("x")], {"same": [("x", "x")]}, ["x"], id="touched"),
        pytest.param(
            [here("x", "b", 2)], [known("x")], {"changed": ["x"]}, ["x"], id="same size, other bytes"
        ),
        pytest.param([here("x", "bb", 2)], [known("x")], {"changed": ["x"]}, [], id="another size"),
        pytest.param([], [known("x")], {"removed": ["x"]}, [], id="gone"),
        pytest.param(
            [here("y")], [known("x")], {"same": [("x", "y")], "removed": ["x"]}, ["y"], id="renamed"
        ),
        pytest.param(
            [here("y", "b")],
            [known("x")],
            {"added": ["y"], "removed": ["x"]},
            ["y"],
            id="replaced by another",
        ),
        pytest.param(
            [here("x"), here("y")], [known("x")], {"unchanged": ["x"], "added": ["y"]}, [], id="copied"
        ),
        pytest.param([here("x")], [failed("x")], {"failed_before": ["x"]}, [], id="failed before"),
        pytest.param([here("x", "b", 2)], [failed("x")], {"changed": ["x"]}, [], id="failed, then changed"),
        pytest.param(
            [here("x", "b", 2)],
            [known("x"), failed("x", "b", 2)],
            {"failed_before": ["x"]},
            [],
            id="its last version failed",
        ),
        pytest.param(
            [here("y")], [failed("x")], {"added": ["y"], "removed": ["x"]}, [], id="failed and renamed"
        ),
    ],
)
def test_files_are_sorted_by_what_has_to_be_done(found, before, expected, read):
    """Each file is in the right part of the plan; only files whose size and time do not decide are read."""
    assert outcome(found, before) == (expected, read)


def test_failed_files_are_retried_when_asked():
    """With `retry_failed` the files that failed are read again, and no others."""
    found, before = [here("x"), here("y")], [failed("x"), known("y")]
    assert outcome(found, before, retry_failed=True)[0] == {"changed": ["x"], "unchanged": ["y"]}


FILES = st.dictionaries(
    st.sampled_from("abcdef"), st.tuples(st.sampled_from(["1", "22", "33"]), st.integers(1, 2))
)


@given(now=FILES, then=FILES, broken=FILES, retry=st.booleans())
def test_every_file_is_planned_once(now, then, broken, retry):
    """A file found is in one part of the plan, and every known path that is missing is removed."""
    found = [here(path, *about) for path, about in now.items()]
    before = [known(path, *about) for path, about in then.items()]
    before += [failed(path, *about) for path, about in broken.items()]
    made = plan_sync(found, before, sha256=Hasher(), retry_failed=retry)
    placed = [*made.added, *made.changed, *made.unchanged, *made.failed_before]
    placed += [one.file for one in made.same_bytes]
    assert sorted(file.path for file in placed) == sorted(now)
    assert list(made.removed) == sorted((then.keys() | broken.keys()) - now.keys())
    for one in made.same_bytes:
        assert then[one.was][0] == str(one.file.full) == one.sha256
        assert not one.moved or one.was in made.removed
