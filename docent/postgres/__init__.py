"""PostgreSQL in place of the SQLite files of storage/: connections, statements, and the tables.

Nothing here is imported unless DOCENT_DATABASE_URL is set.
"""
