"""A package, so that `tests.fakes` is found before anything installed under the same name."""
