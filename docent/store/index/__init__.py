"""The index: words and vectors of a generation, which follow the catalog's log of changes."""
