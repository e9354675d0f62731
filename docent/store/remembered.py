"""What was read of the catalog, kept for as long as nothing changes in it."""

from __future__ import annotations

from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Remembered(Generic[Key, Value]):
    """Values by key, of one version of the catalog and about so many at most; any thread may ask."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: tuple[int, dict[Key, Value]] = (-1, {})

    def at(self, version: int) -> dict[Key, Value]:
        """What is known of this version, to be looked up and added to; empty after any change."""
        # One tuple, so that nobody adds what was read earlier to what belongs to a later version.
        kept = self._kept
        if kept[0] != version or len(kept[1]) >= self._most:
            self._kept = kept = (version, {})
        return kept[1]
