"""Tests; a package, so that `tests.fakes` is found before any installed package of that name."""
