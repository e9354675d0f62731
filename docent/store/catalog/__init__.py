"""The catalog: one SQLite file with every fact, its tables, and every statement on them."""
