"""Research tables: a question over many documents, one document a row, each cell with its citation."""
