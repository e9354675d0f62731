"""The tables of a database: refused where they do not fit, and brought up to date by `docent migrate`.

Each revision of the tables has a number. A Docent needs at least its own, and runs beside newer ones until
one of those takes away what it uses.
"""

from __future__ import annotations

import time
from pathlib import Path

import psycopg

from docent.errors import IndexMismatch, StoreError
from docent.postgres.connections import PostgresPool, database_error, place

REVISIONS = (1, 2, 4, 3, 7, 8, 6, 5)
"""The numbers of the revisions in the order in which they are run; the last one is this Docent's."""
LATEST = REVISIONS[-1]
LOCK = 6_101_774_001  # any number, the same for every Docent
LOCK_SECONDS = 3
"""How long the tables are waited for; whoever uses them waits behind a migration that waits."""
ATTEMPTS, PAUSE_SECONDS = 10, 2.0


def open_pool(url: str) -> PostgresPool:
    """Open a database. Raises IndexMismatch for tables that this Docent does not work with."""
    pool = PostgresPool(url)
    try:
        refuse_other_tables(pool, url)
    except BaseException:
        pool.close()
        raise
    return pool


def refuse_other_tables(pool: PostgresPool, url: str) -> None:
    """Raise IndexMismatch for tables that this Docent does not work with."""
    (there,) = pool.row("SELECT to_regclass('alembic_version') IS NOT NULL") or (False,)
    if not there:
        raise IndexMismatch(
            "The database at {place} has no tables of Docent yet. Make them with: python -m docent migrate",
            place=place(url),
        )
    found, works_from = pool.row(
        "SELECT CAST(version_num AS INTEGER), works_from FROM alembic_version, schema_support"
    ) or (0, 0)
    if found in REVISIONS[:-1]:
        raise IndexMismatch(
            "The tables at {place} are older than this Docent (revision {found}; it needs {latest}). Bring "
            "them up to date with: python -m docent migrate",
            place=place(url),
            found=found,
            latest=LATEST,
        )
    if works_from not in REVISIONS:
        raise IndexMismatch(
            "The tables at {place} were changed by a newer Docent (revision {found}; this one knows "
            "revisions up to {latest}). Update Docent, or name another database with DOCENT_DATABASE_URL.",
            place=place(url),
            found=found,
            latest=LATEST,
        )


def migrate(url: str) -> int:
    """Bring the tables up to date, all or nothing, and return the revision that they have now.

    A second process that does so at the same time waits, and finds nothing left to do. Where a long
    transaction holds the tables, it steps back for others several times before it gives up.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _migrate_once(url)
        except psycopg.errors.LockNotAvailable as error:
            if attempt == ATTEMPTS:
                raise StoreError(
                    "The tables at {place} stayed in use by a transaction that does not end ({attempts} "
                    "attempts). Nothing was changed. Run docent migrate again later, or find that "
                    "transaction and end it: SELECT pid, xact_start, query FROM pg_stat_activity "
                    "ORDER BY xact_start",
                    place=place(url),
                    attempts=ATTEMPTS,
                ) from error
            time.sleep(PAUSE_SECONDS)
        except psycopg.Error as error:
            raise _refusal(error, url) from error
    raise AssertionError("unreachable")


def _migrate_once(url: str) -> int:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.pool import NullPool

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=NullPool)
    try:
        with engine.begin() as connection:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
            connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
            config.attributes["connection"] = connection
            if connection.scalar(text("SELECT to_regclass('alembic_version') IS NOT NULL")):
                found = int(connection.scalar(text("SELECT version_num FROM alembic_version")) or 0)
                if found not in REVISIONS:  # a newer one, which Alembic would call an error
                    return found
            command.upgrade(config, "head")
    except DBAPIError as error:
        assert isinstance(error.orig, psycopg.Error)
        raise error.orig from error
    return LATEST


def _refusal(error: psycopg.Error, url: str) -> Exception:
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return StoreError(
            "The user of {place} may not do what the tables need ({why}). Nothing was changed. It must own "
            "the database, and be a member of the role docent_reader, which an administrator makes with: "
            "CREATE ROLE docent_reader NOLOGIN, then GRANT docent_reader TO its_name",
            place=place(url),
            why=" ".join(str(error).split()),
        )
    return database_error(error, url)
