"""The tables in PostgreSQL, by Alembic: each revision expands what is there, a later one contracts it.

A released revision is never edited. One that removes what an older Docent needs sets `works_from` in
schema_support to the first revision whose Docent works with it; until then both versions run side by side.
"""
